"""Who is it, and may they: key files, certificates, and decisions about trust.

Keys opens files, never sockets. `files, uri, certificates, material` read; `ring` holds the private
keys of this node and works with them; `trust` and `identity` decide about the certificates of
others; `storage_key` wraps the keys of payloads at rest; `pki` makes throw-away certificates for
demonstrations and tests.
"""
