"""The installer takes an interpreter that every role's uid can run, and says so of the others."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def way_is_open(root: Path) -> Callable[[Path], bool]:
    found: Callable[[Path], bool] = runpy.run_path(str(root / "tools" / "interpreter.py"))["way_is_open"]
    return found


def test_the_verdict_names_the_base_interpreter_and_its_version(root: Path) -> None:
    said = subprocess.run(  # noqa: S603 -- our own file
        [sys.executable, root / "tools" / "interpreter.py"], capture_output=True, text=True, check=True
    )
    verdict, version, path = said.stdout.split()
    assert verdict in {"open", "closed"}
    assert version == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert Path(path) == Path(sys.executable).resolve()


def test_a_program_under_a_private_folder_is_closed_to_others(
    way_is_open: Callable[[Path], bool], tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    program.touch()
    program.chmod(0o755)
    tmp_path.chmod(0o700)
    assert not way_is_open(program)
    assert way_is_open(Path("/usr/bin"))
    assert way_is_open(Path("/bin/sh"))


def test_a_program_that_only_its_owner_may_run_is_closed(way_is_open: Callable[[Path], bool]) -> None:
    assert not way_is_open(Path("/etc/shadow"))
