"""Whatever a Markdown file points at in this repository is there."""

from __future__ import annotations

import re
from pathlib import Path

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(<?(?P<target>[^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
REFERENCE = re.compile(r"^\[[^\]]+\]:\s+(?P<target>\S+)", re.MULTILINE)
HEADING = re.compile(r"^#+\s+(.*?)\s*#*$", re.MULTILINE)
NAMED_TEST = re.compile(r"\btests/[\w/-]+(?:\.\w+)?")
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:")


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, made as GitHub and the docs builder make them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(FENCE.sub("", text)))
    return {heading.strip().replace(" ", "-") for heading in plain}


def broken(page: Path, text: str, root: Path) -> list[str]:
    """Return the relative links of `page` that lead nowhere."""
    prose = FENCE.sub("", text)
    bad: list[str] = []
    for found in [*LINK.finditer(prose), *REFERENCE.finditer(prose)]:
        target, _, anchor = found["target"].partition("#")
        if ELSEWHERE.match(target):
            continue
        file = root / page.parent / target if target else root / page
        gone = not file.exists() or not file.resolve().is_relative_to(root)
        if gone or (anchor and file.suffix == ".md" and anchor not in anchors(file.read_text())):
            bad.append(f"{page}: {found['target']}")
    return bad


def pages(texts: dict[Path, str]) -> dict[Path, str]:
    return {path: text for path, text in texts.items() if path.suffix == ".md"}


def test_every_relative_link_in_a_markdown_file_resolves(texts: dict[Path, str], root: Path) -> None:
    bad = [link for page, text in pages(texts).items() for link in broken(page, text, root)]
    assert not bad, "mend the link or what it points at:\n" + "\n".join(bad)


def test_a_page_of_the_documentation_links_only_to_pages_of_the_documentation(texts: dict[Path, str]) -> None:
    # The built site holds docs/ alone: elsewhere a file is named, not linked.
    out = [
        f"{page}: {found['target']}"
        for page, text in pages(texts).items()
        if page.parts[0] == "docs"
        for found in LINK.finditer(FENCE.sub("", text))
        if found["target"].startswith("../" * len(page.parent.parts))
    ]
    assert not out, "name the file in backticks instead:\n" + "\n".join(out)


def test_the_first_page_leads_to_every_page_that_says_how(texts: dict[Path, str], root: Path) -> None:
    prose = FENCE.sub("", texts[Path("docs/index.md")])
    linked = {found["target"].partition("#")[0] for found in LINK.finditer(prose)}
    told = {f"how-to/{page.name}" for page in (root / "docs/how-to").glob("*.md")}
    assert len(told) > 40
    assert told <= linked, "add the page to the table of docs/index.md"


def test_every_test_that_a_markdown_file_names_exists(texts: dict[Path, str], root: Path) -> None:
    gone = {
        f"{page}: {name}"
        for page, text in pages(texts).items()
        for name in NAMED_TEST.findall(text)
        if not (root / name).exists()
    }
    assert not gone, "a threat whose test is gone is not covered; write the test or mend the name:\n" + "\n".join(
        sorted(gone)
    )


def test_the_checks_see_a_broken_link_a_missing_anchor_and_an_escape(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# One `two`: three\n")
    text = "[ok](a.md) [ok](a.md#one-two-three) [ok](https://x.test) [no](b.md) [no](a.md#two) [no](../a)\n"
    assert broken(Path("x.md"), text, tmp_path) == ["x.md: b.md", "x.md: a.md#two", "x.md: ../a"]
