"""Records of States and decisions about updates must say what the evidence says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography import x509
from sqlalchemy import Text, select, type_coerce

from config.directory_signature import Signature, signature_defects
from gateway.audit.pages import Reading, facts_of
from gateway.store.records_of_states import APPLIED, REFUSED
from gateway.store.rows import AnyRow
from gateway.store.tables import directory_update, message, state_record
from protocol.evidence.chain import Finding
from protocol.evidence.records import Kind

_KINDS = (Kind.DIRECTORY_CHANGED, Kind.DIRECTORY_UPDATE_REFUSED)


@dataclass(slots=True)
class DirectoryAudit:
    """Made before the evidence is walked, shown every row, then asked, as gateway.audit.alerts."""

    store: Reading
    _before: list[AnyRow] = field(init=False)
    _decided_before: list[AnyRow] = field(init=False)
    _changed: dict[tuple[str, int], Mapping[str, Any]] = field(default_factory=dict)
    _decisions: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._before, self._decided_before = self._rows(), self._decided()

    def take(self, rows: Sequence[AnyRow]) -> None:
        """Remember what the evidence says about the directory."""
        for row, facts in facts_of(rows, _KINDS):
            about = (str(facts.get("partner")), str(facts.get("message_id")))
            if row.kind == Kind.DIRECTORY_UPDATE_REFUSED:
                self._decisions[about] = REFUSED
                continue
            self._changed[(str(facts["state"]), int(str(facts["number"])))] = facts
            if facts["message_id"] is not None:
                self._decisions[about] = APPLIED

    def findings(self, certificates: Mapping[str, bytes]) -> Iterator[Finding]:
        """Every difference; `certificates` are DER by fingerprint."""
        for row in self._before:
            facts = self._changed.get((row.state, row.number))
            if facts is None:
                yield Finding(_where(row.state, row.number), "is not in the evidence")
            else:
                yield from _differences(row, facts, certificates)
        there = {(row.state, row.number) for row in self._rows()}
        for state, number in sorted(self._changed.keys() - there):
            yield Finding(_where(state, number), "is missing")
        yield from self._decisions_differ()

    def _decisions_differ(self) -> Iterator[Finding]:
        after = {(row.partner, row.message_id): row.decision for row in self._decided()}
        for about, decision in self._decisions.items():
            if about not in after:
                yield Finding(_update(*about), "is missing")
            elif after[about] != decision:
                yield Finding(_update(*about), f"is {after[about]!r}, in evidence {decision!r}")
        for row in self._decided_before:
            if row.decision is not None and (row.partner, row.message_id) not in self._decisions:
                yield Finding(_update(row.partner, row.message_id), "was decided by nobody")

    def _rows(self) -> list[AnyRow]:
        columns = state_record.c
        rows = select(
            columns.state,
            columns.number,
            columns.sha256,
            columns.record,
            type_coerce(columns.signature, Text).label("signature"),  # it may be no JSON any more
        ).order_by(columns.state, columns.number)
        return self.store.run_blocking(lambda unit: list(unit.connection.execute(rows)))

    def _decided(self) -> list[AnyRow]:
        rows = select(
            message.c.partner, message.c.message_id, directory_update.c.decision
        ).join_from(directory_update, message)
        return self.store.run_blocking(lambda unit: list(unit.connection.execute(rows)))


def _differences(
    row: AnyRow, facts: Mapping[str, Any], certificates: Mapping[str, bytes]
) -> Iterator[Finding]:
    where = _where(row.state, row.number)
    if row.sha256 != facts["after_sha256"]:
        yield Finding(where, "has another digest than the evidence")
        return
    if row.sha256 is None:
        return
    if row.record is None or sha256(row.record).hexdigest() != row.sha256:
        yield Finding(where, "its content was changed: it does not have the digest in evidence")
    if row.signature is None:
        yield Finding(where, "its signature is missing")
        return
    try:
        signature = Signature(**json.loads(row.signature))
    except (TypeError, ValueError):
        yield Finding(where, "its signature cannot be read")
        return
    said = (signature.sha256, signature.by, signature.at, signature.certificate_sha256)
    if said != (row.sha256, facts["by"], facts["signed_at"], facts["signer_sha256"]):
        yield Finding(where, "its signature is not the one in evidence")
    known = _certificates(certificates.get(signature.certificate_sha256))
    for defect in signature_defects(row.state, signature, known):
        yield Finding(where, f"its signature {defect}")


def _certificates(der: bytes | None) -> list[x509.Certificate]:
    """The certificate, unless it is gone or is none any more: a finding of its own then."""
    try:
        return [] if der is None else [x509.load_der_x509_certificate(der)]
    except (TypeError, ValueError):
        return []


def _where(state: str, number: int) -> str:
    return f"State record {state} ({number})"


def _update(partner: str, message_id: str) -> str:
    return f"directory update {message_id} of {partner}"
