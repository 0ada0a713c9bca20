"""HOME/running.json is believed while its own writer lives, and whatever cannot be found out is said to be unknown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from strongroom.app import running
from strongroom.app.ground import listening
from strongroom.app.layout import Layout
from strongroom.app.running import UnseenError, look
from strongroom.app.settings import ControlSection, GatewaySection, Settings
from strongroom.confinement.tree import current_tree
from strongroom.runtime.sandbox import Measure, SandboxReport, State, examine


@pytest.fixture
def home(tmp_path: Path) -> Path:
    places = Layout(tmp_path, tmp_path / "elsewhere", tmp_path / "run")
    measure = Measure(name="uid", state=State.WEAKER, sentence="all share one")
    report = SandboxReport(facts=examine(current_tree()), measures=(measure,))
    with listening(GatewaySection(port=0), ControlSection(port=0)) as ports:
        running.write(places, Settings(), ports, report)
    return tmp_path


def change(home: Path, **fields: Any) -> None:
    path = home / running.FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_it_says_what_was_launched(home: Path) -> None:
    found = look(home)
    assert found is not None
    assert found.pid == os.getpid()
    assert [(each.name, each.state) for each in found.measures] == [("uid", State.WEAKER)]
    assert (home / running.FILE).stat().st_mode & 0o777 == 0o600
    assert [each.name for each in home.iterdir()] == [running.FILE]  # nothing half-written stays
    places, _ = running.places(home)
    assert (places.state, places.run) == (home / "elsewhere", home / "run")


def test_a_pid_that_was_given_away_is_not_taken_for_it(home: Path) -> None:
    found = look(home)
    assert found is not None
    change(home, started=found.started + 1)
    assert look(home) is None


def test_one_that_was_killed_does_not_run(home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    change(home, pid=ended.pid)
    assert look(home) is None
    assert running.places(home)[1] is None


def test_after_a_reboot_nothing_runs(home: Path) -> None:
    found = look(home)
    assert found is not None
    change(home, space=f"another {found.space.split()[1]}")
    assert look(home) is None


@pytest.mark.parametrize("how", ["container", "damaged", "fields", "link", "directory"])
def test_what_cannot_be_found_out_is_unknown(home: Path, how: str) -> None:
    path = home / running.FILE
    found = look(home)
    assert found is not None
    match how:
        case "container":
            change(home, space=f"{found.space.split()[0]} 1")
        case "damaged":
            path.write_text("{")
        case "fields":
            path.write_text("{}")
        case "link":
            path.rename(home / "other")
            path.symlink_to(home / "other")
        case _:
            path.unlink()
            path.mkdir()
    with pytest.raises(UnseenError):
        look(home)


def test_nobody_elses_word_is_taken(home: Path) -> None:
    if os.geteuid() == 0:
        os.chown(home / running.FILE, 12345, 12345)
        with pytest.raises(UnseenError, match="owner of the home"):
            look(home)
        os.chown(home, 12345, 12345)  # now it is the owner's, but this process is not
        assert look(home) is None
    else:
        change(home, pid=1)
        assert look(home) is None


def test_it_is_removed_at_the_end(home: Path) -> None:
    running.remove(Layout(home, home, home))
    assert look(home) is None
    running.remove(Layout(home, home, home))
