"""How bytes are cut into segments must never matter, neither to a request nor to an event."""

from __future__ import annotations

import httptools
from hypothesis import given
from hypothesis import strategies as st

from strongroom.wire import Limits, Request, SseEvent, SseParser, encode_event
from strongroom.wire.intake import Fault, Intake

LIMITS = Limits(max_target_bytes=300, max_header_bytes=2000, max_headers=20, max_body_bytes=500)
TOKEN = st.text("abcXYZ019-_!", min_size=1, max_size=8).map(lambda s: b"x-" + s.encode())
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=30).map(
    lambda s: s.encode("latin-1").strip()
)
CUTS = st.lists(st.integers(1, 40), max_size=60)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    fields = draw(st.lists(st.tuples(TOKEN, VALUE), max_size=6))
    body = draw(st.binary(max_size=120))
    head = b"POST /%b HTTP/1.1\r\nHost: a\r\n" % draw(st.sampled_from([b"", b"a?b=c", b"%20/x"]))
    head += b"".join(b"%b:%b\r\n" % field for field in fields)
    if not draw(st.booleans()):
        return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    step = draw(st.integers(1, 30))
    chunks = [body[n : n + step] for n in range(0, len(body), step)]
    trailer = draw(st.sampled_from([b"", b"X-T: v\r\n"]))
    framed = b"".join(b"%X\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n" + trailer + b"\r\n"


def broken(data: bytes, at: int, by: bytes) -> bytes:
    at %= len(data) + 1
    return data[:at] + by + data[at + 1 :]


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    found = []
    for cut in cuts:
        found.append(data[:cut])
        data = data[cut:]
    return [piece for piece in (*found, data) if piece]


def told(request: Request) -> tuple[object, ...]:
    return (request.method, request.path, request.query, tuple(request.headers), request.body, request.version)


def read(segments: list[bytes]) -> tuple[list[tuple[object, ...]], bool]:
    """Return the requests seen and whether the connection was refused."""
    intake = Intake(LIMITS)
    seen = []
    try:
        for segment in segments:
            request = intake.feed(segment)
            while request is not None:
                seen.append(told(request))
                if not intake.keep_alive:
                    return seen, False
                request = intake.feed(b"")
    except Fault:
        return seen, True
    return seen, False


@given(st.lists(messages(), min_size=1, max_size=3), CUTS)
def test_good_requests(requests: list[bytes], cuts: list[int]) -> None:
    data = b"".join(requests)
    whole = read([data])
    assert len(whole[0]) == len(requests)
    assert read(pieces(data, cuts)) == whole
    assert read([data[n : n + 1] for n in range(len(data))]) == whole


@given(
    st.lists(messages(), min_size=1, max_size=2),
    CUTS,
    st.integers(0),
    st.sampled_from([b"\n", b"\r", b"\r\n", b" ", b":", b"\0", b"0", b";", b""]),
)
def test_damaged_requests(requests: list[bytes], cuts: list[int], at: int, by: bytes) -> None:
    """A damaged stream yields the same requests; a refusal may come sooner or later, but nothing more gets through."""
    data = broken(b"".join(requests), at, by)
    whole = read([data])
    assert read(pieces(data, cuts)) == whole
    assert read([data[n : n + 1] for n in range(len(data))]) == whole


class Second:
    """What llhttp alone makes of the same bytes."""

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.head_done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.head_done:  # ours drops a trailer
            self.fields.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self.head_done = True

    def on_body(self, data: bytes) -> None:
        self.body += data


@given(
    messages(),
    st.lists(st.tuples(st.integers(0), st.sampled_from([b"\t", b" ", b":", b"x", b"", b"\xff"])), max_size=2),
)
def test_both_readers_read_the_same(message: bytes, damage: list[tuple[int, bytes]]) -> None:
    for at, by in damage:
        message = broken(message, at, by)
    intake = Intake(LIMITS)
    try:
        request = intake.feed(message)
        again = None if request is None or intake.rest else Intake(LIMITS).feed(message)
    except Fault:
        return
    if request is None or again is None:
        return
    second = Second()
    httptools.HttpRequestParser(second).feed_data(message)
    assert list(request.headers) == second.fields
    assert request.body == second.body
    if intake.keep_alive:  # read again on the same connection, by what is remembered of it
        remembered = intake.feed(message)
        assert remembered is not None
        assert told(remembered) == told(again)


def test_a_connection_remembers_few_lines_and_short_ones() -> None:
    intake = Intake(Limits())
    for number in range(200):
        head = b"GET / HTTP/1.1\r\nHost: a\r\nX-%d: %d\r\nX-Long: %b\r\n\r\n" % (number, number, b"y" * 8000)
        request = intake.feed(head)
        assert request is not None
        assert request.header(b"x-%d" % number) == b"%d" % number
    assert intake.remembered_bytes < 64 * 160


EVENTS = st.lists(
    st.builds(
        SseEvent,
        data=st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=30),
        event=st.text("abc:ä ", max_size=5).map(str.strip),
        retry=st.none() | st.integers(0, 10**6),
    ),
    max_size=5,
)


@given(EVENTS, CUTS, st.sampled_from([b"\n", b"\r", b"\r\n"]))
def test_events_survive_the_wire(events: list[SseEvent], cuts: list[int], line_end: bytes) -> None:
    data = b"".join(map(encode_event, events)).replace(b"\n", line_end)
    parser = SseParser()
    assert [event for piece in pieces(data, cuts) for event in parser.feed(piece)] == events


@given(
    st.lists(
        st.sampled_from(
            [
                b"data",
                b":",
                b" ",
                b"\r",
                b"\n",
                b"id",
                b"x",
                b"\xc3",
                b"\xa4",
                b"\0",
                b"\xef\xbb\xbf",
                b"event",
                b"retry",
                b"7",
            ]
        ),
        max_size=40,
    ),
    CUTS,
)
def test_any_stream_reads_the_same_in_any_cutting(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts)
    whole = list(SseParser().feed(data))
    parser = SseParser()
    assert [event for piece in pieces(data, cuts) for event in parser.feed(piece)] == whole
