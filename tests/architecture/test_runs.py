"""A run of the tests depends on the checkout alone: not on who runs it, and not on which files are collected together."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path


def test_no_setting_of_the_caller_reaches_a_test() -> None:
    assert not [name for name in os.environ if name.startswith("STRONGROOM_")]


def test_a_setting_of_the_caller_changes_nothing(root: Path) -> None:
    again = f"{Path(__file__).relative_to(root)}::test_no_setting_of_the_caller_reaches_a_test"
    done = subprocess.run(  # noqa: S603 - pytest, by this interpreter
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", again],
        env=os.environ | {"STRONGROOM_HOME": "/nowhere", "STRONGROOM_GATEWAY_PROT": "1"},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_no_two_test_files_have_one_name(root: Path) -> None:
    # Without packages, pytest imports a test file by its bare name; two of one name cannot be collected together.
    names = Counter(path.name for path in (root / "tests").rglob("test_*.py"))
    assert not [name for name, times in names.items() if times > 1]
