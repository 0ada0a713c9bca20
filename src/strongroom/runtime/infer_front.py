"""The tabular worker's front: Open Inference Protocol v2 (REST), one request at a time, in turn between tenants.

Always true here:
- a request is read and checked before it waits for its turn, and is computed off the event loop;
- the one compute thread is leased for a request, and a request is bounded in rows: that is what the next one waits;
- a client who leaves ends the wait; what is being computed then is finished first and thrown away.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from strongroom.runtime.compute import ComputeThread
from strongroom.runtime.errors import JSON
from strongroom.runtime.front import caller_of
from strongroom.runtime.infer_requests import Inference, read
from strongroom.runtime.lender import Lender
from strongroom.runtime.predictor import Predictor
from strongroom.wire import Handler, Reply, Request

ITS_ONLY_MODEL: Final = "-"
"""What a gateway calls the model: a worker has one, and who asks for it knows it by a deployment's name."""


class InferFront:
    """Answers a model's endpoints below /v2."""

    def __init__(self, predictor: Predictor, lender: Lender, *, model: str) -> None:
        self._predictor = predictor
        self._lender = lender
        self._model = model
        self._thread = ComputeThread("infer")
        self._metadata = msgspec.json.encode(
            {
                "name": model,
                "platform": predictor.platform,
                "inputs": [spec.document() for spec in predictor.inputs],
                "outputs": [spec.document() for spec in predictor.outputs],
            }
        )

    @property
    def routes(self) -> dict[str, Handler]:
        """Which handler answers which path."""
        return {f"/v2/models/{name}/infer": self._infer for name in (self._model, ITS_ONLY_MODEL)}

    @property
    def documents(self) -> dict[str, bytes]:
        """What is answered to a GET."""
        return {
            f"/v2/models/{self._model}": self._metadata,
            f"/v2/models/{ITS_ONLY_MODEL}": self._metadata,
            f"/v2/models/{self._model}/ready": msgspec.json.encode({"name": self._model, "ready": True}),
            "/v2/health/live": b'{"live":true}',
            "/v2/health/ready": b'{"ready":true}',
        }

    async def turns(self) -> bool:
        """Wait until the compute thread comes round."""
        return await self._thread.turns()

    async def _infer(self, request: Request, reply: Reply) -> None:
        caller = caller_of(request)
        asked = read(request.body, self._predictor.inputs, self._predictor.outputs)
        async with self._lender.borrow(caller) as held:
            held.answered = True  # nothing is kept between requests: there is no cache to keep apart
            answer = await self._thread.run(self._compute, asked)
        await reply.send(200, JSON, answer)

    def _compute(self, asked: Inference) -> bytes:
        answer: dict[str, Any] = {"model_name": self._model, "outputs": self._predictor.predict(asked)}
        if asked.id is not None:
            answer["id"] = asked.id
        return msgspec.json.encode(answer)
