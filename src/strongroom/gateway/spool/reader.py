"""Reading a spool from its beginning: pieces of frames, once each, and openings matched with their closings.

Always true here:
- a frame whose number was met before is passed over: a batch is written again after a sync that failed;
- an opening is held until its closing is read; what holds no opening any more may be removed;
- numbers follow each other: where some are missing, so many frames are gone, and that is counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from strongroom.gateway.spool.frames import Closed, Denied, Ended, Frame, Lost, Opened
from strongroom.gateway.spool.segments import Piece, Place, listed, read_piece
from strongroom.kernel.ids import TenantId


@dataclass(slots=True)
class Found:
    """What one piece came to.

    Attributes:
        pairs: requests with what became of them.
        denials: for audit logs.
        gaps: what was not kept.
        torn: where frames ended before the segment did.
    """

    pairs: list[tuple[Opened, Closed]] = field(default_factory=list[tuple[Opened, Closed]])
    denials: list[Denied] = field(default_factory=list[Denied])
    gaps: list[Lost] = field(default_factory=list[Lost])
    torn: Place | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to hand on."""
        return not (self.pairs or self.denials or self.gaps)


class Reader:
    """Reads one spool, living or dead."""

    def __init__(self, directory: Path, *, confirmed: int | None = None) -> None:
        """Begin at the beginning.

        Args:
            directory: the spool.
            confirmed: the last number that a dead process knew to be written (`mark.py`); None: the process lives, and
                knows itself whose records it has not written.
        """
        self.directory: Final = directory
        self._confirmed: Final = confirmed
        self.at = Place(1, 0)
        self.open: Final[dict[int, tuple[Opened, int]]] = {}
        """Openings without a closing, by the number of their id, with the segment that each stands in."""
        self.last = 0
        """Number of the last frame."""
        self.missing = 0
        """Frames that were written and are not there."""
        self.ended = False
        """Whether the process said that its end was in order."""
        self.beyond: Final[Counter[TenantId]] = Counter()
        """Records, by tenant, that were written without a dead process knowing so."""
        self.tenants: Final[set[TenantId]] = set()
        """Whose frames were met in a dead process's spool."""

    @property
    def done_before(self) -> int:
        """The first segment that is still needed: that of the oldest opening without a closing, or the next to read."""
        oldest = next(iter(self.open.values()), None)
        return self.at.segment if oldest is None else min(oldest[1], self.at.segment)

    def read(self, end: Place | None = None) -> Found | None:
        """Read the next piece; None: there is none before `end` (None: the end of what lies there). Blocks.

        Each piece is returned once: whoever cannot hand it on keeps it.
        """
        while True:
            if end is not None and self.at >= end:
                return None
            until = end.offset if end is not None and end.segment == self.at.segment else None
            try:
                piece = read_piece(self.directory, self.at, until)
            except FileNotFoundError:
                piece = Piece((), 0, torn=False)
            if piece.frames or piece.torn:
                return self._sorted(piece)
            if end is not None and end.segment <= self.at.segment:
                return None
            following = [number for number, _ in listed(self.directory) if number > self.at.segment]
            if not following:
                return None
            self.at = Place(following[0], 0)

    def _sorted(self, piece: Piece) -> Found:
        found = Found()
        segment, last, confirmed = self.at.segment, self.last, self._confirmed
        for number, frame in piece.frames:
            if number > last:
                self.missing += number - last - 1 if last else 0
                last = number
                self._sort(frame, segment, found)
                if confirmed is not None:
                    self._count(frame, 1 if number > confirmed else 0)
        self.last = last
        if piece.torn:
            found.torn = Place(segment, piece.end)
        self.at = Place(segment + 1, 0) if piece.torn else Place(segment, piece.end)
        return found

    def _sort(self, frame: Frame, segment: int, found: Found) -> None:
        match frame:
            case Opened():
                self.open[frame.id.int] = (frame, segment)
            case Closed():
                held = self.open.pop(frame.id.int, None)
                opened = frame.opened if held is None else held[0]
                if held is None and frame.outcome == "failed":  # an end that was taken back: what was said last counts
                    found.pairs[:] = [pair for pair in found.pairs if pair[0].id != frame.id]
                if opened is not None:
                    found.pairs.append((opened, frame))
            case Denied():
                found.denials.append(frame)
            case Lost():
                found.gaps.append(frame)
            case Ended():
                self.ended = True

    def _count(self, frame: Frame, records: int) -> None:
        match frame:
            case Opened() | Denied():
                owner = frame.tenant
            case Closed(opened=Opened() as opened):
                owner = opened.tenant
            case Lost():
                owner, records = frame.tenant, records * (frame.count or 0)
            case _:
                return
        self.tenants.add(owner)
        self.beyond[owner] += records
