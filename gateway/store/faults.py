"""What can go wrong with the store itself; each sentence names the place and the remedy."""

from __future__ import annotations


class StoreFault(Exception):
    """The store did not do what it was asked."""


class StoreRefused(StoreFault):
    """The store is not one that this gateway may open: settings, schema, key or history."""


class StoreClosed(StoreFault):
    """The store is closed, or closing."""


class CommitUncertain(StoreFault):
    """The commit itself failed: after a restart the transaction may turn out to be there, or not.

    Whoever catches this must not remove the spool files of the transaction; the sweep at the next
    start removes those that no row names.
    """


class OutOfStep(StoreFault):
    """A caller reports about a message that the store does not hold in that state."""
