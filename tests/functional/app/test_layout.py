"""Where state lies is chosen once: no mode, no name and no move of a home changes it, and nothing is begun anew over it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from strongroom.app import layout as module
from strongroom.app.ground import lay_out, refuse_lost_state
from strongroom.app.layout import Layout, layout
from strongroom.app.refusals import CannotStart
from strongroom.app.settings import DatabaseSection, Settings
from strongroom.store import format as formats

root_only = os.geteuid() == 0


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch, open_directory: Path) -> Path:
    monkeypatch.setattr(module, "STATES", open_directory / "states")
    monkeypatch.setattr("strongroom.app.ground.STATES", open_directory / "states")
    return open_directory / "states"


@pytest.fixture
def base(open_directory: Path) -> Generator[Path]:
    base = open_directory / "base"
    base.mkdir()
    base.chmod(0o755)
    yield base
    shutil.rmtree(base)


def made(home: Path) -> Layout:
    home.mkdir(exist_ok=True)
    places = layout(home)
    lay_out(places, Settings())
    shutil.rmtree(places.run)
    return places


def test_state_in_a_home_stays_whatever_the_mode_above_becomes(states: Path, base: Path) -> None:
    assert made(base / "home").state == base / "home"
    base.chmod(0o700)
    assert layout(base / "home").state == base / "home"
    if root_only:
        with pytest.raises(CannotStart, match=r"chmod o\+x"):
            lay_out(layout(base / "home"), Settings())
    assert not states.exists()


def test_state_in_a_home_moves_with_it(states: Path, base: Path) -> None:
    made(base / "home")
    (base / "home").rename(base / "other")
    assert layout(base / "other").state == base / "other"
    assert not states.exists()


def test_state_elsewhere_is_found_after_a_move(states: Path, base: Path) -> None:
    base.chmod(0o700)
    state = made(base / "home").state
    assert (state.parent == states) == root_only
    base.chmod(0o755)
    assert layout(base / "home").state == state
    (base / "home").rename(base / "moved")
    assert layout(base / "moved").state == (state if root_only else base / "moved")
    base.chmod(0o700)
    fresh = made(base / "home")  # another one under the name that the first one had
    assert fresh.state != state
    assert layout(base / "home").state == fresh.state


def test_a_record_by_somebody_else_is_not_believed(base: Path) -> None:
    made(base / "home")
    link = base / "home" / "state"
    link.symlink_to("/etc")
    if root_only:
        os.chown(link, 12345, 12345, follow_symlinks=False)
        with pytest.raises(PermissionError):
            layout(base / "home")
        os.chown(base / "home", 12345, 12345)
        link.unlink()
        with pytest.raises(PermissionError, match="somebody else"):
            lay_out(layout(base / "home"), Settings())


@pytest.mark.usefixtures("states")
def test_nothing_is_begun_anew_where_a_database_was(base: Path) -> None:
    base.chmod(0o700 if root_only else 0o755)
    places = made(base / "home")
    refuse_lost_state(places, Settings(), used=formats.check(places.home))  # the first start
    (places.postgres / "data").mkdir(parents=True)
    formats.record(places.home)
    refuse_lost_state(layout(places.home), Settings(), used=formats.check(places.home))
    kept = places.postgres.rename(base / "kept")
    for lost in (False, True):
        if lost and places.state != places.home:
            (places.home / "state").unlink()  # the record itself
        with pytest.raises(CannotStart, match="strongroom restore"):
            refuse_lost_state(layout(places.home), Settings(), used=formats.check(places.home))
    yours = Settings(database=DatabaseSection(url="postgresql://there/strongroom"))
    refuse_lost_state(layout(places.home), yours, used=True)
    assert kept.exists()
