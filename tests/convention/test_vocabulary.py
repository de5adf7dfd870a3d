"""The table of kinds agrees with itself: every kind can be sent, answered and routed."""

from __future__ import annotations

import re

from config.partner_settings import ACTIONS
from protocol.convention.competence import CONTACT_CHECK, MATTERS, OF_A_CASE
from protocol.convention.kinds import PRIORITIES, Form, Side
from protocol.convention.vocabulary import KINDS

CODE_OF = {Form.REQUEST: "R", Form.ONE_WAY: "S", Form.RESPONSE: "A", Form.STATUS: "A"}
ARTICLE = re.compile(r"([1-9]|[1-5][0-9]|6[0-8])(\([0-9]{1,2}\))?(\([a-z]\))?")


def test_a_code_says_the_form_and_names_one_kind_or_a_pair() -> None:
    codes = [kind.code for kind in KINDS.values()]
    assert all(kind.code[0] == CODE_OF[kind.form] for kind in KINDS.values())
    assert {code for code in codes if codes.count(code) > 1} == {"A-COND", "A-SURR"}


def test_what_a_kind_concerns_is_a_kind() -> None:
    for kind in KINDS.values():
        assert set(kind.concerns) <= set(KINDS), kind.name
        assert kind.name not in kind.concerns


def test_a_request_that_opens_a_case_has_a_matter_and_its_asker_writes_it() -> None:
    for kind in KINDS.values():
        if kind.form is Form.REQUEST and not kind.needs_case:
            assert kind.matter is not None, kind.name
            assert kind.author is Side.REQUESTING


def test_every_answer_belongs_to_a_case_and_goes_back_within_it() -> None:
    for kind in KINDS.values():
        if kind.form in (Form.RESPONSE, Form.STATUS):
            assert kind.needs_case, kind.name
            assert kind.matter is None


def test_articles_and_urgency_exist() -> None:
    for kind in KINDS.values():
        assert ARTICLE.fullmatch(kind.article), kind
        assert kind.urgency in PRIORITIES


def test_every_request_can_be_acknowledged_refused_and_asked_about() -> None:
    requests = {kind.name for kind in KINDS.values() if kind.form is Form.REQUEST}
    for name in ("Acknowledgement", "ReturnNotice", "RefusalNotice", "ReferralNotice"):
        assert set(KINDS[name].concerns) == requests


def test_a_partner_may_send_every_kind_and_every_kind_is_routed() -> None:
    assert set(ACTIONS) == {*KINDS, CONTACT_CHECK}
    assert {*MATTERS, *OF_A_CASE} == set(ACTIONS)
    assert not set(MATTERS) & OF_A_CASE
