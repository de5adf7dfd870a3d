"""One call of the local API as its endpoint sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.local.intake import Intake
from gateway.local.problems import MALFORMED, Problem


class Gone:
    """Closes once: when the caller went away or the gateway is stopping."""

    def __init__(self) -> None:
        self.closed = False
        self._listeners: list[Callable[[], None]] = []

    def close(self) -> None:
        """Tell every listener, once."""
        self.closed = True
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` when this closes; at once if it has closed."""
        if self.closed:
            listener()
        else:
            self._listeners.append(listener)

    def forget(self, listener: Callable[[], None]) -> None:
        """Call `listener` no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked, and by whom. `authority` is "" where a route needs no credential.

    When `gone` closes nobody waits for the answer any more.
    """

    authority: str
    values: Mapping[str, str]
    query: Mapping[str, str]
    idempotency_key: str | None
    intake: Intake = field(repr=False)
    gone: Gone = field(repr=False)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """The query parameter `name` as a number. Raises Problem outside of [low, high]."""
        text = self.query.get(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise Problem(MALFORMED, f"'{name}' is a number from {low:g} to {high:g}.")
        return value

    def whole_number(self, name: str, default: int, low: int, high: int) -> int:
        """The query parameter `name` as a whole number. Raises Problem outside of [low, high]."""
        value = self.number(name, default, low, high)
        if value != int(value):
            raise Problem(MALFORMED, f"'{name}' is a whole number.")
        return int(value)
