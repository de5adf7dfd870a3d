"""The way in: from a partner's socket to a durable message and a receipt.

`listener` is the HTTP side, `body` the stream of octets. `reception` reads and admits one
transmission by the `gates` and hands it on by the kind of its unit: `user_messages` takes a
message with its `parts` (each through an `intake`), `signals` what has none. `answers` is what goes
back, `desk` what all of them need.
"""
