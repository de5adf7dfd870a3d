"""The public card of a State: what its partners need to know of it, in one TOML file to hand over.

A card has no signature of its own. The two offices compare its fingerprints on another way (by
telephone, on paper) before they rely on it; `Card.fingerprints` is what they read to each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import Field, with_config

from config.faults import ConfigRefused, Fault
from config.reading import STRICT, Collected, place, read_shape
from config.settings import HttpsUrl, PartySettings, StateCode
from config.toml_text import blocks, quoted
from keys.certificates import MAX_CHAIN, fingerprint, parse_certificates, pem
from keys.identity import PartnerIdentity
from keys.trust import Purpose, decide

FILE = "card.toml"
USES = ("tls", "signing", "encryption")
_PURPOSES = {
    "tls": (Purpose.TLS_CLIENT, Purpose.TLS_SERVER),
    "signing": (Purpose.SIGNING,),
    "encryption": (Purpose.ENCRYPTION,),
}

Pems = Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_CHAIN)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _CertificatesShape:
    tls: Pems
    signing: Pems
    encryption: Pems


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _CardShape:
    state: StateCode
    address: HttpsUrl
    party: PartySettings
    certificates: _CertificatesShape


@dataclass(frozen=True, slots=True)
class Card:
    """What a State says of itself: nothing here is secret, and nothing is believed yet."""

    address: str
    identity: PartnerIdentity

    @property
    def state(self) -> str:
        """The State of the card."""
        return self.identity.state

    @property
    def fingerprints(self) -> tuple[tuple[str, str], ...]:
        """For each certificate what it is for, and its SHA-256 in hexadecimal."""
        return tuple((use, fingerprint(certificate)) for use, certificate in _each(self.identity))


def read_card(path: Path) -> Card:
    """The card in the file `path`. Raises ConfigRefused."""
    shape = read_shape(_CardShape, path)
    found = Collected()
    tls, signing, encryption = (
        tuple(_parsed(path, use, getattr(shape.certificates, use), found)) for use in USES
    )
    found.refuse_if_any()
    identity = PartnerIdentity(
        shape.state, shape.party.id, shape.party.type, tls, signing, encryption
    )
    return Card(shape.address, identity)


def card_faults(card: Card, path: Path, now: datetime) -> Iterator[Fault]:
    """What is wrong with the certificates of `card` at `now`: form, key, purpose, validity."""
    for use in USES:
        certificates = _of(card.identity, use)
        for position, certificate in enumerate(certificates):
            decisions = [
                decide(certificate, pinned=certificates, now=now, purpose=purpose)
                for purpose in _PURPOSES[use]
            ]
            if not any(decision.trusted for decision in decisions):  # one end of TLS is enough
                yield Fault(place(path, "certificates", use, position), decisions[0].because)
            if use != "tls" and not isinstance(certificate.public_key(), rsa.RSAPublicKey):
                yield Fault(
                    place(path, "certificates", use, position),
                    "has no RSA key, which the suite edelivery-as4-1.15 needs",
                )


def card_text(address: str, identity: PartnerIdentity) -> str:
    """card.toml of the State that `identity` describes."""
    kind = "" if identity.party_type is None else f"type = {quoted(identity.party_type)}\n"
    return (
        f"# The public card of {identity.state}. Hand it to a partner, and read the fingerprints\n"
        "# below to each other on another way before either side relies on it.\n"
        f"{_fingerprint_lines(identity)}\n"
        f"state = {quoted(identity.state)}\n"
        f"address = {quoted(address)}\n\n"
        f"[party]\nid = {quoted(identity.party_id)}\n{kind}\n"
        f"[certificates]\n"
        + "".join(f"{use} = {blocks(map(_pem_text, _of(identity, use)))}\n" for use in USES)
    )


def _fingerprint_lines(identity: PartnerIdentity) -> str:
    return "".join(f"# {use:<10} {fingerprint(one)}\n" for use, one in _each(identity))


def _each(identity: PartnerIdentity) -> Iterator[tuple[str, x509.Certificate]]:
    for use in USES:
        for certificate in _of(identity, use):
            yield use, certificate


def _of(identity: PartnerIdentity, use: str) -> tuple[x509.Certificate, ...]:
    return {
        "tls": identity.tls_certificates,
        "signing": identity.signing_certificates,
        "encryption": identity.encryption_certificates,
    }[use]


def _pem_text(certificate: x509.Certificate) -> str:
    return pem(certificate).decode("ascii")


def _parsed(
    path: Path, use: str, texts: tuple[str, ...], found: Collected
) -> Iterator[x509.Certificate]:
    for position, text in enumerate(texts):
        where = place(path, "certificates", use, position)
        read = found.attempt(partial(_one, text, where))
        if read is not None:
            yield read


def _one(text: str, where: str) -> x509.Certificate:
    found = parse_certificates(text.encode("utf-8"), Path(where))
    if len(found) != 1:
        raise ConfigRefused([Fault(where, f"holds {len(found)} certificates, not one")])
    return found[0]
