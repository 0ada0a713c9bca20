"""The log sink: what it masks, what it bounds, what it does when there is too much."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from strongroom.app.logs import files, reading
from strongroom.app.logs.model import SAID_BYTES, TEXT, Bounds, Level, Line, Said, human
from strongroom.app.logs.saying import PipeHandler, Voice, line_of, said_of
from strongroom.app.logs.sink import Sink
from strongroom.kernel.clock import SystemClock

CARD = "4111 1111 1111 1111"
EMAIL = "jane.roe@example.org"
KEY = "AKIA" + "Q3EGRIPVT5WKMZ7X"


class Clock(SystemClock):
    """A clock that tests move."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., list[Line]]:
    """Return what writes lines through a sink and returns what was kept."""

    def write(*lines: bytes, process: str = "gateway-1", bounds: Bounds | None = None) -> list[Line]:
        sink = Sink(tmp_path, SystemClock(), bounds)
        for line in lines:
            sink.put(process, line)
        sink.close()
        return reading.read(tmp_path, reading.Wanted())

    return write


def said(text: str, **more: object) -> bytes:
    return line_of(Said(at=1.0, level=Level.INFO, source="strongroom", text=text, **more))  # type: ignore[arg-type]  # as Said takes them


@pytest.mark.parametrize(
    "secret", [CARD, EMAIL, KEY, "postgres://sr:hunter2secret@db.example.org/x", "+44 20 7946 0958"]
)
def test_personal_data_and_secrets_are_masked_whoever_says_them(
    secret: str, written: Callable[..., list[Line]]
) -> None:
    lines = written(said(f"it was {secret} that came"), f"LOG:  it was {secret} that came\n".encode())
    assert len(lines) == 2
    for line in lines:
        assert secret not in line.text
        assert line.text.endswith("that came")
        assert sum(line.masked.values()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "uuid 018f3a3c-1111-7abc-8def-0123456789ab sha256:" + "ab12" * 16,
        "2026-11-27 13:49:39.123 UTC [1234] 5/2 strongroom@db LOG:  database system is ready to accept connections",
        "cannot listen on 127.0.0.1:8400 for the gateway: Address already in use",
        "llm_load_print_meta: n_ctx_train = 2048 1234567890 134515008 n_params = 134.52 M",
        "fault in a POST: ValueError at pipeline.py:123 handle < client.py:44 ask",
        "spool gateway-1: 12 requests were interrupted, 3 gaps; 8400.25 s",
        "key 0123456789abcdef was revoked; feed v1842 applied in 0.004 s",
    ],
)
def test_what_a_log_is_made_of_stays_as_it_is(text: str, written: Callable[..., list[Line]]) -> None:
    (line,) = written(said(text))
    assert line.text == text
    assert not line.masked


def test_a_private_key_is_masked_over_all_its_lines(written: Callable[..., list[Line]]) -> None:
    body = [f"MIIEvQIBADANBgkq{number:04}hkiG9w0BAQEFAASC" for number in range(4)]
    lines = written(
        b"before\n",
        b"-----BEGIN PRIVATE KEY-----\n",
        *(f"{each}\n".encode() for each in body),
        b"-----END PRIVATE KEY----- and more\n",
        b"after all\n",
    )
    text = "\n".join(line.text for line in lines)
    assert not [each for each in body if each[:16] in text]
    assert lines[0].text == "before"
    assert lines[-2].text.endswith("and more")
    assert lines[-1].text == "after all"


def test_a_key_that_never_ends_does_not_blind_the_log(written: Callable[..., list[Line]]) -> None:
    lines = written(b"-----BEGIN PRIVATE KEY-----\n", b"MIIEvQIBADANBgkq\n", b"the worker ended (exit code 1)\n")
    assert lines[-1].text == "the worker ended (exit code 1)"


@pytest.mark.parametrize("before", range(TEXT - 25, TEXT + 3))
def test_a_line_is_masked_before_it_is_cut(before: int, written: Callable[..., list[Line]]) -> None:
    for line in written(b"." * (before - 1) + b" " + CARD.encode() + b" " + b"." * 3000 + b"\n"):
        assert "4111" not in line.text
        assert len(line.text) <= TEXT
        assert line.cut


@pytest.mark.parametrize("letter", ["x", "é", "\U0001f512", "\x01", '"'])
def test_a_long_line_of_ours_fits_a_pipe_whole(letter: str) -> None:
    line = line_of(Said(at=1.0, level=Level.INFO, source="s", text=letter * 100_000))
    assert len(line) <= SAID_BYTES + 1
    found = msgspec.json.decode(line, type=Said)
    assert found.cut
    assert len(found.text) > 500


def test_an_exception_leaves_its_type_and_place_and_not_its_text() -> None:
    try:
        raise ValueError(EMAIL)
    except ValueError:
        record = logging.LogRecord(
            "asyncio", logging.ERROR, "x", 1, f"never retrieved\nfuture: {EMAIL}", (), sys.exc_info()
        )
    found = said_of(record)
    assert EMAIL not in str(found)
    assert found.text == "never retrieved"
    assert found.where.startswith("ValueError at test_log_sink.py:")


def test_a_full_pipe_loses_lines_and_says_how_many() -> None:
    reading_end, writing_end = os.pipe()
    handler = PipeHandler(writing_end)
    record = logging.LogRecord("s", logging.INFO, "x", 1, "y" * 1000, (), None)
    lines = 0
    while lines < 200:  # more than a pipe holds
        handler.emit(record)
        lines += 1
    data = os.read(reading_end, 1 << 20)
    handler.emit(record)
    data += os.read(reading_end, 1 << 20)
    os.close(writing_end)
    os.close(reading_end)
    got = [msgspec.json.decode(each, type=Said) for each in data.splitlines()]
    assert len(got) < 200
    assert got[-1].lost == 201 - len(got)
    assert not any(each.lost for each in got[:-1])


def test_lines_beyond_what_waits_are_lost_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    append = files.Rotated.append

    def slow(self: files.Rotated, line: bytes, now: datetime) -> None:
        go.wait(30)
        append(self, line, now)

    monkeypatch.setattr(files.Rotated, "append", slow)
    sink = Sink(tmp_path, SystemClock(), Bounds(waiting=4))
    for number in range(100):
        sink.put("part", f"line {number}\n".encode())  # returns at once, or this test would not end
    go.set()
    sink.close()
    lines = reading.read(tmp_path, reading.Wanted())
    kept = sum(line.text.startswith("line ") for line in lines)
    assert kept < 10
    assert kept + sum(line.lost for line in lines) == 100


def test_a_disk_that_takes_nothing_ends_nothing(tmp_path: Path) -> None:
    gone = tmp_path / "logs"
    sink = Sink(gone, SystemClock())
    sink.put("part", b"one\n")
    sink.say("two")
    while not sink.idle:
        pass
    gone.mkdir()
    sink.put("part", b"three\n")
    sink.close()
    lines = [line for line in reading.read(gone, reading.Wanted()) if line.process == "part"]
    assert [line.text for line in lines if line.text == "three"]
    assert sum(line.lost for line in lines) == 1


def test_a_log_is_bounded_in_bytes_and_days(tmp_path: Path) -> None:
    clock = Clock()
    log = files.Rotated(tmp_path, "part", Bounds(total=10_000, part=2_000, days=30))
    for number in range(300):
        clock.at += timedelta(seconds=1)
        log.append(f"{number:099}\n".encode(), clock.now())
        assert sum(each.stat().st_size for each in tmp_path.iterdir()) <= 10_000
    aside = files.parts(tmp_path, "part")
    assert len(aside) >= 3
    assert (tmp_path / "part.log").read_bytes().endswith(b"299\n")
    os.utime(aside[0], (0, 0))
    clock.at += timedelta(days=2)
    log.append(b"later\n", clock.now())  # a day is over: a new part, and a look at the old ones
    assert not aside[0].exists()
    assert (tmp_path / "part.log").read_bytes() == b"later\n"
    log.close()


def test_names_that_begin_alike_are_kept_apart(tmp_path: Path) -> None:
    for name in ("gateway-1", "gateway-1-20260301T120000000000Z", "gateway-11"):
        (tmp_path / f"{name}.log").touch()
    assert files.names(tmp_path) == ["gateway-1", "gateway-11"]
    assert [each.stem for each in files.parts(tmp_path, "gateway-1")] == ["gateway-1-20260301T120000000000Z"]


def test_a_link_in_the_logs_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "part.log").symlink_to(tmp_path / "victim")
    sink = Sink(tmp_path, SystemClock())
    sink.put("part", b"x\n")
    sink.close()
    assert (tmp_path / "victim").read_text() == "mine"


def test_what_is_printed_becomes_lines() -> None:
    lines: list[str] = []
    voice = Voice(lines.append)
    print("one", "two", file=voice)
    voice.write("three\nfo")
    voice.write("ur\n")
    assert lines == ["one two", "three", "four"]


def test_a_line_cannot_make_a_second_one_or_move_a_terminal() -> None:
    line = Line(
        at=datetime(2026, 1, 1, tzinfo=UTC), process="p", level=Level.ERROR, source="s", text="a\nb\x1b[2Jc\x9b"
    )
    assert human(line) == "2026-01-01 00:00:00.000 p ERROR   s: a\\nb\\x1b[2Jc\\x9b"


def test_reading_merges_filters_and_bounds(tmp_path: Path) -> None:
    for name, seconds in (("a", (1, 4)), ("b", (2, 3))):
        rows = [
            Line(at=datetime(2026, 1, 1, 0, 0, at, tzinfo=UTC), process=name, level=Level.INFO if at < 4 else Level.ERROR, source="s", text=str(at))
            for at in seconds
        ]  # fmt: skip
        (tmp_path / f"{name}.log").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    everything = reading.read(tmp_path, reading.Wanted())
    assert [line.text for line in everything] == ["1", "2", "3", "4"]
    assert [line.text for line in reading.read(tmp_path, reading.Wanted(level=Level.WARNING))] == ["4"]
    assert [line.text for line in reading.read(tmp_path, reading.Wanted(processes=("b",), last=1))] == ["3"]
    assert [line.text for line in reading.read(tmp_path, reading.Wanted(since=everything[2].at))] == ["3", "4"]


def test_following_goes_on_over_a_rotation(tmp_path: Path) -> None:
    clock = Clock()
    log = files.Rotated(tmp_path, "part", Bounds(total=40_000, part=400, days=1))

    def line(text: str) -> bytes:
        return (
            msgspec.json.encode(Line(at=clock.now(), process="part", level=Level.INFO, source="s", text=text)) + b"\n"
        )

    log.append(line("before"), clock.now())
    rows = reading.follow(tmp_path, reading.Wanted())
    for number in range(12):
        log.append(line(f"{number}"), clock.now())
    got = [next(rows).text for _ in range(12)]
    log.close()
    assert got == [str(number) for number in range(12)]
    assert files.parts(tmp_path, "part")


def test_a_log_of_before_is_masked_when_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "old.log").write_text(f"2026-01-01 gateway INFO {EMAIL} was here\n")
    (line,) = reading.read(tmp_path, reading.Wanted())
    assert EMAIL not in line.text


def test_what_is_kept_is_a_json_object_a_line(tmp_path: Path, written: Callable[..., list[Line]]) -> None:
    written(b'{"type":"said",broken\n', b"\xff\xfe\n", said("two\nlines"))
    rows = [json.loads(row) for row in (tmp_path / "gateway-1.log").read_bytes().splitlines()]
    assert len(rows) == 3
    assert (tmp_path / "gateway-1.log").stat().st_mode & 0o777 == 0o600
