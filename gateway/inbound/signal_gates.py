"""The checks of signals that are pushed to us: whose word they are, and about what.

A signal names no party. Which partner it must come from follows from what it asks for (a channel)
or is about (a message of ours); then the same function as for messages decides whether TLS peer and
signer are that partner. Both run in worker threads and raise Refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from gateway.inbound.gates import Claims, Gates
from gateway.store.pulls import PULL_WINDOW_SECONDS
from protocol.as4.envelope import Envelope
from protocol.as4.errors import POLICY_NONCOMPLIANCE, VALUE_INCONSISTENT, refused
from protocol.as4.lookup import find_channel
from protocol.as4.pmode import PMode
from protocol.as4.signature import SignedEnvelope, verify_signature
from protocol.as4.values import PullRequest


@dataclass(frozen=True, slots=True)
class SignalGates:
    """The checks, with what they need to know."""

    gates: Gates
    pmodes: Sequence[PMode]
    now: Callable[[], datetime]

    def pull_request(
        self, envelope: Envelope, tls_certificate: x509.Certificate, claims: Claims
    ) -> PullRequest:
        """The entitled PullRequest in `envelope`; its P-Mode is in `claims` then.

        EBMS:0001 for a channel that nobody pulls, EBMS:0101 for one that the sender may not pull.
        """
        asked = envelope.unit
        if not isinstance(asked, PullRequest):
            raise TypeError("a PullRequest is expected here")
        pmode = find_channel(self.pmodes, asked.mpc)
        claims.pmode = pmode
        unit = self.signed_by_partner(envelope, tls_certificate, pmode).unit
        if not isinstance(unit, PullRequest):
            raise refused(POLICY_NONCOMPLIANCE, "G7", "the signed unit is not the PullRequest")
        self._check_time(unit)
        return unit

    def signed_by_partner(
        self, envelope: Envelope, tls_certificate: x509.Certificate, pmode: PMode
    ) -> SignedEnvelope:
        """The signed view of `envelope`, which speaks for the partner of `pmode`."""
        signed = verify_signature(envelope, pmode.partner_signing, pmode.suite)
        self.gates.entitled(tls_certificate, signed.signer, pmode.partner, pmode)
        return signed

    def _check_time(self, unit: PullRequest) -> None:
        if abs(unit.timestamp - self.now()) > timedelta(seconds=PULL_WINDOW_SECONDS):
            raise refused(
                VALUE_INCONSISTENT,
                "G9",
                f"eb:Timestamp {unit.timestamp.isoformat()} of the PullRequest is more than "
                f"{PULL_WINDOW_SECONDS:.0f} seconds from now; compare the clocks of both gateways",
                "eb:Timestamp is outside the agreed window",
            )
