"""The assertions of the European Commission's AS4 conformance test, in our own words.

Each has the id of the Test Assertion Description 1.2 of eDelivery AS4 (there with "AS4_" before
it). What the profile text asks of its optional features, for which that description has no
assertion (pull, two-way, split and join), stands here under ids of our own: PULL, TW, SJ.

`side` is the side under test. `probe` says whether the assertion can be tested from outside, by
sending to an access point and reading its answer; the others are tested here at home, where the
inside can be seen (tests/conformance).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Level(Enum):
    """How imperative an assertion is (its prescription level)."""

    MANDATORY = "mandatory"
    PREFERRED = "preferred"
    PERMITTED = "permitted"


class Side(Enum):
    """Which side of an exchange is tested."""

    SENDER = "sender"
    RECEIVER = "receiver"


@dataclass(frozen=True, slots=True)
class Assertion:
    """One line of the conformance test. `absent` says why it does not apply to this gateway."""

    id: str
    side: Side
    sentence: str
    level: Level = Level.MANDATORY
    probe: bool = False
    absent: str | None = None


_S, _R = Side.SENDER, Side.RECEIVER
_PREFERRED, _PERMITTED = Level.PREFERRED, Level.PERMITTED

_PINNED: Final = (
    "partners are agreed one by one and their certificates pinned (docs/decisions/0004-tls.md): "
    "there is no P-Mode without a known initiator"
)
_NO_SMP: Final = (
    "partner States exchange their addresses and certificates as cards, not through an SMP; "
    "nothing is looked up because of a message"
)

COMMON: Final = (
    Assertion("CP_TA01", _R, "a pushed message is answered with a receipt in HTTP 2xx", probe=True),
    Assertion("CP_TA02", _R, "a reply refers to the MessageId of the request"),
    Assertion("CP_TA03", _S, "a message names exactly one From and one To"),
    Assertion("CP_TA04", _R, "an uncompressed payload is accepted and delivered", probe=True),
    Assertion("CP_TA05", _S, "a single XML payload travels in a MIME part, the Body is empty"),
    Assertion("CP_TA06", _S, "the leading XML document is the first PartInfo, the Body is empty"),
    Assertion("CP_TA07", _R, "all payloads are delivered, as one unit", probe=True),
    Assertion("CP_TA08", _R, "a payload by hyperlink is answered with an error", probe=True),
    Assertion("CP_TA09", _S, "without a receipt the sender tries again"),
    Assertion("CP_TA10", _R, "a repeated message is receipted again, delivered once", probe=True),
    Assertion(
        "CP_TA11",
        _S,
        "errors of senders are reported to no third party",
        absent="a P-Mode has no such address at all; the description itself marks it not testable",
    ),
    Assertion("CP_TA12", _S, "SHA-256, RSA-SHA256, Messaging, Body and every part are signed"),
    Assertion("CP_TA13", _S, "AES-128-GCM for the receiver's certificate encrypts every part"),
    Assertion("CP_TA14", _R, "in two-way push a request gets its receipt in HTTP 2xx", probe=True),
    Assertion("CP_TA15", _S, "EBMS:0301 is reported to the producer when no receipt ever comes"),
    Assertion("CP_TA16", _S, "a ping has the service and the action of the test service"),
    Assertion("CP_TA17", _R, "a ping is receipted and delivered to nobody", probe=True),
    Assertion("CP_TA18", _S, "a ConversationId is made where the producer gives none"),
    Assertion("CP_TA19", _R, "a reply has the ConversationId of the request"),
    Assertion("CP_TA20", _R, "message properties with and without type", _PERMITTED, probe=True),
    Assertion("CP_TA21", _R, "a multipart message is accepted", probe=True),
    Assertion("CP_TA22", _R, "a message that is SOAP alone is accepted", probe=True),
    Assertion("CP_TA23", _S, "XML payloads are compressed with gzip"),
    Assertion("CP_TA24", _S, "a compressed part has CompressionType application/gzip"),
    Assertion("CP_TA25", _S, "MimeType is the payload's type before compression"),
    Assertion(
        "CP_TA26", _R, "a part without MimeType is answered with an error", _PREFERRED, probe=True
    ),
    Assertion("CP_TA27", _S, "CharacterSet UTF-16 is passed on", _PREFERRED),
    Assertion("CP_TA28", _S, "CharacterSet UTF-8 is passed on", _PREFERRED),
    Assertion(
        "CP_TA29", _R, "an illegal CharacterSet is answered with an error", _PREFERRED, probe=True
    ),
    Assertion("CP_TA30", _R, "damaged gzip is answered with EBMS:0303", probe=True),
    Assertion(
        "CP_TA31",
        _R,
        "damaged gzip is answered with EBMS:0303 and told to the consumer",
        _PREFERRED,
    ),
    Assertion("CP_TA32", _R, "a compressed payload is delivered decompressed"),
    Assertion("CP_TA33", _R, "several compressed payloads are accepted", probe=True),
    Assertion("CP_TA34", _R, "compressed, then signed: accepted", probe=True),
    Assertion("CP_TA35", _R, "signed, then compressed: refused", probe=True),
    Assertion("CP_TA36", _R, "compressed, then encrypted: accepted", probe=True),
    Assertion("CP_TA37", _R, "encrypted, then compressed: refused", probe=True),
    Assertion("CP_TA38", _R, "compressed, signed and encrypted: accepted", probe=True),
    Assertion("CP_TA39", _R, "TLS versions and cipher suites can be configured"),
    Assertion("CP_TA40", _R, "TLS 1.0 and 1.1 are refused", _PREFERRED, probe=True),
    Assertion("CP_TA41", _R, "SSL 2.0 and 3.0 are refused", probe=True),
    Assertion("CP_TA42", _R, "cipher suites that are not configured are refused", probe=True),
    Assertion("CP_TA43", _R, "a configured cipher suite is accepted", probe=True),
    Assertion("CP_TA44", _R, "part properties with and without type", _PERMITTED, probe=True),
    Assertion("CP_TA45", _S, "PartInfo stands in the producer's order"),
    Assertion("CP_TA46", _R, "IPv4 and IPv6 are both supported"),
)

FOUR_CORNER: Final = (
    Assertion("4CT_TA01", _S, "originalSender and finalRecipient are message properties"),
    Assertion("4CT_TA02", _R, "trackingIdentifier is accepted", _PERMITTED, probe=True),
    Assertion("4CT_TA03", _S, "From and To name the access points, not the authorities"),
)

DYNAMIC: Final = (
    Assertion("DR_TA01", _R, "an unknown sender with a trusted chain is accepted", absent=_PINNED),
    Assertion("DR_TA02", _R, "a signer whose chain is not trusted is refused", probe=True),
    Assertion("DR_TA03", _R, "a chain without the agreed policy is refused", absent=_PINNED),
    Assertion("DR_TA04", _R, "a PartyId that the signer does not stand for is refused", probe=True),
    Assertion("DS_TA01", _S, "the receiver is looked up in an SMP", absent=_NO_SMP),
    Assertion("DS_TA02", _S, "the certificate comes from the SMP", absent=_NO_SMP),
    Assertion("DS_TA03", _S, "a receipt by another certificate is reported as a failure"),
)

PULL: Final = (
    Assertion("PULL_01", _R, "a signed PullRequest gets the oldest message of its channel"),
    Assertion("PULL_02", _R, "an empty channel is answered with the warning EBMS:0006"),
    Assertion(
        "PULL_03",
        _R,
        "a PullRequest that the channel's partner did not sign is refused with EBMS:0101",
    ),
    Assertion("PULL_04", _R, "an unknown channel is refused with EBMS:0001"),
    Assertion("PULL_05", _R, "a pulled message has its channel and no RefToMessageId"),
    Assertion("PULL_06", _S, "the receipt for a pulled message is posted where it was pulled"),
    Assertion("PULL_07", _R, "a pulled message without a receipt can be pulled again, unchanged"),
)

TWO_WAY: Final = (
    Assertion("TW_01", _R, "push and push: the reply refers to the request and its conversation"),
    Assertion("TW_02", _R, "push and pull: the reply is pulled and refers to the request"),
    Assertion("TW_03", _R, "pull and push: a pulled request is answered by push"),
)

SPLIT_JOIN: Final = (
    Assertion("SJ_01", _S, "a large message is split, each fragment signed and encrypted"),
    Assertion("SJ_02", _R, "each fragment gets a receipt, the joined message is delivered once"),
    Assertion("SJ_03", _R, "the joined message is confirmed by a receipt of its own"),
    Assertion("SJ_04", _S, "only a fragment without a receipt is sent again"),
    Assertion("SJ_05", _R, "a fragment that came before is eliminated"),
    Assertion("SJ_06", _R, "a fragment of another group is refused with an error of its own"),
    Assertion("SJ_07", _R, "a group that stays incomplete is given up with EBMS:0051"),
)

ASSERTIONS: Final = (*COMMON, *FOUR_CORNER, *DYNAMIC, *PULL, *TWO_WAY, *SPLIT_JOIN)
