"""What is wrong with a configuration: every fault at once, each with its place and its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Weight(Enum):
    """How a fault weighs: an ERROR keeps the gateway from starting, a WARNING does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `path` is file and place in it ("node/gateway.toml: as4.port").

    `sentence` says what is wrong, what was expected and what to do about it.
    """

    path: str
    sentence: str
    severity: Weight = Weight.ERROR

    def __str__(self) -> str:
        return f"{self.path}: {self.sentence}"


class ConfigRefused(Exception):
    """A configuration does not hold. `faults` has all of them, not the first."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def refuse_if(faults: Iterable[Fault]) -> None:
    """Raises ConfigRefused with `faults`, if there is an error among them."""
    found = tuple(faults)
    if any(fault.severity is Weight.ERROR for fault in found):
        raise ConfigRefused(found)
