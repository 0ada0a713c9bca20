"""Content that a restore brings back is there whole, or what was there before is: wherever the restore is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.app.broughtback import mend, put
from strongroom.app.layout import Layout
from strongroom.kernel.clock import SystemClock
from strongroom.store.backup import HELD
from strongroom.store.scratch import clear, scratch
from strongroom.vault import FileKeystore, Keyring


@pytest.fixture
def places(tmp_path: Path) -> Layout:
    made = Layout(tmp_path, tmp_path / "state", tmp_path / "run")
    (made.content / "installation").mkdir(parents=True)
    (made.content / "installation" / "a").write_text("before")
    return made


def killed(act: Callable[[], object], at: int, *, after: bool) -> int:
    """Do something in a process that is killed at its n-th renaming; return how it ended."""
    child = os.fork()
    if child == 0:
        rename, met = Path.rename, 0

        def counted(self: Path, target: Path) -> Path:
            nonlocal met
            met += 1
            if met == at and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            done = rename(self, target)
            if met == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        setattr(Path, "rename", counted)  # noqa: B010 - in this child alone
        try:
            act()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_restore_that_is_killed_leaves_all_of_one_content_and_the_next_start_clears_up(
    places: Layout, at: int, after: bool
) -> None:
    keystore = FileKeystore(places.vault, Keyring.open(places.home / "keyring.json"), SystemClock())

    def restore() -> None:
        with scratch(places.state, ".content-") as work:
            (work / "content" / "installation").mkdir(parents=True)
            (work / "content" / "installation" / "a").write_text("restored")
            put(work / "content", places, keystore, set())

    ended = killed(restore, at, after=after)
    assert ended == (0 if at == 3 else -signal.SIGKILL)  # two renamings, so a third is never met
    said = mend(places)
    is_new = at == 3 or (at, after) == (2, True)
    assert (places.content / "installation" / "a").read_text() == ("restored" if is_new else "before")
    assert ("Restore again" in said) is not is_new
    assert [each.name for each in places.state.iterdir()] == ["content"], "nothing is left beside it"
    restore()
    assert (places.content / "installation" / "a").read_text() == "restored"
    assert mend(places) == ""


def test_what_is_in_use_is_not_cleared_and_what_its_maker_left_is_at_once(places: Layout) -> None:
    """A backup that runs holds files by a second name, and so does one that was killed: nobody waits a day for the latter."""
    parent, told = os.pipe()
    child = os.fork()
    if child == 0:
        with scratch(places.content, HELD) as held:
            (held / "row").write_text("of somebody who is erased meanwhile")
            os.write(told, b".")
            signal.pause()
    os.read(parent, 1)
    mend(places)
    assert len(list(places.content.glob(f"{HELD}*/row"))) == 1
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    mend(places)
    assert not list(places.content.glob(f"{HELD}*"))


def test_nothing_is_followed_or_taken_that_is_no_directory_of_ours(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / ".backup-link").symlink_to(tmp_path / "mine")
    (tmp_path / ".backup-file").write_text("mine")
    clear(tmp_path, HELD)
    assert sorted(each.name for each in tmp_path.iterdir()) == [".backup-file", ".backup-link", "mine"]


def test_what_is_made_is_private_gone_at_its_end_and_makes_room_of_what_was_left(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with scratch(tmp_path, ".work-"):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    (left,) = tmp_path.iterdir()
    with scratch(tmp_path, ".work-") as made:
        assert list(tmp_path.iterdir()) == [made]
        assert made != left
        assert made.stat().st_mode & 0o777 == 0o700
        (made / "dump").write_text("names, owners and logs")
    assert list(tmp_path.iterdir()) == []
