"""A key's text stays what scanners were told to look for."""

from __future__ import annotations

from strongroom.identity.secretkey import PATTERN, read

# Made once and written down: a release that no longer reads these has changed the format.
GOLDEN = "srk_inf_dev_0123456789abcdef_0000000000000000000000000000000000000000000"


def test_the_checksum_is_crc32_in_base62_over_all_before_it() -> None:
    import zlib  # noqa: PLC0415 - the point of this one test

    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number, crc = zlib.crc32(GOLDEN.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        crc = alphabet[digit] + crc
    assert read(GOLDEN + crc) == "0123456789abcdef"
    assert len(GOLDEN + crc) == 78
    assert PATTERN.fullmatch(GOLDEN + crc)


def test_the_pattern_needs_every_part() -> None:
    for text in ("srk_inf_dev_0123456789abcdef", "srk_xxx_dev_0123456789abcdef_" + "0" * 49, "SRK_INF_DEV_" + "0" * 66):
        assert PATTERN.search(text) is None
