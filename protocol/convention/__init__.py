"""The Convention as values: the State directory, competence, documents.

`directory` is who is who, `competence` who may ask and who must answer, `documents` the papers.
"""
