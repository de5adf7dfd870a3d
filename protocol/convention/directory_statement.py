"""Our own State record as the DirectoryUpdate that tells it to a partner, in the JSON form.

All that the record says is said, each line with its days, so that a partner that missed an update
has everything again with the next. What stood in a record before and is gone is said to have ended:
a partner would otherwise keep it. Source: schemas/convention/directory.xsd.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from protocol.convention.directory import (
    Authority,
    CompetenceRule,
    Contact,
    Reservation,
    StateRecord,
)
from protocol.convention.drafting import Beginning, begin
from protocol.convention.kinds import Kind
from protocol.convention.vocabulary import KINDS

KIND: Kind = KINDS["DirectoryUpdate"]
Part = dict[str, Any]


class NothingToSay(ValueError):
    """The record lacks something without which no update can be written; the sentence says what."""


def statement(record: StateRecord, known: Beginning, before: Iterable[StateRecord] = ()) -> Part:
    """The document that tells `record` to the addressee of `known`, in the JSON form.

    `before` are the records that were in force earlier. Raises NothingToSay.
    """
    author, today = known.author, known.now.date()
    if author is None or not author.contacts:
        name = "the author" if author is None else author.id
        raise NothingToSay(
            f"a document names whom to ask about it, and {name} has no contact in the record; "
            f"add [[authorities.contacts]] to states/{record.code}.toml and sign it"
        )
    draft = begin(known)
    draft["RequestingAuthority"]["Contact"] = [_contact(one) for one in author.contacts]
    draft |= {
        "Confidentiality": {"@level": "RESTRICTED"},
        "Party": record.code,
        "PartyType": record.party_type.value,
        "EffectiveFrom": today.isoformat(),
    }
    past = list(before)
    draft["AuthorityChange"] = list(_authorities(record, past))
    draft["CompetenceChange"] = [*_competences(record.rules, today), *_gone(record, past, today)]
    draft |= _asked(record, today)
    reservations = [_reservation(one, today) for one in record.reservations]
    if reservations:
        draft["ReservationChange"] = reservations
    return {KIND.name: {key: value for key, value in draft.items() if value != []}}


def _authorities(record: StateRecord, past: Iterable[StateRecord]) -> Iterator[Part]:
    for one in record.authorities.values():
        yield _authority(one, "CHANGED")
    gone = {name: one for each in past for name, one in each.authorities.items()}
    for name, one in gone.items():
        if name not in record.authorities:
            yield _authority(one, "ENDED")


def _authority(authority: Authority, change: str) -> Part:
    said: Part = {"@id": authority.id, "@change": change, "Name": _text(authority.names)}
    if authority.contacts:
        said["Contact"] = [_contact(one) for one in authority.contacts]
    if authority.time_zone is not None:
        said["TimeZone"] = authority.time_zone
    return said


def _competences(rules: Iterable[CompetenceRule], today: date) -> Iterator[Part]:
    for _, group in groupby(rules, _alike):
        first, *others = group
        over = first.valid_until is not None and first.valid_until < today
        functions = [rule.function.value for rule in (first, *others)]
        yield _competence(first, functions, "ENDED" if over else "CHANGED")


def _alike(rule: CompetenceRule) -> tuple[object, ...]:
    source = rule.provenance.source
    days = rule.valid_from, rule.valid_until
    return rule.authority, rule.matter, rule.article, source, *days


def _competence(rule: CompetenceRule, functions: list[str], change: str) -> Part:
    said: Part = {
        "@change": change,
        "Authority": rule.authority,
        "Matter": rule.matter.value,
        "Function": functions,
        "Article": rule.article,
    }
    if rule.valid_from is not None:
        said["ValidFrom"] = rule.valid_from.isoformat()
    if rule.valid_until is not None:
        said["ValidUntil"] = rule.valid_until.isoformat()
    said["Source"] = rule.provenance.source
    return said


def _gone(record: StateRecord, past: Iterable[StateRecord], today: date) -> Iterator[Part]:
    """Pairs of authority and matter that stood in an earlier record and in this one no more."""
    still = {(rule.authority, rule.matter) for rule in record.rules}
    ended: dict[tuple[object, ...], CompetenceRule] = {}
    for each in past:
        for rule in each.rules:
            if (rule.authority, rule.matter) not in still:
                ended.setdefault((rule.authority, rule.matter, rule.function), rule)
    for rule in ended.values():
        if rule.authority in record.authorities:  # those of one that is gone end with it
            last = replace(rule, valid_from=None, valid_until=today - timedelta(days=1))
            yield _competence(last, [rule.function.value], "ENDED")


def _asked(record: StateRecord, today: date) -> Part:
    """The languages and the level of signature that are asked for today."""
    said: Part = {"Language": list(record.languages_on(today) or ())}
    level = record.signature_level_on(today)
    if level is not None:
        said["SignatureLevel"] = level
    return said


def _reservation(reservation: Reservation, today: date) -> Part:
    ended = not reservation.holds(today)
    day = reservation.withdrawn if ended and reservation.withdrawn else reservation.provenance.as_of
    return {
        "@change": "ENDED" if ended else "CHANGED",
        "Article": reservation.article,
        "Effect": _text({"en": reservation.effect}),
        "Day": day.isoformat(),
    }


def _text(names: Mapping[str, str]) -> Part:
    kinds = ["ORIGINAL", *["TRANSLATION"] * (len(names) - 1)]
    return {
        "Text": [
            {"@lang": language, "@kind": kind, "$": name}
            for kind, (language, name) in zip(kinds, names.items(), strict=True)
        ]
    }


def _contact(contact: Contact) -> Part:
    said = {
        "@kind": contact.kind,
        "PersonName": contact.person_name,
        "Post": contact.post,
        "Phone": contact.phone,
        "Email": contact.email,
        "OfficeHours": contact.office_hours,
        "TimeZone": contact.time_zone,
        "Language": list(contact.languages),
    }
    return {key: value for key, value in said.items() if value is not None}
