"""docs/reference/settings.md says what the settings are."""

from __future__ import annotations

import runpy
from pathlib import Path

from strongroom.app.settings import Settings, load

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_is_what_the_settings_say() -> None:
    written = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    tool = runpy.run_path(str(ROOT / "tools" / "settings_reference.py"))
    assert written == tool["page"](), "run .venv/bin/python tools/settings_reference.py and commit the page"


def test_every_setting_has_a_heading_and_a_description(tmp_path: Path) -> None:
    written = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    for row in load(tmp_path, {}).explain():
        assert f"\n### {row.name}\n\n{row.description}\n" in written
        assert row.description, f"{row.name}: give it a Meta(description=…)"
    assert Settings.__struct_fields__
