from __future__ import annotations

import pytest

from strongroom.runtime.cachescope import Caller, cache_scope, parse_caller

SECRET = b"0123456789abcdef"


def test_framing_keeps_parts_apart() -> None:
    # isolation test 44
    assert cache_scope(SECRET, "org_1", "2345") != cache_scope(SECRET, "org_12345", "")
    assert cache_scope(SECRET, "a", "b") != cache_scope(SECRET, "ab")
    assert cache_scope(SECRET, "a", "b") != cache_scope(SECRET, "a", "b", "")


def test_the_same_parts_give_the_same_scope_and_another_secret_another() -> None:
    assert cache_scope(SECRET, "acme", "dev", "w") == cache_scope(SECRET, "acme", "dev", "w")
    assert cache_scope(SECRET, "acme", "dev", "w") != cache_scope(SECRET[::-1], "acme", "dev", "w")


def test_a_short_secret_or_no_part_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        cache_scope(b"short", "acme")
    with pytest.raises(ValueError, match="part"):
        cache_scope(SECRET)


KNOWN = Caller(cache_scope(SECRET, "acme"), cache_scope(SECRET, "acme", "dev", "w"))


@pytest.mark.parametrize("part", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 64 + "\n"])
def test_what_the_gateway_cannot_have_made_is_no_caller(part: str) -> None:
    for text in (part, f"{part}.{KNOWN.scope}", f"{KNOWN.tenant}.{part}", f"{KNOWN.tenant}.{KNOWN.scope}.{part}"):
        assert parse_caller(text) is None
    assert parse_caller(KNOWN.header.decode()) == KNOWN
