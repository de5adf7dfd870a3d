"""The assertions that can be tested from outside, each asked of an access point over the wire.

Every probe sends messages of the test service: what is accepted is receipted and reaches nobody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from gateway.conformance import hello
from gateway.conformance.drafts import BINARY, XML, Draft, Order, Payload, hyperlinked, ping
from gateway.conformance.line import Line, NoAnswer
from gateway.conformance.verdicts import Seen, error, receipt
from keys.pki import IssuedKind, ThrowAwayAuthority
from keys.ring import FileSigner, KeyPair
from protocol.as4.names import CHARACTER_SET, COMPRESSION_TYPE, MIME_TYPE, TRACKING_IDENTIFIER
from protocol.as4.pmode import PMode
from protocol.as4.ports import Signer
from protocol.as4.values import GZIP, PartyId, Property

_XML: Final = Payload(XML, "application/xml", character_set="UTF-8")
_BINARY: Final = Payload(BINARY, "application/pdf")
_PLAIN: Final = Payload(BINARY, "application/pdf", compress=False)
_TYPE: Final = "urn:oasis:names:tc:ebcore:partyid-type:unregistered"


@dataclass(frozen=True, slots=True)
class Target:
    """The access point under test: what was agreed with it, who asks, and the line to it."""

    pmode: PMode
    signer: Signer
    line: Line

    async def accepts(self, *payloads: Payload, **changes: Any) -> Seen:
        """Whether a good ping with `payloads` is receipted."""
        draft = ping(self.pmode, self.signer, *payloads, **changes)
        return receipt(await self.line.post(draft.content_type, draft.body), draft, self.pmode)

    async def refuses(self, *payloads: Payload, codes: tuple[str, ...] = ()) -> Seen:
        """Whether a ping with faulty `payloads` is answered with an error."""
        return await self.answers_error(ping(self.pmode, self.signer, *payloads), *codes)

    async def answers_error(self, draft: Draft, *codes: str) -> Seen:
        """Whether `draft` is answered with an error signal."""
        return error(await self.line.post(draft.content_type, draft.body), *codes)


Probe = Callable[[Target], Awaitable[Seen]]


async def _hyperlink(target: Target) -> Seen:
    url = "https://payloads.example/payload.xml"
    return await target.answers_error(hyperlinked(target.pmode, target.signer, url))


async def _twice(target: Target) -> Seen:
    draft = ping(target.pmode, target.signer, _XML)
    seen = Seen(False, "nothing was sent")
    for _ in range(2):
        answer = await target.line.post(draft.content_type, draft.body)
        seen = receipt(answer, draft, target.pmode)
        if not seen.holds:
            return seen
    return Seen(True, f"twice: {seen.sentence}")


async def _typed_message_properties(target: Target) -> Seen:
    properties = (Property("first", "one", _TYPE), Property("second", "two"))
    return await target.accepts(_XML, properties=properties)


async def _typed_part_properties(target: Target) -> Seen:
    declared = (
        Property(MIME_TYPE, "application/xml"),
        Property(COMPRESSION_TYPE, GZIP),
        Property("first", "one", _TYPE),
        Property("second", "two"),
    )
    return await target.accepts(replace(_XML, declared=declared))


async def _no_mime_type(target: Target) -> Seen:
    declared = (Property(COMPRESSION_TYPE, GZIP),)
    return await target.refuses(replace(_XML, declared=declared))


async def _illegal_character_set(target: Target) -> Seen:
    declared = (
        Property(MIME_TYPE, "application/xml"),
        Property(CHARACTER_SET, "!utf*"),
        Property(COMPRESSION_TYPE, GZIP),
    )
    return await target.refuses(replace(_XML, declared=declared))


async def _damaged_gzip(target: Target) -> Seen:
    return await target.refuses(replace(_XML, damage_gzip=True), codes=("EBMS:0303",))


async def _signed_first(target: Target) -> Seen:
    return await target.refuses(replace(_XML, order=Order.SIGN_FIRST))


async def _compressed_last(target: Target) -> Seen:
    return await target.refuses(replace(_XML, order=Order.COMPRESS_LAST))


async def _tracking(target: Target) -> Seen:
    return await target.accepts(properties=(Property(TRACKING_IDENTIFIER, "TRK-1"),))


async def _old_tls(target: Target) -> Seen:
    return await _declines(target, (hello.TLS_10, hello.TLS_11), hello.OLD_SUITES)


async def _old_ssl(target: Target) -> Seen:
    return await _declines(target, (hello.SSL_30,), hello.OLD_SUITES)


async def _old_suites(target: Target) -> Seen:
    return await _declines(target, (hello.TLS_12,), hello.OLD_SUITES)


async def _declines(target: Target, versions: tuple[int, ...], suites: tuple[int, ...]) -> Seen:
    for version in versions:
        record = hello.client_hello(version, suites, target.line.host)
        if hello.is_server_hello(await target.line.say_hello(record)):
            return Seen(False, f"the server goes on with version {version:#06x}")
    return Seen(True, "no ServerHello comes back")


async def _untrusted_signer(target: Target) -> Seen:
    kind = IssuedKind(target.pmode.suite.signing_kinds[0].value)
    issued = ThrowAwayAuthority("stranger", datetime.now(UTC)).issue_signing("stranger", kind)
    stranger = FileSigner(KeyPair(issued.private_key, issued.certificate))
    return await target.answers_error(ping(target.pmode, stranger, _XML))


async def _other_party(target: Target) -> Seen:
    own = target.pmode.own
    other = replace(target.pmode, own=PartyId(f"{own.value}-other", own.type))
    return await target.answers_error(ping(other, target.signer, _XML))


def _accepts(*payloads: Payload) -> Probe:
    return lambda target: target.accepts(*payloads)


PROBES: Final[dict[str, Probe]] = {
    "CP_TA01": _accepts(_XML),
    "CP_TA04": _accepts(_PLAIN),
    "CP_TA07": _accepts(_XML, _BINARY, _PLAIN),
    "CP_TA08": _hyperlink,
    "CP_TA10": _twice,
    "CP_TA14": _accepts(_XML),
    "CP_TA17": _accepts(),
    "CP_TA20": _typed_message_properties,
    "CP_TA21": _accepts(_XML),
    "CP_TA22": _accepts(),
    "CP_TA26": _no_mime_type,
    "CP_TA29": _illegal_character_set,
    "CP_TA30": _damaged_gzip,
    "CP_TA33": _accepts(_XML, _BINARY),
    "CP_TA34": _accepts(_XML),
    "CP_TA35": _signed_first,
    "CP_TA36": _accepts(_XML),
    "CP_TA37": _compressed_last,
    "CP_TA38": _accepts(_XML),
    "CP_TA40": _old_tls,
    "CP_TA41": _old_ssl,
    "CP_TA42": _old_suites,
    "CP_TA43": _accepts(),
    "CP_TA44": _typed_part_properties,
    "4CT_TA02": _tracking,
    "DR_TA02": _untrusted_signer,
    "DR_TA04": _other_party,
}


async def seen_by(probe: Probe, target: Target) -> Seen:
    """What `probe` sees; a silent access point does not hold anything."""
    try:
        return await probe(target)
    except NoAnswer as silence:
        return Seen(False, str(silence))
    except Exception as failure:  # noqa: BLE001 - one probe must not end the others
        return Seen(False, f"the probe itself failed: {type(failure).__name__}: {failure}")
