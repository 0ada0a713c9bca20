"""`python -m strongroom.runtime.probe_worker`: a worker that tries to get out, and reports what it met.

It is started exactly as a model worker is, with the same confinement, and serves one endpoint: POST /attempts makes
every attempt of `attempts` against the targets it is given and answers with the outcomes. It has no model, is never
deployed, and is what the isolation tests and the self-test look through.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from strongroom.runtime import attempts, worker
from strongroom.runtime.errors import JSON
from strongroom.runtime.front import Front
from strongroom.runtime.pulse import Pulse
from strongroom.runtime.spec import WorkerConfig
from strongroom.wire import Handler, Reply, Request


async def load(config: WorkerConfig) -> Handler:
    """Serve the attempts."""

    async def answer(request: Request, reply: Reply) -> None:
        targets = msgspec.json.decode(request.body, type=attempts.Targets)
        await reply.send(200, JSON, msgspec.json.encode(attempts.make_all(targets, config)))

    async def hog(request: Request, reply: Reply) -> None:
        """Touch memory until something gives."""
        held: list[bytearray] = []
        while len(held) < int(request.body):
            held.append(bytearray(b"\xff") * (1 << 20))
        await reply.send(200, JSON, b"{}")

    async def spill(request: Request, reply: Reply) -> None:
        """Leave the body wherever something can be left, and say where that was."""
        await reply.send(200, JSON, msgspec.json.encode(attempts.spill(request.body, Path(config.scratch))))

    async def spilt(request: Request, reply: Reply) -> None:
        """Say what lies where something can be left."""
        del request
        await reply.send(200, JSON, msgspec.json.encode(attempts.spilt(Path(config.scratch))))

    stalled = asyncio.Event()

    async def stall(request: Request, reply: Reply) -> None:
        """Stand still from now on, as an engine whose loop no longer turns."""
        del request
        stalled.set()
        await reply.send(200, JSON, b"{}")

    async def turns() -> bool:
        if stalled.is_set():
            await asyncio.Event().wait()
        return True

    pulse = Pulse(turns, silent_s=1.0)
    routes = {"/attempts": answer, "/hog": hog, "/spill": spill, "/spilt": spilt, "/stall": stall}
    return Front(config, routes, well=pulse.beats)


if __name__ == "__main__":
    worker.run(load)
