from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.runtime.chat_front import whole_events, without_timings
from strongroom.runtime.errors import ProblemError


async def feed(chunks: list[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_events_leave_whole_however_they_arrive() -> None:
    stream = b'data: {"a":1}\n\n: ping\n\ndata: {"b":"\\n"}\n\ndata: [DONE]\n\n'
    for size in range(1, len(stream) + 1):
        chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
        pieces = [piece async for piece in whole_events(feed(chunks))]
        assert b"".join(pieces) == stream
        assert all(piece.endswith(b"\n\n") for piece in pieces)


@pytest.mark.parametrize("rest", [[b"data: {"], [b"data: x\n\n", b"data: "], [b"\n"]])
async def test_a_stream_that_ends_inside_an_event_is_a_fault(rest: list[bytes]) -> None:
    with pytest.raises(ProblemError):
        _ = [piece async for piece in whole_events(feed(rest))]


async def test_an_event_without_end_is_a_fault() -> None:
    with pytest.raises(ProblemError):
        _ = [piece async for piece in whole_events(feed([b"x" * (1 << 19)] * 3))]


def test_timings_are_cut_out() -> None:
    assert without_timings(b'{"a":1,"timings":{"cache_n":0,"x":1.5}}') == b'{"a":1}'
    assert without_timings(b'{"a":1,"timings":{"x":1},"b":2}') == b'{"a":1,"b":2}'


@given(st.text())
def test_text_is_never_cut(text: str) -> None:
    import json  # noqa: PLC0415 - beside its use

    quoted = json.dumps({"content": text + ',"timings":{"x":1}', "z": text}).encode()
    assert without_timings(quoted) == quoted
