from __future__ import annotations

import pytest

from strongroom.wire import SseEvent, SseParser, SseTooLarge, encode_data, encode_event


def parse(data: bytes, **options: int) -> list[SseEvent]:
    return list(SseParser(**options).feed(data))


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (b"data: a\n\n", [SseEvent("a")]),
        (b"data:a\r\n\r\ndata:b\r\r", [SseEvent("a"), SseEvent("b")]),
        (b"data: a\ndata: b\n\n", [SseEvent("a\nb")]),
        (b"data\n\n", [SseEvent("")]),
        (b"data\ndata\n\n", [SseEvent("\n")]),
        (b"data:  a\n\n", [SseEvent(" a")]),
        (b": comment\ndata: a\n\n", [SseEvent("a")]),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [SseEvent("a")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [SseEvent("a", event="x"), SseEvent("b")]),
        (b"event: x\n\ndata: b\n\n", [SseEvent("b")]),
        (
            b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
            [SseEvent("a", id="1"), SseEvent("b", id="1"), SseEvent("c")],
        ),
        (b"id: 1\0\ndata: a\n\n", [SseEvent("a")]),
        (b"retry: 10\ndata: a\n\nretry: x\ndata: b\n\n", [SseEvent("a", retry=10), SseEvent("b")]),
        (b"Data: a\nother: b\n\n", []),
        (b"data: a\n", []),
        (b"data: a", []),
        (b"data: \xff\n\n", [SseEvent("\ufffd")]),
        ("data: ä€😀\n\n".encode(), [SseEvent("ä€😀")]),
    ],
)
def test_parsing(data: bytes, events: list[SseEvent]) -> None:
    assert parse(data) == events
    parser = SseParser()
    assert [event for n in range(len(data)) for event in parser.feed(data[n : n + 1])] == events


def test_an_event_is_bounded_however_it_grows() -> None:
    for data in (b"data: " + b"x" * 100, b"data: x\n" * 20, b"x" * 100 + b"\n", b": " + b"x" * 100, b"x\n" * 80):
        with pytest.raises(SseTooLarge):
            parse(data, max_event_bytes=50)
    assert len(parse(b"data: 0123456789\n\n" * 100, max_event_bytes=50)) == 100
    assert parse(b": keep-alive\n" * 100 + b"data: a\n\n", max_event_bytes=50) == [SseEvent("a")]


def test_events_before_a_large_one_are_told() -> None:
    parser = SseParser(max_event_bytes=20)
    stream = parser.feed(b"data: a\n\ndata: " + b"x" * 100)
    assert next(stream) == SseEvent("a")
    with pytest.raises(SseTooLarge):
        next(stream)


def test_encoding() -> None:
    assert encode_data(b'{"a":1}') == b'data: {"a":1}\n\n'
    assert encode_event(SseEvent("a\r\nb", "x", "1", 5)) == b"event: x\nid: 1\nretry: 5\ndata: a\ndata: b\n\n"
    for bad in (SseEvent("", event="a\nb"), SseEvent("", id="a\rb"), SseEvent("", id="\0")):
        with pytest.raises(ValueError, match="single lines"):
            encode_event(bad)
    with pytest.raises(ValueError, match="one line"):
        encode_data(b"a\nb")
