"""One State or nobody: the TLS peer, the signer and eb:From must all be the same partner.

`same_state` is the only place where this is decided, and it fails closed: whatever is unknown,
ambiguous, expired or used for something else than agreed is a refusal with its reason. The rules:

1. eb:From names exactly one partner, by PartyId and type together;
2. the TLS certificate is one that this partner, and no other, agreed for TLS, and is valid;
3. the signing certificate is one that this partner, and no other, agreed for signing, and is valid;
4. the signing key is agreed for nothing else, by anybody: not for TLS, not for encryption.

Source: threats K01, K02, K05, K09, K10; eDelivery AS4 1.15 section 3.2.6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from cryptography import x509

from keys.certificates import public_key_octets
from keys.trust import Purpose, TrustDecision, decide, named, refusal

Certificates = tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class PartnerIdentity:
    """By what we know one partner State: its party, and its certificates for each purpose."""

    state: str
    party_id: str
    party_type: str | None
    tls_certificates: Certificates
    signing_certificates: Certificates
    encryption_certificates: Certificates = ()

    @property
    def certificates(self) -> Certificates:
        """All of them, for whatever purpose."""
        return self.tls_certificates + self.signing_certificates + self.encryption_certificates


def same_state(
    *,
    tls_certificate: x509.Certificate | None,
    signing_certificate: x509.Certificate | None,
    from_party: tuple[str, str | None],
    partners: Sequence[PartnerIdentity],
    now: datetime,
    tls_end: Purpose = Purpose.TLS_CLIENT,
) -> TrustDecision:
    """For which one State all three speak at `now`; the decision's `state` is set if they do.

    `from_party` is the PartyId of eb:From and its type (None where absent); for a signal, which has
    none, that of the partner it must come from. `tls_end` is which end of the connection the
    partner was.
    """
    claimed = [p for p in partners if (p.party_id, p.party_type) == from_party]
    if len(claimed) != 1:
        return refusal(f"eb:From {from_party!a} names {len(claimed)} partners, not exactly one")
    partner = claimed[0]
    tls = _is_of(partner, tls_certificate, tls_end, partners, now)
    if not tls.trusted:
        return tls
    signer = _is_of(partner, signing_certificate, Purpose.SIGNING, partners, now)
    if not signer.trusted:
        return signer
    return TrustDecision(
        True,
        f"TLS, signature and eb:From all speak for {partner.state}",
        state=partner.state,
        valid_until=_earlier(tls.valid_until, signer.valid_until),
    )


def shared_keys(partners: Sequence[PartnerIdentity]) -> Iterator[str]:
    """A sentence for each key that two partners, or two purposes of one partner, have in common.

    Such a set of partners must not be loaded: with it, `same_state` could not tell them apart.
    """
    for one, other in combinations(partners, 2):
        for certificate in _common(one.certificates, other.certificates):
            yield (
                f"{named(certificate)} has a key that {one.state} and {other.state} both use; "
                "each State needs keys of its own"
            )
        if (one.party_id, one.party_type) == (other.party_id, other.party_type):
            yield f"{one.state} and {other.state} have the same party id {one.party_id!a}"
    for partner in partners:
        for certificate in _second_uses(partner):
            yield (
                f"{named(certificate)} has a key that {partner.state} uses for signing and for "
                "something else; a signing key must do nothing but sign"
            )


def _is_of(
    partner: PartnerIdentity,
    certificate: x509.Certificate | None,
    purpose: Purpose,
    partners: Sequence[PartnerIdentity],
    now: datetime,
) -> TrustDecision:
    if certificate is None:
        return refusal(f"there is no certificate for {purpose.value}")
    choose = _CHOOSE[purpose]
    decision = decide(certificate, pinned=choose(partner), now=now, purpose=purpose)
    if not decision.trusted:
        return refusal(f"{partner.state}: {decision.because}{_whose(certificate, partners)}")
    others = [p for p in partners if p is not partner]
    if any(_uses(certificate, p.certificates) for p in others):
        return refusal(f"{named(certificate)} has a key that another partner uses, too")
    if purpose is Purpose.SIGNING and _uses(certificate, _not_for_signing(partner)):
        return refusal(f"{named(certificate)} has a key that is agreed for something else, too")
    return decision


_CHOOSE: dict[Purpose, Callable[[PartnerIdentity], Certificates]] = {
    Purpose.TLS_CLIENT: lambda partner: partner.tls_certificates,
    Purpose.TLS_SERVER: lambda partner: partner.tls_certificates,
    Purpose.SIGNING: lambda partner: partner.signing_certificates,
}


def _whose(certificate: x509.Certificate, partners: Sequence[PartnerIdentity]) -> str:
    """What the refused certificate is, if we know it: the first thing an operator asks."""
    for partner in partners:
        for use, agreed in (
            ("TLS", partner.tls_certificates),
            ("signing", partner.signing_certificates),
            ("encryption", partner.encryption_certificates),
        ):
            if certificate in agreed:
                return f"; it is the {use} certificate of {partner.state}"
    return ""


def _not_for_signing(partner: PartnerIdentity) -> Certificates:
    return partner.tls_certificates + partner.encryption_certificates


def _second_uses(partner: PartnerIdentity) -> Iterator[x509.Certificate]:
    return _common(partner.signing_certificates, _not_for_signing(partner))


def _common(
    some: Iterable[x509.Certificate], others: Sequence[x509.Certificate]
) -> Iterator[x509.Certificate]:
    return (certificate for certificate in some if _uses(certificate, others))


def _uses(certificate: x509.Certificate, others: Iterable[x509.Certificate]) -> bool:
    """Whether one of `others` has the public key of `certificate`, or may have it."""
    try:
        key = public_key_octets(certificate)
        return any(public_key_octets(other) == key for other in others)
    except ValueError:  # a key that cannot be compared may be the same: fail closed
        return True


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one is not None and other is not None else None
