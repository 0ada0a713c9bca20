"""The laws of logs: what is in a tree can be shown, what grows out of it can be shown, and nothing else can."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.audit.testing import log_of, signed, signer
from strongroom.audit.tlog import (
    EMPTY_ROOT,
    Checkpoint,
    Leaves,
    Malformed,
    Note,
    NoteKey,
    Receipt,
    Tile,
    bundle,
    consistency_proof,
    entries_of,
    grow,
    inclusion_proof,
    leaf_hash,
    nodes_of,
    root_hash,
    tiles_of,
    verify_consistency,
    verify_inclusion,
)
from strongroom.audit.tlog.anchor import Epoch, EpochRecord
from strongroom.audit.tlog.tiles import over

SIZES = st.integers(0, 700)
ALL = [leaf_hash(str(number).encode()) for number in range(1500)]
TREE = Leaves(ALL)
HASHES = st.binary(min_size=32, max_size=32)


def naive(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 6962 §2.1 defines it, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + naive(leaves[:split]) + naive(leaves[split:])).digest()


@given(SIZES)
def test_a_root_is_as_the_standard_defines_it(size: int) -> None:
    assert TREE.root(size) == naive(ALL[:size])


@given(st.data(), st.integers(1, 700))
def test_every_leaf_can_be_shown_and_no_other_in_its_place(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    root, proof = TREE.root(size), inclusion_proof(TREE, index, size)
    assert verify_inclusion(ALL[index], index, size, proof, root)
    other = data.draw(st.integers(0, size).filter(lambda each: each != index))
    assert not verify_inclusion(ALL[index], other, size, proof, root)
    assert not verify_inclusion(ALL[index + 1], index, size, proof, root)
    assert not verify_inclusion(ALL[index], index, size, [*proof, root], root)
    assert not verify_inclusion(ALL[index], index, size, proof[:-1], root) or not proof
    assert not verify_inclusion(ALL[index][:-1], index, size, proof, root)


@given(SIZES, SIZES, st.data())
def test_growth_can_be_shown_and_nothing_else(one: int, other: int, data: st.DataObject) -> None:
    old, new = sorted((one, other))
    proof = consistency_proof(TREE, old, new)
    assert verify_consistency(old, new, proof, TREE.root(old), TREE.root(new))
    forged = data.draw(HASHES.filter(lambda each: each != TREE.root(old)))
    assert not verify_consistency(old, new, proof, forged, TREE.root(new))
    if old not in {0, new}:
        assert not verify_consistency(old, new, proof, TREE.root(old), forged)
        assert not verify_consistency(old, new, [*proof, forged], TREE.root(old), TREE.root(new))
        assert not verify_consistency(old, new, proof[:-1], TREE.root(old), TREE.root(new))
        assert not verify_consistency(new, old, proof, TREE.root(new), TREE.root(old))


def test_from_nothing_only_nothing_is_taken() -> None:
    assert verify_consistency(0, 5, [], EMPTY_ROOT, TREE.root(5))
    assert not verify_consistency(0, 5, [], TREE.root(5), TREE.root(5))
    assert not verify_consistency(0, 0, [], TREE.root(5), TREE.root(5))


@given(st.lists(st.integers(0, 400), max_size=3))
def test_a_tree_that_grows_by_tiles_is_the_tree(steps: list[int]) -> None:
    held: dict[tuple[int, int], bytes] = {}

    def read(level: int, number: int) -> bytes:
        return held[level, number]

    size = 0
    for step in steps:
        changed = grow(read, size, ALL[size : size + step])
        assert set(changed) == set(tiles_of(size + step, size))
        held |= {(tile.level, tile.number): over(changed, read)(tile.level, tile.number) for tile in changed}
        size += step
    assert root_hash(nodes_of(read), size) == TREE.root(size)
    assert {Tile(level, number, len(content) // 32) for (level, number), content in held.items()} == set(tiles_of(size))


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_entries_come_back_out_of_a_bundle(entries: list[bytes]) -> None:
    assert entries_of(bundle(entries)) == entries


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=5), st.integers(1, 100))
def test_a_bundle_that_is_cut_is_refused_or_shorter(entries: list[bytes], cut: int) -> None:
    content = bundle(entries)
    with suppress(Malformed):
        assert entries_of(content[:-cut]) == entries[: len(entries_of(content[:-cut]))]


def test_an_entry_of_64_kib_is_one_too_long() -> None:
    assert len(bundle([bytes(65_535)])) == 65_537
    with pytest.raises(ValueError, match="65535"):
        bundle([bytes(65_536)])


@given(st.integers(1, 40), st.data())
@settings(max_examples=40)
def test_a_receipt_is_of_its_entry_and_its_log_alone(size: int, data: st.DataObject) -> None:
    log, key = log_of(size), signer().key
    index = data.draw(st.integers(0, size - 1))
    receipt = Receipt.parse(str(log.receipt(index, signer())))
    assert receipt == log.receipt(index, signer())
    assert receipt.holds(log.entries[index], [key.named(log.origin)])
    assert not receipt.holds(log.entries[index] + b" ", [key.named(log.origin)])
    assert not receipt.holds(log.entries[index], [key]), "a key counts for the log of its name"
    assert not receipt.holds(log.entries[index], [signer("other").key.named(log.origin)])


def test_a_receipt_may_carry_more_that_nobody_vouches_for() -> None:
    plain = log_of(3).receipt(1, signer())
    more = Receipt(plain.index, plain.path, plain.note, b"context")
    assert Receipt.parse(str(more)) == more


@given(st.integers(0, 2**62), HASHES)
def test_a_verifier_key_and_a_checkpoint_come_back(size: int, root: bytes) -> None:
    key = signer().key
    assert NoteKey.parse(str(key)) == key
    head = Checkpoint("example.com/log", size, root, ("more",))
    assert Checkpoint.parse(head.text) == head


def test_one_bad_signature_spoils_a_note() -> None:
    head = log_of(3).head()
    good, other = signed(head, signer()), signer("other").key.named(head.origin)
    key = signer().key.named(head.origin)
    bad = Note(good.text, (*good.signatures, type(good.signatures[0])(other.name, other.id, bytes(64))))
    assert bad.signed_by([key]) == [key], "an unknown key's signature is passed over"
    assert bad.signed_by([key, other]) == []


def test_a_witness_signs_the_time_too() -> None:
    witness = type(signer())("witness.example", sha256(b"w").digest(), 4)
    note = signed(log_of(3).head(), signer())
    line = witness.cosign(note.text, 1_800_000_000)
    assert note.with_signature(line).signed_by([witness.key]) == [witness.key]
    moved = type(line)(line.name, line.id, (1_800_000_001).to_bytes(8, "big") + line.value[8:])
    assert note.with_signature(moved).signed_by([witness.key]) == []


LOGS = st.dictionaries(HASHES, st.integers(0, 9), min_size=1, max_size=9)


@given(LOGS, st.integers(0, 2**40))
@settings(max_examples=50)
def test_every_log_stands_in_every_epoch_once(sizes: dict[bytes, int], number: int) -> None:
    texts = {blind: log_of(size, blind.hex()).head().text for blind, size in sizes.items()}
    epoch = Epoch.over(number, texts)
    record = EpochRecord.parse(epoch.record("2026-01-31T12:00:00.000Z").encode())
    assert epoch.is_sorted()
    assert record.leaves & (record.leaves - 1) == 0
    for blind, text in texts.items():
        member = epoch.member(blind, text)
        assert member is not None
        assert member.holds(record)
        assert epoch.member(blind, text + "x") is None
        assert not type(member)(member.epoch, member.index, member.path, member.blind, text + "x").holds(record)


@given(LOGS)
@settings(max_examples=50)
def test_an_epoch_tells_nobody_of_another_log(sizes: dict[bytes, int]) -> None:
    """Two epochs over the same logs share no 32 bytes: neither a log nor whether it has grown can be followed through them."""
    texts = {blind: log_of(size, blind.hex()).head().text for blind, size in sizes.items()}
    pieces = [
        {part for leaf in Epoch.over(number, texts).leaves for part in (leaf[:32], leaf[32:])} for number in range(4)
    ]
    assert all(one.isdisjoint(other) for one, other in pairwise(pieces))
    seen = b"".join(b"".join(each) for each in pieces)
    assert not any(blind in seen or text.encode() in seen for blind, text in texts.items())
