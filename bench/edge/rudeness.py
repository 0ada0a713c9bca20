"""What each edge does with the smuggling list and with clients that send one byte at a time."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).parents[2] / "tests" / "functional" / "wire" / "smuggling.txt"
SECOND = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass(frozen=True)
class Outcome:
    statuses: tuple[int, ...]
    closed: bool

    def __str__(self) -> str:
        return f"{'+'.join(map(str, self.statuses)) or '-':>11} {'closed' if self.closed else 'open':6}"


def cases() -> list[tuple[str, int, bytes]]:
    lines = [line.split("|", 2) for line in LIST.read_text().splitlines() if line and not line.startswith("#")]
    return [
        (name.strip(), int(status), raw.strip().encode().decode("unicode_escape").encode("latin-1"))
        for name, status, raw in lines
    ]


async def outcome(port: int, raw: bytes, *, patience_s: float = 0.7) -> Outcome:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw + SECOND)
    seen, closed = b"", False
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            while True:
                try:
                    piece = await reader.read(65536)
                except ConnectionError:
                    piece = b""
                if not piece:
                    closed = True
                    break
                seen += piece
    writer.close()
    return Outcome(tuple(int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3})", seen)), closed)


async def smuggling(ours: int, granian: int) -> None:
    print(
        f"{'case':26} want {'ours':>18} {'granian':>18}   (statuses seen; a second one: the request sent behind it was answered too)"
    )
    refused = {ours: 0, granian: 0}
    answered = {ours: 0, granian: 0}
    for name, status, raw in cases():
        both = await asyncio.gather(outcome(ours, raw), outcome(granian, raw))
        for port, result in zip((ours, granian), both, strict=True):
            refused[port] += len(result.statuses) <= 1 and all(s >= 400 for s in result.statuses) and result.closed
            answered[port] += any(s < 400 for s in result.statuses)
        print(f"{name:26} {status}  {both[0]} {both[1]}")
    total = len(cases())
    for label, port in (("ours", ours), ("granian", granian)):
        print(f"{label}: {refused[port]}/{total} refused and closed; {answered[port]} answered with success")


async def drip(port: int, head: bytes, *, give_up_s: float) -> str:
    """Send `head`, then one byte each half second; say when and how the server ended it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    began = time.monotonic()
    reading = asyncio.create_task(reader.read(200))
    while not reading.done() and time.monotonic() - began < give_up_s:
        with contextlib.suppress(ConnectionError):
            writer.write(b"y")
        await asyncio.wait({reading}, timeout=0.5)
    took = time.monotonic() - began
    if not reading.done():
        reading.cancel()
        writer.close()
        return f"still open after {give_up_s:.0f} s"
    answer = b"" if reading.exception() else reading.result()
    writer.close()
    return f"{answer[9:12].decode() or 'closed without a word'} after {took:.1f} s"


async def slow_loris(ours: int, granian: int, *, give_up_s: float) -> None:
    heads = {
        "head, a byte per 0.5 s": b"GET / HTTP/1.1\r\nHost: a\r\nX: ",
        "body, a byte per 0.5 s": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n",
    }
    results = await asyncio.gather(
        *(drip(port, head, give_up_s=give_up_s) for head in heads.values() for port in (ours, granian))
    )
    for n, name in enumerate(heads):
        print(f"{name}: ours {results[2 * n]}; granian {results[2 * n + 1]}")
