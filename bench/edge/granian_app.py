"""The handlers under Granian (RSGI), in the bench's own throw-away environment.

EDGE_UPSTREAM names the mock upstream's port; the proxying handler uses Strongroom's own client, so that only the edges
differ.
"""

from __future__ import annotations

import os
from typing import Any

from strongroom.wire import Pool, TcpTarget

BODY = b'{"ok":true}' + b" " * 489
POOL: list[Pool] = []


async def fixed(scope: Any, proto: Any) -> None:
    if scope.method == "POST":
        await proto()
    proto.response_bytes(200, [("content-type", "application/json")], BODY)


async def proxy(scope: Any, proto: Any) -> None:
    if not POOL:
        POOL.append(Pool(TcpTarget("127.0.0.1", int(os.environ["EDGE_UPSTREAM"]))))
    body = await proto()
    headers = [(b"content-type", scope.headers.get("content-type", "").encode())]
    async with POOL[0].request("POST", scope.path, headers, body, timeout_s=10) as response:
        answer = await response.read(1_000_000)
    proto.response_bytes(response.status, [("content-type", "application/json")], answer)


async def peer(scope: Any, proto: Any) -> None:
    """Answer with everything the scope offers that could be a client's certificate."""
    names = [name for name in dir(scope) if not name.startswith("__")]
    told = {name: str(getattr(scope, name)) for name in names if not callable(getattr(scope, name))}
    found = [name for name, value in told.items() if "cert" in name or "tls" in name or "BEGIN CERT" in value]
    proto.response_str(200, [], f"certificate: {found or 'no'}; scope: {', '.join(sorted(names))}")
