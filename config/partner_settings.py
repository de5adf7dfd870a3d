"""The shape of partners/<STATE>.toml, table by table.

Algorithms and certificates have no defaults: a P-Mode that does not name them is refused
(threat K17). The other defaults are those of protocol.as4.pmode.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from pydantic import AfterValidator, Field, with_config

from config.reading import STRICT
from config.settings import HttpsUrl, PartySettings, StateCode, SuiteId, Text
from keys.certificates import MAX_CHAIN
from protocol.as4.names import DEFAULT_MPC
from protocol.as4.pmode import INITIATOR, RESPONDER, Puller, ReceiptReply, SizeLimits, Splitting
from protocol.as4.suites import TokenForm
from protocol.convention.competence import CONTACT_CHECK
from protocol.convention.vocabulary import KINDS

ACTIONS = (*KINDS, CONTACT_CHECK)
SERVICE = "urn:uncc:service:cooperation:1"

_LIMIT = SizeLimits()
_SPLIT = Splitting()
_SMALLEST_FRAGMENT_BYTES = 64 * 1024  # less than that is all envelope

Actions = Annotated[tuple[Text, ...], Field(max_length=128)]
PemFiles = Annotated[tuple[Text, ...], Field(min_length=1, max_length=MAX_CHAIN)]
Seconds = Annotated[float, Field(gt=0, le=366 * 86400.0)]


def channel(text: str) -> str:
    """`text` if it may be the channel of one partner. Raises ValueError."""
    if text.lower() == DEFAULT_MPC.lower():
        raise ValueError("must not be the default channel, which belongs to no partner")
    if not text.isascii() or not text.isprintable() or " " in text or ":" not in text:
        raise ValueError("must be a URI, such as urn:uncc:mpc:az-xu")
    return text


Channel = Annotated[Text, AfterValidator(channel)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class NameSettings:
    """[service] or [agreement]: a value, and its type where it has one."""

    value: Text
    type: Text | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class RoleSettings:
    """[roles]: the eb:Role of whoever sends and of whoever receives."""

    sender: Text = INITIATOR
    receiver: Text = RESPONDER


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class ActionSettings:
    """[actions]: which eb:Action goes which way."""

    sent: Actions = ACTIONS
    received: Actions = ACTIONS


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """[certificates]: PEM files beside this one. We encrypt for the first of `encryption`."""

    tls: PemFiles
    signing: PemFiles
    encryption: PemFiles


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class SecuritySettings:
    """[security]: the suite, and how we name certificates in what we write."""

    suite: SuiteId
    signing_token: TokenForm = TokenForm.BST_X509V3
    encryption_token: TokenForm = TokenForm.SUBJECT_KEY_IDENTIFIER
    compress: bool = True


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class ReliabilitySettings:
    """[reliability]: AS4 reception awareness."""

    max_retries: Annotated[int, Field(ge=0, le=100)] = 8
    first_interval_seconds: Seconds = 10.0
    backoff: Annotated[float, Field(ge=1, le=10)] = 2.0
    max_interval_seconds: Seconds = 3600.0
    receipt_timeout_seconds: Seconds = 60.0
    duplicate_window_seconds: Seconds = 30 * 86400.0


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class PullSettings:
    """[pull]: which one of the two sides pulls, from which channel, and how often if it is us."""

    by: Puller
    mpc: Channel
    interval_seconds: Annotated[float, Field(ge=1, le=86400)] | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class ReceiptSettings:
    """[receipts]: how receipts for pushed messages travel, in both directions."""

    reply: ReceiptReply = ReceiptReply.RESPONSE


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class PingSettings:
    """[ping]: how often we ask the partner's test service whether it answers; 0 is never."""

    interval_seconds: Annotated[float, Field(ge=0, le=7 * 86400)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class LimitSettings:
    """[limits]: what the partner may send; configuration may lower our hard limits only."""

    max_part_bytes: Annotated[int, Field(ge=1, le=_LIMIT.max_part_bytes)] = _LIMIT.max_part_bytes
    max_message_bytes: Annotated[int, Field(ge=1, le=_LIMIT.max_message_bytes)] = (
        _LIMIT.max_message_bytes
    )
    max_parts: Annotated[int, Field(ge=0, le=_LIMIT.max_parts)] = _LIMIT.max_parts
    max_ratio: Annotated[int, Field(ge=1, le=_LIMIT.max_ratio)] = _LIMIT.max_ratio


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class WindowSettings:
    """[window]: which eb:Timestamp is acceptable around our clock."""

    past_seconds: Seconds = 14 * 86400.0
    future_seconds: Seconds = 300.0


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class SplitSettings:
    """[split]: large messages go and come in fragments. Both partners must write the same."""

    fragment_bytes: Annotated[int, Field(ge=_SMALLEST_FRAGMENT_BYTES)] = _SPLIT.fragment_bytes
    threshold_bytes: Annotated[int, Field(ge=_SMALLEST_FRAGMENT_BYTES)] = _SPLIT.threshold_bytes
    compress: bool = _SPLIT.compress
    join_seconds: Seconds = _SPLIT.join_seconds
    max_groups: Annotated[int, Field(ge=1, le=64)] = _SPLIT.max_groups
    max_open_bytes: Annotated[int, Field(ge=1)] = _SPLIT.max_open_bytes


class Updates(Enum):
    """When a DirectoryUpdate of the partner about its own State is applied."""

    ASK = "ask"  # when an operator has accepted it
    AT_ONCE = "at-once"


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class DirectorySettings:
    """[directory]: what the partner may change in our copy of its State record."""

    updates: Updates = Updates.ASK


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class PartnerSettings:
    """partners/<STATE>.toml, whole."""

    state: StateCode
    address: HttpsUrl
    party: PartySettings
    agreement: NameSettings
    certificates: CertificateSettings
    security: SecuritySettings
    service: NameSettings = NameSettings(SERVICE)
    roles: RoleSettings = RoleSettings()
    actions: ActionSettings = ActionSettings()
    reliability: ReliabilitySettings = ReliabilitySettings()
    limits: LimitSettings = LimitSettings()
    window: WindowSettings = WindowSettings()
    receipts: ReceiptSettings = ReceiptSettings()
    pull: PullSettings | None = None
    ping: PingSettings | None = None
    split: SplitSettings | None = None
    directory: DirectorySettings = DirectorySettings()
    max_in_flight: Annotated[int, Field(ge=1, le=64)] = 4
