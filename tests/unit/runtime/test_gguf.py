"""Reading one text out of a GGUF file, and out of what only looks like one."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.runtime.gguf import text_of


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def entry(name: bytes, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


NUMBERS = struct.pack("<IQ", 4, 3) + bytes(12)
TEXTS = struct.pack("<IQ", 8, 2) + text(b"one") + text(b"two")
ENTRIES = [
    entry(b"numbers", 9, NUMBERS),
    entry(b"texts", 9, TEXTS),
    entry(b"nested", 9, struct.pack("<IQ", 9, 1) + TEXTS),
    entry(b"flag", 7, b"\1"),
    entry(b"template", 8, text(b"{{ x }}")),
]
WHOLE = b"GGUF" + struct.pack("<IQQ", 3, 0, len(ENTRIES)) + b"".join(ENTRIES)


def read(data: bytes, key: str = "template") -> str | None:
    descriptor = os.memfd_create("gguf")
    try:
        os.write(descriptor, data)
        return text_of(descriptor, key)
    finally:
        os.close(descriptor)


def test_a_text_is_found_behind_everything_else() -> None:
    assert read(WHOLE) == "{{ x }}"
    assert read(WHOLE, "absent") is None
    assert read(WHOLE, "flag") is None


@given(st.integers(1, len(WHOLE) - 1), st.binary(min_size=1, max_size=8))
def test_broken_bytes_end_in_a_value_or_a_plain_error(at: int, put: bytes) -> None:
    for data in (WHOLE[:at], WHOLE[:at] + put + WHOLE[at + len(put) :]):
        try:
            read(data)
        except ValueError:
            continue


@pytest.mark.parametrize("kind", [9, 8])
def test_a_count_without_end_is_refused_at_once(kind: int) -> None:
    huge = struct.pack("<IQ", kind, 2**63) if kind == 9 else struct.pack("<Q", 2**63)
    with pytest.raises(ValueError, match="GGUF"):
        read(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + entry(b"x", kind, huge))


def test_nothing_at_all_is_no_gguf(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="GGUF"):
        read(b"PK\3\4" + bytes(64))
    with (tmp_path / "empty").open("w+b") as file, pytest.raises(ValueError, match="empty"):
        text_of(file.fileno(), "template")
