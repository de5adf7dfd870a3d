"""The wire: ebMS 3.0 / AS4 messages as values, read from bytes and written to bytes.

Nothing in here opens a file or a socket, reads a clock or logs. The order of belief on the way in
is `bytes -> Envelope -> SignedEnvelope -> VerifiedMessage`; each step is one module, in that order:

`names, limits, errors, values, suites, pmode, ports` say what is meant;
`mime, xml, envelope, header, tokens, signature, encryption, attachments, verify` read;
`writing, sealing, receipts, signals` write; `exchange` says where a message on its way out stands.
"""
