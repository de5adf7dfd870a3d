"""A document as a person reads it."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from lxml import etree, html

from gateway.rendering import NoPdf, pdf
from protocol.convention.legible import Field, sheet
from protocol.convention.legible_html import page
from schemas.catalogue import ROOM, XSD, example, example_names
from schemas.code_lists import code_lists
from schemas.words import ENGLISH, TABLES, languages, words

PRESERVATION = "preservation-request-xu-az.xml"


def every(fields: tuple[Field, ...]) -> list[Field]:
    return [one for field in fields for one in (field, *every(field.fields))]


@pytest.mark.parametrize("name", example_names())
def test_every_value_of_every_example_is_on_its_page(name: str) -> None:
    octets = example(name)
    shown = " ".join(html.fromstring(page(sheet(octets, words("en")))).text_content().split())
    root = etree.fromstring(octets)
    for element in root.iter(etree.Element):
        text = " ".join((element.text or "").split())
        if text and not len(element) and text not in ("true", "false"):
            assert text in shown, (etree.QName(element).localname, text)


@pytest.mark.parametrize("language", languages())
def test_every_field_has_its_article_in_every_language(language: str) -> None:
    made = sheet(example(PRESERVATION), words(language))
    fields = every(made.fields)
    assert len(fields) > 40
    assert all(field.article for field in fields)
    tree = html.fromstring(page(made))
    assert tree.get("lang") == language
    assert tree.get("dir") == words(language).direction
    assert len(tree.xpath("//dl//*[@class='article']")) == len(fields)


def test_the_article_of_a_field_is_the_schemas() -> None:
    made = sheet(example(PRESERVATION), words("en"))
    articles = {field.label: (field.article, field.trust) for field in every(made.fields)}
    assert articles["Necessity"] == ("42(3)(e)", "parent-treaty")


def test_a_code_is_shown_with_its_meaning() -> None:
    made = sheet(example(PRESERVATION), words("en"))
    values = [said.text for field in every(made.fields) for said in field.values]
    means = next(one for one in code_lists()["OffenceCode"].codes if one.code == "UNCC-07").means
    assert f"{means} (UNCC-07)" in values
    assert "yes" in values


def test_the_readers_language_comes_first_and_translations_are_marked() -> None:
    for language in ("en", "az"):
        made = sheet(example(PRESERVATION), words(language))
        facts = next(f for f in made.fields if f.label == words(language).element("Facts"))
        assert facts.values[0].language == language
    assert any(said.note for said in facts.values)


def test_nothing_in_a_document_becomes_markup() -> None:
    octets = example(PRESERVATION).replace(
        b"Virtual servers", b"&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x&gt;"
    )
    made = page(sheet(octets, words("en")))
    assert "<script" not in made
    assert "<img" not in made
    assert "&lt;script&gt;alert(1)" in made
    assert html.fromstring(made).xpath("//*[@src or @href]") == []


def test_nothing_in_a_document_steers_who_reads_it() -> None:
    """Terminals obey C1 controls (a page is shown on one); an override turns a number around."""
    steering = "\N{RIGHT-TO-LEFT OVERRIDE}001\x9b2J\N{ZERO WIDTH NON-JOINER}"
    octets = example(PRESERVATION).replace(b"Virtual servers", steering.encode())
    shown = html.fromstring(page(sheet(octets, words("en")))).text_content()
    assert "\ufffd001\ufffd2J\N{ZERO WIDTH NON-JOINER}" in shown  # Persian needs the last one


def test_english_has_a_word_for_everything_in_the_schema() -> None:
    known: dict[str, set[str]] = {"documents": set(), "elements": set(), "attributes": set()}
    for path in (ROOM / "convention").glob("*.xsd"):
        for declared in etree.parse(path).iter(f"{XSD}element", f"{XSD}attribute"):
            name = declared.get("name")
            if name is None:
                continue
            top = declared.getparent().tag == f"{XSD}schema"
            table = "attributes" if declared.tag.endswith("attribute") else "elements"
            known["documents" if top else table].add(name)
    for table, names in known.items():
        assert set(words(ENGLISH).tables[table]) == names


@pytest.mark.parametrize("language", languages())
def test_a_language_has_only_words_that_english_has(language: str) -> None:
    for table in TABLES:
        assert set(words(language).tables[table]) <= set(words(ENGLISH).tables[table])
    for name, codes in words(language).codes.items():
        assert set(codes) <= {one.code for one in code_lists()[name].codes}


SCRIPTS = {"ar": "\u0600-\u06ff", "ru": "\u0400-\u04ff", "zh": "\u4e00-\u9fff"}
ILLEGAL_ACCESS = {
    "ar": "النفاذ غير المشروع",
    "az": "Qanunsuz daxilolma",
    "en": "Illegal access",
    "es": "Acceso ilícito",
    "fr": "Accès illégal",
    "ru": "Незаконный доступ",
    "zh": "非法访问",
}


@pytest.mark.parametrize("language", languages())
def test_every_code_has_a_meaning_in_every_language(language: str) -> None:
    spoken = words(language)
    letters = re.compile(f"[{SCRIPTS[language]}]") if language in SCRIPTS else re.compile(r"\w")
    for name, code_list in code_lists().items():
        means = {one.code: spoken.code(name, one.code) for one in code_list.codes}
        assert len(set(means.values())) == len(means), (name, means)
        for code, meaning in means.items():
            assert letters.search(meaning), (name, code, meaning)
            assert language == ENGLISH or meaning != code, (name, code)
        same = [one.code for one in code_list.codes if one.means == means[one.code]]
        assert language == ENGLISH or len(same) <= len(means) / 2, (name, same)


@pytest.mark.parametrize("language", languages())
def test_a_page_shows_codes_in_its_language(language: str) -> None:
    shown = html.fromstring(page(sheet(example(PRESERVATION), words(language)))).text_content()
    assert f"{ILLEGAL_ACCESS[language]} (UNCC-07)" in shown
    assert language == ENGLISH or "Illegal access" not in shown


@pytest.mark.parametrize("language", languages())
def test_what_a_machine_translated_says_so(language: str) -> None:
    shown = page(sheet(example(PRESERVATION), words(language)))
    assert ('class="warning"' in shown) is words(language).machine_made
    assert words(language).machine_made is (language != ENGLISH)


def test_a_pdf_can_be_read_again() -> None:
    try:
        octets = pdf(page(sheet(example(PRESERVATION), words("en"))))
    except NoPdf as e:
        pytest.skip(str(e))
    assert octets.startswith(b"%PDF-")
    assert len(octets) > 10_000


def test_a_pdf_fetches_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(one_pixel())
    shown = f'<html lang="en"><img src="{secret.as_uri()}" alt="x"><p>text</p></html>'
    try:
        octets = pdf(shown)
    except NoPdf as e:
        pytest.skip(str(e))
    from weasyprint import HTML

    assert b"/Image" in HTML(string=shown).write_pdf()  # whoever fetches has it in the PDF
    assert octets.startswith(b"%PDF-")
    assert b"/Image" not in octets


def one_pixel() -> bytes:
    """A PNG of one grey pixel."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checked = name + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixel = zlib.compress(bytes([0, 128]))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(name, content)
        for name, content in ((b"IHDR", head), (b"IDAT", pixel), (b"IEND", b""))
    )


def test_the_command_writes_what_the_ending_says(tmp_path: Path) -> None:
    document = tmp_path / "request.xml"
    document.write_bytes(example(PRESERVATION))
    command = [sys.executable, "-m", "gateway", "render", str(document)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    into = tmp_path / "request.html"
    subprocess.run([*command, "--into", str(into)], check=True)
    assert into.read_text() == printed
    document.write_bytes(b"<nothing/>")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "no document of this kind" in done.stderr) == (1, True)


def test_what_runs_against_an_arabic_page_is_kept_together() -> None:
    """Else a number reads 99900000247+, and an article (14)40."""
    made = page(sheet(example(PRESERVATION), words("ar")))
    for aside in ("+99900000247", "40(14)", "24/7 Point of Contact of Utopia"):
        assert f"\N{LEFT-TO-RIGHT ISOLATE}{aside}\N{POP DIRECTIONAL ISOLATE}" in made
    assert "\N{LEFT-TO-RIGHT ISOLATE}" not in page(sheet(example(PRESERVATION), words("fr")))


def test_there_are_seven_languages_and_each_has_every_word() -> None:
    assert languages() == ("ar", "az", "en", "es", "fr", "ru", "zh")
    english = words("en")
    for language in languages():
        for table in TABLES:
            found = words(language).tables[table]
            assert found.keys() == english.tables[table].keys()
            assert all(text.strip() for text in found.values())
        assert words(language).machine_made is (language != "en")


@pytest.mark.parametrize("language", languages())
def test_a_page_that_nobody_checked_says_so_in_english_too(language: str) -> None:
    made = page(sheet(example(PRESERVATION), words(language)))
    assert (words("en").phrase("machine made") in made) is (language != "en")
