"""Where a chunked body ends, found without decoding it.

Stricter than RFC 9112 §7.1 asks: no chunk extensions (their bare line ends have been read in two ways by two servers),
at most eight hex digits, CRLF only. Trailers are measured and dropped.
"""

from __future__ import annotations

import re
from typing import Final

_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_MAX_SIZE_LINE: Final = 10


class FramingError(ValueError):
    """The body cannot be delimited; the text is fit for the sender."""


class ChunkScanner:
    """Walks one chunked body.

    `advance` passes over whole units only (a size line, some data, the trailer section), so that what remains can be
    offered again with more behind it.
    """

    __slots__ = ("_left", "_max_body", "_max_trailer", "_trailing", "body_bytes", "done")

    def __init__(self, *, max_body_bytes: int, max_trailer_bytes: int) -> None:
        self._max_body = max_body_bytes
        self._max_trailer = max_trailer_bytes
        self._left = 0  # of the current chunk, its closing CRLF included
        self._trailing = False
        self.body_bytes = 0
        self.done = False

    @property
    def too_large(self) -> bool:
        """Whether the sizes announced so far exceed the limit."""
        return self.body_bytes > self._max_body

    def advance(self, data: bytes, position: int) -> int:
        """Return the position in `data` up to which everything from `position` belongs to this body.

        Raises:
            FramingError: when it cannot be a chunked body.
        """
        while not self.done and not self.too_large:
            if self._left:
                step = min(self._left, len(data) - position)
                self._left -= step
                position += step
                if self._left:
                    break
            elif self._trailing:
                end = self._trailer_end(data, position)
                if end is None:
                    break
                self.done = True
                position = end
            else:
                match = _SIZE_LINE.match(data, position)
                if match is None:
                    self._refuse_unless_partial(data, position)
                    break
                position = match.end()
                self._begin(int(match[1], 16))
        return position

    def _begin(self, size: int) -> None:
        self.body_bytes += size
        if size:
            self._left = size + 2  # llhttp, which reads the bytes, insists that these two are CRLF
        else:
            self._trailing = True

    def _trailer_end(self, data: bytes, position: int) -> int | None:
        if data.startswith(b"\r\n", position):
            return position + 2
        end = data.find(b"\r\n\r\n", position)
        if (len(data) if end < 0 else end) - position > self._max_trailer:
            raise FramingError("the trailers are too large")
        return None if end < 0 else end + 4

    @staticmethod
    def _refuse_unless_partial(data: bytes, position: int) -> None:
        seen = data[position : position + _MAX_SIZE_LINE]
        digits = seen.removesuffix(b"\r") if len(seen) < _MAX_SIZE_LINE else seen
        if digits.strip(b"0123456789abcdefABCDEF") or len(digits) > 8 or seen.startswith(b"\r"):  # noqa: PLR2004 - hex digits
            raise FramingError("a chunk size is malformed or carries an extension")
