"""Hands a request on to another authority of the same State, and tells the State that asked.

The notice goes first, under a key of its own: whoever calls again after a crash sends it once, and
the other authority has the request once. Source: Convention article 40(12).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from gateway.local.drafts import document_refused
from gateway.local.form import Form
from gateway.local.ports import CaseFiles, InThread, Now, Spool, Store
from gateway.local.problems import (
    CONFLICT,
    MALFORMED,
    NOT_COMPETENT,
    Problem,
    not_found,
)
from gateway.local.submission import Submissions
from gateway.local.views import Json
from gateway.store.case_handling import Forwarding
from gateway.store.case_views import CaseFile
from gateway.store.values import StoredBlob
from protocol.convention.directory import Function, Matter, StateRecord
from protocol.convention.findings import DocumentRefused
from protocol.convention.lifecycle.policy import Times
from protocol.convention.referral import referral_notice
from protocol.convention.vocabulary import KINDS

_PIECE_BYTES: Final = 1024 * 1024


class Forwards:
    """Forwards requests of the State `state`, whose authorities with a credential are `holders`."""

    def __init__(
        self,
        *,
        state: str,
        times: Times,
        holders: Collection[str],
        cases: CaseFiles,
        store: Store,
        spool: Spool,
        submissions: Submissions,
        in_thread: InThread,
        now: Now,
    ) -> None:
        self._state = state
        self._times = times
        self._holders = holders
        self._cases = cases
        self._store = store
        self._spool = spool
        self._submissions = submissions
        self._in_thread = in_thread
        self._now = now

    async def forward(
        self,
        authority: str,
        request_id: str,
        partner: str | None,
        to: str,
        reference: str,
        reason: str,
    ) -> Json:
        """The request is in the queue of `to`, and a ReferralNotice is on its way. Raises Problem.

        Called again, nothing is done twice.
        """
        found = await self._cases.find(authority, request_id, partner)
        if found is None:
            raise not_found()
        self._check(authority, to, found)
        notice = await self._notice(authority, to, reference, found)
        wish = Forwarding(request_id, found.view.partner, to, reason)
        done = await self._cases.forward(authority, wish, self._now())
        if done is None:
            raise not_found()
        return {"requestId": request_id, "authority": to, "again": done.again, "notice": notice}

    def _check(self, authority: str, to: str, found: CaseFile) -> None:
        """Who may hand it on, and to whom. Raises Problem."""
        record = self._times.directory.states[self._state]
        matter = KINDS[found.view.case.kind].matter if found.view.case.kind in KINDS else None
        if matter is None or not self._may(record, authority, matter):
            raise Problem(
                NOT_COMPETENT,
                f"The directory does not let {authority} forward a {found.view.case.kind}.",
                rightAddress=None,
            )
        if to == authority or to not in record.authorities or to not in self._holders:
            raise Problem(
                MALFORMED,
                f"'authority' is another authority of {self._state} that has a credential here.",
            )

    def _may(self, record: StateRecord, authority: str, matter: Matter) -> bool:
        today = self._now().date()
        return any(
            rule.authority == authority and rule.holds(matter, Function.FORWARD, today)
            for rule in record.rules
        )

    async def _notice(self, authority: str, to: str, reference: str, found: CaseFile) -> str | None:
        """The MessageId of the ReferralNotice; None if it went before."""
        opening = next((one for one in found.steps if one.message_id is not None), None)
        view = None
        if opening is not None and opening.message_id is not None:
            partner, direction = found.view.partner, opening.direction
            view = await self._store.message_for(authority, opening.message_id, partner, direction)
        if view is None or not view.parts or view.direction != "in":
            raise not_found()
        octets = await self._in_thread(_whole, self._spool, view.parts[0].blob)
        record, now = self._times.directory.states[self._state], self._now()
        today = now.astimezone(self._times.zone(authority)).date()
        by, other = record.authorities[authority], record.authorities[to]
        try:
            document = await self._in_thread(
                referral_notice, octets, by, other, reference, now, today
            )
        except DocumentRefused as e:
            raise document_refused(e) from e
        form = Form(document, "application/xml", {"refToMessageId": view.message_id}, ())
        key = f"forward:{found.view.partner}:{found.view.case.request_id}:{to}"
        try:
            accepted = await self._submissions.submit(authority, form, key)
        except Problem as e:
            if e.kind is CONFLICT:  # it went before, with another time in it
                return None
            raise
        return accepted.submitted.message_id


def _whole(spool: Spool, blob: StoredBlob) -> bytes:
    reader = spool.reader(blob)
    try:
        pieces = []
        while octets := reader.read(_PIECE_BYTES):
            pieces.append(octets)
        return b"".join(pieces)
    finally:
        reader.close()
