"""`cases`, `deadlines` and `forward`: where requests stand, what is due, and handing one on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from gateway.cli.connection import Gateway
from gateway.cli.outcome import Outcome
from gateway.cli.place import open_gateway
from gateway.cli.table import print_fields, print_json, print_table, printable
from gateway.cli.words import Arguments, Commands, add_authority, add_command, add_json, add_node

_CASES: Final = ("REQUEST", "KIND", "PARTNER", "STATE", "FLAGGED", "NEXT DUE")
_DUE: Final = ("NUMBER", "DUE", "CLOCK", "WHO ACTS", "REQUEST", "ALARM", "SOURCE")


def add_commands(commands: Commands) -> None:
    """Register the three commands."""
    cases = add_command(
        commands,
        "cases",
        _cases,
        "show where the authority's requests stand",
        "List the cases of an authority, or show one with its history, what is due in it and what "
        "may be sent now. With --settle, say that a person has looked at a flagged step.",
    )
    add_node(cases)
    cases.add_argument("request", metavar="REQUEST", nargs="?", help="RequestId of one case")
    add_authority(cases)
    cases.add_argument("--open", action="store_true", help="only those that have not ended")
    cases.add_argument("--flagged", action="store_true", help="only those that a person must see")
    cases.add_argument("--settle", metavar="STEP", type=int, help="this flagged step was looked at")
    cases.add_argument(
        "--accept", action="store_true", help="with --settle: the case stands where the step says"
    )
    add_json(cases)
    deadlines = add_command(
        commands,
        "deadlines",
        _deadlines,
        "show what is due in the authority's cases",
        "List what is due, the first first. With --answer, say that a person has answered an "
        "alarm: it rings no more. The outcome is 1 while one of the authority's alarms rings.",
    )
    add_node(deadlines)
    add_authority(deadlines)
    deadlines.add_argument("--answer", metavar="NUMBER", type=int, help="a person answers this one")
    deadlines.add_argument("--before", metavar="TIME", help="only what is due before this time")
    add_json(deadlines)
    forward = add_command(
        commands,
        "forward",
        _forward,
        "hand a request on to another authority of this State",
        "The other authority gets the request into its queue; the State that asked is told by a "
        "ReferralNotice. Repeat it after a failure: nothing is done twice.",
    )
    add_node(forward)
    forward.add_argument("request", metavar="REQUEST", help="RequestId of the case")
    add_authority(forward)
    forward.add_argument("--to", metavar="AUTHORITY", required=True, help="who is to execute it")
    forward.add_argument(
        "--reference", metavar="TEXT", required=True, help="what it is called at the authority"
    )
    forward.add_argument("--reason", metavar="TEXT", required=True, help="why; kept as evidence")


def _cases(arguments: Arguments) -> Outcome:
    with open_gateway(arguments) as gateway:
        if arguments.request is None:
            found = _content(gateway, "/v1/cases", open=arguments.open, flagged=arguments.flagged)
            _list(found, as_json=arguments.json)
            return Outcome.DONE
        path = f"/v1/cases/{quote(arguments.request, safe='')}"
        if arguments.settle is not None:
            settle = f"{path}/steps/{arguments.settle}/settle"
            _post(gateway, settle, {"accept": arguments.accept})
        found = _content(gateway, path)
    if arguments.json:
        print_json(found)
    else:
        _show(found)
    return Outcome.DONE


def _deadlines(arguments: Arguments) -> Outcome:
    with open_gateway(arguments) as gateway:
        if arguments.answer is not None:
            gateway.ask("POST", f"/v1/deadlines/{arguments.answer}/answer").content()
        found = _content(gateway, "/v1/deadlines", before=arguments.before)
    due = found.get("deadlines", [])
    if arguments.json:
        print_json(due)
    elif due:
        print_table(_DUE, [_due_row(one) for one in due])
    else:
        print("Nothing is due.")
    return Outcome.REFUSED if any(map(_rings, due)) else Outcome.DONE


def _forward(arguments: Arguments) -> Outcome:
    said = {
        "authority": arguments.to,
        "reference": arguments.reference,
        "reason": arguments.reason,
    }
    with open_gateway(arguments) as gateway:
        path = f"/v1/cases/{quote(arguments.request, safe='')}/forward"
        done = json.loads(_post(gateway, path, said))
    print_fields(
        {
            "case": done["requestId"],
            "in the queue of": done["authority"],
            "ReferralNotice": done["notice"] or "went before",
        }
    )
    return Outcome.DONE


def _content(gateway: Gateway, path: str, **query: object) -> Mapping[str, Any]:
    words = {
        name: "true" if value is True else str(value)
        for name, value in query.items()
        if value not in (None, False)
    }
    content = gateway.ask("GET", f"{path}?{urlencode(words)}" if words else path).content()
    return content if isinstance(content, dict) else {}


def _post(gateway: Gateway, path: str, said: Mapping[str, object]) -> str:
    octets = json.dumps(said).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(octets))}
    content = gateway.ask("POST", path, headers=headers, body=(octets,)).content()
    return json.dumps(content)


def _list(found: Mapping[str, Any], *, as_json: bool) -> None:
    cases = found.get("cases", [])
    if as_json:
        print_json(cases)
    elif cases:
        print_table(_CASES, [_case_row(one) for one in cases])
    else:
        print("There are no such cases.")


def _case_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        one["requestId"],
        one["kind"] or one["machine"],
        one["partner"],
        one["state"],
        one["flagged"] or "",
        one["nextDue"] or "",
    )


def _due_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    rest = " (rests)" if one["pausedAt"] else ""
    source = "law" if one["legal"] else "policy"
    return (
        one["number"],
        f"{one['dueAt'] or 'nobody says'}{rest}",
        one["clock"],
        one["authority"],
        one["requestId"],
        "rings" if _rings(one) else "",
        f"{source}, article {one['article']}",
    )


def _rings(one: Mapping[str, Any]) -> bool:
    """Whether it alarms our side, and nobody has answered."""
    return bool(one["own"] and one["repeats"] and not one["answeredAt"] and not one["pausedAt"])


def _show(found: Mapping[str, Any]) -> None:
    print_fields(
        {
            "request": found["requestId"],
            "kind": found["kind"],
            "asks": found["requestingAuthority"],
            "is asked": found["requestedAuthority"],
            "state": f"{found['state']} since {found['since']}",
            "urgency": found["urgency"],
            "linked": ", ".join(link["requestId"] for link in found["links"]) or "to no other",
        }
    )
    print()
    print_table(("STEP", "AT", "WHAT", "STATE", "FLAGS"), [_step(one) for one in found["steps"]])
    if found["deadlines"]:
        print()
        print_table(_DUE, [_due_row(one) for one in found["deadlines"]])
    print()
    words = (" ".join(filter(None, (one["kind"], one["variant"]))) for one in found["legal"])
    print("May be sent now: " + (", ".join(dict.fromkeys(words)) or "nothing"))


def _step(one: Mapping[str, Any]) -> tuple[object, ...]:
    flags = "; ".join(printable(flag["sentence"]) for flag in one["flags"])
    settled = f" (seen by {one['settledBy']})" if one["settledBy"] else ""
    return (one["number"], one["at"], one["event"], one["after"], flags + settled)
