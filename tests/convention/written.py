"""What is written from something else: code lists as XSD, examples as JSON, docs/documents/.

    python -m tests.convention.written       writes the files again (`make documents`)

Tests hold what is committed equal to what would be written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from protocol.convention.json_form import to_json
from schemas.catalogue import EXAMPLES, ROOM, example, example_names
from schemas.code_lists import as_xsd, subjects
from tests.convention.pages import DOCS, pages


def written() -> Iterator[tuple[Path, bytes]]:
    """Every file that is written from something else, with its content."""
    for subject in subjects():
        yield ROOM / "convention" / f"codes-{subject}.xsd", as_xsd(subject).encode()
    for name in example_names():
        yield (EXAMPLES / name).with_suffix(".json"), to_json(example(name))
    yield from pages()


if __name__ == "__main__":
    DOCS.mkdir(exist_ok=True)
    for path, content in written():
        path.write_bytes(content)
