"""Field lines on the wire, in both directions, and the words a message may begin with.

No name or value with CR, LF, NUL or another control character ever leaves this process, whoever supplied it:
encoding checks the encoded bytes, so no caller can forget to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # RFC 9110 §5.6.2
_TEXT: Final = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))  # RFC 9110 §5.5

FRAMING: Final = frozenset({b"connection", b"content-length", b"date", b"keep-alive", b"transfer-encoding", b"upgrade"})
"""Fields that only the wire itself writes."""

_TARGET_CHARS: Final = rb"!$%&'()*+,\-./0-9:;=@A-Z_a-z~|\[\]"
REQUEST_LINE: Final = re.compile(
    rb"([A-Z]{1,16}) (/[" + _TARGET_CHARS + rb"]*)(?:\?([" + _TARGET_CHARS + rb"?]*))? HTTP/1\.([01])\r\n"
)
"""Origin-form only (RFC 9112 §3.2.1): RFC 3986's characters, and `|[]`, which browsers leave raw in queries."""

REQUEST_LINE_ANY: Final = re.compile(rb"([A-Z]{1,16}) ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])\r\n")
"""A request line of some HTTP: tells a version or a form that is not served from garbage."""

FIELD: Final = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)"  # RFC 9110 §5.1, §5.5
)
"""A field line without its end; blanks behind the value are still there."""

_TARGET: Final = re.compile(rb"/[" + _TARGET_CHARS + rb"?]*")
_HOST: Final = re.compile(rb"((?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")
_MAX_PORT: Final = 65535


def encode_fields(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return `headers` as field lines.

    Raises:
        ValueError: when one is malformed or belongs to the wire; the message does not repeat it.
    """
    lines = b"".join([b"%b: %b\r\n" % field for field in headers])
    # What is left without text must be the line ends written here, and no other.
    if lines.translate(None, _TEXT) != b"\r\n" * len(headers):
        raise ValueError("a field holds a control character")
    names = [name for name, _ in headers]
    if b"".join(names).translate(None, _TOKEN) or b"" in names:
        raise ValueError("a field name is not a token")
    if not FRAMING.isdisjoint(names):
        raise ValueError("a framing field is set by the wire alone")
    return lines


@lru_cache(maxsize=256)  # a server is addressed by few names, and the longest takes up less than a head does
def parse_host(value: bytes) -> str | None:
    """Return the host of a Host field, lower case and without port, or None when it is not one (RFC 9112 §3.2)."""
    match = _HOST.fullmatch(value)
    if match is None or (match[2] is not None and int(match[2]) > _MAX_PORT):
        return None
    return match[1].decode("ascii").lower()


def is_target(value: bytes) -> bool:
    """Whether `value` may stand as the target of a request: a path, with or without a query."""
    return _TARGET.fullmatch(value) is not None


def parse_length(value: bytes) -> int | None:
    """Return a Content-Length (RFC 9110 §8.6: digits only), or None when it is not one."""
    return int(value) if value.isdigit() and len(value) <= 18 else None  # noqa: PLR2004 - fits 64 bits
