"""The addresses of an authority's queue: lease, acknowledge, release, reject."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from gateway.local import limits
from gateway.local.answers import Answer, Whole, as_json
from gateway.local.bodies import texts_in
from gateway.local.calls import Call, Gone
from gateway.local.ports import Now, Store
from gateway.local.problems import not_found, too_many
from gateway.local.views import Json, lease_view
from gateway.store.values import Leased

_DONE = Whole(204)


class Inbox:
    """Endpoints about the caller's own queue. Acknowledging is evidence; the store records it."""

    def __init__(self, store: Store, reactor: IReactorTime, now: Now, lease_seconds: float) -> None:
        self._store = store
        self._reactor = reactor
        self._now = now
        self._lease_seconds = lease_seconds
        self._polls: Counter[str] = Counter()

    async def lease(self, call: Call) -> Answer:
        """POST /v1/inbox/lease?wait=SECONDS&limit=N."""
        wait_seconds = call.number("wait", 0.0, 0.0, limits.MAX_WAIT_SECONDS)
        limit = call.whole_number("limit", 1, 1, limits.MAX_LEASES)
        if self._polls[call.authority] >= limits.MAX_POLLS_PER_AUTHORITY:
            raise too_many(f"At most {limits.MAX_POLLS_PER_AUTHORITY} calls wait at once.")
        self._polls[call.authority] += 1
        try:
            leased = await self._wait_for_some(call, wait_seconds, limit)
        finally:
            self._polls[call.authority] -= 1
        return as_json(200, {"leases": await self._views(call, leased)})

    async def ack(self, call: Call) -> Answer:
        """POST /v1/leases/{leaseId}/ack."""
        return _done(await self._store.ack(call.authority, call.values["leaseId"], self._now()))

    async def release(self, call: Call) -> Answer:
        """POST /v1/leases/{leaseId}/release."""
        return _done(await self._store.release(call.authority, call.values["leaseId"], self._now()))

    async def reject(self, call: Call) -> Answer:
        """POST /v1/leases/{leaseId}/reject."""
        (reason,) = texts_in(await call.intake.octets(), "reason")
        return _done(
            await self._store.reject(call.authority, call.values["leaseId"], reason, self._now())
        )

    async def _wait_for_some(self, call: Call, wait_seconds: float, limit: int) -> Sequence[Leased]:
        """Entries under lease; empty when the time is over or nobody waits any more."""
        deadline = self._reactor.seconds() + wait_seconds
        while not call.gone.closed:
            news = self._store.on_queue(call.authority)  # before looking, or some could be missed
            try:
                leased = await self._store.lease(
                    call.authority, self._now(), self._lease_seconds, limit
                )
                left_seconds = deadline - self._reactor.seconds()
                if leased or left_seconds <= 0:
                    return leased
                await self._first_of(news, call.gone, left_seconds)
            finally:
                news.addErrback(_cancelled)
                news.cancel()
        return ()

    async def _first_of(self, news: Deferred[None], gone: Gone, left_seconds: float) -> None:
        """Return when one of the two has happened or the time is over."""
        over: Deferred[None] = Deferred()

        def end_waiting(_: object = None) -> None:
            if not over.called:
                over.callback(None)

        timer = self._reactor.callLater(left_seconds, end_waiting)
        news.addBoth(end_waiting)
        gone.listen(end_waiting)
        try:
            await over
        finally:
            gone.forget(end_waiting)
            if timer.active():
                timer.cancel()

    async def _views(self, call: Call, leased: Sequence[Leased]) -> list[Json]:
        """The leased entries with their messages; all put back if the caller has gone."""
        if call.gone.closed:
            for lease in leased:
                await self._store.release(call.authority, lease.lease_id, self._now())
            return []
        views = []
        for lease in leased:
            view = await self._store.message_for(
                call.authority, lease.message_id, lease.partner, lease.direction
            )
            if view is not None:
                views.append(lease_view(lease, view))
        return views


def _cancelled(failure: Failure) -> None:
    """We stopped listening ourselves."""
    failure.trap(CancelledError)


def _done(known: bool) -> Answer:
    if not known:
        raise not_found()
    return _DONE
