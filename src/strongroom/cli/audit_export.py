"""`strongroom audit export`: fetch a log as it is sealed, and write it so that a third party can check it alone."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from strongroom.cli.calls import ask, place
from strongroom.cli.failures import UNDETERMINED, Failure, usage
from strongroom.cli.session import Session, decoded

if TYPE_CHECKING:
    from strongroom.audit.export import AnchorPart, EpochPart

_PAGE: Final = 1000
_COVERED_S: Final = 30.0
_LOOK_S: Final = 0.5


class _Epoch(msgspec.Struct, frozen=True):
    epoch: int
    origin: str
    signed: int
    checkpoint: str
    history: list[str]


class _Anchor(msgspec.Struct, frozen=True):
    record: str
    receipt: str
    member: dict[str, Any]


class _Published(_Anchor, frozen=True):
    timestamp: bytes | None


class _Log(msgspec.Struct, frozen=True):
    vkey: str
    trouble: str
    epochs: list[_Epoch]
    anchor: _Anchor | None
    published: _Published | None = None


class _Sealed(msgspec.Struct, frozen=True):
    seq: int
    event: str
    hash: bytes


class _Page(msgspec.Struct, frozen=True):
    data: list[_Sealed]


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    out: str
    log: str
    entries: int
    epochs: int
    vkey: str


def export(session: Session, tenant: str | None, out: Path) -> Exported:
    """Write the log of a tenant, or the installation's, to the directory `out`.

    Raises:
        Failure: when the directory is there already, or the log cannot be fetched whole.
    """
    from strongroom.audit.export import PublishedPart, files  # noqa: PLC0415 - cryptography comes late: `--help` must not wait for it
    from strongroom.audit.tlog import NoteKey  # noqa: PLC0415 - as above

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise usage(f"{out} is there already; an export goes into a directory of its own.", "Name another --out.")
    where = ("audit",) if tenant is None else ("tenants", tenant, "audit")
    log = _covering(session, where, _newest(session, where))
    if log.anchor is None or not log.epochs:
        raise Failure(
            "The log is not anchored yet.",
            "The keeper anchors every few seconds; `strongroom doctor` says more.",
            UNDETERMINED,
        )
    parts = [_part(session, where, each) for each in log.epochs if each.checkpoint]
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)
    key = NoteKey.parse(log.vkey)
    outside = (
        None
        if log.published is None
        else PublishedPart(anchor=_anchor(log.published), timestamp=log.published.timestamp)
    )
    for path, content in files(tenant or "installation", parts, _anchor(log.anchor), key, datetime.now(UTC), outside):
        file = partial / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    if out.exists():
        out.rmdir()
    partial.rename(out)
    entries = sum(len(part.entries) for part in parts)
    return Exported(out=str(out), log=log.epochs[-1].origin, entries=entries, epochs=len(parts), vkey=log.vkey)


def _newest(session: Session, where: tuple[str, ...]) -> UUID | None:
    """Return the newest entry there is: an export is to hold everything up to now."""
    found = decoded(ask(session, "GET", place(*where, "search", limit=1)))["data"]
    return UUID(found[0]["id"]) if found else None


def _covering(session: Session, where: tuple[str, ...], newest: UUID | None) -> _Log:
    """Return the log once its anchor covers `newest`; or as it stands, when that does not come about in time."""
    until = time.monotonic() + _COVERED_S
    told = False
    seq = epoch = -1
    while True:
        if newest is not None and seq < 0:
            for row in decoded(ask(session, "GET", place(*where, "search", limit=200)))["data"]:
                if row["id"] == str(newest) and row["seq"] is not None:
                    seq, epoch = row["seq"], row["epoch"]
        log = msgspec.json.decode(ask(session, "GET", place(*where, "log")), type=_Log)
        covered = 0 if log.anchor is None else int(log.anchor.member["checkpoint"].split("\n")[1])
        current = log.epochs[-1].epoch if log.epochs else 0
        if newest is None or (seq >= 0 and (current > epoch or covered > seq)):
            return log
        if log.trouble or time.monotonic() > until:
            print(
                f"The newest entries are not sealed and anchored yet ({log.trouble or 'slow'}); they are left out.",
                file=sys.stderr,
            )
            return log
        if not told:
            print("Waiting for the newest entries to be sealed, signed and anchored …", file=sys.stderr)
            told = True
        time.sleep(_LOOK_S)


def _part(session: Session, where: tuple[str, ...], epoch: _Epoch) -> EpochPart:
    from strongroom.audit.export import EpochPart  # noqa: PLC0415 - as above
    from strongroom.audit.tlog import Note  # noqa: PLC0415 - as above

    rows = [row for page in _pages(session, where, epoch) for row in page]
    return EpochPart(
        number=epoch.epoch,
        checkpoint=Note.parse(epoch.checkpoint),
        entries=[row.event.encode() for row in rows],
        hashes=[row.hash for row in rows],
        history=[Note.parse(each) for each in epoch.history],
    )


def _pages(session: Session, where: tuple[str, ...], epoch: _Epoch) -> Iterator[list[_Sealed]]:
    show = sys.stderr.isatty() and epoch.signed > _PAGE
    for since in range(0, epoch.signed, _PAGE):
        count = min(_PAGE, epoch.signed - since)
        wanted = place(*where, "entries", epoch=epoch.epoch, since=since, limit=count)
        yield msgspec.json.decode(ask(session, "GET", wanted), type=_Page).data
        if show:
            print(f"\rentries {since + count} of {epoch.signed}", end="", file=sys.stderr)
    if show:
        print(file=sys.stderr)


def _anchor(anchor: _Anchor) -> AnchorPart:
    from strongroom.audit.export import AnchorPart  # noqa: PLC0415 - as above
    from strongroom.audit.tlog import Receipt  # noqa: PLC0415 - as above
    from strongroom.audit.tlog.anchor import Member  # noqa: PLC0415 - as above

    return AnchorPart(
        record=anchor.record.encode(),
        receipt=Receipt.parse(anchor.receipt),
        member=msgspec.convert(anchor.member, Member),
    )
