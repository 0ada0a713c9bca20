"""C2SP tlog-witness: what a witness asks of a head before it puts its own name below it. No I/O: whoever calls keeps the state.

A witness never saw the log's entries. It vouches for one thing: of this log it has seen one history, and this head continues it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from strongroom.audit.tlog.checkpoint import Checkpoint
from strongroom.audit.tlog.merkle import EMPTY_ROOT, HASH_BYTES, Malformed, verify_consistency
from strongroom.audit.tlog.note import Note, NoteKey, decoded, encoded

SIZE_TYPE: Final = "text/x.tlog.size"
MOST_BYTES: Final = 64 * 1024
_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,18})")
_DEEPEST: Final = 63


@dataclass(frozen=True, slots=True)
class Submission:
    """A head that a witness is asked to cosign: from which size it is shown to follow, how, and the note."""

    old: int
    proof: tuple[bytes, ...]
    note: Note

    def __str__(self) -> str:
        """Return it as the body of a request."""
        return "".join(f"{row}\n" for row in (f"old {self.old}", *map(encoded, self.proof), "")) + str(self.note)

    @classmethod
    def parse(cls, body: str) -> Submission:
        """Read the body of a request.

        Raises:
            Malformed: saying what is wrong.
        """
        head, blank, note = body.partition("\n\n")
        first, *rows = head.split("\n")
        found = _OLD.fullmatch(first)
        if found is None or not blank or len(rows) > _DEEPEST:
            raise Malformed("a submission is an old size, at most 63 hashes, an empty line and a checkpoint")
        proof = tuple(decoded(row, "a hash of the proof") for row in rows)
        if any(len(each) != HASH_BYTES for each in proof):
            raise Malformed("a hash has 32 bytes")
        return cls(int(found[1]), proof, Note.parse(note))


@dataclass(frozen=True, slots=True)
class Seen:
    """The last head of a log that was cosigned."""

    size: int = 0
    root: bytes = EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answers: the status, and the head to cosign, or the size that it knows."""

    status: int
    head: Checkpoint | None = None
    known: int | None = None


def judge(submission: Submission, logs: Mapping[str, NoteKey], seen: Mapping[str, Seen]) -> Answer:
    """Return what a witness has to answer, in the order of the specification.

    Args:
        submission: what was sent.
        logs: the logs that the witness knows, by origin, with their keys.
        seen: the last head of each that it cosigned.
    """
    try:
        head = Checkpoint.parse(submission.note.text)
    except Malformed:
        return Answer(400)
    key = logs.get(head.origin)
    if key is None:
        return Answer(404)
    if not submission.note.signed_by([key.named(head.origin)]):
        return Answer(403)
    return _continued(submission, head, seen.get(head.origin, Seen()))


def _continued(submission: Submission, head: Checkpoint, last: Seen) -> Answer:
    if submission.old > head.size:
        return Answer(400)
    if submission.old != last.size or (submission.old == head.size and last.size and head.root != last.root):
        return Answer(409, known=last.size)
    if last.size == 0:
        return Answer(422) if submission.proof else Answer(200, head)
    if not verify_consistency(last.size, head.size, submission.proof, last.root, head.root):
        return Answer(422)
    return Answer(200, head)
