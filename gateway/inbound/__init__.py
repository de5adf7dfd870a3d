"""The way in: from a partner's socket to a durable message and a receipt.

`body` is the stream of octets, `gates` the checks in their order, `reception` one message's way
through them, `answers` what goes back, `listener` the HTTP side.
"""
