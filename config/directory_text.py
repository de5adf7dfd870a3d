"""A State record as TOML: what is written when a partner's update is applied.

Reading the text gives the same record again (tests/directory/test_text.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby

from config.toml_text import array, quoted, truth
from protocol.convention.directory import (
    Authority,
    Channels,
    CompetenceRule,
    Contact,
    OpenQuestion,
    Provenance,
    StateRecord,
)

Value = str | bool | date | Sequence[str] | Mapping[str, str] | None
Fields = Mapping[str, Value]


def record_text(record: StateRecord, remark: str) -> str:
    """states/<STATE>.toml for `record`; `remark` stands above it."""
    blocks = [_head(record, remark), *_authorities(record.authorities.values())]
    blocks += [_block("competences", fields) for fields in _competences(record.rules)]
    blocks += [_block(name, fields) for name, fields in _what_it_asks(record)]
    blocks += [_block(name, fields) for name, fields in _towards_others(record)]
    blocks += [_block("open_questions", _question(one)) for one in record.open_questions]
    return "\n".join(blocks)


def _head(record: StateRecord, remark: str) -> str:
    fields: Fields = {
        "code": record.code,
        "party_type": record.party_type.value,
        "names": record.names,
        "languages": record.languages,
    }
    return "".join(f"# {line}\n" for line in remark.splitlines()) + "\n" + _lines(fields)


def _authorities(authorities: Iterable[Authority]) -> Iterator[str]:
    for one in authorities:
        yield _block(
            "authorities",
            {"id": one.id, "names": one.names, "time_zone": one.time_zone, **_said(one.provenance)},
        )
        yield from (_block("authorities.contacts", _contact(each)) for each in one.contacts)


def _contact(contact: Contact) -> Fields:
    return {
        "kind": contact.kind,
        "person_name": contact.person_name,
        "post": contact.post,
        "phone": contact.phone,
        "email": contact.email,
        "office_hours": contact.office_hours,
        "time_zone": contact.time_zone,
        "languages": contact.languages,
    }


def _competences(rules: Iterable[CompetenceRule]) -> Iterator[Fields]:
    """Neighbours that differ in the function only are one table."""
    for _, group in groupby(rules, _alike):
        first, *others = group
        yield {
            "authority": first.authority,
            "matters": [first.matter.value],
            "functions": [rule.function.value for rule in (first, *others)],
            "article": first.article,
            **_said(first.provenance),
            "valid_from": first.valid_from,
            "valid_until": first.valid_until,
        }


def _alike(rule: CompetenceRule) -> tuple[object, ...]:
    return (
        rule.authority,
        rule.matter,
        rule.article,
        rule.provenance,
        rule.valid_from,
        rule.valid_until,
    )


def _what_it_asks(record: StateRecord) -> Iterator[tuple[str, Fields]]:
    for one in record.accepted:
        asked: Fields = {"languages": one.languages, "signature_level": one.signature_level}
        yield "accepted", {"since": one.since, **asked, **_said(one.provenance)}
    for limit in record.time_limits:
        held: Fields = {"clock": limit.clock, "length": limit.length, "article": limit.article}
        yield "time_limits", {**held, **_said(limit.provenance)}
    if record.channels is not None:
        yield "channels", _channels(record.channels)


def _channels(channels: Channels) -> Fields:
    return {
        "electronic": channels.electronic,
        "diplomatic_required": channels.diplomatic_required,
        "interpol_in_urgency": channels.interpol_in_urgency,
        "oral_in_urgency": channels.oral_in_urgency,
        **_said(channels.provenance),
    }


def _towards_others(record: StateRecord) -> Iterator[tuple[str, Fields]]:
    for treaty in record.treaties:
        yield (
            "treaties",
            {
                "party": treaty.party,
                "instrument": treaty.instrument,
                "matters": [matter.value for matter in treaty.matters],
                "prevails": treaty.prevails,
                **_said(treaty.provenance),
                "valid_from": treaty.valid_from,
                "valid_until": treaty.valid_until,
            },
        )
    for exclusion in record.exclusions:
        yield "exclusions", {"party": exclusion.party, **_said(exclusion.provenance)}
    for one in record.reservations:
        yield (
            "reservations",
            {
                "article": one.article,
                "effect": one.effect,
                "changes": one.changes or None,
                "offences": one.offences or None,
                "withdrawn": one.withdrawn,
                **_said(one.provenance),
            },
        )


def _question(question: OpenQuestion) -> Fields:
    return {
        "subject": question.subject,
        "article": question.article,
        "source": question.source,
        "as_of": question.as_of,
        "matters": [matter.value for matter in question.matters] or None,
    }


def _said(provenance: Provenance) -> dict[str, Value]:
    return {
        "source": provenance.source,
        "as_of": provenance.as_of,
        "trust": provenance.trust.value,
    }


def _block(name: str, fields: Fields) -> str:
    head = f"[{name}]" if name == "channels" else f"[[{name}]]"
    return f"{head}\n{_lines(fields)}"


def _lines(fields: Fields) -> str:
    return "".join(
        f"{key} = {_value(value)}\n" for key, value in fields.items() if value is not None
    )


def _value(value: Value) -> str:
    match value:
        case bool():
            return truth(value)
        case str():
            return quoted(value)
        case date():
            return quoted(value.isoformat())
        case Mapping():
            inner = ", ".join(f"{quoted(key)} = {quoted(text)}" for key, text in value.items())
            return f"{{ {inner} }}"
        case None:
            raise ValueError("nothing is not written")
    return array(value)
