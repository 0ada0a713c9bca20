"""A program in a directory that others cannot enter is brought to where they can."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

import strongroom
from strongroom.confinement.tree import current_tree, prepare_tree

PREPARE = """
import sys, pathlib
from strongroom.confinement.tree import prepare_tree
tree = prepare_tree(pathlib.Path(sys.argv[1]))
print(tree.python, tree.source, sep="\\n")
"""


@pytest.fixture
def hidden() -> Generator[Path]:
    """Return a copy of the source below a directory of mode 0700."""
    base = Path(f"/var/tmp/sr-tree-{os.getpid()}")  # noqa: S108 - removed below; /tmp is covered inside a sandbox
    base.mkdir(mode=0o755)
    (base / "private").mkdir(mode=0o700)
    shutil.copytree(
        Path(strongroom.__path__[0]), base / "private" / "strongroom", ignore=shutil.ignore_patterns("*.pyc")
    )
    yield base
    shutil.rmtree(base)


def prepared(hidden: Path) -> list[Path]:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-P", "-c", PREPARE, str(hidden / "runtime")],
        env={"PYTHONPATH": str(hidden / "private")},
        check=True,
        capture_output=True,
        text=True,
        umask=0o077,
    )
    return [Path(line) for line in done.stdout.splitlines()]


def test_what_others_can_reach_is_used_in_place(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        assert prepare_tree(tmp_path) == current_tree()
    tree = prepare_tree()
    assert tree.python.is_file()
    assert (tree.source / "strongroom" / "__init__.py").is_file()


def test_a_hidden_source_is_brought_once_and_again_when_it_changes(hidden: Path) -> None:
    python, source = prepared(hidden)
    if os.geteuid() != 0:
        assert source == hidden / "private"
        return
    assert source.is_relative_to(hidden / "runtime")
    assert prepared(hidden) == [python, source]
    (hidden / "private" / "strongroom" / "py.typed").write_text("changed", encoding="ascii")
    _, changed = prepared(hidden)
    assert changed != source
    assert (source / "strongroom").is_dir(), "what may still be running is kept"
    assert (changed / "strongroom" / "py.typed").read_text(encoding="ascii") == "changed"
    found = subprocess.run(  # noqa: S603 - our own program
        [python, "-S", "-P", "-B", "-c", "import strongroom; print(strongroom.__file__)"],
        env={"PYTHONPATH": str(changed)},
        user=12345,
        group=12345,
        extra_groups=[],
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.startswith(str(changed))
