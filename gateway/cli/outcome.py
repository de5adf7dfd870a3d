"""How a command ends: four exit statuses, the same for every command."""

from __future__ import annotations

from enum import IntEnum


class Outcome(IntEnum):
    """The exit status of a command; scripts may rely on these figures."""

    DONE = 0
    REFUSED = 1  # understood and refused, or faults were found
    USAGE = 2  # the command line itself is wrong (argparse uses the same)
    UNREACHABLE = 3  # the gateway does not answer


EPILOG = "exit status: 0 done, 1 refused or faults found, 2 wrong usage, 3 gateway not reachable"


class Stop(Exception):
    """Ends the command with one sentence on standard error."""

    def __init__(self, sentence: str, outcome: Outcome = Outcome.REFUSED) -> None:
        super().__init__(sentence)
        self.outcome = outcome


def refused(sentence: str) -> Stop:
    """The command was understood and is refused."""
    return Stop(sentence, Outcome.REFUSED)


def wrong_usage(sentence: str) -> Stop:
    """The command line is wrong in a way that argparse cannot see."""
    return Stop(sentence, Outcome.USAGE)


def unreachable(sentence: str) -> Stop:
    """The gateway does not answer."""
    return Stop(sentence, Outcome.UNREACHABLE)
