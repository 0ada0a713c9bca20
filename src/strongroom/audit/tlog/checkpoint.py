"""C2SP tlog-checkpoint: a log's name, how many entries it has, and the root over them, as the text of a note."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from strongroom.audit.tlog.merkle import HASH_BYTES, Malformed
from strongroom.audit.tlog.note import decoded, encoded

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_ORIGIN: Final = re.compile(r"[^\s+\x00-\x1f]{1,255}")
_LEAST_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log at one size."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no checkpoint could say.

        Raises:
            Malformed: saying which part.
        """
        if not _ORIGIN.fullmatch(self.origin):
            raise Malformed("an origin has neither spaces nor '+', and is not empty")
        if self.size < 0 or len(self.root) != HASH_BYTES:
            raise Malformed("a checkpoint has a size and a root of 32 bytes")
        if any(not each or "\n" in each for each in self.extensions):
            raise Malformed("an extension is a line that is not empty")

    @property
    def text(self) -> str:
        """What is signed."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, encoded(self.root), *self.extensions))

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a note.

        Raises:
            Malformed: saying what is wrong.
        """
        lines = text.removesuffix("\n").split("\n")
        if not text.endswith("\n") or len(lines) < _LEAST_LINES:
            raise Malformed("a checkpoint has three lines or more")
        origin, size, root, *extensions = lines
        if not _SIZE.fullmatch(size):
            raise Malformed("a checkpoint's size is a decimal number without leading zeroes")
        return cls(origin, int(size), decoded(root, "a checkpoint's root"), tuple(extensions))
