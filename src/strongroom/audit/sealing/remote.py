"""The way to the notary's process: two questions over a unix socket that the keeper alone may use."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec

from strongroom.audit.sealing.model import Ask, Verdict
from strongroom.audit.sealing.notary import Notary
from strongroom.audit.sealing.sequencer import NotaryAway
from strongroom.audit.tlog import NoteKey
from strongroom.wire import ClientError, Handler, Pool, Reply, Request, UnixTarget

_TYPE: Final = [(b"content-type", b"application/x-msgpack")]
_ANSWER_S: Final = 5.0
_MOST_BYTES: Final = 64 * 2**20

_ASKS: Final = msgspec.msgpack.Decoder(list[Ask])
_VERDICTS: Final = msgspec.msgpack.Decoder(list[Verdict])


def service(notary: Notary) -> Handler:
    """Return what answers on the notary's socket."""
    turn = asyncio.Lock()

    async def answer(request: Request, reply: Reply) -> None:
        if request.method == "GET":
            return await reply.send(HTTPStatus.OK, _TYPE, msgspec.msgpack.encode(str(notary.key)))
        try:
            asks = _ASKS.decode(request.body)
            async with turn:  # one at a time: what it remembers decides what it says next
                verdicts = await asyncio.to_thread(notary.sign, asks)
        except (msgspec.MsgspecError, ValueError):
            return await reply.send(HTTPStatus.BAD_REQUEST, _TYPE, b"")
        except OSError as error:  # it could not write down what it would sign, so it signs nothing
            return await reply.send(HTTPStatus.INSUFFICIENT_STORAGE, _TYPE, (error.strerror or "").encode())
        return await reply.send(HTTPStatus.OK, _TYPE, msgspec.msgpack.encode(verdicts))

    return answer


class RemoteNotary:
    """The notary as the keeper sees it."""

    def __init__(self, socket: Path) -> None:
        self._pool: Final = Pool(UnixTarget(socket), max_connections=2)

    async def close(self) -> None:
        """Close the way."""
        await self._pool.close()

    async def key(self) -> NoteKey:
        """Return its key.

        Raises:
            NotaryAway: when it does not answer.
        """
        return NoteKey.parse(msgspec.msgpack.decode(await self._ask("GET", b""), type=str))

    async def sign(self, asks: Sequence[Ask]) -> list[Verdict]:
        """Return its verdicts.

        Raises:
            NotaryAway: when it does not answer.
        """
        found = _VERDICTS.decode(await self._ask("POST", msgspec.msgpack.encode(list(asks))))
        if len(found) != len(asks):
            raise NotaryAway("the notary answered something else")
        return found

    async def _ask(self, method: str, body: bytes) -> bytes:
        try:
            async with self._pool.request(method, "/", body=body, timeout_s=_ANSWER_S) as response:
                content = await response.read(_MOST_BYTES)
        except ClientError as error:
            raise NotaryAway(f"the notary does not answer: {error}") from None
        if response.status != HTTPStatus.OK:
            said = content.decode("utf-8", "replace")[:100]
            raise NotaryAway(f"the notary signs nothing now{f': {said}' if said else ''}")
        return content
