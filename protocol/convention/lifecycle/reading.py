"""What the life cycle must know of a document, read from its elements.

A document that has an element in another place than the schema says does not come here: it was
refused. What is not there is simply not said. Source: schemas/convention.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Final

from lxml import etree

from protocol.convention.canonical import require_canonical
from protocol.convention.kinds import COMMON, DOCUMENTS, Side
from protocol.convention.lifecycle.case import Event, Mark
from protocol.convention.lifecycle.periods import end_of_day
from protocol.convention.lifecycle.states import Trigger
from protocol.convention.rules import PRESERVATION_DAYS
from protocol.convention.rules_of_kinds import PRESERVATION_GROUNDS

C: Final = f"{{{COMMON}}}"
D: Final = f"{{{DOCUMENTS}}}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One part of a delivery of evidence."""

    delivery_id: str
    sequence: int
    is_last: bool


@dataclass(frozen=True, slots=True)
class Filing:
    """One document as the life cycle sees it: whose case it is, and what it does there.

    `cites` are the RequestIds of other cases that it names. `zone` decided where its days end.
    """

    kind: str
    request_id: str
    event: Event
    cites: tuple[str, ...]
    delivery: Delivery | None = None


def filing_of(
    root: etree._Element, side: Side, authority: str, message_id: str | None, zone: tzinfo
) -> Filing:
    """What the valid document `root`, written by `authority` for `side`, means to a case.

    `root` is in canonical names. `zone` is that of the requested authority: a day ends where the
    work is done.
    """
    require_canonical(root)
    kind = str(etree.QName(root).localname)
    request_id = _said(root, f"{C}RequestId")
    event = Event(
        trigger=Trigger(kind, _VARIANTS.get(kind, _none)(root)),
        side=side,
        authority=authority,
        message_id=message_id,
        marks=_MARKS.get(kind, _unmarked)(root),
        questions=_questions(root) if kind == "ClarificationRequest" else frozenset(),
        answers=_answers(root) if kind == "AdditionalInformation" else frozenset(),
        until=_UNTIL.get(kind, _deadline)(root, zone),
    )
    cited = (_text(one) for one in root.iter(f"{C}RequestId"))
    cites = tuple(dict.fromkeys(one for one in cited if one and one != request_id))
    return Filing(kind, request_id, event, cites, _delivery(root))


def _none(root: etree._Element) -> str:
    return ""


def _code(path: str) -> Callable[[etree._Element], str]:
    """The code that stands at `path`."""
    return lambda root: _said(root, path)


def _partial(path: str) -> Callable[[etree._Element], str]:
    """PARTIAL if single parts of a request are named."""
    return lambda root: "PARTIAL" if root.find(path) is not None else ""


def _received(root: etree._Element) -> str:
    results = {_said(item, f"{D}Result") for item in root.iterfind(f"{D}Item")}
    return "OK" if results <= {"RECEIVED"} else "FAILED"


def _waiting(root: etree._Element) -> str:
    """Whether the requested State waits for the answer, or goes on meanwhile."""
    return "GOES_ON" if _said(root, f"{D}ExecutionWaits") in ("false", "0") else ""


def _preserved(root: etree._Element) -> str:
    return "" if _kept(root) else "NOTHING"


_VARIANTS: Final[Mapping[str, Callable[[etree._Element], str]]] = MappingProxyType(
    {
        "ProgressReport": _code(f"{D}State"),
        "ExecutionReport": _code(f"{D}Extent"),
        "RefusalNotice": _code(f"{D}Extent"),
        "ConditionsAnswer": _code(f"{D}All"),
        "AdditionalInformation": _code(f"{D}RiskDecision"),
        "ExtraditionDecision": _code(f"{D}Decision"),
        "DecisionNotice": _code(f"{D}Decision"),
        "SurrenderReport": _code(f"{D}Outcome"),
        "ProsecutionSubmissionReport": _code(f"{D}Stage"),
        "ClarificationRequest": _waiting,
        "EvidenceReceipt": _received,
        "PreservationConfirmation": _preserved,
        "Withdrawal": _partial(f"{D}Withdrawn"),
        "PreservationReleaseNotice": _partial(f"{D}Released"),
    }
)
"""What a document says where that decides about the next state."""


def _unmarked(root: etree._Element) -> frozenset[Mark]:
    return frozenset()


def _minimum(root: etree._Element) -> frozenset[Mark]:
    """MINIMUM_KEPT if every part is preserved as long as article 42(8) wants it."""
    kept = _kept(root)
    long_enough = all(
        until >= since.date() + timedelta(days=PRESERVATION_DAYS) for since, until in kept
    )
    return frozenset({Mark.MINIMUM_KEPT} if kept and long_enough else ())


def _grounds(root: etree._Element) -> frozenset[Mark]:
    grounds = {reason.get("ground", "").strip() for reason in root.iterfind(f"{D}Reason")}
    return frozenset({Mark.ALLOWED_GROUNDS} if grounds <= PRESERVATION_GROUNDS else ())


_MARKS: Final = MappingProxyType({"PreservationConfirmation": _minimum, "RefusalNotice": _grounds})


def _deadline(root: etree._Element, zone: tzinfo) -> datetime | None:
    return _moment(root, f"{C}Urgency/{C}Deadline")


def _moment_at(path: str) -> Callable[[etree._Element, tzinfo], datetime | None]:
    return lambda root, zone: _moment(root, path)


def _day_at(path: str) -> Callable[[etree._Element, tzinfo], datetime | None]:
    def read(root: etree._Element, zone: tzinfo) -> datetime | None:
        text = _said(root, path)
        return end_of_day(date.fromisoformat(text), zone) if text else None

    return read


def _preserved_until(root: etree._Element, zone: tzinfo) -> datetime | None:
    """The earliest end: what is to be kept longer must not wait for what lapses first."""
    days = [until for _, until in _kept(root)]
    return end_of_day(min(days), zone) if days else None


_UNTIL: Final[Mapping[str, Callable[[etree._Element, tzinfo], datetime | None]]] = MappingProxyType(
    {
        "ClarificationRequest": _moment_at(f"{D}ResponseRequiredBy"),
        "NewDeadline": _moment_at(f"{D}Deadline/{C}At"),
        "PostponementNotice": _day_at(f"{D}ReviewOn"),
        "ExtraditionDecision": _day_at(f"{D}FormalRequestBy"),
        "PreservationConfirmation": _preserved_until,
    }
)
"""The limit that a document sets; of any other, the deadline of its Urgency."""


def _kept(root: etree._Element) -> list[tuple[datetime, date]]:
    """From when until when each part is preserved, of those that are."""
    found = []
    for part in root.iterfind(f"{D}Preserved"):
        since, until = _said(part, f"{D}From"), _said(part, f"{D}Until")
        if _said(part, f"{D}Result") in ("PRESERVED", "PARTLY") and since and until:
            found.append((datetime.fromisoformat(since), date.fromisoformat(until)))
    return found


def _questions(root: etree._Element) -> frozenset[str]:
    return frozenset(
        one.get("id", "").strip()
        for one in root.iterfind(f"{D}Question")
        if one.get("mandatory", "").strip() in ("true", "1")
    )


def _answers(root: etree._Element) -> frozenset[str]:
    return frozenset(one.get("question", "").strip() for one in root.iterfind(f"{D}Answer"))


def _delivery(root: etree._Element) -> Delivery | None:
    manifest = root.find(f"{D}Manifest")
    if manifest is None:
        return None
    return Delivery(
        _said(manifest, f"{C}DeliveryId"),
        int(_said(manifest, f"{C}Sequence") or 0),
        _said(manifest, f"{C}LastSequence") in ("true", "1"),
    )


def _moment(root: etree._Element, path: str) -> datetime | None:
    text = _said(root, path)
    return datetime.fromisoformat(text) if text else None


def _said(root: etree._Element, path: str) -> str:
    found = root.find(path)
    return "" if found is None else _text(found)


def _text(element: etree._Element) -> str:
    return (element.text or "").strip()
