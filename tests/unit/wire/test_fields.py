from __future__ import annotations

import pytest

from strongroom.wire.fields import encode_fields, is_target, parse_host, parse_length


@pytest.mark.parametrize(
    ("value", "host"),
    [
        (b"a", "a"),
        (b"A.Example:80", "a.example"),
        (b"127.0.0.1:8400", "127.0.0.1"),
        (b"[::1]:8400", "[::1]"),
        (b"", None),
        (b"a:", None),
        (b"a:b", None),
        (b"a:65536", None),
        (b"::1", None),
        (b"a b", None),
        (b"a\n", None),
        (b"a,b", None),
    ],
)
def test_hosts(value: bytes, host: str | None) -> None:
    assert parse_host(value) == host


@pytest.mark.parametrize(
    ("value", "length"),
    [
        (b"0", 0),
        (b"007", 7),
        (b"", None),
        (b"-1", None),
        (b"+1", None),
        (b"1 ", None),
        (b"9" * 19, None),
        ("٣".encode(), None),
    ],
)
def test_lengths(value: bytes, length: int | None) -> None:
    assert parse_length(value) == length


def test_targets() -> None:
    assert is_target(b"/a/%20?b=[c]|d")
    assert not any(map(is_target, (b"", b"a", b"*", b"/#", b"/ ", b"/\n", b"/\xe4", b"http://a/")))


def test_fields() -> None:
    assert encode_fields([(b"a", b"b"), (b"c", b"\td\xff")]) == b"a: b\r\nc: \td\xff\r\n"
    assert encode_fields([]) == b""
