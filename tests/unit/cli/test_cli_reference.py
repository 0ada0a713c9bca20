"""The reference pages are what the running code says."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from strongroom.cli import reference

PAGES = Path(__file__).parents[3] / "docs" / "reference"


cli_page, api_page = cache(reference.cli_page), cache(reference.api_page)


@pytest.mark.parametrize(("name", "made"), [("cli.md", cli_page), ("api.md", api_page)])
def test_a_reference_page_is_up_to_date(name: str, made: object) -> None:
    assert callable(made)
    assert (PAGES / name).read_text(encoding="utf-8") == made(), (
        "the code has changed: run `.venv/bin/python -m strongroom.cli.reference docs/reference`"
    )


def test_every_route_and_command_stands_there() -> None:
    assert api_page().count("\n`") >= 26
    for words in ("up", "doctor", "key revoke", "deployment create", "config explain"):
        assert f"# strongroom {words}\n" in cli_page()
