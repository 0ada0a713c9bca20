"""The notary signs what follows from what it signed, and nothing else, whatever becomes of its process, its disk or its asker."""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.audit import Entry, Outcome
from strongroom.audit.events import encode
from strongroom.audit.sealing import Ask, Notary, NotaryBroken
from strongroom.audit.sealing.model import Beginning
from strongroom.audit.tlog import Leaves, Note, consistency_proof, inclusion_proof, leaf_hash
from strongroom.kernel.ids import new_uuid

TREE = Leaves(leaf_hash(str(number).encode()) for number in range(64))
OTHER = Leaves(leaf_hash(f"other {number}".encode()) for number in range(64))


@pytest.fixture
def notary(tmp_path: Path) -> Generator[Notary]:
    made = Notary(tmp_path)
    yield made
    made.close()


def ask(notary: Notary, size: int, old: int, tree: Leaves = TREE, name: str = "a", **more: Any) -> Ask:
    proof = tuple(consistency_proof(tree, old, size)) if old <= size else ()
    return Ask(origin=f"{notary.key.name}/{name}", size=size, root=tree.root(size), old=old, proof=proof, **more)


def test_it_signs_what_follows(notary: Notary) -> None:
    for size, old in ((5, 0), (9, 5), (9, 9), (64, 9)):
        (verdict,) = notary.sign([ask(notary, size, old)])
        assert Note.parse(verdict.note).signed_by([notary.key.named(f"{notary.key.name}/a")])


def test_what_went_back_or_elsewhere_is_a_fork(notary: Notary) -> None:
    notary.sign([ask(notary, 9, 0)])
    for bad in (ask(notary, 5, 0), ask(notary, 9, 9, OTHER), ask(notary, 12, 9, OTHER)):
        (verdict,) = notary.sign([bad])
        assert (verdict.note, verdict.why, verdict.known, verdict.root) == ("", "forked", 9, TREE.root(9))


def test_a_proof_from_elsewhere_is_asked_for_again(notary: Notary) -> None:
    notary.sign([ask(notary, 9, 0)])
    (verdict,) = notary.sign([ask(notary, 12, 5)])
    assert (verdict.note, verdict.why, verdict.known) == ("", "stale", 9)


def test_it_remembers_what_it_signed_when_it_starts_again(tmp_path: Path) -> None:
    first = Notary(tmp_path)
    key = first.key
    first.sign([ask(first, 9, 0)])
    first.close()
    again = Notary(tmp_path)
    assert again.key == key
    assert again.sign([ask(again, 5, 0)])[0].why == "forked"
    assert again.sign([ask(again, 12, 9)])[0].note
    again.close()


def test_half_a_line_was_never_signed(tmp_path: Path) -> None:
    first = Notary(tmp_path)
    first.sign([ask(first, 9, 0)])
    first.close()
    with (tmp_path / "heads.jsonl").open("ab") as memory:
        memory.write(b'{"origin":"half')
    again = Notary(tmp_path)
    assert again.sign([ask(again, 12, 9)])[0].note
    again.close()
    Notary(tmp_path).close()


def test_a_damaged_memory_or_a_lost_key_is_no_new_beginning(tmp_path: Path) -> None:
    first = Notary(tmp_path)
    first.sign([ask(first, 9, 0)])
    first.close()
    memory = (tmp_path / "heads.jsonl").read_bytes()
    (tmp_path / "heads.jsonl").write_bytes(b"x" + memory)
    with pytest.raises(NotaryBroken, match="damaged"):
        Notary(tmp_path)
    (tmp_path / "heads.jsonl").write_bytes(memory)
    (tmp_path / "key.json").rename(tmp_path / "elsewhere")
    with pytest.raises(NotaryBroken, match="missing"):
        Notary(tmp_path)


def test_two_cannot_have_one_memory(notary: Notary, tmp_path: Path) -> None:
    with pytest.raises(NotaryBroken, match="another notary"):
        Notary(tmp_path)
    assert notary.key.name.startswith("strongroom/")


def test_what_could_not_be_written_down_is_not_signed(notary: Notary, monkeypatch: pytest.MonkeyPatch) -> None:
    notary.sign([ask(notary, 5, 0)])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", full)
        with pytest.raises(OSError, match="No space"):
            notary.sign([ask(notary, 9, 5)])
    (verdict,) = notary.sign([ask(notary, 7, 5)])
    assert verdict.note, "what was not signed binds nobody"


def test_a_log_of_another_installation_is_not_signed(notary: Notary) -> None:
    stray = Ask(origin="strongroom/ffffffffffffffff/a", size=5, root=TREE.root(5), old=0)
    nameless = Ask(origin="a b", size=5, root=TREE.root(5), old=0)
    rootless = Ask(origin=f"{notary.key.name}/a", size=5, root=b"", old=0)
    assert [each.why for each in notary.sign([stray, nameless, rootless])] == ["malformed"] * 3


def beginning(notary: Notary, **changes: str) -> tuple[bytes, Leaves]:
    said = {"follows": f"{notary.key.name}/a", "signed_size": "9", "signed_root": TREE.root(9).hex()} | changes
    entry = Entry(
        id=new_uuid(),
        at=datetime.now(UTC),
        actor="keeper",
        credential="",
        action=said.pop("action", "log.begin_epoch"),
        resource="",
        outcome=Outcome.ALLOWED,
        detail=said,
    )
    event = encode(entry)
    return event, Leaves([leaf_hash(event), *(leaf_hash(str(number).encode()) for number in range(3))])


def begin(notary: Notary, name: str = "a/2", **changes: str) -> str:
    event, tree = beginning(notary, **changes)
    begins = Beginning(entry=event, path=tuple(inclusion_proof(tree, 0, 4)))
    return notary.sign([ask(notary, 4, 0, tree, name, begins=begins)])[0].note


def test_a_log_that_follows_another_says_what_was_signed_of_it(notary: Notary) -> None:
    notary.sign([ask(notary, 9, 0)])
    assert not begin(notary, signed_size="5")
    assert not begin(notary, signed_root=TREE.root(5).hex())
    assert not begin(notary, follows=f"{notary.key.name}/b")
    assert not begin(notary, action="key.revoke")
    assert not begin(notary, "a/3")
    assert not begin(notary, "b/2")
    assert not begin(notary, "a/2/3")
    assert not begin(notary, "a/0")
    assert not notary.sign([ask(notary, 4, 0, TREE, "a/2")])[0].note
    assert begin(notary)


def test_one_log_is_asked_about_once_at_a_time(notary: Notary) -> None:
    with pytest.raises(ValueError, match="once"):
        notary.sign([ask(notary, 5, 0), ask(notary, 6, 0)])


@given(st.lists(st.tuples(st.integers(1, 20), st.booleans()), max_size=12))
@settings(max_examples=40)
def test_all_that_is_ever_signed_of_a_log_is_one_history(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, bool]]
) -> None:
    """Whatever is asked, in whatever order, with restarts in between: no two signed heads contradict each other."""
    directory = tmp_path_factory.mktemp("notary")
    notary = Notary(directory)
    signed: dict[int, bytes] = {}
    for size, honest in steps:
        tree = TREE if honest else OTHER
        for old in (0, max(signed, default=0)):
            (verdict,) = notary.sign([ask(notary, size, min(old, size), tree)])
            if verdict.note:
                assert signed.setdefault(size, tree.root(size)) == tree.root(size)
                break
        notary.close()
        notary = Notary(directory)
    notary.close()
    assert all(root == TREE.root(size) for size, root in signed.items()) or all(
        root == OTHER.root(size) for size, root in signed.items()
    )
