"""partners/<STATE>.toml: what we agreed with one partner State, read into a P-Mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from config.faults import Fault
from config.partner_certificates import PartnerCertificates
from config.partner_patterns import pattern_faults, ping_interval, pulling
from config.partner_settings import (
    LimitSettings,
    PartnerSettings,
    ReliabilitySettings,
    Updates,
)
from config.reading import Collected, place, read_shape
from config.settings import Settings
from config.splitting import split_faults, splitting_of
from keys.identity import PartnerIdentity
from protocol.as4.pmode import PMode, Reliability, SizeLimits, TimeWindow
from protocol.as4.suites import SUITES
from protocol.as4.values import AgreementRef, PartyId, ServiceName


@dataclass(frozen=True, slots=True)
class Partner:
    """One partner State: the P-Mode agreed with it, and by what we know it."""

    pmode: PMode
    identity: PartnerIdentity
    updates: Updates
    path: Path = field(compare=False)


def agreement_between(one: str, other: str) -> str:
    """The AgreementRef of two States, the same whichever of them asks."""
    first, second = sorted((one.lower(), other.lower()))
    return f"urn:uncc:agreement:{first}-{second}:1"


def read_partner(path: Path, settings: Settings) -> Partner:
    """The partner in the file `path`, of the node with `settings`. Raises ConfigRefused."""
    read = read_shape(PartnerSettings, path)
    found = Collected()
    found.faults.extend(_contradictions(read, path, settings))
    certificates = PartnerCertificates(read, path, found)
    found.refuse_if_any()
    return Partner(
        _pmode(read, certificates, settings),
        _identity(read, certificates),
        read.directory.updates,
        path,
    )


def _contradictions(read: PartnerSettings, path: Path, settings: Settings) -> Iterator[Fault]:
    if path.stem != read.state:
        yield Fault(place(path, "state"), f"is {read.state}; name the file {read.state}.toml then")
    if read.state == settings.state:
        yield Fault(place(path, "state"), f"{read.state} is this node's own State, no partner")
    if (read.party.id, read.party.type) == (settings.party.id, settings.party.type):
        yield Fault(place(path, "party"), f"{read.party.id!r} is this node's own party")
    if read.roles.sender == read.roles.receiver:
        yield Fault(place(path, "roles"), "sender and receiver must be two roles, not one")
    if not read.actions.sent and not read.actions.received:
        yield Fault(place(path, "actions"), "allow nothing either way; name at least one action")
    if read.limits.max_part_bytes > read.limits.max_message_bytes:
        yield Fault(
            place(path, "limits", "max_part_bytes"), "is more than limits.max_message_bytes"
        )
    if read.reliability.first_interval_seconds > read.reliability.max_interval_seconds:
        yield Fault(
            place(path, "reliability", "first_interval_seconds"),
            "is more than reliability.max_interval_seconds",
        )
    yield from _short_memory(read, path)
    yield from pattern_faults(read, path)
    yield from split_faults(read, path, retry_seconds(_reliability(read.reliability)))


def _short_memory(read: PartnerSettings, path: Path) -> Iterator[Fault]:
    """What we forget may come again: not by a retry, and not as a replay (threat R03)."""
    memory_seconds = read.reliability.duplicate_window_seconds
    where = place(path, "reliability", "duplicate_window_seconds")
    trying_seconds = retry_seconds(_reliability(read.reliability))
    if memory_seconds <= trying_seconds:
        yield Fault(
            where,
            f"is {memory_seconds:.0f}, but a sender with this [reliability] goes on trying for "
            f"{trying_seconds:.0f} seconds; make it longer than that",
        )
    acceptable_seconds = read.window.past_seconds + read.window.future_seconds
    if memory_seconds <= acceptable_seconds:
        yield Fault(
            where,
            f"is {memory_seconds:.0f}, but [window] is {acceptable_seconds:.0f} seconds wide: a "
            "message could come again after we forgot it; make it longer than that",
        )


def retry_seconds(reliability: Reliability) -> float:
    """For how long a sender with `reliability` goes on trying, all waiting included."""
    total_seconds = reliability.receipt_timeout_seconds
    interval_seconds = reliability.first_interval_seconds
    for _ in range(reliability.max_retries):
        total_seconds += interval_seconds + reliability.receipt_timeout_seconds
        interval_seconds = min(
            interval_seconds * reliability.backoff, reliability.max_interval_seconds
        )
    return total_seconds


def _pmode(read: PartnerSettings, certificates: PartnerCertificates, settings: Settings) -> PMode:
    own, partner, tokens = settings.party, read.party, read.security
    return PMode(
        id=f"{settings.state}-{read.state}".lower(),
        partner_state=read.state,
        own=PartyId(own.id, own.type),
        partner=PartyId(partner.id, partner.type),
        service=ServiceName(read.service.value, read.service.type),
        agreement=AgreementRef(read.agreement.value, read.agreement.type),
        address=read.address,
        partner_signing=certificates.signing,
        partner_encryption=certificates.encryption,
        partner_tls=certificates.tls,
        actions_received=frozenset(read.actions.received),
        actions_sent=frozenset(read.actions.sent),
        suite=SUITES[tokens.suite],
        signing_token=tokens.signing_token,
        encryption_token=tokens.encryption_token,
        compress=tokens.compress,
        max_in_flight=read.max_in_flight,
        splitting=splitting_of(read.split),
        reliability=_reliability(read.reliability),
        limits=_limits(read.limits),
        window=TimeWindow(read.window.past_seconds, read.window.future_seconds),
        sender_role=read.roles.sender,
        receiver_role=read.roles.receiver,
        pulling=pulling(read),
        receipt_reply=read.receipts.reply,
        ping_interval_seconds=ping_interval(read),
    )


def _reliability(read: ReliabilitySettings) -> Reliability:
    return Reliability(
        max_retries=read.max_retries,
        first_interval_seconds=read.first_interval_seconds,
        backoff=read.backoff,
        max_interval_seconds=read.max_interval_seconds,
        receipt_timeout_seconds=read.receipt_timeout_seconds,
        duplicate_window_seconds=read.duplicate_window_seconds,
    )


def _limits(read: LimitSettings) -> SizeLimits:
    return SizeLimits(
        max_part_bytes=read.max_part_bytes,
        max_message_bytes=read.max_message_bytes,
        max_parts=read.max_parts,
        max_ratio=read.max_ratio,
    )


def _identity(read: PartnerSettings, certificates: PartnerCertificates) -> PartnerIdentity:
    return PartnerIdentity(
        state=read.state,
        party_id=read.party.id,
        party_type=read.party.type,
        tls_certificates=certificates.tls,
        signing_certificates=certificates.signing,
        encryption_certificates=certificates.encryption,
    )
