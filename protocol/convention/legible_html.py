"""A sheet as one HTML page that needs nothing from elsewhere: no script, no font, no address.

Every word of a document is text, never markup; the page says which of its own words no person has
checked. It prints well, and is what the PDF is made of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Final
from unicodedata import bidirectional

from protocol.convention.legible import Field, Said, Sheet
from schemas.words import ENGLISH
from schemas.words import words as english

# XML lets control characters of terminals pass (the page may be shown on one), and the two
# overrides of direction, which make a number read backwards; no language needs either.
_STEERING: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e]")

_STRONG: Final = frozenset({"L", "R", "AL"})
_LEFT_TO_RIGHT: Final = "\N{LEFT-TO-RIGHT ISOLATE}"
_END: Final = "\N{POP DIRECTIONAL ISOLATE}"

_STYLE: Final = """
@page { size: A4; margin: 18mm 16mm 20mm 16mm; }
body { font: 11pt/1.45 "Noto Sans", "Noto Sans Arabic", "Noto Sans CJK SC", "DejaVu Sans",
       sans-serif; color: #1a1a1a; max-width: 60rem; margin: 0 auto; padding: 1rem; }
header { border-bottom: 2px solid #1f3a5f; margin-bottom: 1rem; }
h1 { font-size: 1.5rem; color: #1f3a5f; margin: 0 0 .2rem 0; }
header p { margin: .15rem 0; color: #444; }
dl { margin: 0; }
dt { font-weight: 600; margin-top: .55rem; break-after: avoid; }
dd { margin: 0; margin-inline-start: 0; padding-inline-start: .8rem;
     border-inline-start: 2px solid #d5dde6; break-inside: auto; }
dd p { margin: .1rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.article { font-weight: 400; font-size: .8rem; color: #1f3a5f; }
.note { font-size: .8rem; color: #555; }
.warning { border: 1px solid #b36b00; background: #fff6e5; padding: .4rem .6rem;
           font-size: .85rem; }
footer { margin-top: 1.5rem; border-top: 1px solid #d5dde6; font-size: .8rem; color: #555; }
"""


def page(sheet: Sheet) -> str:
    """The whole page."""
    words = sheet.words
    warning = ""
    if words.machine_made:
        said = f'{_text(words.phrase("machine made"))}<br><span lang="en" dir="ltr">'
        said += f"{_text(english(ENGLISH).phrase('machine made'))}</span>"
        warning = f'<p class="warning">{said}</p>'
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="{_text(words.language)}" dir="{_text(words.direction)}">\n<head>'
        '<meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{_text(sheet.title)} {_text(sheet.number)}</title>"
        f"<style>{_STYLE}</style></head>\n<body>\n<header><h1>{_text(sheet.title)}</h1>"
        f"<p>{_text(words.phrase('convention'))}, {_article(sheet.article, sheet)}</p>"
        f"<p>{_text(words.element('RequestId'))}: {_aside(sheet.number, sheet)}</p>"
        f"{warning}</header>\n"
        f"<dl>{''.join(_fields(sheet.fields, sheet))}</dl>\n"
        f"<footer>{_text(words.phrase('not the original'))}</footer>\n</body>\n</html>\n"
    )


def _fields(fields: tuple[Field, ...], sheet: Sheet) -> Iterator[str]:
    for field in fields:
        article = ""
        if field.article is not None:
            trust = f' title="{_text(field.trust)}"' if field.trust else ""
            article = f' <span class="article"{trust}>{_article(field.article, sheet)}</span>'
        yield f"<dt>{_text(field.label)}{article}</dt>\n<dd>"
        yield from (_value(said, sheet) for said in field.values)
        if field.fields:
            yield "<dl>"
            yield from _fields(field.fields, sheet)
            yield "</dl>"
        yield "</dd>\n"


def _value(said: Said, sheet: Sheet) -> str:
    language = f' lang="{_text(said.language)}"' if said.language else ""
    note = f' <span class="note">({_text(said.note)})</span>' if said.note else ""
    return f'<p{language} dir="auto">{_aside(said.text, sheet)}{note}</p>'


def _article(article: str, sheet: Sheet) -> str:
    return f"{_text(sheet.words.phrase('article'))} {_aside(article, sheet)}"


def _aside(text: str, sheet: Sheet) -> str:
    """`text`, kept together where it runs against the page: 40(14), +999 and "24/7 Point" would
    else be torn apart and put in the page's order (Unicode Standard Annex 9)."""
    strong = (bidirectional(one) for one in text)
    if (
        sheet.words.direction != "rtl"
        or next((one for one in strong if one in _STRONG), "L") != "L"
    ):
        return _text(text)
    return f"{_LEFT_TO_RIGHT}{_text(text)}{_END}"


def _text(text: str) -> str:
    """`text` as text of the page, with a mark for every character that would steer its reader."""
    return escape(_STEERING.sub("\N{REPLACEMENT CHARACTER}", text))
