"""A mock upstream that does as little as it can: `python upstream_app.py PORT`."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

BODY = b'{"ok":true}' + b" " * 489
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Mock(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        data = self.rest + data
        head, end, body = data.partition(b"\r\n\r\n")
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0) if end else 1
        if len(body) < length:
            self.rest = data
        else:
            self.rest = b""
            self.transport.write(ANSWER)


async def main(port: int) -> None:
    await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1])))
