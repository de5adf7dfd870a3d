"""Is every record, receipt and payload what it was when it was written?

`verify_store` walks the chain of evidence from its first record to its sealed head, then holds
every message row, envelope, receipt, certificate, queue state and payload against what the chain
says, and names what differs. It yields steps as mappings: {"event": "checking", ...} while it
works, {"event": "finding", "where": ..., "what": ...}, and at last {"event": "end", ...} with what
was counted. It reads in pages, so that memory does not grow with the store, and changes nothing.

What it proves: nothing was changed by anybody who lacks the storage key, up to the witness. What it
does not prove: see docs/operations.md, "Evidence".
"""

from __future__ import annotations

from gateway.audit.verification import Step, verify_running, verify_store

__all__ = ["Step", "verify_running", "verify_store"]
