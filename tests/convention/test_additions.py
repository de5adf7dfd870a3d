"""What a newer schema may add to an older one, and every sort of change that is more than that."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.additions import MAX_SHOWN, changes

HEAD = (
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t:{v}" '
    'targetNamespace="urn:t:{v}" elementFormDefault="qualified">'
)
OLDER = """
  <!-- read first -->
  <xs:element name="Letter" type="t:Letter"/>
  <xs:complexType name="Letter">
    <xs:annotation><xs:documentation>A letter.</xs:documentation></xs:annotation>
    <xs:sequence>
      <xs:element name="To" type="t:Name"/>
      <xs:choice><xs:element name="Text" type="xs:string"/><xs:element name="Scan" type="xs:anyURI"/></xs:choice>
      <xs:element name="Copy" type="t:Name" minOccurs="0" maxOccurs="9"/>
    </xs:sequence>
    <xs:attribute name="kind" type="t:Kind" use="required"/>
  </xs:complexType>
  <xs:simpleType name="Name"><xs:restriction base="xs:token"><xs:maxLength value="80"/></xs:restriction></xs:simpleType>
  <xs:simpleType name="Kind">
    <xs:restriction base="xs:token"><xs:enumeration value="A"/><xs:enumeration value="B"/></xs:restriction>
  </xs:simpleType>
  <xs:simpleType name="Spec"><xs:restriction base="xs:token"><xs:enumeration value="1"/></xs:restriction></xs:simpleType>
"""  # noqa: E501
COPY = '<xs:element name="Copy" type="t:Name" minOccurs="0" maxOccurs="9"/>'
TO = '<xs:element name="To" type="t:Name"/>'

LETTER = '<xs:element name="Letter" type="t:Letter"/>'
NOTE = '<xs:element name="Note" type="t:Name"/>'


def _changes(tmp_path: Path, *edits: tuple[str, str], head: str = HEAD) -> tuple[str, ...]:
    newer = OLDER.replace('value="1"', 'value="2"')
    for old, new in edits:
        assert newer.count(old) == 1, old
        newer = newer.replace(old, new)
    for version, frame, body in (("1", HEAD, OLDER), ("2", head, newer)):
        folder = tmp_path / version
        folder.mkdir()
        (folder / "all.xsd").write_text(frame.format(v=version) + body + "</xs:schema>")
    folders = tmp_path / "1", tmp_path / "2"
    return changes(*folders, {"urn:t:2": "urn:t:1"}, frozenset({"Spec"}))


@pytest.mark.parametrize(
    "edits",
    [
        (),
        (("<xs:documentation>A letter.</xs:documentation>", ""),),
        ((TO, TO + '<xs:element name="From" type="t:Name" minOccurs="0"/>'),),
        ((COPY, COPY + '<xs:element name="Seal" minOccurs="0" type="xs:token"/>'),),
        (("</xs:sequence>", '</xs:sequence><xs:attribute name="lang" type="xs:token"/>'),),
        ((LETTER, NOTE + LETTER),),
    ],
    ids=["nothing", "words", "element", "last element", "attribute", "document"],
)  # fmt: skip
def test_this_only_adds(tmp_path: Path, edits: tuple[tuple[str, str], ...]) -> None:
    assert _changes(tmp_path, *edits) == ()


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        ((TO, TO.replace('"To"', '"Addressee"')), "Letter"),
        ((TO, ""), "Letter"),
        ((TO, TO.replace("t:Name", "xs:string")), "Letter/To"),
        ((TO, TO.replace("/>", ' minOccurs="0"/>')), "Letter/To"),
        ((TO, TO + '<xs:element name="From" type="t:Name"/>'), "Letter"),
        ((COPY, COPY.replace('"9"', '"unbounded"')), "Letter/Copy"),
        (("<xs:choice>", '<xs:choice><xs:element name="Voice" minOccurs="0"/>'), "Letter"),
        (("<xs:choice>", '<xs:choice minOccurs="0">'), "Letter"),
        ((' use="required"', ""), "Letter/@kind"),
        (('<xs:enumeration value="B"/>', ""), "Kind"),
        (('<xs:enumeration value="B"/>', '<xs:enumeration value="B"/><xs:enumeration value="C"/>'),
         "Kind"),
        (('value="80"', 'value="81"'), "Name"),
        (('<xs:simpleType name="Name">', '<xs:simpleType name="Titled">'), "Name"),
        (("</xs:sequence>", '</xs:sequence><xs:attribute name="at" use="required"/>'), "Letter"),
    ],
)  # fmt: skip
def test_this_changes(tmp_path: Path, edit: tuple[str, str], place: str) -> None:
    assert place in _changes(tmp_path, edit)


@pytest.mark.parametrize(
    ("added", "place"),
    [
        ('<xs:element name="Card" type="t:Letter" substitutionGroup="t:Letter"/>', "Card"),
        ('<xs:redefine schemaLocation="all.xsd"/>', "redefine"),
    ],
)
def test_what_takes_the_place_of_something_changes(tmp_path: Path, added: str, place: str) -> None:
    assert _changes(tmp_path, (LETTER, added + LETTER)) == (place,)


def test_an_order_that_is_another_one_changes(tmp_path: Path) -> None:
    assert _changes(tmp_path, (TO, ""), (COPY, COPY + TO)) == ("Letter",)


def test_how_names_are_qualified_is_a_change_of_everything(tmp_path: Path) -> None:
    found = _changes(tmp_path, head=HEAD.replace("qualified", "unqualified"))
    assert len(found) == MAX_SHOWN - 1  # of five at the top, one says the version


def test_a_name_of_another_namespace_is_another_name(tmp_path: Path) -> None:
    head = HEAD.replace("xmlns:t=", 'xmlns:u="urn:other" xmlns:t=')
    other = (TO, TO.replace("t:Name", "u:Name"))
    assert _changes(tmp_path, other, head=head) == ("Letter/To",)
