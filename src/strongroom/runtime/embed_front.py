"""The embedding worker's front: one text at a time, in turn between scopes, off the event loop.

Always true here:
- the one compute thread is leased for each text, so a request of five hundred texts delays another scope's by one;
- a client who leaves ends the work after the text that is being computed.
"""

from __future__ import annotations

import base64
import struct
from typing import Any

import msgspec

from strongroom.runtime import embed_requests
from strongroom.runtime.cachescope import Caller
from strongroom.runtime.compute import ComputeThread
from strongroom.runtime.embedder import MAX_TOKENS, Embedder
from strongroom.runtime.errors import JSON, invalid
from strongroom.runtime.front import caller_of
from strongroom.runtime.lender import Lender
from strongroom.wire import Handler, Reply, Request


class EmbedFront:
    """Answers the embeddings endpoint."""

    def __init__(self, embedder: Embedder, lender: Lender, *, model: str) -> None:
        self._embedder = embedder
        self._lender = lender
        self._model = model
        self._thread = ComputeThread("embed")

    @property
    def routes(self) -> dict[str, Handler]:
        """Which handler answers which path."""
        return {"/v1/embeddings": self._embed}

    async def turns(self) -> bool:
        """Wait until the compute thread comes round."""
        return await self._thread.turns()

    async def _embed(self, request: Request, reply: Reply) -> None:
        caller = caller_of(request)
        items, as_base64 = embed_requests.read(
            request.body, dimensions=self._embedder.dimensions, vocabulary=self._embedder.vocabulary
        )
        data: list[dict[str, Any]] = []
        total = 0
        for index, item in enumerate(items):
            tokens, vector = await self._one(caller, index, item)
            total += tokens
            data.append({"object": "embedding", "index": index, "embedding": _encode(vector, as_base64=as_base64)})
        usage = {"prompt_tokens": total, "total_tokens": total}
        answer = {"object": "list", "data": data, "model": self._model, "usage": usage}
        await reply.send(200, JSON, msgspec.json.encode(answer))

    async def _one(self, caller: Caller, index: int, item: str | list[int]) -> tuple[int, bytes]:
        async with self._lender.borrow(caller) as held:
            held.answered = True  # nothing is kept between texts: there is no cache to keep apart
            return await self._thread.run(self._compute, (index, item))

    def _compute(self, given: tuple[int, str | list[int]]) -> tuple[int, bytes]:
        index, item = given
        tokens = self._embedder.tokenize(item) if isinstance(item, str) else self._embedder.frame(item)
        if len(tokens) > MAX_TOKENS:
            raise invalid(
                f"Input {index} has {len(tokens)} tokens; this model reads at most {MAX_TOKENS}.",
                param="input",
                code="context_length_exceeded",
            )
        return len(tokens), self._embedder.embed(tokens)


def _encode(vector: bytes, *, as_base64: bool) -> str | list[float]:
    if as_base64:
        return base64.b64encode(vector).decode("ascii")
    return list(struct.unpack(f"<{len(vector) // 4}f", vector))
