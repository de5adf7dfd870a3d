"""The command line, `hanoi-gateway`: one module for each group of commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from gateway.cli.outcome import Stop
from gateway.cli.parser import build_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status (see `outcome.Outcome`)."""
    chosen = build_parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except Stop as e:
        print(f"hanoi-gateway: {e}", file=sys.stderr)
        return int(e.outcome)
    except KeyboardInterrupt:
        return 130  # what a shell expects of a program ended by Ctrl-C
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
