"""A PullRequest is answered with the oldest message that waits in its channel, or EBMS:0006."""

from __future__ import annotations

from cryptography import x509

from gateway.inbound.answers import HttpAnswer, Streamed
from gateway.inbound.desk import Desk, Transmission
from gateway.store.values import Replayed
from protocol.as4.envelope import Envelope
from protocol.as4.errors import VALUE_INCONSISTENT, refused
from protocol.as4.lookup import find_channel


async def answer_pull_request(
    desk: Desk, transmission: Transmission, envelope: Envelope, tls_certificate: x509.Certificate
) -> HttpAnswer:
    """The waiting message as a stream, or the warning that there is none. Raises Refused."""
    await transmission.body.discard()
    request = await desk.workers.run(
        desk.signal_gates.pull_request, envelope, tls_certificate, transmission.claims
    )
    pmode = find_channel(desk.signal_gates.pmodes, request.mpc)
    found = await desk.store.pulls.next(pmode.partner_state, request.message_id, desk.now())
    if isinstance(found, Replayed):
        raise refused(
            VALUE_INCONSISTENT,
            "G9",
            f"ALERT: the PullRequest {request.message_id} came before",
            "this PullRequest was used before",
        )
    if found is None:
        desk.count(transmission, "empty")
        return await desk.workers.run(desk.answers.empty_channel, request.message_id, pmode)
    given = await desk.counter.hand_over(found, pmode, request.message_id)
    desk.count(transmission, "pulled")
    return HttpAnswer(
        200,
        given.content_type.encode("ascii"),
        streamed=Streamed(given.length_bytes, given.pieces, given.ended),
    )
