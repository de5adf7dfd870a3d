"""README.md quotes the command line as it is."""

from __future__ import annotations

import pytest

from tests.readme_help import README, quoted, real, renewed

QUOTED = list(quoted(README.read_text("utf-8")))


@pytest.mark.parametrize(("command", "output"), QUOTED, ids=[command for command, _ in QUOTED])
def test_the_help_in_the_readme_is_the_real_one(command: str, output: str) -> None:
    assert output == real(command), "run: make readme"


def test_the_readme_quotes_the_first_help() -> None:
    assert "hanoi-gateway --help" in dict(QUOTED), "README.md does not show hanoi-gateway --help"


def test_a_block_is_renewed_and_the_rest_is_left_alone() -> None:
    text = (
        "Text\n```console\n$ hanoi-gateway run --help\nold\nan older line\n"
        "$ echo hello\nhello\n```\n```sh\n$ hanoi-gateway run --help\n```\n"
    )
    new = renewed(text)
    assert dict(quoted(new)) == {"hanoi-gateway run --help": real("hanoi-gateway run --help")}
    assert "$ echo hello\nhello\n```\n```sh\n$ hanoi-gateway run --help\n```\n" in new
    assert "an older line" not in new
    assert renewed(new) == new
