"""What a DirectoryUpdate says, and the State record that it makes of the one before.

Pure: a valid document and a record go in, a record comes out, or why it cannot be made. Nothing of
an update is taken without the rest. What the document says from a day on (competences, languages,
the level of signature) holds from that day; a name, a contact and a time zone count at once.
Source: Convention articles 37(19), 40(12), 40(13), 41(2), 53; schemas/convention/directory.xsd.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from lxml import etree

from protocol.convention.canonical import canonical
from protocol.convention.directory import (
    Accepted,
    Authority,
    CompetenceRule,
    Contact,
    Function,
    Matter,
    OpenQuestion,
    Provenance,
    Reservation,
    StateRecord,
    Trust,
)
from protocol.convention.rule_words import C, D, text
from protocol.hardened import parse_again

KIND: Final = "DirectoryUpdate"
_ENDED: Final = "ENDED"
_CHANGED: Final = "CHANGED"
_LANGUAGES: Final = "40(13)"  # the article of the open question which languages are accepted


class UpdateRefused(ValueError):
    """The update cannot be applied to this record; the sentence says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Update:
    """A DirectoryUpdate: who says what about which party, when, and from when it holds."""

    request_id: str
    party: str
    issued_at: datetime
    effective_from: date
    root: etree._Element

    @property
    def source(self) -> str:
        """How a record names it."""
        return f"{KIND} {self.request_id} of {self.issued_at.date()}"


def read_update(octets: bytes) -> Update:
    """The valid document in `octets`. Raises DocumentRefused if its version lives no more."""
    root = canonical(parse_again(octets))
    return Update(
        text(root.find(f"{C}RequestId")),
        text(root.find(f"{D}Party")),
        datetime.fromisoformat(text(root.find(f"{C}IssuedAt"))),
        date.fromisoformat(text(root.find(f"{D}EffectiveFrom"))),
        root,
    )


def updated(record: StateRecord, update: Update) -> StateRecord:
    """`record` with everything that `update` says. Raises UpdateRefused."""
    if update.party != record.code:
        raise UpdateRefused(f"it speaks of {update.party}, and not of {record.code}")
    authorities = _authorities(record, update)
    rules = _rules(record, update)
    _check_known(rules, authorities)
    reservations = _reservations(record, update)
    return replace(
        record,
        authorities=authorities,
        rules=rules,
        accepted=_accepted(record, update),
        reservations=reservations,
        open_questions=tuple(_still_open(record, update, rules)),
    )


def changes_told(update: Update) -> Iterator[str]:
    """One sentence for each change, for the person who decides."""
    for one in update.root.iterfind(f"{D}AuthorityChange"):
        yield f"authority {one.get('id')}: {one.get('change')}"
    for one in update.root.iterfind(f"{D}CompetenceChange"):
        does = ", ".join(text(each) for each in one.iterfind(f"{D}Function"))
        until = text(one.find(f"{D}ValidUntil"))
        days = f"from {_since(one, update)}" + (f" until {until}" if until else "")
        what = f"{text(one.find(f'{D}Authority'))} in {text(one.find(f'{D}Matter'))}: {does}"
        yield f"competence {one.get('change')}: {what}, {days}"
    languages = [text(one) for one in update.root.iterfind(f"{D}Language")]
    if languages:
        yield f"languages from {update.effective_from}: {', '.join(languages)}"
    level = text(update.root.find(f"{D}SignatureLevel"))
    if level:
        yield f"signature level from {update.effective_from}: {level}"
    for one in update.root.iterfind(f"{D}ReservationChange"):
        yield f"reservation to {text(one.find(f'{D}Article'))}: {one.get('change')}"


def _authorities(record: StateRecord, update: Update) -> dict[str, Authority]:
    found = dict(record.authorities)
    for one in update.root.iterfind(f"{D}AuthorityChange"):
        name = one.get("id", "").strip()
        before = found.get(name)
        if one.get("change") == _ENDED:
            if before is None:
                raise UpdateRefused(f"{name} is to end, and the directory does not know it")
            continue
        contacts = tuple(_contact(each) for each in one.iterfind(f"{D}Contact"))
        zone = text(one.find(f"{D}TimeZone")) or (before.time_zone if before else None)
        found[name] = Authority(
            name,
            _names(one.find(f"{D}Name")),
            _provenance(record, update, update.source),
            zone,
            contacts or (before.contacts if before else ()),
        )
    return found


def _rules(record: StateRecord, update: Update) -> tuple[CompetenceRule, ...]:
    """What goes on as it was is kept; the rest ends where it is ended or said anew."""
    changes = list(update.root.iterfind(f"{D}CompetenceChange"))
    new = [
        rule
        for one in changes
        if one.get("change") != _ENDED
        for rule in _added(record, one, update)
    ]
    rules: list[CompetenceRule] = []
    for before in record.rules:
        same = next((rule for rule in new if _goes_on(before, rule)), None)
        if same is not None:
            new.remove(same)
            rules.append(replace(before, provenance=same.provenance))
            continue
        left = list(_of_ended_authority(before, update))
        for one in changes:
            left = [rule for each in left for rule in _without(each, one, update)]
        rules += left
    return (*rules, *new)


def _goes_on(before: CompetenceRule, said: CompetenceRule) -> bool:
    """Whether `said` only says again what `before` says."""
    began = before.valid_from is None or (
        said.valid_from is not None and before.valid_from <= said.valid_from
    )
    return began and _line(before) == _line(said)


def _line(rule: CompetenceRule) -> tuple[object, ...]:
    source, until = rule.provenance.source, rule.valid_until
    return rule.authority, rule.matter, rule.function, rule.article, source, until


def _of_ended_authority(rule: CompetenceRule, update: Update) -> Iterator[CompetenceRule]:
    ended = {
        one.get("id", "").strip()
        for one in update.root.iterfind(f"{D}AuthorityChange")
        if one.get("change") == _ENDED
    }
    yield from _until(rule, rule.authority in ended, update.effective_from)


def _without(
    rule: CompetenceRule, change: etree._Element, update: Update
) -> Iterator[CompetenceRule]:
    """What is left of `rule`: it ends where `change` ends it or says it anew."""
    mine = (
        rule.authority == text(change.find(f"{D}Authority"))
        and rule.matter.value == text(change.find(f"{D}Matter"))
        and (change.get("change") == _CHANGED or rule.function in _functions(change))
    )
    first_without = _since(change, update)
    last = text(change.find(f"{D}ValidUntil"))
    if change.get("change") == _ENDED and last:
        first_without = date.fromisoformat(last) + timedelta(days=1)
    yield from _until(rule, mine, first_without)


def _until(rule: CompetenceRule, mine: bool, first_without: date) -> Iterator[CompetenceRule]:
    """`rule` as it is if it is not `mine`; else as long as it held before `first_without`."""
    if not mine or (rule.valid_until is not None and rule.valid_until < first_without):
        yield rule
    elif rule.valid_from is None or rule.valid_from < first_without:
        yield replace(rule, valid_until=first_without - timedelta(days=1))


def _added(record: StateRecord, change: etree._Element, update: Update) -> Iterator[CompetenceRule]:
    until = text(change.find(f"{D}ValidUntil"))
    for function in _functions(change):
        yield CompetenceRule(
            authority=text(change.find(f"{D}Authority")),
            matter=Matter(text(change.find(f"{D}Matter"))),
            function=function,
            article=text(change.find(f"{D}Article")),
            provenance=_provenance(record, update, text(change.find(f"{D}Source"))),
            valid_from=_since(change, update),
            valid_until=date.fromisoformat(until) if until else None,
        )


def _since(change: etree._Element, update: Update) -> date:
    since = text(change.find(f"{D}ValidFrom"))
    return date.fromisoformat(since) if since else update.effective_from


def _functions(change: etree._Element) -> tuple[Function, ...]:
    named = [Function(text(one)) for one in change.iterfind(f"{D}Function")]
    return tuple(dict.fromkeys(named))


def _check_known(rules: Iterable[CompetenceRule], authorities: Mapping[str, Authority]) -> None:
    unknown = sorted({rule.authority for rule in rules} - authorities.keys())
    if unknown:
        raise UpdateRefused(f"nothing is known of {', '.join(unknown)}; it must be added with it")


def _accepted(record: StateRecord, update: Update) -> tuple[Accepted, ...]:
    day = update.effective_from
    languages = tuple(text(one) for one in update.root.iterfind(f"{D}Language"))
    level = text(update.root.find(f"{D}SignatureLevel"))
    if languages == record.languages_on(day):
        languages = ()
    if level == record.signature_level_on(day):
        level = ""
    if not languages and not level:
        return record.accepted
    said = Accepted(
        day, _provenance(record, update, update.source), languages or None, level or None
    )
    kept = tuple(one for one in record.accepted if one.since != day)
    return (*kept, said)


def _reservations(record: StateRecord, update: Update) -> tuple[Reservation, ...]:
    found = list(record.reservations)
    for one in update.root.iterfind(f"{D}ReservationChange"):
        article, day = text(one.find(f"{D}Article")), date.fromisoformat(text(one.find(f"{D}Day")))
        places = [n for n, held in enumerate(found) if held.article == article]
        if one.get("change") == _ENDED:
            if not places:
                raise UpdateRefused(f"no reservation to {article} is known that could end")
            for n in places:
                found[n] = replace(found[n], withdrawn=max(day, update.effective_from))
            continue
        before = found[places[0]] if places else None
        said = Reservation(
            article,
            next(iter(_names(one.find(f"{D}Effect")).values())),
            replace(_provenance(record, update, update.source), as_of=day),
            before.changes if before else (article,),
            before.offences if before else (),
        )
        found = [held for held in found if held.article != article]
        found.append(said)
    return tuple(found)


def _still_open(
    record: StateRecord, update: Update, rules: tuple[CompetenceRule, ...]
) -> Iterator[OpenQuestion]:
    """The open questions that the update has not answered."""
    received = {rule.matter for rule in rules if rule.function is Function.RECEIVE}
    answered = {
        text(one.find(f"{D}Article")) for one in update.root.iterfind(f"{D}ReservationChange")
    }
    if update.root.find(f"{D}Language") is not None:
        answered.add(_LANGUAGES)
    for question in record.open_questions:
        known = question.matters and received.issuperset(question.matters)
        if not known and (question.matters or question.article not in answered):
            yield question


def _provenance(record: StateRecord, update: Update, source: str) -> Provenance:
    """A State is the source of what it declares; a fictional one stays fictional."""
    trusts = {one.provenance.trust for one in record.authorities.values()}
    trust = Trust.FICTIONAL if Trust.FICTIONAL in trusts else Trust.CONFIRMED
    return Provenance(source, update.issued_at.date(), trust)


def _names(said: etree._Element | None) -> dict[str, str]:
    """A multilingual text by language, each on one line, the original first."""
    texts = [] if said is None else list(said.iterfind(f"{C}Text"))
    texts.sort(key=lambda one: one.get("kind", "").strip() != "ORIGINAL")
    return {one.get("lang", "").strip(): " ".join(text(one).split()) for one in texts}


def _contact(said: etree._Element) -> Contact:
    return Contact(
        kind=said.get("kind", "").strip(),
        person_name=text(said.find(f"{C}PersonName")),
        time_zone=text(said.find(f"{C}TimeZone")),
        languages=tuple(text(one) for one in said.iterfind(f"{C}Language")),
        post=text(said.find(f"{C}Post")) or None,
        phone=text(said.find(f"{C}Phone")) or None,
        email=text(said.find(f"{C}Email")) or None,
        office_hours=text(said.find(f"{C}OfficeHours")) or None,
    )
