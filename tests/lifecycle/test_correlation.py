"""To which case a document belongs, and what linked cases say to each other."""

from __future__ import annotations

from dataclasses import replace

from protocol.convention.lifecycle.correlation import FoundBy, Link, Relation, place, tell
from protocol.convention.lifecycle.reading import Filing
from protocol.convention.lifecycle.states import Machine, State
from tests.lifecycle.making import EVERY_MARK, NOW, TERMS, begin, says, standing, walk

PRESERVED = "7e0c1f4a-2b61-4c0e-9d3a-000000000001"
ASKED = "7e0c1f4a-2b61-4c0e-9d3a-000000000002"


def filing(kind: str, request_id: str, *cites: str) -> Filing:
    return Filing(kind, request_id, says(kind), cites)


def preserved():
    kept = says("PreservationConfirmation", marks=EVERY_MARK)
    return walk(begin("PreservationRequest"), ["Acknowledgement", kept])


def test_a_document_belongs_to_the_case_that_it_names() -> None:
    known = {PRESERVED: preserved()}
    assert place(filing("ProgressReport", PRESERVED), known).found_by is FoundBy.REQUEST_ID
    assert place(filing("MlaRequest", ASKED), known).found_by is FoundBy.OPENS
    assert place(filing("ProgressReport", ASKED), known).found_by is FoundBy.NOBODY
    answered = place(filing("ProgressReport", ASKED), known, answered=PRESERVED)
    assert (answered.found_by, answered.request_id) == (FoundBy.REPLY, PRESERVED)


def test_a_later_request_holds_what_was_preserved_and_its_decision_releases_it() -> None:
    earlier = preserved()
    placed = place(filing("StoredDataRequest", ASKED, PRESERVED), {PRESERVED: earlier})
    assert placed.links == (Link(ASKED, PRESERVED, Relation.HOLDS),)
    held = tell(says("StoredDataRequest"), earlier, Relation.HOLDS, NOW, TERMS)
    assert held.state is State.PR_HELD
    assert tell(says("ProgressReport"), held, Relation.HOLDS, NOW, TERMS) == held
    assert tell(says("ExecutionReport PARTIAL"), held, Relation.HOLDS, NOW, TERMS) == held
    released = tell(says("RefusalNotice FULL"), held, Relation.HOLDS, NOW, TERMS)
    assert released.state is State.PR_RELEASED


def test_each_kind_of_case_is_linked_in_its_own_way() -> None:
    emergency = standing(Machine.EMERGENCY, State.EM_DISCLOSED, "EmergencyDataRequest")
    arrest = standing(Machine.EXTRADITION, State.PA_DETAINED, "ProvisionalArrestRequest")
    known = {"emergency": emergency, "arrest": arrest}
    found = {
        (kind, cited): place(filing(kind, ASKED, cited), known).links[0].relation
        for kind in ("MlaRequest", "ExtraditionRequest")
        for cited in known
    }
    assert found == {
        ("MlaRequest", "emergency"): Relation.REGULARISES,
        ("MlaRequest", "arrest"): Relation.CITES,
        ("ExtraditionRequest", "emergency"): Relation.CITES,
        ("ExtraditionRequest", "arrest"): Relation.FOLLOWS,
    }
    assert tell(says("ExtraditionRequest"), arrest, Relation.FOLLOWS, NOW, TERMS).state is (
        State.PA_FOLLOWED
    )
    assert tell(says("MlaRequest"), arrest, Relation.CITES, NOW, TERMS) == arrest


def test_a_link_to_a_case_that_nobody_knows_is_none() -> None:
    assert place(filing("MlaRequest", ASKED, PRESERVED), {}).links == ()


def test_a_link_never_leaves_a_flag_behind() -> None:
    ended = replace(preserved(), state=State.PR_EXPIRED)
    assert tell(says("MlaRequest"), ended, Relation.HOLDS, NOW, TERMS) == ended
