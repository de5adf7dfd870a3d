"""Groups of fragments as columns, and columns as groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from gateway.store.rows import AnyRow, Columns
from protocol.as4.fragment import GroupTerms, PackageCompression, SourceHeader
from protocol.as4.fragment_group import FragmentGroup, GroupHeader, GroupState


def group_columns(group: FragmentGroup) -> Columns:
    """What changes of a group when a fragment comes."""
    return {
        "state": group.state.value,
        "terms": asdict(group.terms),
        "held_bytes": group.held_bytes,
        "error_code": group.error_code,
    }


def group_of(row: AnyRow, held: Iterable[int]) -> FragmentGroup:
    """The group of a row, of which the fragments `held` are there."""
    return FragmentGroup(
        group_id=row.group_id,
        header=GroupHeader(**row.header),
        begun_at=row.begun_at,
        terms=terms_of(row.terms),
        held=frozenset(held),
        held_bytes=row.held_bytes,
        state=GroupState(row.state),
        error_code=row.error_code,
    )


def terms_of(written: dict[str, Any]) -> GroupTerms:
    """The terms that `asdict` wrote."""
    header, compression = written["header"], written["compression"]
    return GroupTerms(
        message_bytes=written["message_bytes"],
        fragment_count=written["fragment_count"],
        header=None if header is None else SourceHeader(**header),
        action=written["action"],
        compression=None if compression is None else PackageCompression(**compression),
    )
