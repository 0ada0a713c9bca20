"""The little of a GGUF file that we read ourselves: one text of its metadata.

Always true here: whatever the bytes are, reading stays within them and ends in a value or a `ValueError`; nothing is
copied but the text that was asked for.
"""

from __future__ import annotations

import mmap
import struct
from typing import Final

_MAGIC: Final = b"GGUF"
_STRING, _ARRAY = 8, 9
_SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_MAX_TEXT: Final = 1 << 20
_MAX_NESTING: Final = 4


def text_of(descriptor: int, key: str) -> str | None:
    """Return a text of the file's metadata, or None when there is none of that name.

    Raises:
        ValueError: when the bytes are no GGUF of version 2 or 3.
    """
    with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as data:
        try:
            return _Reader(data).find(key.encode())
        except (struct.error, IndexError, KeyError, OverflowError) as error:
            raise ValueError("these bytes are no GGUF") from error


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def find(self, wanted: bytes) -> str | None:
        if self._data[:4] != _MAGIC or struct.unpack_from("<I", self._data, 4)[0] not in {2, 3}:
            raise ValueError("these bytes are no GGUF of version 2 or 3")
        self._at = 16
        for _ in range(self._number("<Q")):
            name, kind = self._text(), self._number("<I")
            if name == wanted:
                return self._text().decode() if kind == _STRING else None
            self._skip(kind, _MAX_NESTING)
        return None

    def _number(self, form: str) -> int:
        value = int(struct.unpack_from(form, self._data, self._at)[0])
        self._at += struct.calcsize(form)
        return value

    def _text(self) -> bytes:
        length = self._number("<Q")
        if length > min(_MAX_TEXT, len(self._data) - self._at):
            raise ValueError("a text of this GGUF has no end")
        self._at += length
        return self._data[self._at - length : self._at]

    def _skip(self, kind: int, nesting: int) -> None:
        if kind == _STRING:
            self._text()
        elif kind != _ARRAY:
            self._at += _SIZES[kind]
        elif not nesting:
            raise ValueError("an array of this GGUF nests too deep")
        else:
            inner, count = self._number("<I"), self._number("<Q")
            if inner in _SIZES:
                self._at += _SIZES[inner] * count
                return
            for _ in range(count):
                self._skip(inner, nesting - 1)
