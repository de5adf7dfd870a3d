"""The fixed words of documents in each language: titles, labels, codes and phrases.

`words/<language>.toml` is one language. English is complete and is what stands in wherever another
language has no word yet. `machine_made = true` says that nobody who speaks the language has read a
file: whoever shows its words must show that too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from schemas.code_lists import code_lists

WORDS: Final = Path(__file__).parent / "words"
ENGLISH: Final = "en"
TABLES: Final = ("documents", "elements", "attributes", "phrases")
OF_DOCUMENTS: Final = frozenset({"DocumentKind", "RequestKind"})  # lists whose codes are kinds


@dataclass(frozen=True, slots=True)
class Words:
    """One language. `direction` is "ltr" or "rtl", as HTML has it."""

    language: str
    name: str
    direction: str
    machine_made: bool
    tables: Mapping[str, Mapping[str, str]]
    codes: Mapping[str, Mapping[str, str]]

    def document(self, kind: str) -> str:
        """The title of a kind of document."""
        return self._word("documents", kind)

    def element(self, name: str) -> str:
        """The label of an element, by its local name."""
        return self._word("elements", name)

    def attribute(self, name: str) -> str:
        """The label of an attribute."""
        return self._word("attributes", name)

    def phrase(self, key: str) -> str:
        """A fixed phrase of the page itself."""
        return self._word("phrases", key)

    def code(self, code_list: str, code: str) -> str:
        """What a code of a list means; the code itself where nobody wrote it down.

        A code that names a kind of document means, outside English, the title of that kind.
        """
        found = self.codes.get(code_list, {}).get(code)
        if found is None and code_list in OF_DOCUMENTS:
            found = self.tables["documents"].get(code) if self.language != ENGLISH else None
        if found is not None:
            return found
        known = code_lists().get(code_list)
        means = {one.code: one.means for one in known.codes} if known is not None else {}
        return means.get(code, code)

    def _word(self, table: str, key: str) -> str:
        found = self.tables[table].get(key)
        if found is None and self.language != ENGLISH:
            return words(ENGLISH)._word(table, key)
        return key if found is None else found


def languages() -> tuple[str, ...]:
    """The languages that there are, by BCP 47 tag, sorted."""
    return tuple(sorted(path.stem for path in WORDS.glob("*.toml")))


@cache
def words(language: str) -> Words:
    """The words of `language`. Raises LookupError if there are none."""
    if language not in languages():
        raise LookupError(f"no words in {language!r}; there are {', '.join(languages())}")
    read = tomllib.loads((WORDS / f"{language}.toml").read_text("utf-8"))
    return Words(
        language=language,
        name=read["name"],
        direction=read["direction"],
        machine_made=read["machine_made"],
        tables={table: read.get(table, {}) for table in TABLES},
        codes=read.get("codes", {}),
    )
