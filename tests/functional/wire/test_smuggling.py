"""Every line of smuggling.txt over a raw socket: refused, closed, and nothing behind it answered."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.functional.wire.conftest import Echo, Edge

SECOND = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def cases() -> list[tuple[str, int, bytes]]:
    lines = Path(__file__).with_name("smuggling.txt").read_text().splitlines()
    found = [line.split("|", 2) for line in lines if line and not line.startswith("#")]
    return [
        (name.strip(), int(status), raw.strip().encode().decode("unicode_escape").encode("latin-1"))
        for name, status, raw in found
    ]


@pytest.mark.parametrize(("status", "raw"), [pytest.param(s, r, id=n) for n, s, r in cases()])
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "in-two"])
async def test_refused_and_closed(edge: Edge, echo: Echo, status: int, raw: bytes, cut: bool) -> None:
    server = await edge.serve(echo)
    caller = await edge.call(server)
    if cut:
        await caller.say(raw[: len(raw) // 2])
        await caller.say(raw[len(raw) // 2 :] + SECOND)
    else:
        await caller.say(raw + SECOND)
    answers = await caller.rest()
    assert re.findall(rb"HTTP/1\.1 (\d{3})", answers) == [str(status).encode()]
    assert b"connection: close\r\n" in answers
    assert echo.seen == []
    assert edge.faults == []


def test_the_list_is_long_enough_to_mean_something() -> None:
    assert len(cases()) >= 80
