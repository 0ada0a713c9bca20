"""Habits of the whole tree: small files, no machine's own paths, nothing left for later in a comment."""

from __future__ import annotations

import os
import re
from pathlib import Path

LONGEST = 400  # lines of a source file; the size at which a reader loses the thread

# A file over the limit, and why it may be.
LONG_WITH_REASON: dict[str, str] = {
    "src/strongroom/audit/strongroom_verify.py": "one file, so that a third party needs nothing else to check an export",
}

# Written in halves, so that this file does not find itself.
LEFT_FOR_LATER = re.compile(
    "|".join(rf"\b{a}{b}\b" for a, b in [("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("HA", "CK")])
)
SOMEBODYS_FOLDER = re.compile(r"(?<![\w.])/" + r"(?:home/[a-z]\w*|Users/\w+|root)/\w")


def test_a_source_file_is_short_or_says_why_not(texts: dict[Path, str]) -> None:
    long = {
        path.as_posix(): text.count("\n")
        for path, text in texts.items()
        if path.parts[0] == "src" and path.suffix == ".py" and text.count("\n") > LONGEST
    }
    unexplained = {name: lines for name, lines in long.items() if name not in LONG_WITH_REASON}
    assert not unexplained, f"split along a name of its own, or list it with a reason: {unexplained}"
    assert not LONG_WITH_REASON.keys() - long.keys(), "an exception that is no longer needed is taken out"


def test_nothing_is_left_for_later_in_a_comment(texts: dict[Path, str]) -> None:
    # What lies in static/ may be vendored: other people's words, kept as they are.
    ours = {path: text for path, text in texts.items() if "static" not in path.parts}
    found = [path.as_posix() for path, text in ours.items() if LEFT_FOR_LATER.search(text)]
    assert not found, f"do it now or write it into docs/limits.md: {found}"


def test_no_file_holds_a_path_of_one_machine(texts: dict[Path, str], root: Path) -> None:
    here = [str(root)] if len(root.parts) > 2 else []
    home = str(Path.home())
    own = [*here, *([f"{home}/"] if len(home) > len("/root") else [])]
    found = [
        f"{path}: {match.group() if match else os.fspath(root)}"
        for path, text in texts.items()
        if (match := SOMEBODYS_FOLDER.search(text)) or any(name in text for name in own)
    ]
    assert not found, f"use a path relative to the checkout, or a setting: {found}"


def test_every_program_in_tools_can_be_run(files: list[Path], root: Path) -> None:
    programs = [
        file for file in files if file.parent in {root / "tools", root / ".ci"} and not file.name.endswith(".txt")
    ]
    assert programs
    for program in programs:
        assert program.read_text().startswith("#!"), program
        assert os.access(program, os.X_OK), program
