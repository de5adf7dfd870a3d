"""Certificates that have expired, soon will, or are not good for the host they are used at.

Sixty days are what a State's own authority may need for a new one; at fourteen somebody must act
today (threat C14). Keys overlap: while another one is good for the same purpose, it is a warning.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from config.faults import Fault, Weight
from config.node import PARTNERS_FOLDER, SETTINGS_FILE, Node
from config.reading import place
from keys.identity import PartnerIdentity
from keys.trust import named

EARLY = timedelta(days=60)
URGENT = timedelta(days=14)


def certificate_faults(node: Node, now: datetime) -> Iterator[Fault]:
    """Faults of our own certificates and of those of every partner at `now`."""
    settings_path = node.folder / SETTINGS_FILE
    own = node.own_identity
    yield from _expiry(settings_path, ("keys", "tls"), node.tls.certificates[:1], now)
    for suite, held in node.suite_keys.items():
        at = ("keys", "suites", suite)
        yield from _expiry(settings_path, (*at, "signing"), (held.signer.certificate,), now)
        decryption = [decrypter.certificate for decrypter in held.decrypters]
        yield from _expiry(settings_path, (*at, "decryption"), decryption, now)
    yield from _issuer_expiry(settings_path, node, now)
    yield from _host(
        place(settings_path, "as4", "public_url"),
        node.settings.as4.public_url,
        own.tls_certificates,
    )
    for pmode, partner in zip(node.pmodes, node.partners, strict=True):
        path = node.folder / PARTNERS_FOLDER / f"{partner.state}.toml"
        yield from _partner_expiry(path, partner, now)
        yield from _host(place(path, "address"), pmode.address, partner.tls_certificates)


def own_certificates_out_of_date(node: Node, now: datetime) -> list[Fault]:
    """Own certificates without which the gateway cannot work at `now`: it must not start then.

    A certificate that another one replaces is no fault; nor are those of partners, whose messages
    are refused one by one.
    """
    path = node.folder / SETTINGS_FILE
    found = list(_expiry(path, ("keys", "tls"), node.tls.certificates[:1], now))
    for suite, held in node.suite_keys.items():
        at = ("keys", "suites", suite)
        found += _expiry(path, (*at, "signing"), (held.signer.certificate,), now)
        decryption = [decrypter.certificate for decrypter in held.decrypters]
        found += _expiry(path, (*at, "decryption"), decryption, now)
    return [fault for fault in found if fault.severity is Weight.ERROR]


def _partner_expiry(path: Path, partner: PartnerIdentity, now: datetime) -> Iterator[Fault]:
    for use, certificates in (
        ("tls", partner.tls_certificates),
        ("signing", partner.signing_certificates),
        ("encryption", partner.encryption_certificates),
    ):
        yield from _expiry(path, ("certificates", use), certificates, now)
    first = partner.encryption_certificates[0]
    if not _valid(first, now) and any(_valid(c, now) for c in partner.encryption_certificates):
        yield Fault(
            place(path, "certificates", "encryption", 0),
            "is the one that we encrypt for, and it is not valid; put the valid one first",
        )


def _expiry(
    path: Path, keys: tuple[str, ...], certificates: Sequence[x509.Certificate], now: datetime
) -> Iterator[Fault]:
    for position, certificate in enumerate(certificates):
        others = (*certificates[:position], *certificates[position + 1 :])
        replaced = any(_valid(other, now) for other in others)
        where = place(path, *keys, *((position,) if len(certificates) > 1 else ()))
        yield from _one(where, certificate, now, Weight.WARNING if replaced else Weight.ERROR)


def _one(
    where: str, certificate: x509.Certificate, now: datetime, weight: Weight
) -> Iterator[Fault]:
    until = certificate.not_valid_after_utc
    if now < certificate.not_valid_before_utc:
        since = certificate.not_valid_before_utc.isoformat()
        yield Fault(where, f"{named(certificate)} is not valid before {since}", weight)
    elif now > until:
        yield Fault(
            where, f"{named(certificate)} expired on {until.isoformat()}; {_REMEDY}", weight
        )
    elif until - now < URGENT:
        yield _soon(where, certificate, until - now, "act today")
    elif until - now < EARLY:
        yield _soon(where, certificate, until - now, "ask for a new one now")


_REMEDY = "exchange it and tell the other side"


def _soon(where: str, certificate: x509.Certificate, left: timedelta, remedy: str) -> Fault:
    sentence = f"{named(certificate)} expires in {left.days} days; {remedy}"
    return Fault(where, sentence, Weight.WARNING)


def _issuer_expiry(path: Path, node: Node, now: datetime) -> Iterator[Fault]:
    """Issuers that we send along in TLS; partners pin the leaf, so that this is never an error."""
    for certificate in node.tls.certificates[1:]:
        if not _valid(certificate, now):
            where = place(path, "keys", "tls", "certificate")
            yield Fault(where, f"the issuer {named(certificate)} is not valid now", Weight.WARNING)


def _host(where: str, url: str, certificates: Iterable[x509.Certificate]) -> Iterator[Fault]:
    host = urlsplit(url).hostname or ""
    if not any(_names_host(certificate, host) for certificate in certificates):
        yield Fault(
            where,
            f"no TLS certificate here is for the host {host!a}, so that connections to it are "
            "refused; correct the URL, or have a certificate with this subjectAltName issued",
            Weight.WARNING,
        )


def _names_host(certificate: x509.Certificate, host: str) -> bool:
    """Whether subjectAltName has `host`; a wildcard stands for the first label (RFC 9525 6.3)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    try:
        return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        known = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
        return host in known or f"*.{host.partition('.')[2]}" in known


def _valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
