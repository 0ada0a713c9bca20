"""A worker that costs as little as a worker can: fixed answers on a unix socket, by the wire room's own server.

    python -m bench.gateway.mock_worker SOCKET        or a number, for a port on loopback

A streamed answer has as many events as `max_tokens` asks for, each written on its own.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import uvloop

from strongroom.gateway.testing import USAGE_CHUNK, chat, chat_chunk
from strongroom.wire import Reply, Request, encode_data, serve_tcp, serve_unix

_JSON = [(b"content-type", b"application/json")]
_EVENTS = [(b"content-type", b"text/event-stream")]
WHOLE = msgspec.json.encode(
    chat("A short answer of some twenty words, as a small model gives it to a plain question." * 2)
)
EVENT = encode_data(msgspec.json.encode(chat_chunk(content=" word")))
USED = {**chat_chunk("stop"), **USAGE_CHUNK}  # with an id, as OpenAI has it: MLflow's gateway breaks off without one
LAST = b"".join(encode_data(msgspec.json.encode(chunk)) for chunk in (chat_chunk("stop"), USED)) + b"data: [DONE]\n\n"


class _Asked(msgspec.Struct):
    stream: bool = False
    max_tokens: int = 0


async def answer(request: Request, reply: Reply) -> None:
    if request.path == "/health":
        await reply.send(200, _JSON, b"{}")
        return
    asked = msgspec.json.decode(request.body, type=_Asked)
    if not asked.stream:
        await reply.send(200, _JSON, WHOLE)
        return
    reply.start(200, _EVENTS)
    for _ in range(asked.max_tokens):
        await reply.write(EVENT)
        await asyncio.sleep(0)  # a model writes one token at a time
    await reply.write(LAST)
    await reply.end()


async def main(place: str) -> None:
    await (serve_tcp(answer, port=int(place)) if place.isdigit() else serve_unix(answer, Path(place)))
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
