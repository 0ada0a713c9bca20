"""The real command line against a real control port (`strongroom.app.testing`).

`inside` and `run` run it in this process, as what its `main` calls; `alone` runs the program itself, for what only a
process has: its start, its streams, its exit code. A start takes half a second, and most of these tests are of the words.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from strongroom.app.testing import ControlPlane, control_plane_of
from strongroom.cli import main
from strongroom.store.testing import TestServer

PROGRAM = Path(sys.executable).with_name("strongroom")


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run: TypeAlias = Callable[..., Done]


@pytest.fixture(scope="module")
def plane(postgres: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Generator[ControlPlane]:
    with control_plane_of(postgres, tmp_path_factory.mktemp("control")) as plane:
        yield plane


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return what runs the program with no server, no token and an empty home, unless told: `alone("doctor", env={…})`."""
    empty = tmp_path_factory.mktemp("empty")

    def run(*words: str, env: Mapping[str, str] | None = None, given: str = "") -> Done:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")}
        done = subprocess.run(  # noqa: S603 - our own program
            [PROGRAM, *words],
            env=kept | {"STRONGROOM_HOME": str(empty), "COLUMNS": "200"} | dict(env or {}),
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=empty,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return what runs a command line in this process, as `alone` does: for tests that go through many."""

    def run(*words: str, env: Mapping[str, str] | None = None) -> Done:
        for name in [name for name in os.environ if name.startswith("STRONGROOM_")]:
            monkeypatch.delenv(name)
        for name, value in ({"STRONGROOM_HOME": str(tmp_path)} | dict(env or {})).items():
            monkeypatch.setenv(name, value)
        code = main.run(words)
        said = capfd.readouterr()
        return Done(code, said.out, said.err)

    return run


@pytest.fixture
def run(plane: ControlPlane, inside: Run) -> Run:
    """Return what runs a command line as somebody: `run("tenant", "list", by="operator")`."""

    def run(*words: str, by: str = "operator") -> Done:
        return inside(
            *words,
            env={"STRONGROOM_CONTROL": plane.url, "STRONGROOM_TOKEN": plane.tokens.get(by, by), "COLUMNS": "200"},
        )

    return run
