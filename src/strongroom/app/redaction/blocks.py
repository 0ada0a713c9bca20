"""Cuts a stream of bytes into blocks that can be worked on apart: no record and no finding lies across a cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from strongroom.privacy import Span

BLOCK: Final = 1 << 18
_AROUND: Final = 1024  # characters on either side of a cut in which a finding could lie across it
_TRIES: Final = 64
_LONGEST_RECORD: Final = 64 << 20  # bytes


class TooLong(ValueError):  # noqa: N818 - said to a person
    """A record is longer than can be held."""


def lines(source: BinaryIO) -> Iterator[bytes]:
    """Yield blocks of whole lines, the last line's end aside."""
    yield from _blocks(source, lambda data: data.rfind(b"\n") + 1)


def records(source: BinaryIO) -> Iterator[bytes]:
    """Yield blocks of whole CSV records: a line's end inside quotes ends no record."""

    def cut(data: bytes) -> int:
        end = data.rfind(b"\n") + 1
        while end > 0 and data.count(b'"', 0, end) % 2:
            end = data.rfind(b"\n", 0, end - 1) + 1
        return end

    yield from _blocks(source, cut)


def text(source: BinaryIO, find: Callable[[str], list[Span]]) -> Iterator[bytes]:
    """Yield blocks of text, cut at a line's end, or at a space where there is none, across which no finding lies."""

    def cut(data: bytes) -> int:
        return _cut_text(data, find)

    yield from _blocks(source, cut)


def _blocks(source: BinaryIO, cut: Callable[[bytes], int]) -> Iterator[bytes]:
    held = bytearray()
    wanted = BLOCK
    while data := _read(source):
        held += data
        if len(held) < wanted:
            continue
        end = cut(bytes(held))
        if end > 0:
            yield bytes(held[:end])
            del held[:end]
            wanted = BLOCK
        elif len(held) > _LONGEST_RECORD:
            raise TooLong(f"a record of more than {_LONGEST_RECORD >> 20} MiB")
        else:
            wanted = len(held) * 2
    if held:
        yield bytes(held)


def _read(source: BinaryIO) -> bytes:
    return source.read(BLOCK)


def _cut_text(data: bytes, find: Callable[[str], list[Span]]) -> int:
    begun = data.rfind(b"-----BEGIN")
    # What follows a cut must be known as far as a finding could reach over it.
    limit = min(begun if begun > data.rfind(b"-----END") else len(data), len(data) - _AROUND)
    for mark in (b"\n", b" "):
        end = limit
        for _ in range(_TRIES):
            end = data.rfind(mark, 0, end)
            if end <= 0:
                break
            around = data[max(0, end + 1 - _AROUND) : end + 1].decode("utf-8", "ignore")
            beyond = data[end + 1 : end + 1 + _AROUND].decode("utf-8", "ignore")
            place = len(around)
            if not any(span.start < place < span.end for span in find(around + beyond)):
                return end + 1
    return 0
