"""Logs in memory, for tests of whatever reads logs: signed, anchored and exported as the real ones are, without a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from strongroom.audit.export import AnchorPart, EpochPart, files
from strongroom.audit.sealing.model import Ask, Verdict
from strongroom.audit.sealing.notary import Notary
from strongroom.audit.sealing.sequencer import NotaryAway
from strongroom.audit.tlog.anchor import Epoch
from strongroom.audit.tlog.checkpoint import Checkpoint
from strongroom.audit.tlog.merkle import Leaves, inclusion_proof, leaf_hash
from strongroom.audit.tlog.note import Note, NoteKey, NoteSigner
from strongroom.audit.tlog.proof import Receipt

BASE: Final = "strongroom/0123456789abcdef"
AT: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MemoryLog:
    """One log: its origin, its blind, its entries."""

    origin: str
    blind: bytes
    entries: tuple[bytes, ...]

    def head(self, size: int | None = None) -> Checkpoint:
        """Return its head, now or when it had `size` entries."""
        tree = Leaves(map(leaf_hash, self.entries[:size]))
        return Checkpoint(self.origin, len(tree), tree.root())

    def receipt(self, index: int, signer: NoteSigner) -> Receipt:
        """Return the receipt of one entry."""
        tree = Leaves(map(leaf_hash, self.entries))
        return Receipt(index, tuple(inclusion_proof(tree, index, len(tree))), signed(self.head(), signer))


def signer(name: str = "log") -> NoteSigner:
    """Return the key of an installation, the same for the same name."""
    return NoteSigner(BASE, sha256(name.encode()).digest())


def signed(head: Checkpoint, by: NoteSigner) -> Note:
    """Return a head as a note, signed in the name of its log."""
    return Note(head.text, (by.sign(head.text, name=head.origin),))


def log_of(count: int, name: str = "a", *, since: int = 0) -> MemoryLog:
    """Return a log of `count` small entries; with `since`, they differ from those of other values of it."""
    entries = tuple(f'{{"number":{number},"of":"{name}","since":{since}}}'.encode() for number in range(count))
    return MemoryLog(
        f"{BASE}/{sha256(name.encode()).hexdigest()[:16]}", sha256(b"blind" + name.encode()).digest(), entries
    )


def anchored(
    log: MemoryLog, by: NoteSigner, others: Sequence[MemoryLog] = (), *, size: int | None = None
) -> AnchorPart:
    """Return the anchor of `log` among `others`, at its head or when it had `size` entries."""
    heads = {each.blind: each.head().text for each in others} | {log.blind: log.head(size).text}
    epoch = Epoch.over(7, heads, random=lambda count: sha256(b"filling").digest() * (count // 32))
    record = epoch.record("2026-01-31T12:00:00.000Z").encode()
    member = epoch.member(log.blind, log.head(size).text)
    assert member is not None  # noqa: S101 - it was put in above
    anchor = MemoryLog(f"{BASE}/anchor", b"", (b"1", b"2", record))
    return AnchorPart(record=record, receipt=anchor.receipt(2, by), member=member)


def export(
    folder: Path, log: MemoryLog, by: NoteSigner, anchor: AnchorPart | None = None, *, history: Sequence[int] = ()
) -> NoteKey:
    """Write an export of `log` and return the key that it is signed by."""
    part = EpochPart(
        number=1,
        checkpoint=signed(log.head(), by),
        entries=log.entries,
        hashes=[leaf_hash(each) for each in log.entries],
        history=[signed(log.head(size), by) for size in history],
    )
    write(folder, part, anchor or anchored(log, by, [log_of(3, "b"), log_of(4, "c")]), by.key)
    return by.key


def write(folder: Path, part: EpochPart, anchor: AnchorPart, key: NoteKey) -> None:
    """Write an export of one epoch."""
    for path, content in files("acme", [part], anchor, key, AT):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


class LocalNotary:
    """A real notary in this process, which can be made to be away."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self.notary: Final = Notary(directory)
        self.away = False

    async def key(self) -> NoteKey:
        """Return its key."""
        self._refuse_when_away()
        return self.notary.key

    async def sign(self, asks: Sequence[Ask]) -> list[Verdict]:
        """Return its verdicts."""
        self._refuse_when_away()
        return self.notary.sign(asks)

    def _refuse_when_away(self) -> None:
        if self.away:
            raise NotaryAway("it is made to be away")
