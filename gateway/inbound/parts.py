"""The parts of one message on their way from the socket into the encrypted spool."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.inbound.body import BATCH_BYTES, BodyStream
from gateway.inbound.desk import Desk
from gateway.inbound.gates import Admitted, Concluded
from gateway.inbound.intake import PartIntake
from gateway.store.values import StoredPart
from protocol.as4.errors import MIME_INCONSISTENCY, POLICY_NONCOMPLIANCE, refused
from protocol.as4.mime import MimeEvent, MimeReader, PartContent, PartEnded, PartStarted
from protocol.as4.secrets import PartSecret


class MessageParts:
    """Takes the parts of an admitted message; keeps them until `discard` or `release`.

    A part is taken only if eb:PayloadInfo names it and the signature covers it.
    """

    def __init__(self, desk: Desk, admitted: Admitted) -> None:
        self._desk = desk
        self._admitted = admitted
        self._intakes: dict[int, PartIntake] = {}
        self._open_intake: PartIntake | None = None
        self._secrets: dict[str, PartSecret] = {}

    async def take(
        self, reader: MimeReader, begun: Iterable[MimeEvent], body: BodyStream
    ) -> Concluded:
        """All parts are durable and verified, and so is the message. Raises Refused, BodyLost.

        `begun` is what came of `reader` together with the SOAP part.
        """
        whole = body.take_if_whole() if await body.comes_whole() else None
        if whole is None:
            return await self._take_stream(reader, begun, body)
        if self._desk.under_way.alone:
            return self._take_whole(reader, begun, whole)
        return await self._desk.workers.run(self._take_whole, reader, begun, whole)

    def _take_whole(
        self, reader: MimeReader, begun: Iterable[MimeEvent], octets: bytes
    ) -> Concluded:
        """The same for a body that is here whole, as small ones are: one way for all its work."""
        self._open_keys()
        self._consume(begun)
        self._read_and_consume(reader, octets)
        self._consume(reader.finish())
        return self._conclude()

    async def _take_stream(
        self, reader: MimeReader, begun: Iterable[MimeEvent], body: BodyStream
    ) -> Concluded:
        workers = self._desk.workers
        await workers.run(self._open_keys)
        body.widen()
        self._consume(begun)
        while octets := await body.next_octets(BATCH_BYTES):
            await workers.run(self._read_and_consume, reader, octets)
        self._consume(reader.finish())
        return await workers.run(self._conclude)

    def _open_keys(self) -> None:
        if self._admitted.unit.parts:
            self._secrets = self._desk.gates.open_parts(self._admitted)

    def stored(self) -> tuple[StoredPart, ...]:
        """What was stored, in the order of eb:PayloadInfo. Only after `take`."""
        return tuple(intake.stored_part() for _, intake in sorted(self._intakes.items()))

    def discard(self) -> None:
        """Nothing of the parts is kept."""
        for intake in self._intakes.values():
            intake.discard()
        self._intakes.clear()

    def release(self) -> None:
        """The parts belong to a row of the store now, or may: nothing here removes them."""
        self._intakes.clear()

    def _conclude(self) -> Concluded:
        leading = self._intakes.get(0)
        document = leading.document if leading is not None else None
        parts = [intake.verified_part() for _, intake in sorted(self._intakes.items())]
        return self._desk.gates.conclude(self._admitted, parts, document)

    def _read_and_consume(self, reader: MimeReader, octets: bytes) -> None:
        self._consume(reader.receive(octets))

    def _consume(self, events: Iterable[MimeEvent]) -> None:
        for event in events:
            if isinstance(event, PartStarted):
                self._open_intake = self._intake_for(event)
            elif self._open_intake is None:
                continue
            elif isinstance(event, PartContent):
                self._open_intake.take(event.octets)
            elif isinstance(event, PartEnded):
                self._open_intake.finish()
                self._open_intake = None

    def _intake_for(self, started: PartStarted) -> PartIntake:
        parts = self._admitted.unit.parts
        content_id = started.content_id
        position = next((n for n, p in enumerate(parts) if p.content_id == content_id), None)
        reference = next(
            (r for r in self._admitted.signed.references if r.content_id == content_id), None
        )
        if content_id is None or position is None or reference is None:
            raise refused(
                POLICY_NONCOMPLIANCE,
                "G10",
                f"MIME part {content_id!r} is not in eb:PayloadInfo or not signed",
            )
        if position in self._intakes:
            raise refused(MIME_INCONSISTENCY, "G2", f"MIME part {content_id!r} comes twice")
        secret = self._secrets.get(content_id)
        intake = PartIntake(
            position,
            parts[position],
            reference,
            secret,
            secret.mime_type if secret is not None else started.content_type,
            self._admitted.pmode.limits,
            self._desk.spool,
            is_document=position == 0 and self._admitted.signed.fragment is None,
            delivered_before_bytes=sum(taken.size_bytes for taken in self._intakes.values()),
        )
        self._intakes[position] = intake
        return intake
