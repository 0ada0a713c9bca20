"""What an export of a log consists of: files by their path, complete, and checked by one program that lies beside them.

Always true here:
- an export holds everything that is needed to check it, but for the key, which must come by another way;
- nothing in it tells of another tenant: the anchor's part is one leaf and a path of hashes over noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from strongroom.audit import strongroom_verify
from strongroom.audit.tlog.anchor import Member
from strongroom.audit.tlog.checkpoint import Checkpoint
from strongroom.audit.tlog.note import Note, NoteKey
from strongroom.audit.tlog.proof import Receipt
from strongroom.audit.tlog.tiles import WIDTH, bundle, grow, tiles_of
from strongroom.kernel.clock import rfc3339

PROGRAM: Final = "strongroom_verify.py"

_README: Final = """\
This is an export of an audit log of Strongroom, written {at}.

    python3 strongroom_verify.py . --trust VKEY

checks it offline, with Python 3.10 or later and nothing else. VKEY is the verifier key of the installation, as
`strongroom audit key` prints it. Take it, and best this program too, by another way than this export: who can change
the export can change the file `vkey` and the program in it.

log/N/checkpoint     the signed head of epoch N of the log (C2SP tlog-checkpoint, signed-note)
log/N/checkpoints/   earlier heads
log/N/tile/entries/  the entries, as they were logged, in bundles (C2SP tlog-tiles)
log/N/tile/L/        the hashes over them
anchor/              the proof that the log stands in the anchor over all logs of the installation
anchor/published/    the same for a head of the anchor that was put outside (a file, a timestamp), where that is done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochPart:
    """One epoch of a log.

    Attributes:
        number: 1, or more where the log began anew.
        checkpoint: its newest signed head.
        history: earlier ones.
        entries: all of them, as they are stored.
        hashes: their hashes, as the log's own tiles hold them.
    """

    number: int
    checkpoint: Note
    entries: Sequence[bytes]
    hashes: Sequence[bytes]
    history: Sequence[Note] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorPart:
    """Where the log stands in the anchor.

    Attributes:
        record: the entry of the epoch in the anchor log.
        receipt: of that entry.
        member: the log's place in the epoch.
    """

    record: bytes
    receipt: Receipt
    member: Member


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPart:
    """Where the log stands in a head of the anchor that was put outside.

    Attributes:
        anchor: its place there.
        timestamp: the answer of the authority about that head's note (RFC 3161); None: it has none.
    """

    anchor: AnchorPart
    timestamp: bytes | None


def files(
    name: str,
    epochs: Sequence[EpochPart],
    anchor: AnchorPart,
    key: NoteKey,
    at: datetime,
    published: PublishedPart | None = None,
) -> Iterator[tuple[str, bytes]]:
    """Yield every file of an export: its path below the export's directory, and its content.

    Args:
        name: whose log it is, for people.
        epochs: in order.
        anchor: of the last epoch.
        key: what the export claims to be signed by.
        at: when it is written.
        published: where the last of `epochs` stands in what was put outside.
    """
    about = [
        {"epoch": each.number, "origin": (head := Checkpoint.parse(each.checkpoint.text)).origin, "size": head.size}
        for each in epochs
    ]
    manifest = {"format": strongroom_verify.FORMAT, "log": name, "at": rfc3339(at), "epochs": about}
    yield "export.json", msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    yield "README.txt", _README.format(at=rfc3339(at)).encode()
    yield PROGRAM, Path(strongroom_verify.__file__).read_bytes()
    yield "vkey", f"{key}\n".encode()
    for each in epochs:
        for path, content in _epoch(each):
            yield f"log/{each.number}/{path}", content
    yield from _anchored("anchor", anchor)
    if published is not None:
        yield from _anchored("anchor/published", published.anchor)
        if published.timestamp is not None:
            yield "anchor/published/timestamp.tsr", published.timestamp


def _anchored(folder: str, anchor: AnchorPart) -> Iterator[tuple[str, bytes]]:
    yield f"{folder}/epoch.json", anchor.record
    yield f"{folder}/epoch.tlog-proof", str(anchor.receipt).encode()
    yield f"{folder}/member.json", msgspec.json.encode(anchor.member)


def _epoch(part: EpochPart) -> Iterator[tuple[str, bytes]]:
    yield "checkpoint", str(part.checkpoint).encode()
    for note in part.history:
        yield f"checkpoints/{Checkpoint.parse(note.text).size}", str(note).encode()
    for tile, content in grow(_nothing, 0, part.hashes).items():
        yield tile.path, content
    for tile in tiles_of(len(part.entries)):
        if tile.level == 0:
            start = tile.number * WIDTH
            yield tile.entries_path, bundle(part.entries[start : start + tile.width])


def _nothing(level: int, number: int) -> bytes:
    """Give no tile: a tree that grows from nothing needs none."""
    raise AssertionError(level, number)
