"""What the gateway's own two ends of HTTP cost alone: `python -m bench.peers.bare WORKER-SOCKET`, prints its port.

The product's server, its pool with turns for tenants and its client, and between them nothing: no key, no decision, no limits,
nothing decoded or written anew, no record. No such thing is in the product, and no switch makes one of it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from strongroom.gateway.limits.fair import FairPool
from strongroom.wire import Reply, Request, UnixTarget, serve_tcp

_JSON = ((b"content-type", b"application/json"),)


async def main(worker: Path) -> None:
    pool = FairPool(UnixTarget(worker), max_connections=256)

    async def answer(request: Request, reply: Reply) -> None:
        response = await pool.open_for(0, request.method, request.path, _JSON, request.body, timeout_s=60)
        try:
            kind = [(b"content-type", response.header(b"content-type") or b"")]
            if response.header(b"content-length") is not None:
                await reply.send(response.status, kind, await response.read(2**26))
                return
            reply.start(response.status, kind)
            async for piece in response.stream():
                await reply.write(piece)
            await reply.end()
        finally:
            response.close()

    server = await serve_tcp(answer)
    print(server.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
