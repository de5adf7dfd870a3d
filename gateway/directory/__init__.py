"""The State directory of a running gateway: what is in force, partners' updates, our own word.

`applying` makes the next record of an update, `keeping` holds files, store and memory together,
`watching` does at once what may be done without a person, `publishing` tells partners our record.
"""
