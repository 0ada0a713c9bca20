"""C2SP tlog-proof: the receipt of one entry, which anybody can check offline with the log's key and the entry's bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from strongroom.audit.tlog.checkpoint import Checkpoint
from strongroom.audit.tlog.merkle import HASH_BYTES, Malformed, leaf_hash, verify_inclusion
from strongroom.audit.tlog.note import Note, NoteKey, decoded, encoded

HEADER: Final = "c2sp.org/tlog-proof@v1"
SUFFIX: Final = ".tlog-proof"
"""How the name of a file with a receipt ends."""

_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})")
_EXTRA: Final = "extra "
_DEEPEST: Final = 63


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where an entry stands in a log, the path from it to the root, and the note that signs the root.

    `extra` is not authenticated by anything.
    """

    index: int
    path: tuple[bytes, ...]
    note: Note
    extra: bytes | None = None

    def __str__(self) -> str:
        """Return the receipt as it is stored and sent."""
        extra = [] if self.extra is None else [f"{_EXTRA}{encoded(self.extra)}"]
        lines = [HEADER, *extra, f"index {self.index}", *map(encoded, self.path), ""]
        return "".join(f"{line}\n" for line in lines) + str(self.note)

    @classmethod
    def parse(cls, content: str) -> Receipt:
        """Read a receipt.

        Raises:
            Malformed: saying what is wrong.
        """
        head, blank, note = content.partition("\n\n")
        lines = head.split("\n")
        if not blank or lines.pop(0) != HEADER:
            raise Malformed(f"a receipt begins with {HEADER}, and has an empty line before its checkpoint")
        extra = None
        if lines and lines[0].startswith(_EXTRA):
            extra = decoded(lines.pop(0).removeprefix(_EXTRA), "the extra data of a receipt")
        found = _INDEX.fullmatch(lines.pop(0)) if lines else None
        if found is None:
            raise Malformed("a receipt gives the index of its entry")
        path = tuple(decoded(line, "a hash of a receipt") for line in lines)
        if len(path) > _DEEPEST or any(len(each) != HASH_BYTES for each in path):
            raise Malformed("a receipt has at most 63 hashes of 32 bytes")
        return cls(int(found[1]), path, Note.parse(note), extra)

    @property
    def checkpoint(self) -> Checkpoint:
        """The log as the note has it.

        Raises:
            Malformed: when the note is no checkpoint.
        """
        return Checkpoint.parse(self.note.text)

    def holds(self, entry: bytes, keys: Iterable[NoteKey]) -> bool:
        """Whether one of `keys` signed a log in which `entry` stands where this says.

        A key counts for logs of its own name alone: a note of another log by the same key proves nothing here.
        """
        checkpoint = self.checkpoint
        signers = self.note.signed_by(key for key in keys if key.name == checkpoint.origin)
        return bool(signers) and verify_inclusion(
            leaf_hash(entry), self.index, checkpoint.size, self.path, checkpoint.root
        )
