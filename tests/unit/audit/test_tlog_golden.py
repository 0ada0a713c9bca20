"""Another implementation agrees with ours: golang.org/x/mod/sumdb, which the Go checksum database runs on, made these figures."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from strongroom.audit.tlog import (
    EMPTY_ROOT,
    Checkpoint,
    Leaves,
    Malformed,
    Note,
    NoteKey,
    NoteSigner,
    Receipt,
    Tile,
    consistency_proof,
    grow,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from strongroom.audit.tlog.note import decoded, encoded
from strongroom.audit.tlog.tiles import tiles_of

HERE = Path(__file__).parent
SEED = hashlib.sha256(b"strongroom test seed").digest()


@cache
def golden() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / "tlog_golden.json").read_text())
    return found


@cache
def tree() -> Leaves:
    return Leaves(leaf_hash(f"entry {number}".encode()) for number in range(70_000))


def root(size: int) -> bytes:
    return decoded(golden()["roots"][str(size)], "root")


def test_roots_agree() -> None:
    for size in map(int, golden()["roots"]):
        assert tree().root(size) == root(size), size


def test_inclusion_proofs_agree_and_hold() -> None:
    for each in golden()["inclusion"]:
        path = inclusion_proof(tree(), each["index"], each["size"])
        assert [encoded(part) for part in path] == each["path"]
        leaf = leaf_hash(f"entry {each['index']}".encode())
        assert verify_inclusion(leaf, each["index"], each["size"], path, tree().root(each["size"]))


def test_consistency_proofs_agree_and_hold() -> None:
    for each in golden()["consistency"]:
        old, new = each["old"], each["new"]
        path = consistency_proof(tree(), old, new)
        assert [encoded(part) for part in path] == each["path"]
        assert verify_consistency(old, new, path, tree().root(old), tree().root(new))


def test_tiles_lie_where_it_puts_them_and_hold_the_same() -> None:
    ours = grow(lambda *_: b"", 0, [leaf_hash(f"entry {n}".encode()) for n in range(70_000)])
    theirs = {each["path"].replace("tile/8/", "tile/"): each["sha256"] for each in golden()["tiles_since_69000"]}
    # It also lists the partial tiles of every size in between; those of the last size are ours.
    fresh = {tile.path for tile in tiles_of(70_000, 69_000)}
    assert fresh <= set(theirs)
    assert {path for path in theirs if ".p/" not in path} <= fresh
    digests = {tile.path: encoded(hashlib.sha256(content).digest()) for tile, content in ours.items()}
    assert {path: digests[path] for path in fresh} == {path: theirs[path] for path in fresh}


def test_names_of_tiles_agree() -> None:
    for place, path in golden()["paths"].items():
        assert Tile(*map(int, place.split())).path == path.replace("tile/8/", "tile/")


def test_a_note_is_the_very_same_text() -> None:
    signer = NoteSigner("example.com/log", SEED)
    text = Checkpoint("example.com/log", 70_000, root(70_000)).text
    assert str(signer.key) == golden()["vkey"]
    assert str(Note(text, (signer.sign(text),))) == golden()["note"]
    assert Note.parse(golden()["note"]).signed_by([NoteKey.parse(golden()["vkey"])]) == [signer.key]


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert (
        Leaves().root()
        == EMPTY_ROOT
        == bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n— name\n",
        "text\n\n— name AAAA\n",
        "text\n\n— na+me AAAAAAAA\n",
        "te\x07xt\n\n— name AAAAAAAA\n",
        "text\n\n- name AAAAAAAA\n",
        "text\n\n— name AAAAAAAA",
        "text\n\n" + "— name AAAAAAAA\n" * 65,
    ],
)
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Note.parse(text)


@pytest.mark.parametrize(
    "text", ["a\n1\n", "a\n01\nAAAA\n", "a\n-1\nAAAA\n", "a b\n1\n" + "A" * 43 + "=\n", "a\n1\n!\n", "a\n1\nAAAA"]
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "c2sp.org/tlog-proof@v2\nindex 0\n\nnote",
        "c2sp.org/tlog-proof@v1\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex -5\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 00\n\nnote",
        "c2sp.org/tlog-proof@v1\nextra !\nindex 0\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + ("A" * 43 + "=\n") * 64 + "\na\n\n— name AAAAAAAA\n",
    ],
)
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Receipt.parse(text)


@pytest.mark.parametrize(
    "text", ["", "name", "name+00000000+AQ==", "+8dd67115+AaVP4VHEJXSDe90q+HX4uue6KtnCqH8msEPEAn4/HXt1"]
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        NoteKey.parse(text)
