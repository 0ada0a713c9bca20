"""A process that is killed between a file and its row leaves a mark: what has its row stays then, and the rest goes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.registry.content import ContentStore
from strongroom.registry.content.doubt import Doubt
from strongroom.vault import FileKeystore, Keyring, Vault

ACME, GLOBEX = TenantId(UUID(int=1)), TenantId(UUID(int=2))


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    clock = SystemClock()
    keystore = FileKeystore(tmp_path / "vault", Keyring.open(tmp_path / "keyring.json"), clock)
    return ContentStore(tmp_path / "content", Vault(keystore, clock))


def killed(act: Callable[[], object]) -> None:
    child = os.fork()
    if child == 0:
        act()
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_what_the_killed_left_is_settled_by_what_has_a_row_and_nothing_else_is_touched(store: ContentStore) -> None:
    paths = [store.directory(ACME) / name for name in ("with.table", "without.table", "never")]
    beside, theirs = store.directory(ACME) / "beside", store.directory(GLOBEX) / "theirs"

    def write() -> None:
        with Doubt(store).about(*paths):
            for each in paths[:2]:
                each.write_text("rows")
            paths[1].with_name("without.table.v1").write_text("rows")
            os.kill(os.getpid(), signal.SIGKILL)

    for each in (beside, theirs):
        each.parent.mkdir(parents=True)
        each.write_text("rows")
    killed(write)
    doubt = Doubt(store)
    assert doubt.tenants() == [ACME]
    assert sorted(doubt.of(ACME)) == sorted(paths)
    assert doubt.settle(ACME, doubt.of(ACME), {paths[0]}) == 1
    assert sorted(each.name for each in store.directory(ACME).iterdir()) == ["beside", "with.table"]
    assert theirs.exists()
    assert doubt.tenants() == []


def test_what_is_being_done_and_what_began_after_the_look_is_nobodys_to_settle(store: ContentStore) -> None:
    doubt, path = Doubt(store), store.directory(ACME) / "a"
    with doubt.about(path), doubt.about(path):
        path.write_text("rows")
        assert doubt.of(ACME) == []
        assert doubt.settle(ACME, [path], ()) == 0
    assert path.exists()
    assert not list(path.parent.glob(".*")), "done: no mark is left"
    with pytest.raises(OSError, match="full"), doubt.about(path):
        raise OSError(28, "full")
    looked = doubt.of(ACME)
    assert looked == [path]
    with doubt.about(path):
        assert doubt.settle(ACME, looked, ()) == 0, "somebody is at it again"
    assert doubt.settle(ACME, looked, ()) == 0, "and it has its row by now"
    assert path.exists()


def test_the_first_to_end_leaves_the_mark_to_who_is_still_at_it(store: ContentStore) -> None:
    doubt, path = Doubt(store), store.directory(ACME) / "a"

    def half() -> None:
        with doubt.about(path):
            with doubt.about(path):
                path.write_text("rows")
            os.kill(os.getpid(), signal.SIGKILL)

    killed(half)
    assert doubt.of(ACME) == [path]


def test_parts_of_files_that_nobody_writes_any_more_go_at_the_next_start(store: ContentStore) -> None:
    """They may hold rows of somebody who is erased later, and no row and no search knows of them."""
    directory = store.directory(ACME)
    directory.mkdir(parents=True)
    for name in (f".{'a' * 32}", "kept", ".kept.doubt", f".{'A' * 32}", f".{'a' * 31}"):
        (directory / name).write_text("rows")
    Doubt(store).clear_parts()
    assert sorted(each.name for each in directory.iterdir()) == sorted(
        ["kept", ".kept.doubt", f".{'A' * 32}", f".{'a' * 31}"]
    )


def refuse(path: Path, kind: RefusalKind) -> None:
    path.write_text("rows")
    raise Refused(Refusal(kind=kind, reason="no", tell="no"))


@pytest.mark.parametrize(("kind", "stays"), [(RefusalKind.CONFLICT, False), (RefusalKind.UNAVAILABLE, True)])
def test_what_was_refused_goes_at_once_and_what_may_have_been_taken_stays_in_doubt(
    store: ContentStore, kind: RefusalKind, stays: bool
) -> None:
    doubt, path = Doubt(store), store.directory(ACME) / "a"
    with pytest.raises(Refused), doubt.about(path, own=True):
        refuse(path, kind)
    assert path.exists() is stays
    assert doubt.of(ACME) == ([path] if stays else [])


def test_what_others_may_have_too_is_not_removed_because_one_was_refused(store: ContentStore) -> None:
    doubt, path = Doubt(store), store.directory(ACME) / "a"
    with pytest.raises(Refused), doubt.about(path):
        refuse(path, RefusalKind.CONFLICT)
    assert path.exists()
    assert doubt.of(ACME) == [path], "the database says whether another has it"


def test_on_a_disk_that_takes_no_mark_nothing_is_begun_and_what_is_to_go_goes(
    store: ContentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubt, path = Doubt(store), store.directory(ACME) / "a"

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "touch", full)
    begun = list[str]()
    with pytest.raises(OSError, match="No space"), doubt.about(path):
        begun.append("new")
    with doubt.about(path, ending=True):
        begun.append("ending")
    assert begun == ["ending"]
