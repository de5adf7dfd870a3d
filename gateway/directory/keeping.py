"""The directory as files, as rows in the store, and in memory: the same record in all three.

The row is the truth: it comes into force in one transaction with its evidence. The file is written
from it afterwards, and memory changes with one assignment. A crash in between is settled at the
next start: of a file and a row that differ, the one that was signed later is in force.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256

from structlog.typing import FilteringBoundLogger
from twisted.internet.defer import DeferredLock

from config.directory import record_in
from config.directory_signature import Signature, signature_defects
from config.faults import ConfigRefused, Fault
from config.node import STATES_FOLDER, Node
from config.signed_directory import SignedRecord, write_signed
from gateway.directory.applying import Applying
from gateway.store import Store
from gateway.store.records_of_states import Applying as Outcome
from gateway.store.records_of_states import NewRecord, PendingUpdate, RecordRow
from gateway.workers import Workers
from protocol.convention.directory_update import UpdateRefused

_TRIES = 3  # while another node changes the same record


@dataclass(frozen=True, slots=True)
class Keeping:
    """What keeping the directory needs."""

    node: Node
    store: Store
    applying: Applying
    workers: Workers
    log: FilteringBoundLogger
    now: Callable[[], datetime]


class Directories:
    """The State directory of this gateway while it runs."""

    def __init__(self, keeping: Keeping) -> None:
        self._in = keeping
        self._lock = DeferredLock()  # one change at a time in this process
        self._numbers: dict[str, int] = {}

    async def settle(self) -> None:
        """Files, store and memory agree. Raises ConfigRefused when a row cannot be relied on."""
        newest = await self._in.store.records.newest()
        for state, signed in self._in.node.records.signed.items():
            await self._settle(state, signed, newest.get(state))
        for state, row in newest.items():
            if state not in self._in.node.records and row.sha256 is not None:
                await self._taken_out(state, row)
        self._numbers = dict(await self._in.store.records.numbers())

    async def follow(self) -> None:
        """What another node, or this one, has put into the store is in force here."""
        async with self._lock:
            if await self._in.store.records.numbers() == self._numbers:
                return
            for row in (await self._in.store.records.newest()).values():
                if self._numbers.get(row.state) != row.number:
                    await self._take_over(row)
                    self._numbers[row.state] = row.number

    async def pending(self) -> list[PendingUpdate]:
        """The updates that wait for a decision."""
        return await self._in.store.records.pending()

    async def announce(self, pending: PendingUpdate) -> None:
        """An alert stands open until a person decides, or says that it has looked."""
        await self._in.store.records.announce(pending, self._in.now())

    async def accept(self, pending: PendingUpdate, by: str) -> None:
        """The update is in force, and `by` vouches for the record. Raises UpdateRefused.

        What was issued before an update that was applied already is refused for good; whatever
        else stands in the way leaves it pending.
        """
        async with self._lock:
            for _ in range(_TRIES):
                prepared = await self._in.workers.run(self._in.applying.prepared, pending, by)
                issued_at, now = prepared.update.issued_at, self._in.now()
                outcome = await self._in.store.records.apply(pending, prepared.row, issued_at, now)
                if outcome is not Outcome.MOVED_ON:
                    break
                await self._catch_up(pending.partner)
            await self._conclude(pending, by, outcome)
            self._numbers = {
                **self._numbers,
                pending.partner: self._numbers.get(pending.partner, 0) + 1,
            }
            await self._in_force(prepared.signed)

    async def refuse(self, pending: PendingUpdate, by: str, reason: str) -> None:
        """The update will not be applied. Raises UpdateRefused if it was decided meanwhile."""
        refused = await self._in.store.records.refuse(pending, by, reason, self._in.now())
        if not refused:
            raise UpdateRefused("somebody decided about it meanwhile")
        self._in.log.warning(
            "directory.update_refused",
            partner=pending.partner,
            message_id=pending.message_id,
            by=by,
            reason=reason,
        )

    async def _conclude(self, pending: PendingUpdate, by: str, outcome: Outcome) -> None:
        """Raises UpdateRefused unless the update was applied."""
        match outcome:
            case Outcome.DONE:
                return
            case Outcome.OLDER:
                reason = "an update that was issued later is applied already"
                await self.refuse(pending, by, reason)
                raise UpdateRefused(f"{reason}; this one is refused")
            case Outcome.DECIDED:
                raise UpdateRefused("somebody decided about it meanwhile")
            case Outcome.MOVED_ON:
                raise UpdateRefused("the record changes all the time; try again")

    async def _settle(self, state: str, signed: SignedRecord, row: RecordRow | None) -> None:
        if row is not None and row.sha256 == signed.sha256:
            return
        if row is None or row.signature is None or _moment(row) < signed.signature.moment:
            after = row.sha256 if row is not None else None
            new = NewRecord(
                state,
                signed.sha256,
                signed.octets,
                asdict(signed.signature),
                after,
                signed.signature.moment,
            )
            await self._in.store.records.put(new, self._in.now())
            self._in.log.info("directory.changed", state=state, by=signed.signature.by)
            return
        self._in.log.warning("directory.file_replaced", state=state, because="signed earlier")
        await self._take_over(row)

    async def _taken_out(self, state: str, row: RecordRow) -> None:
        new = NewRecord(state, None, None, None, row.sha256, self._in.now())
        await self._in.store.records.put(new, self._in.now())
        self._in.log.warning("directory.changed", state=state, by=None)

    async def _catch_up(self, state: str) -> None:
        row = (await self._in.store.records.newest()).get(state)
        if row is not None:
            await self._take_over(row)
            self._numbers[state] = row.number

    async def _take_over(self, row: RecordRow) -> None:
        """What the row says is in force here. Raises ConfigRefused when it does not hold."""
        if row.octets is None:
            self._in.node.records.take_out(row.state)
            return
        await self._in_force(await self._in.workers.run(self._verified, row))

    def _verified(self, row: RecordRow) -> SignedRecord:
        name = f"the record of {row.state} in the store (number {row.number})"
        octets = row.octets or b""
        signature = Signature(**dict(row.signature or {}))
        certificates = self._in.node.own_identity.signing_certificates
        defects = list(signature_defects(row.state, signature, certificates))
        if sha256(octets).hexdigest() != signature.sha256:
            defects.append("is not what was signed")
        if defects:
            remedy = f"sign {STATES_FOLDER}/{row.state}.toml anew: hanoi-gateway directory sign"
            raise ConfigRefused(Fault(name, f"{defect}; {remedy}") for defect in defects)
        path = self._in.node.folder / STATES_FOLDER / f"{row.state}.toml"
        return SignedRecord(record_in(octets, path), octets, signature)

    async def _in_force(self, signed: SignedRecord) -> None:
        """Memory first: the row is there already, and the file can be written at the next start."""
        self._in.node.records.put(signed)
        state, folder = signed.record.code, self._in.node.folder / STATES_FOLDER
        try:
            await self._in.workers.run(write_signed, folder, signed)
        except (OSError, ConfigRefused):
            self._in.log.exception("directory.file_not_written", state=state)
        self._in.log.info("directory.changed", state=state, by=signed.signature.by)


def _moment(row: RecordRow) -> datetime:
    return Signature(**dict(row.signature or {})).moment
