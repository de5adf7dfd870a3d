"""What the European Commission's conformance test asks of an AS4 access point, asked from outside.

`assertions` is the list, `probes` are those that can be run over the wire against any access point,
ours or a partner's; `run` runs them and `report` tells people and machines what came of it.
"""
