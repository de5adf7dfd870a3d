"""The addresses under /v1/directory: what is in force, partners' updates, telling our record."""

from __future__ import annotations

from gateway.directory.desk import DirectoryDesk
from gateway.directory.publishing import Statement
from gateway.local.answers import Answer, Whole, as_json
from gateway.local.bodies import texts_in
from gateway.local.calls import Call
from gateway.local.form import Form
from gateway.local.ports import InThread
from gateway.local.problems import MALFORMED, UPDATE_REFUSED, Problem, not_found
from gateway.local.submission import Submissions
from gateway.local.views import Json
from gateway.store.records_of_states import PendingUpdate
from protocol.convention.directory_update import UpdateRefused, changes_told
from protocol.evidence.records import instant


class DirectoryAddresses:
    """Endpoints about the State directory. Deciding is evidence; the store records it."""

    def __init__(
        self,
        desk: DirectoryDesk,
        submissions: Submissions,
        in_thread: InThread,
    ) -> None:
        self._records = desk.records
        self._directories = desk.directories
        self._applying = desk.applying
        self._publishing = desk.publishing
        self._submissions = submissions
        self._in_thread = in_thread

    async def show(self, _call: Call) -> Answer:
        """GET /v1/directory: who vouches for which record, and the updates that wait."""
        records = [
            {
                "state": state,
                "sha256": signed.sha256,
                "signedBy": signed.signature.by,
                "signedAt": instant(signed.signature.moment),
            }
            for state, signed in sorted(self._records.signed.items())
        ]
        pending = [
            await self._in_thread(self._told, one) for one in await self._directories.pending()
        ]
        return as_json(200, {"records": records, "pending": pending})

    async def accept(self, call: Call) -> Answer:
        """POST /v1/directory/updates/{messageId}/accept."""
        (by,) = texts_in(await call.intake.octets(), "by")
        pending = await self._pending(call)
        try:
            await self._directories.accept(pending, by)
        except UpdateRefused as e:
            raise Problem(UPDATE_REFUSED, f"{e}.") from e
        return Whole(204)

    async def refuse(self, call: Call) -> Answer:
        """POST /v1/directory/updates/{messageId}/refuse."""
        by, reason = texts_in(await call.intake.octets(), "by", "reason")
        pending = await self._pending(call)
        try:
            await self._directories.refuse(pending, by, reason)
        except UpdateRefused as e:
            raise Problem(UPDATE_REFUSED, f"{e}.") from e
        return Whole(204)

    async def publish(self, call: Call) -> Answer:
        """POST /v1/directory/publish: our record goes to one partner, or to all."""
        asked = call.query.get("to")
        if asked is not None and asked not in self._publishing.partners:
            sentence = f"'to' is one of {', '.join(self._publishing.partners) or 'no partner'}."
            raise Problem(MALFORMED, sentence)
        partners = self._publishing.partners if asked is None else (asked,)
        return as_json(200, {"told": [await self._tell(call, one) for one in partners]})

    async def _tell(self, call: Call, partner: str) -> Json:
        said = await self._publishing.statement(call.authority, partner)
        if said.document is None:
            return _told_nothing(said)
        form = Form(said.document, "application/xml", {}, ())
        try:
            accepted = await self._submissions.submit(call.authority, form, None)
        except Problem as e:
            return _told_nothing(Statement(partner, problem=e.detail))
        message_id = accepted.submitted.message_id
        return {"partner": partner, "messageId": message_id, "problem": None}

    async def _pending(self, call: Call) -> PendingUpdate:
        message_id, partner = call.values["messageId"], call.query.get("partner")
        found = [
            one
            for one in await self._directories.pending()
            if one.message_id == message_id and partner in (None, one.partner)
        ]
        if not found:
            raise not_found()
        if len(found) > 1:
            raise Problem(MALFORMED, "Two partners used this MessageId; say which with 'partner'.")
        return found[0]

    def _told(self, pending: PendingUpdate) -> Json:
        """The update in the words of a person who is to decide, and what stands in the way."""
        said: dict[str, object] = {
            "partner": pending.partner,
            "messageId": pending.message_id,
            "receivedAt": instant(pending.received_at),
            "issuedAt": None,
            "effectiveFrom": None,
            "changes": [],
            "problem": None,
        }
        try:
            update = self._applying.read(pending)
            said["issuedAt"] = instant(update.issued_at)
            said["effectiveFrom"] = update.effective_from.isoformat()
            said["changes"] = list(changes_told(update))
            self._applying.changed(pending, update)
        except UpdateRefused as e:
            said["problem"] = str(e)
        return said


def _told_nothing(said: Statement) -> Json:
    return {"partner": said.partner, "messageId": None, "problem": said.problem}
