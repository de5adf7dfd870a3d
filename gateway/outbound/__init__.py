"""The way out: from a durable submission to the partner's receipt.

`packing` seals a message once, `posting` carries the sealed bytes over mutual TLS as often as it
takes, `sender` decides what is due and settles what came of it.
"""
