"""`conformance`: the conformance test of eDelivery AS4, run against a partner's access point."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from config.faults import ConfigRefused
from gateway.cli.outcome import Outcome, refused
from gateway.cli.table import complain, print_json, print_table
from gateway.cli.words import Arguments, Commands, add_command, add_json, add_node

if TYPE_CHECKING:
    from gateway.conformance.assertions import Assertion
    from gateway.conformance.report import Report


def add_commands(commands: Commands) -> None:
    """Register the command."""
    command = add_command(
        commands,
        "conformance",
        _conformance,
        "ask a partner's access point what the conformance test asks",
        "Send messages of the test service, good ones and ones with one fault each, to a partner's "
        "access point and judge its answers by the conformance test of eDelivery AS4. Nothing "
        "reaches an authority. The gateway of DIR need not run; its keys are used.",
    )
    add_node(command)
    command.add_argument("--partner", required=True, metavar="STATE", help="the partner to ask")
    command.add_argument(
        "--report", type=Path, metavar="FILE", help="write the whole report to FILE, as JSON"
    )
    add_json(command)


def _conformance(arguments: Arguments) -> Outcome:
    from gateway.conformance.report import HEAD

    report = _run(arguments.node, arguments.partner)
    if arguments.report is not None:
        text = json.dumps(report.as_json(), indent=2) + "\n"
        arguments.report.write_text(text, encoding="utf-8")
    if arguments.json:
        print_json(report.as_json())
    else:
        print_table(HEAD, report.rows())
        print(report.summary())
    return Outcome.DONE if report.conforms else Outcome.REFUSED


def _run(folder: Path, state: str) -> Report:
    """The report on the partner `state` of the node in `folder`. Raises Stop."""
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    from config.node import load_node
    from gateway.conformance.run import run_probes

    try:
        node = load_node(folder)
    except ConfigRefused as e:
        raise refused(str(e)) from e
    pmode = next((one for one in node.pmodes if one.partner_state == state), None)
    if pmode is None:
        known = ", ".join(one.partner_state for one in node.pmodes) or "none"
        raise refused(f"{state} is no partner of this node; there are: {known}")
    found: list[Report] = []
    failed: list[BaseException] = []

    def begin() -> None:
        running = Deferred.fromCoroutine(run_probes(reactor, node, pmode, _tell))
        running.addCallbacks(found.append, lambda failure: failed.append(failure.value))
        running.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    if failed:
        raise failed[0]
    return found[0]


def _tell(assertion: Assertion) -> None:
    complain(f"{assertion.id}: {assertion.sentence}")
