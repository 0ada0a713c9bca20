"""Putting the anchor's heads outside: into a file that is only added to, and before a timestamp authority (RFC 3161).

Always true here:
- a head is put outside at most every `every_s`, and only if it is another one than the last;
- before one is added to the file, the last that stands there must be a beginning of the log: a machine that was turned back
  with its database, its notary and all shows here; nothing is added then, and it is told;
- neither is waited for by anybody: what is away is told, and asked again with the next head.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from strongroom.audit import tables as entries
from strongroom.audit.model import Entry, Outcome
from strongroom.audit.sealing import tables
from strongroom.audit.sealing.anchor_file import AnchorFile
from strongroom.audit.sealing.model import ANCHOR, Head
from strongroom.audit.sealing.proving import proofs
from strongroom.audit.timestamps import MOST_BYTES, NoTimestamp, fits, question
from strongroom.audit.tlog import Note
from strongroom.audit.tlog.checkpoint import Checkpoint
from strongroom.audit.tlog.merkle import verify_consistency
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import new_uuid
from strongroom.store import Sealer, SealTx
from strongroom.wire import ClientError, Pool, TcpTarget, client_context

_ANSWER_S: Final = 10.0


class Authority:
    """A timestamp authority, over HTTP (RFC 3161 §3.4)."""

    def __init__(self, url: str) -> None:
        """Name it.

        Raises:
            ValueError: for what is no address.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the address of a timestamp authority begins with http:// or https://")
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        self.url: Final = url
        self._path: Final = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._target: Final = (parts.hostname, port, secure)
        self._pool: Pool | None = None

    async def stamp(self, note: str) -> bytes:
        """Return its answer about a note, which fits what was asked.

        Raises:
            NoTimestamp: when it does not.
            ClientError: when there is none.
        """
        host, port, secure = self._target
        self._pool = self._pool or Pool(TcpTarget(host, port, client_context() if secure else None), max_connections=1)
        asked = question(note)
        async with self._pool.request(
            "POST",
            self._path,
            [(b"content-type", b"application/timestamp-query")],
            asked.as_bytes(),
            timeout_s=_ANSWER_S,
        ) as response:
            answer = await response.read(MOST_BYTES)
        if response.status != HTTPStatus.OK:
            raise NoTimestamp(f"it answers {response.status}")
        fits(answer, asked)
        return answer

    async def close(self) -> None:
        """Close the way to it."""
        if self._pool is not None:
            await self._pool.close()


class Publisher:
    """Puts heads outside, round by round."""

    def __init__(
        self,
        sealer: Sealer,
        clock: Clock,
        *,
        file: Path | None,
        authority: Authority | None,
        every_s: float,
        tell: Callable[[str], None],
    ) -> None:
        self._sealer: Final = sealer
        self._clock: Final = clock
        self._file: Final = None if file is None else AnchorFile(file)
        self._authority: Final = authority
        self._every_s: Final = every_s
        self._tell: Final = tell
        self._next = float("-inf")
        self.file_away = self.differs = self.authority_away = False

    async def round(self) -> bool:
        """Put the newest head outside, if it is time, and return whether one was.

        Raises:
            StoreError: when the database takes nothing.
        """
        now = self._clock.boottime()
        if now < self._next or (self._file is None and self._authority is None):
            return False
        async with self._sealer.look() as tx:
            head = (await tables.heads(tx, [ANCHOR])).get(ANCHOR)
            number = None if head is None else await tables.to_publish(tx, head.epoch, head.signed_size)
            if head is None or head.note is None or number is None:
                return False
            self._next = now + self._every_s
            filed = await self._add(tx, head, head.note)
            await tables.publish(tx, number, head.epoch, head.signed_size, head.note, filed=filed)
        await self._stamp(number, head.note)
        return True

    async def _add(self, tx: SealTx, head: Head, note: str) -> bool:
        """Add a head to the file, if the last one there is a beginning of it; return whether it stands there."""
        if self._file is None:
            return False
        try:
            last = self._file.last(head.origin)
            if last is not None and not await _continues(tx, head, Checkpoint.parse(last.text)):
                await self._told_of_difference(tx, Checkpoint.parse(last.text), head)
                return False
            self._file.add(Note.parse(note), self._clock.now())
        except OSError as error:
            if not self.file_away:
                self._tell(f"audit log: the anchor file takes nothing: {error.strerror or type(error).__name__}")
            self.file_away = True
            return False
        self.file_away = self.differs = False
        return True

    async def _told_of_difference(self, tx: SealTx, last: Checkpoint, head: Head) -> None:
        if self.differs:
            return
        self.differs = True
        said = f"the anchor file has a head of {last.size} epochs that the anchor, with {head.signed_size}, does not continue"
        self._tell(f"audit log: {said}: the machine was turned back, or its history rewritten; nothing is added to it")
        entry = Entry(
            id=new_uuid(), at=self._clock.now(), actor="keeper", credential="", action="log.anchor_differs",
            resource="installation/audit-log/*", outcome=Outcome.ALLOWED, reason=said,
            detail={"file": str(last.size), "anchor": str(head.signed_size)},
        )  # fmt: skip
        await entries.append_as_keeper(tx, entry)

    async def _stamp(self, number: int, note: str) -> None:
        if self._authority is None:
            return
        try:
            answer = await self._authority.stamp(note)
        except (ClientError, NoTimestamp, ValueError) as error:
            if not self.authority_away:
                self._tell(f"audit log: no timestamp from {self._authority.url}: {error}")
            self.authority_away = True
            return
        self.authority_away = False
        async with self._sealer.look() as tx:
            await tables.stamped(tx, number, answer)


async def _continues(tx: SealTx, head: Head, last: Checkpoint) -> bool:
    if last.size > head.signed_size:
        return False
    (ask,) = await proofs(tx, [(head, last.size)])
    return verify_consistency(last.size, head.size, ask.proof, last.root, head.root)
