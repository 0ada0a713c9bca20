"""The Makefile explains itself and holds what the documentation promises of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

SPAN = re.compile(r"`make ([^`]+)`|^make (.+)$", re.MULTILINE)
TARGET = re.compile(r"^([a-z%-]+):(?!=)(.*)$", re.MULTILINE)


def test_every_target_has_a_line_of_help(root: Path) -> None:
    targets = TARGET.findall((root / "Makefile").read_text())
    assert {name for name, _ in targets} >= {"up", "test", "help", "lint", "docs", "lock"}
    bare = [name for name, rest in targets if " ## " not in rest]
    assert not bare, f"say after `##` what it does: {bare}"


def test_help_lists_every_target(root: Path) -> None:
    said = subprocess.run(
        ["/usr/bin/make", "--no-print-directory", "help"], cwd=root, capture_output=True, text=True, check=True
    )
    listed = {line.split()[0] for line in said.stdout.splitlines() if line.startswith("  ")}
    assert listed == {name for name, _ in TARGET.findall((root / "Makefile").read_text())}


def test_every_target_that_the_documentation_names_exists(texts: dict[Path, str], root: Path) -> None:
    targets = {name for name, _ in TARGET.findall((root / "Makefile").read_text())}
    for page, text in texts.items():
        for span in SPAN.findall(text) if page.suffix == ".md" else []:
            words = "".join(span).partition("#")[0].split()
            named = {word for word in words if re.fullmatch(r"[a-z-]+", word)}
            assert named <= targets, f"{page}: make {named - targets}"


def test_a_signal_sent_to_make_reaches_what_it_started(root: Path) -> None:
    # GNU make passes SIGTERM to its children only: with a shell in between, `kill` would leave the server running.
    text = (root / "Makefile").read_text()
    recipe = text.split("\nup:", 1)[1].splitlines()[1]
    assert recipe.startswith("\t@exec ")


def test_continuous_integration_runs_what_a_developer_runs(root: Path) -> None:
    assert (root / ".ci" / "run").read_text().rstrip().endswith("\nexec make test")
