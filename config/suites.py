"""Which certificates fit which suite."""

from __future__ import annotations

from cryptography import x509

from keys.trust import Purpose, defect_of
from protocol.as4.suites import Suite, kind_of, names_of


def defect_for(certificate: x509.Certificate, purpose: Purpose, suite: Suite) -> str | None:
    """What is wrong with `certificate` for signing or encryption by `suite`; None if nothing."""
    return defect_of(certificate, purpose) or other_kind(certificate, purpose, suite)


def other_kind(certificate: x509.Certificate, purpose: Purpose, suite: Suite) -> str | None:
    """Why the key of `certificate` is not one that `suite` uses for `purpose`; None if it is."""
    kinds = suite.signing_kinds if purpose is Purpose.SIGNING else suite.encryption_kinds
    if kind_of(certificate.public_key()) in kinds:
        return None
    return f"has no {names_of(kinds)} key, which the suite {suite.id} needs"
