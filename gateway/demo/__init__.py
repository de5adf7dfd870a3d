"""`make demo`: two gateways as two processes, every kind of request both ways, and the proof.

Everything goes through the command line, as a domestic system or an officer would do it. `nodes`
makes and runs the two gateways, `story` is what they do, `report` is what a person reads.
"""

from __future__ import annotations

from gateway.demo.story import main

__all__ = ["main"]
