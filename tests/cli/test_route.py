"""`route` explains, and sends nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from schemas.catalogue import example


def route(path: Path, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "gateway", "route", str(path), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_request_is_explained_by_rule_article_and_source(tmp_path: Path) -> None:
    document = tmp_path / "request.xml"
    document.write_bytes(example("mla-request-xu-az.xml"))
    status, said = route(document, "--json")
    told = json.loads(said)
    assert status == 0
    receiver = told["receiver"]
    assert (receiver["authority"], receiver["article"]) == ("AZ-SSS", "40(12)")
    assert "Law of February 2026" in receiver["source"]
    assert (told["sender"]["trust"], receiver["trust"]) == ("fictional", "confirmed")
    status, said = route(document, "--on", "2026-11-26")
    assert (status, "AZ-SSS has the function RECEIVE in MLA" in said) == (0, True)


def test_a_wrong_address_is_answered_with_the_right_one(tmp_path: Path) -> None:
    document = tmp_path / "request.xml"
    misdirected = example("extradition-request-xu-az.xml").replace(b'"AZ-MOJ"', b'"AZ-SSS"')
    document.write_bytes(misdirected)
    status, said = route(document, "--json")
    receiver = json.loads(said)["receiver"]
    assert status == 1
    assert (receiver["competent"], receiver["rightAddress"]) == (False, "AZ-MOJ")


def test_what_nobody_knows_says_so(tmp_path: Path) -> None:
    document = tmp_path / "request.xml"
    document.write_bytes(example("sentenced-person-transfer-request-xu-az.xml"))
    status, said = route(document)
    assert (status, "unknown, article 38" in said) == (1, True)


def test_a_document_that_does_not_hold_is_not_routed(tmp_path: Path) -> None:
    document = tmp_path / "request.xml"
    document.write_bytes(b"<nothing/>")
    status, said = route(document)
    assert (status, "no document of this kind" in said) == (1, True)
