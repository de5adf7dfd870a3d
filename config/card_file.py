"""The public card of a State: what its partners need to know of it, in one TOML file to hand over.

A card has no signature of its own. The two offices compare its fingerprints on another way (by
telephone, on paper) before they rely on it; `Card.fingerprints` is what they read to each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

from cryptography import x509
from pydantic import Field, with_config

from config.faults import ConfigRefused, Fault
from config.reading import STRICT, Collected, place, read_shape
from config.settings import HttpsUrl, PartySettings, StateCode, SuiteId
from config.suites import other_kind
from config.toml_text import blocks, quoted
from keys.certificates import MAX_CHAIN, fingerprint, parse_certificates, pem
from keys.identity import PartnerIdentity
from keys.trust import Purpose, decide
from protocol.as4.suites import Suite

FILE = "card.toml"
TLS_PURPOSES = (Purpose.TLS_CLIENT, Purpose.TLS_SERVER)

Certificates = tuple[x509.Certificate, ...]
Pems = Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_CHAIN)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _SuiteShape:
    signing: Pems
    encryption: Pems


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _CertificatesShape:
    tls: Pems
    suites: Annotated[dict[SuiteId, _SuiteShape], Field(min_length=1)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _CardShape:
    state: StateCode
    address: HttpsUrl
    party: PartySettings
    certificates: _CertificatesShape


@dataclass(frozen=True, slots=True)
class SuiteCertificates:
    """What a State signs with, and what is encrypted for, by one suite."""

    signing: Certificates
    encryption: Certificates


@dataclass(frozen=True, slots=True)
class Card:
    """What a State says of itself: nothing here is secret, and nothing is believed yet.

    `suites` is by suite id, in the order of the file.
    """

    state: str
    address: str
    party_id: str
    party_type: str | None
    tls: Certificates
    suites: Mapping[str, SuiteCertificates]

    def identity(self, *suites: str) -> PartnerIdentity:
        """By what the State is known to those who agreed with it on one of `suites`."""
        offered = [self.suites[suite] for suite in suites]
        return PartnerIdentity(
            self.state,
            self.party_id,
            self.party_type,
            self.tls,
            tuple(one for each in offered for one in each.signing),
            tuple(one for each in offered for one in each.encryption),
        )

    def fingerprints(self, *suites: str) -> tuple[tuple[str, str], ...]:
        """For TLS and each use by `suites` what it is, and SHA-256 in hexadecimal."""
        return tuple((use, fingerprint(one)) for use, one in self._named(suites or self.suites))

    def _named(self, suites: Iterable[str]) -> Iterator[tuple[str, x509.Certificate]]:
        yield from (("tls", one) for one in self.tls)
        for suite in suites:
            held = self.suites[suite]
            yield from ((f"signing, {suite}", one) for one in held.signing)
            yield from ((f"encryption, {suite}", one) for one in held.encryption)


def read_card(path: Path) -> Card:
    """The card in the file `path`. Raises ConfigRefused."""
    shape = read_shape(_CardShape, path)
    found = Collected()
    tls = _parsed(path, ("tls",), shape.certificates.tls, found)
    suites = {
        suite: SuiteCertificates(
            _parsed(path, ("suites", suite, "signing"), texts.signing, found),
            _parsed(path, ("suites", suite, "encryption"), texts.encryption, found),
        )
        for suite, texts in shape.certificates.suites.items()
    }
    found.refuse_if_any()
    return Card(shape.state, shape.address, shape.party.id, shape.party.type, tls, suites)


def card_faults(card: Card, suite: Suite, path: Path, now: datetime) -> Iterator[Fault]:
    """What is wrong at `now` with the certificates of `card` for TLS and `suite`."""
    held = card.suites[suite.id]
    yield from _use_faults(card.tls, place(path, "certificates", "tls"), TLS_PURPOSES, now)
    for use, certificates, purpose in (
        ("signing", held.signing, Purpose.SIGNING),
        ("encryption", held.encryption, Purpose.ENCRYPTION),
    ):
        where = place(path, "certificates", "suites", suite.id, use)
        yield from _use_faults(certificates, where, (purpose,), now)
        for position, certificate in enumerate(certificates):
            if (defect := other_kind(certificate, purpose, suite)) is not None:
                yield Fault(f"{where}[{position}]", defect)


def _use_faults(
    certificates: Certificates, where: str, purposes: Sequence[Purpose], now: datetime
) -> Iterator[Fault]:
    """Form, key, purpose and validity of each; for TLS one end is enough."""
    for position, certificate in enumerate(certificates):
        decisions = [
            decide(certificate, pinned=certificates, now=now, purpose=purpose)
            for purpose in purposes
        ]
        if not any(decision.trusted for decision in decisions):
            yield Fault(f"{where}[{position}]", decisions[0].because)


def card_text(card: Card) -> str:
    """card.toml of `card`."""
    kind = "" if card.party_type is None else f"type = {quoted(card.party_type)}\n"
    return (
        f"# The public card of {card.state}. Hand it to a partner, and read the fingerprints\n"
        "# below to each other on another way before either side relies on it.\n"
        f"{_fingerprint_lines(card)}\n"
        f"state = {quoted(card.state)}\n"
        f"address = {quoted(card.address)}\n\n"
        f"[party]\nid = {quoted(card.party_id)}\n{kind}\n"
        f"[certificates]\ntls = {_pem_blocks(card.tls)}\n"
        + "\n".join(_suite_text(suite, held) for suite, held in card.suites.items())
    )


def _suite_text(suite: str, held: SuiteCertificates) -> str:
    return (
        f"[certificates.suites.{quoted(suite)}]\n"
        f"signing = {_pem_blocks(held.signing)}\nencryption = {_pem_blocks(held.encryption)}\n"
    )


def _fingerprint_lines(card: Card) -> str:
    named = card.fingerprints()
    width = max(len(use) for use, _ in named)
    return "".join(f"# {use:<{width}} {digest}\n" for use, digest in named)


def _pem_blocks(certificates: Certificates) -> str:
    return blocks(map(_pem_text, certificates))


def _pem_text(certificate: x509.Certificate) -> str:
    return pem(certificate).decode("ascii")


def _parsed(
    path: Path, keys: tuple[str, ...], texts: tuple[str, ...], found: Collected
) -> Certificates:
    """The certificates in `texts`; what cannot be read is among the faults instead."""
    read = [
        found.attempt(partial(_one, text, place(path, "certificates", *keys, position)))
        for position, text in enumerate(texts)
    ]
    return tuple(one for one in read if one is not None)


def _one(text: str, where: str) -> x509.Certificate:
    found = parse_certificates(text.encode("utf-8"), Path(where))
    if len(found) != 1:
        raise ConfigRefused([Fault(where, f"holds {len(found)} certificates, not one")])
    return found[0]
