"""The lines in tests/typing that must not type-check do not, for mypy and for pyright (see tests/typing/README.md)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

MUST_NOT = re.compile(r"# type: ignore\[[\w-]+\]|# pyright: ignore\[\w+\]")


@pytest.fixture
def cases(root: Path) -> list[Path]:
    return sorted((root / "tests" / "typing").rglob("*.py"))


def run(root: Path, *command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603 -- fixed tools of this venv
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_lines_that_must_not_type_check(cases: list[Path]) -> None:
    assert cases
    for case in cases:
        assert MUST_NOT.search(case.read_text()), f"{case.name} forbids nothing"


def test_mypy_refuses_exactly_the_marked_lines(root: Path, cases: list[Path]) -> None:
    run(root, "mypy", "--strict", "--warn-unused-ignores", *(str(case.relative_to(root)) for case in cases))


def test_pyright_refuses_exactly_the_marked_lines(root: Path) -> None:
    run(root, "pyright", "--project", "tests/typing", "--warnings")


def test_an_unused_mark_is_an_error_for_both(root: Path, tmp_path: Path) -> None:
    # Proves the harness: were unused marks tolerated, every promise in tests/typing would hold by itself.
    (tmp_path / "case.py").write_text(
        "one: int = 1  # type: ignore[assignment]\ntwo: int = 2  # pyright: ignore[reportArgumentType]\n"
    )
    config = (root / "tests" / "typing" / "pyrightconfig.json").read_text()
    (tmp_path / "pyrightconfig.json").write_text(config)
    with pytest.raises(AssertionError, match="unused-ignore"):
        run(root, "mypy", "--strict", str(tmp_path / "case.py"))
    with pytest.raises(AssertionError, match="reportUnnecessaryTypeIgnoreComment"):
        run(root, "pyright", "--project", str(tmp_path))
