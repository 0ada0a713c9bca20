"""The same handlers on Strongroom's edge: `python ours_app.py fixed|proxy|peer PORT`, TLS by EDGE_TLS=folder."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import uvloop

from strongroom.wire import Pool, Reply, Request, TcpTarget, TlsOptions, serve_tcp

BODY = b'{"ok":true}' + b" " * 489
JSON = [(b"content-type", b"application/json")]


async def fixed(_: Request, reply: Reply) -> None:
    await reply.send(200, JSON, BODY)


def proxying(pool: Pool) -> object:
    async def proxy(request: Request, reply: Reply) -> None:
        headers = [(b"content-type", request.header(b"content-type") or b"")]
        async with pool.request("POST", request.path, headers, request.body, timeout_s=10) as response:
            answer = await response.read(1_000_000)
        await reply.send(response.status, JSON, answer)

    return proxy


async def peer(request: Request, reply: Reply) -> None:
    certificate = request.tls_peer
    found = f"{len(certificate)} bytes of DER" if certificate else "no"
    await reply.send(200, [], f"certificate: {found}".encode())


async def main(kind: str, port: int) -> None:
    folder = Path(os.environ.get("EDGE_TLS", ""))
    tls = None
    if os.environ.get("EDGE_TLS"):
        tls = TlsOptions(
            certificate=folder / "server.pem",
            key=folder / "server.key",
            client_ca=folder / "ca.pem",
            require_client=True,
        )
    if kind == "fixed":
        await serve_tcp(fixed, port=port, tls=tls)
    elif kind == "peer":
        await serve_tcp(peer, port=port, tls=tls)
    else:
        pool = Pool(TcpTarget("127.0.0.1", int(os.environ["EDGE_UPSTREAM"])))
        await serve_tcp(proxying(pool), port=port, tls=tls)  # type: ignore[arg-type] # a handler
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], int(sys.argv[2])))
