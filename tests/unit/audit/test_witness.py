"""A witness cosigns one history of a log and no other, answers as C2SP tlog-witness says, and remembers across its ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.audit.testing import MemoryLog, log_of, signed, signer
from strongroom.audit.tlog import Checkpoint, Leaves, Note, NoteKey, consistency_proof, leaf_hash
from strongroom.audit.tlog.witness import Submission
from strongroom.audit.witness import Witness, WitnessBroken

LOG, OTHER = log_of(20), log_of(20, since=1)
KEY = signer().key.named(LOG.origin)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path, "witness.example/w1", [KEY], now=lambda: 1_800_000_000)


def body(size: int, old: int, log: MemoryLog = LOG, by: str = "log") -> str:
    tree = Leaves(map(leaf_hash, log.entries))
    proof = tuple(consistency_proof(tree, old, size)) if old <= size else ()
    return str(Submission(old, proof, signed(log.head(size), signer(by))))


def test_it_cosigns_what_continues_and_says_when_it_saw_it(witness: Witness) -> None:
    for size, old in ((5, 0), (5, 5), (9, 5), (20, 9)):
        answer, line = witness.add(body(size, old))
        assert answer.status == 200
        note = Note.parse(f"{LOG.head(size).text}\n{line}")
        assert note.signed_by([witness.key]) == [witness.key]
        assert int.from_bytes(note.signatures[0].value[:8], "big") == 1_800_000_000


@pytest.mark.parametrize(
    ("sent", "status", "known"),
    [
        (body(9, 3), 409, 5),
        (body(5, 5, OTHER), 409, 5),
        (body(9, 5, OTHER), 422, None),
        (body(9, 5).replace("old 5", "old 10"), 400, None),
        (body(9, 5, by="thief"), 403, None),
        (body(9, 5, replace(LOG, origin=f"{LOG.origin}/2")), 404, None),
        ("old 5\n", 400, None),
        ("old 05\n\n" + str(signed(LOG.head(9), signer())), 400, None),
        ("", 400, None),
    ],
)
def test_what_does_not_is_answered_as_the_specification_says(
    witness: Witness, sent: str, status: int, known: int | None
) -> None:
    witness.add(body(5, 0))
    answer, line = witness.add(sent)
    assert (answer.status, answer.known, line) == (status, known, "")
    assert witness.add(body(9, 5))[0].status == 200, "and has changed nothing"


def test_from_nothing_no_proof_is_taken(witness: Witness) -> None:
    sent = str(Submission(0, (bytes(32),), signed(LOG.head(5), signer())))
    assert witness.add(sent)[0].status == 422


def test_it_remembers_across_its_ends(tmp_path: Path) -> None:
    first = Witness(tmp_path, "w", [KEY])
    first.add(body(9, 0))
    again = Witness(tmp_path, "w", [KEY])
    assert again.key == first.key
    assert again.add(body(5, 0))[0].known == 9
    with pytest.raises(WitnessBroken, match="of the witness w"):
        Witness(tmp_path, "another", [KEY])
    (tmp_path / "heads.json").write_bytes(b"x")
    with pytest.raises(WitnessBroken, match="damaged"):
        Witness(tmp_path, "w", [KEY])


def test_a_submission_comes_back() -> None:
    sent = Submission(
        5, (bytes(32),), Note(Checkpoint("a", 9, bytes(32)).text, signed(LOG.head(9), signer()).signatures)
    )
    assert Submission.parse(str(sent)) == sent


def test_a_log_key_is_no_witness_key(witness: Witness) -> None:
    assert NoteKey.parse(str(witness.key)).kind == 4
    assert witness.key.id != NoteKey(witness.key.name, witness.key.public).id
