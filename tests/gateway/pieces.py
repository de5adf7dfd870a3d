"""A large message in fragments, made by a test that holds every lever."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from protocol.as4.attachments import OutboundPart
from protocol.as4.fragment import GroupTerms, MessageFragment, PackageCompression, SourceHeader
from protocol.as4.multipart import MultipartFrame, PartSlot
from protocol.as4.pmode import Splitting
from protocol.as4.sealing import new_content_key, seal
from protocol.as4.signing import unsigned_envelope
from protocol.as4.values import PartInfo, Property, UserMessage
from protocol.as4.writing import user_message
from tests.gateway.ground import Crafted, Partner, example_document

SPLIT = Splitting(
    fragment_bytes=96 * 1024,
    threshold_bytes=96 * 1024,
    join_seconds=600.0,
    max_groups=2,
    max_open_bytes=64 * 1024 * 1024,
)
SPLIT_TOML = """
[split]
fragment_bytes = 98304
threshold_bytes = 98304
join_seconds = {join_seconds}
max_groups = 2
max_open_bytes = 268435456
compress = {compress}
"""


def with_split(partner: str, *, join_seconds: float = 100000.0, compress: bool = False) -> str:
    """The P-Mode `partner` with small fragments, and messages of at most 128 MiB."""
    for name in ("max_part_bytes", "max_message_bytes"):
        partner = re.sub(rf"(?m)^{name} = .*$", f"{name} = {128 * 1024 * 1024}", partner)
    return partner + SPLIT_TOML.format(join_seconds=join_seconds, compress=str(compress).lower())


@dataclass
class Pieces:
    """A source message, its package, and the pieces that it was cut into."""

    partner: Partner
    unit: UserMessage
    group_id: str
    package: bytes
    terms: GroupTerms
    cut: list[bytes]

    def fragment(
        self,
        number: int,
        *,
        change: Callable[[MessageFragment], MessageFragment] = lambda fragment: fragment,
        content: bytes | None = None,
        message_id: str | None = None,
        unit: Callable[[UserMessage], UserMessage] = lambda unit: unit,
    ) -> Crafted:
        """Fragment `number`, sealed, but for what the test changes."""
        pmode, cid = self.partner.pmode, f"{uuid4().hex}@test.example"
        key = new_content_key(pmode.suite)
        part = OutboundPart(cid, "application/octet-stream", pmode.suite, key, False)
        octets = self.cut[number - 1] if content is None else content
        wire = part.receive(octets) + part.finish()
        fragment = change(MessageFragment(self.group_id, number, cid, self.terms))
        made = unit(
            replace(self.unit, message_id=message_id or f"{uuid4()}@test.example", parts=())
        )
        sealed = seal(
            made, [part.sealed()], key, self.partner.node.signer_for(pmode.suite), pmode, fragment
        )
        return Crafted(made, sealed, [(cid, wire)])


def in_pieces(
    partner: Partner,
    evidence: bytes,
    *,
    piece_bytes: int = SPLIT.fragment_bytes,
    change: Callable[[UserMessage], UserMessage] = lambda unit: unit,
    pack: Callable[[bytes], bytes] | None = None,
    document: bytes | None = None,
) -> Pieces:
    """A preservation request with `evidence` beside it, cut; gzip'd as a whole by `pack`."""
    leading = document or example_document("PreservationRequest", partner.node.settings.state)
    contents = [("application/xml", leading), ("application/octet-stream", evidence)]
    infos = [
        PartInfo(f"{uuid4().hex}@test.example", (Property("MimeType", mime_type),))
        for mime_type, _ in contents
    ]
    sender, receiver = partner.pmode.sending_parties
    unit = change(
        UserMessage(
            message_id=f"{uuid4()}@test.example",
            timestamp=datetime.now(UTC).replace(microsecond=0),
            sender=sender,
            receiver=receiver,
            service=partner.pmode.service,
            action="PreservationRequest",
            conversation_id=str(uuid4()),
            agreement=partner.pmode.agreement,
            parts=tuple(infos),
        )
    )
    package, header = _package(unit, infos, [octets for _, octets in contents])
    packed = package if pack is None else pack(package)
    cut = [packed[at : at + piece_bytes] for at in range(0, len(packed), piece_bytes)]
    compression = None if pack is None else PackageCompression("gzip", len(packed))
    terms = GroupTerms(len(package), len(cut), header, "", compression)
    return Pieces(partner, unit, f"{uuid4()}@test.example", package, terms, cut)


def _package(
    unit: UserMessage, infos: Sequence[PartInfo], contents: Sequence[bytes]
) -> tuple[bytes, SourceHeader]:
    soap = unsigned_envelope(user_message(unit), message_id=unit.message_id)
    sizes = [(info.content_id, len(octets)) for info, octets in zip(infos, contents, strict=True)]
    frame = MultipartFrame(soap, sizes, "test.example")
    pieces = [
        contents[piece.index] if isinstance(piece, PartSlot) else piece for piece in frame.pieces()
    ]
    return b"".join(pieces), SourceHeader(frame.boundary, frame.root, "application/soap+xml")
