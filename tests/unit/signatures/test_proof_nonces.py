"""Nonces for proofs of possession: the server's own, for five minutes, in every process of an installation."""

from __future__ import annotations

import pytest

from strongroom.signatures.proofnonces import SLOT_S, SLOTS, ProofNonces

NOW = 1_800_000_000.0
OURS, OLD, THEIRS = bytes(32), b"o" * 32, b"t" * 32


def test_what_one_process_gives_every_other_takes_for_five_minutes() -> None:
    here, there = ProofNonces([OURS, OLD]), ProofNonces([OURS, OLD])
    given = here.give(NOW)
    for later in (0, 1, SLOT_S, (SLOTS - 1) * SLOT_S, -SLOT_S):
        assert there.takes(given, NOW + later)
    for other in (SLOTS * SLOT_S, 86_400, -2 * SLOT_S):
        assert not there.takes(given, NOW + other)


def test_after_a_rotation_those_of_the_older_key_run_out_and_are_not_given() -> None:
    old, new = ProofNonces([OLD]), ProofNonces([OURS, OLD])
    assert new.takes(old.give(NOW), NOW)
    assert not old.takes(new.give(NOW), NOW)


@pytest.mark.parametrize("wrong", [None, "", "x", "A" * 28, "é" * 28, "A" * 10_000])
def test_what_nobody_gave_is_none(wrong: str | None) -> None:
    assert not ProofNonces([OURS]).takes(wrong, NOW)
    assert not ProofNonces([OURS]).takes(ProofNonces([THEIRS]).give(NOW), NOW)
    given = ProofNonces([OURS]).give(NOW)
    assert not ProofNonces([OURS]).takes(given[:-1] + ("A" if given[-1] != "A" else "B"), NOW)
