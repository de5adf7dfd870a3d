"""Why a key or certificate file cannot be used."""

from __future__ import annotations

from pathlib import Path


class KeyRefused(Exception):
    """A key or certificate cannot be used. `sentence` names what was expected and the remedy."""

    def __init__(self, path: Path | str, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}")
        self.path = Path(path)
        self.sentence = sentence
