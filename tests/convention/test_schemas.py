"""Every part of the schemas says where it comes from, and three readers take them alike."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from protocol.convention.declarations import ARTICLE
from protocol.convention.vocabulary import KINDS
from schemas.catalogue import EXAMPLES, ROOM, example_names
from schemas.code_lists import TRUST

XS = "{http://www.w3.org/2001/XMLSchema}"
FILES = sorted((ROOM / "convention").glob("*.xsd"))
SAID = [f"{XS}{name}" for name in ("element", "attribute", "complexType", "simpleType")]
SOURCE = re.compile(
    rf"{ARTICLE}([1-9]|[1-5][0-9]|6[0-8])(\([0-9a-z]{{1,2}}\))*#({'|'.join(TRUST)})"
)


def _parts(path: Path) -> Iterator[etree._Element]:
    for part in etree.parse(path).iter(*SAID, f"{XS}group", f"{XS}enumeration"):
        if part.get("ref") is None:
            yield part


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_element_type_and_code_has_its_article_and_its_trust(path: Path) -> None:
    for part in _parts(path):
        texts = part.findall(f"{XS}annotation/{XS}documentation")
        name = part.get("name") or part.get("value")
        assert texts, f"{path.name}: {name} says nothing"
        assert SOURCE.fullmatch(texts[0].get("source") or ""), f"{path.name}: {name}"
        assert (texts[0].text or "").strip(), f"{path.name}: {name}"


def test_every_kind_is_declared_with_the_article_of_the_table() -> None:
    declared = {}
    for path in FILES:
        for element in etree.parse(path).getroot().iterchildren(f"{XS}element"):
            source = element.findtext(".")
            assert source is not None
            text = element.find(f"{XS}annotation/{XS}documentation")
            assert text is not None
            source = (text.get("source") or "").removeprefix(ARTICLE)
            declared[element.get("name")] = source.partition("#")[0]
    assert declared == {kind.name: kind.article for kind in KINDS.values()}


def test_nothing_repeats_more_often_than_every_toolkit_allows() -> None:
    """The Xerces of the JDK refuses a content model of more than 5000 nodes."""
    for path in FILES:
        for part in etree.parse(path).iter(f"{XS}element"):
            assert part.get("maxOccurs") != "unbounded"
            assert int(part.get("maxOccurs", "1")) <= 4000, f"{path.name}: {part.get('name')}"


def _verdicts(schema: Path, documents: list[Path]) -> list[str]:
    java = shutil.which("java")
    if java is None:
        pytest.skip("no Java on this machine: its Xerces cannot be asked")
    program = Path(__file__).with_name("Check.java")
    command = [java, str(program), str(schema), *map(str, documents)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_xerces_takes_every_example_and_not_a_spoiled_one(tmp_path: Path) -> None:
    documents = [EXAMPLES / name for name in example_names()]
    spoiled = tmp_path / "spoiled.xml"
    spoiled.write_bytes(
        (EXAMPLES / "mla-request-xu-az.xml").read_bytes().replace(b"<c:Revision>1", b"<c:Revision>")
    )
    schema = ROOM / "convention" / "documents.xsd"
    expected = ["valid"] * len(documents) + ["not valid"]
    assert _verdicts(schema, [*documents, spoiled]) == expected
