"""Everything durable: messages, receipts, queues, exchanges and the evidence of them all."""

from gateway.store.store import Store

__all__ = ["Store"]
