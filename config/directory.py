"""The State directory as TOML files, one for each State: states/AZ.toml and so on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from config.directory_shapes import CompetenceShape, StateShape, record_of
from config.faults import ConfigRefused, Fault
from config.reading import Collected, place, read_octets, shaped, table_in
from protocol.convention.directory import Directory, Function, Matter, StateRecord


def load_directory(folder: Path) -> Directory:
    """All State records in `folder`. Raises ConfigRefused with every fault of every file."""
    return Directory({code: record for code, (_, record) in read_records(folder).items()})


def read_records(folder: Path) -> dict[str, tuple[bytes, StateRecord]]:
    """The octets of each file in `folder` and the record in them, by State.

    Raises ConfigRefused with every fault of every file.
    """
    found = Collected()
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        found.add(folder, "holds no State record; copy at least our own State's there")
    states: dict[str, tuple[bytes, StateRecord]] = {}
    for path in paths:
        read = found.attempt(partial(_read, path))
        if read is not None:
            states[read[1].code] = read
    found.refuse_if_any()
    return states


def record_in(octets: bytes, path: Path) -> StateRecord:
    """The record in `octets`, which are the file `path` or are to be. Raises ConfigRefused."""
    shape = shaped(StateShape, table_in(octets, path), path)
    faults = list(_faults(shape, path))
    if faults:
        raise ConfigRefused(faults)
    return record_of(shape)


def _read(path: Path) -> tuple[bytes, StateRecord]:
    octets = read_octets(path)
    return octets, record_in(octets, path)


def _faults(shape: StateShape, path: Path) -> Iterator[Fault]:
    """What a person can get wrong in a record whose shape is right."""
    if path.stem != shape.code:
        yield Fault(place(path, "code"), f"is {shape.code}, so the file must be {shape.code}.toml")
    known = [one.id for one in shape.authorities]
    for n, authority in enumerate(shape.authorities):
        if known.index(authority.id) != n:
            yield Fault(place(path, "authorities", n, "id"), f"{authority.id} stands twice")
        if not authority.id.startswith(f"{shape.code}-"):
            yield Fault(
                place(path, "authorities", n, "id"), f"must begin with {shape.code}-, its State"
            )
    treaties = [one.party for one in shape.treaties]
    exclusions = [one.party for one in shape.exclusions]
    for name, parties in (("treaties", treaties), ("exclusions", exclusions)):
        if shape.code in parties:
            where = place(path, name, parties.index(shape.code), "party")
            yield Fault(where, "is the State itself; name the other party")
    yield from _competence_faults(shape, known, path)


def _competence_faults(shape: StateShape, known: list[str], path: Path) -> Iterator[Fault]:
    receivers: dict[Matter, list[CompetenceShape]] = {}
    for n, rule in enumerate(shape.competences):
        if rule.authority not in known:
            yield Fault(
                place(path, "competences", n, "authority"),
                f"{rule.authority} is not among the authorities of this file",
            )
        if rule.valid_from and rule.valid_until and rule.valid_until < rule.valid_from:
            yield Fault(place(path, "competences", n, "valid_until"), "is before valid_from")
        if Function.RECEIVE not in rule.functions:
            continue
        for matter in rule.matters:
            for other in receivers.setdefault(matter, []):
                if _overlap(rule, other):
                    yield Fault(
                        place(path, "competences", n),
                        f"{rule.authority} and {other.authority} both receive {matter.value} at "
                        "the same time; give one of them a valid_until or valid_from",
                    )
            receivers[matter].append(rule)


def _overlap(one: CompetenceShape, other: CompetenceShape) -> bool:
    first, last = "0001-01-01", "9999-12-31"
    return (one.valid_from or first) <= (other.valid_until or last) and (
        other.valid_from or first
    ) <= (one.valid_until or last)
