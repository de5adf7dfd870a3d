"""Values of the store as columns, and columns as values."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, select
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects import sqlite

from gateway.store.tables import certificate, part, wire_part
from gateway.store.transaction import Transaction
from gateway.store.values import StoredBlob, StoredPart, WirePart
from protocol.as4.values import SignedReference

Columns = dict[str, Any]
AnyRow = Row[*tuple[Any, ...]]

_KEEP_CERTIFICATE: Final = {
    "sqlite": sqlite.insert(certificate).on_conflict_do_nothing(),
    "postgresql": pg.insert(certificate).on_conflict_do_nothing(),
}

_PARTS: Final = select(part).order_by(part.c.message, part.c.position)
_WIRE_PARTS: Final = select(wire_part).order_by(wire_part.c.position)


def insert_once(table: Table, constraint: str, columns: Iterable[str], dialect: str) -> Any:
    """An insert that does nothing where the one named constraint is violated.

    Every other violation raises. `columns` are those of the constraint: SQLite knows it by them.
    """
    if dialect == "postgresql":
        return pg.insert(table).on_conflict_do_nothing(constraint=constraint)
    return sqlite.insert(table).on_conflict_do_nothing(index_elements=list(columns))


def blob_columns(blob: StoredBlob) -> Columns:
    """The columns of a payload at rest."""
    return {
        "blob_name": blob.name,
        "inline": blob.inline,
        "wrapped_key": blob.wrapped_key,
        "size_bytes": blob.size_bytes,
        "sha256": blob.sha256,
    }


def blob_of(row: AnyRow) -> StoredBlob:
    """The payload at rest."""
    return StoredBlob(row.blob_name, row.inline, row.wrapped_key, row.size_bytes, row.sha256)


def part_columns(message: int, stored: StoredPart) -> Columns:
    """The columns of one payload of a message."""
    return {
        "message": message,
        "position": stored.position,
        "content_id": stored.content_id,
        "mime_type": stored.mime_type,
        "file_name": stored.file_name,
        "character_set": stored.character_set,
        **blob_columns(stored.blob),
    }


def part_of(row: AnyRow) -> StoredPart:
    """One payload of a message."""
    return StoredPart(
        row.position,
        row.content_id,
        row.mime_type,
        blob_of(row),
        row.file_name,
        row.character_set,
    )


def parts_txn(connection: Connection, messages: Iterable[int]) -> dict[int, tuple[StoredPart, ...]]:
    """The payloads of each of `messages`, in order."""
    found: dict[int, tuple[StoredPart, ...]] = dict.fromkeys(messages, ())
    rows = connection.execute(_PARTS.where(part.c.message.in_(list(found))))
    for row in rows:
        found[row.message] += (part_of(row),)
    return found


def wire_parts_txn(connection: Connection, message: int) -> tuple[WirePart, ...]:
    """The sealed parts of a message on its way out."""
    rows = connection.execute(_WIRE_PARTS.where(wire_part.c.message == message))
    return tuple(WirePart(row.content_id, blob_of(row)) for row in rows)


def references_json(references: Iterable[SignedReference], *, whole: bool = False) -> list[Columns]:
    """Signed references as JSON; `whole` keeps their canonical octets too."""
    written: list[Columns] = []
    for reference in references:
        fields = {
            "uri": reference.uri,
            "algorithm": reference.digest_algorithm,
            "digest": reference.digest.hex(),
        }
        if whole:
            fields["octets"] = b64encode(reference.octets).decode()
        written.append(fields)
    return written


def references_of(written: Iterable[Mapping[str, str]] | None) -> tuple[SignedReference, ...]:
    """The signed references that `references_json` wrote."""
    return tuple(
        SignedReference(
            fields["uri"],
            fields["algorithm"],
            bytes.fromhex(fields["digest"]),
            b64decode(fields.get("octets", "")),
        )
        for fields in written or ()
    )


@lru_cache(maxsize=256)  # the same few certificates come with every message
def fingerprint(der: bytes) -> str | None:
    """How evidence names a certificate: the hexadecimal SHA-256 of its DER; None for none."""
    return sha256(der).hexdigest() if der else None


def keep_certificates_txn(unit: Transaction, ders: Iterable[bytes]) -> None:
    """Each of these certificates can be found by its fingerprint; empty ones are left out."""
    named = {name: der for der in ders if (name := fingerprint(der)) is not None}
    new = sorted(set(named) - unit.kept)  # in order, so that two nodes never wait for each other
    if new:
        rows = [{"fingerprint": name, "der": named[name]} for name in new]
        unit.connection.execute(_KEEP_CERTIFICATE[unit.connection.dialect.name], rows)
        unit.keeping.update(new)
