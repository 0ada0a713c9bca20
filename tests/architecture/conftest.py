"""The files of the checkout, as the checks of the repository see them: what .gitignore names is not there."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def walk(folder: Path, ignored: list[str]) -> list[Path]:
    """Return the files under `folder`. By hand, since git refuses to list a checkout that another uid owns."""
    found: list[Path] = []
    for entry in sorted(folder.iterdir()):
        name = f"/{entry.relative_to(ROOT).as_posix()}"
        if entry.is_symlink() or any(
            fnmatch.fnmatch(name, rule) or fnmatch.fnmatch(entry.name, rule) for rule in ignored
        ):
            continue
        found += walk(entry, ignored) if entry.is_dir() else [entry]
    return found


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Return every file of the checkout that git would keep."""
    rules = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line]
    return walk(ROOT, [*rules, "/.git"])


@pytest.fixture(scope="session")
def texts(files: list[Path]) -> dict[Path, str]:
    """Return the text of every file that has one; uv.lock is left out, it is checked by what it means."""
    found: dict[Path, str] = {}
    for file in files:
        if file.name == "uv.lock":
            continue
        try:
            found[file.relative_to(ROOT)] = file.read_text()
        except UnicodeDecodeError:  # a picture, a font
            continue
    return found
