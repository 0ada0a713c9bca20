"""What we did not write is what it says it is, and the pages hold nothing that the policy would have to allow."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import jinja2
import pytest

import strongroom.console
from strongroom.console.assets import Assets
from strongroom.console.headers import PAGE, STATIC
from strongroom.console.render import Templates
from strongroom.kernel.clock import SystemClock

CONSOLE = Path(strongroom.console.__file__).parent
STATIC_FILES = CONSOLE / "static"
OURS = {"console.css", "console.js", "icons.svg", "mark.svg", "VENDORED.md"}
ROW = re.compile(r"^\| `(?P<file>[^`]+)` \|.*`(?P<licence>[^`]+)` \| (?P<digest>[0-9a-f]{64}) \|$", re.MULTILINE)
TEMPLATES = sorted((CONSOLE / "templates").glob("*.html"))


def test_every_vendored_file_has_its_digest_and_its_licence() -> None:
    rows = {row["file"]: row for row in ROW.finditer((STATIC_FILES / "VENDORED.md").read_text())}
    there = {path.relative_to(STATIC_FILES).as_posix() for path in STATIC_FILES.rglob("*") if path.is_file()}
    licences = {row["licence"] for row in rows.values()}
    assert there == OURS | rows.keys() | licences
    for name, row in rows.items():
        assert hashlib.sha256((STATIC_FILES / name).read_bytes()).hexdigest() == row["digest"], name


def test_a_browser_gets_the_files_and_not_the_notes() -> None:
    assets = Assets.load()
    assert assets.find(assets.version, "console.css") is not None
    assert assets.find("0" * 16, "console.css") is None
    for name in ("VENDORED.md", "htmx/LICENSE", "../templates/base.html", "", "htmx"):
        assert assets.find(assets.version, name) is None
    with pytest.raises(KeyError):
        assets.url("nothing.css")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_inline_code_or_turns_escaping_off(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)", text), "scripts are files"
    assert not re.search(r"<style\b|\sstyle=|\son[a-z]+=|javascript:|hx-on|hx-vals", text), (
        "no inline style, no handlers"
    )
    assert not re.search(r"\|\s*safe\b|autoescape\s+false|Markup", text), "escaping stays on"
    assert not re.search(r"(?:href|src|action)=\"(?:https?:)?//", text), "nothing from elsewhere"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_form_that_posts_carries_the_sessions_token(path: Path) -> None:
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", path.read_text(), re.DOTALL):
        is_open = 'action="/sign-in"' in form or 'action="/theme"' in form
        assert is_open or "csrf" in form, form[:80]


def test_a_name_that_a_page_forgot_is_an_error() -> None:
    templates = Templates(SystemClock(), Assets.load())
    with pytest.raises(jinja2.UndefinedError):
        templates.render("error.html", {"theme": "auto"})


def test_pages_are_never_kept_and_files_for_good() -> None:
    assert PAGE["cache-control"] == "no-store"
    assert "immutable" in STATIC["cache-control"]
    for headers in (PAGE, STATIC):
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
