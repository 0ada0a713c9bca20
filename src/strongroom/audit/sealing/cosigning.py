"""Asking witnesses outside for their cosignatures on the anchor's heads (C2SP tlog-witness).

The anchor alone is witnessed: it commits to every log, and a witness learns nothing from it. A witness that is away delays nobody:
it is left alone for a while, and its cosignature is missing until it is back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from strongroom.audit.tlog.checkpoint import Checkpoint
from strongroom.audit.tlog.merkle import Malformed
from strongroom.audit.tlog.note import COSIGNATURE, Note, NoteKey
from strongroom.audit.tlog.witness import Submission
from strongroom.kernel.clock import Clock
from strongroom.wire import ClientError, Pool, TcpTarget, client_context

Prove: TypeAlias = Callable[[int], Awaitable[Sequence[bytes]]]
"""Returns the proof that the head follows from an older size."""

_ANSWER_S: Final = 3.0
_LEFT_ALONE_S: Final = 60.0
_MOST_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class WitnessAddress:
    """A witness: where it is asked, and the key of its cosignatures."""

    url: str
    key: NoteKey

    @classmethod
    def parse(cls, text: str) -> WitnessAddress:
        """Read `URL VKEY`, as the setting has it.

        Raises:
            ValueError: saying what is wrong.
        """
        url, _, vkey = text.partition(" ")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise ValueError("a witness is `URL VKEY`, and its URL begins with http:// or https://")
        key = NoteKey.parse(vkey)
        if key.kind != COSIGNATURE:
            raise ValueError("a witness's key is one for cosignatures (type 4)")
        return cls(url.rstrip("/"), key)


class Cosigner:
    """Asks one witness after the other."""

    def __init__(self, witnesses: Sequence[WitnessAddress], clock: Clock, tell: Callable[[str], None]) -> None:
        self._witnesses: Final = [_Witness(each) for each in witnesses]
        self._clock: Final = clock
        self._tell: Final = tell

    @property
    def away(self) -> int:
        """How many did not cosign when they were asked last."""
        return sum(each.away_until > float("-inf") for each in self._witnesses)

    async def close(self) -> None:
        """Close the ways to all of them."""
        for each in self._witnesses:
            await each.pool.close()

    async def cosigned(self, note: Note, prove: Prove) -> Note:
        """Return the note with the cosignatures that could be had."""
        size = Checkpoint.parse(note.text).size
        for each in self._witnesses:
            now = self._clock.boottime()
            if each.away_until > now:
                continue
            try:
                note = await each.cosign(note, size, prove)
                each.away_until = float("-inf")
            except (ClientError, Malformed, ValueError) as error:
                each.away_until = now + _LEFT_ALONE_S
                self._tell(f"audit log: the witness {each.address.key.name} does not cosign: {error}")
        return note


class _Witness:
    def __init__(self, address: WitnessAddress) -> None:
        self.address: Final = address
        parts = urlsplit(address.url)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        self.pool: Final = Pool(
            TcpTarget(parts.hostname or "", port, client_context() if secure else None), max_connections=1
        )
        self._path: Final = f"{parts.path}/add-checkpoint"
        self._known = 0
        self.away_until = float("-inf")

    async def cosign(self, note: Note, size: int, prove: Prove) -> Note:
        for _ in range(2):
            status, said = await self._ask(Submission(self._known, tuple(await prove(self._known)), note))
            if status == HTTPStatus.CONFLICT and said.strip().isdigit() and int(said) <= size:
                self._known = int(said)
                continue
            if status != HTTPStatus.OK:
                raise ValueError(f"it answers {status}")
            fresh = Note.parse(f"{note.text}\n{said}")
            # What it says may not lengthen the text: it would have signed another one, and ours would carry its line.
            if fresh.text != note.text or fresh.signed_by([self.address.key]) != [self.address.key]:
                raise ValueError("its signature is not by its key")
            self._known = size
            line = next(each for each in fresh.signatures if each.id == self.address.key.id)
            return note.with_signature(line)
        raise ValueError("it says that it knows a larger log")

    async def _ask(self, submission: Submission) -> tuple[int, str]:
        async with self.pool.request(
            "POST", self._path, body=str(submission).encode(), timeout_s=_ANSWER_S
        ) as response:
            return response.status, (await response.read(_MOST_BYTES)).decode("utf-8", "replace")
