"""GGUF, versions 2 and 3, parsed whole and strictly (the specification in ggml's docs/gguf.md, and ggml's own bounds).

Always true of a file that passes:
- every count, length and offset stays within the file and within `Limits`; keys and tensor names come once;
- no array nests; every tensor's data is aligned, as long as its type and dimensions say, and inside the file;
- tensors cover the data: no overlap, nothing between or after them but zeros that align;
- it is one file, not a part of several;
- memory is the names and ranges of tensors, whose number is bounded.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from strongroom.registry.scan.jsonread import shown
from strongroom.registry.scan.limits import LIMITS
from strongroom.registry.scan.looks import Looks
from strongroom.registry.scan.tape import Malformed, Tape

MAGIC: Final = b"GGUF"
_VERSIONS: Final = frozenset({2, 3})
_BOOL, _STRING, _ARRAY = 7, 8, 9
_UINT16, _UINT32 = 2, 4
_FORMS: Final = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<B", 10: "<Q", 11: "<q", 12: "<d"}
_REAL: Final = frozenset({"<f", "<d"})
_SIZES: Final = {kind: struct.calcsize(form) for kind, form in _FORMS.items()}
_KEY: Final = re.compile(rb"[!-~]+")
_MOST: Final = (1 << 63) - 1
_DEFAULT_ALIGNMENT: Final = 32

TYPES: Final = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2),
    26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
    40: (64, 36),
}  # fmt: skip
"""ggml's types: elements of a block, and its bytes."""


def recognised(head: bytes) -> bool:
    """Whether a file that begins so says that it is GGUF."""
    return head[:4] == MAGIC


def parse(tape: Tape, looks: Looks) -> None:
    """Read a whole file.

    Raises:
        Malformed: at the first thing that is not as it must be.
    """
    _Gguf(tape, looks).read()


class _Gguf:
    def __init__(self, tape: Tape, looks: Looks) -> None:
        self._tape = tape
        self._looks = looks
        self._alignment = _DEFAULT_ALIGNMENT
        self._architecture = False

    def read(self) -> None:
        tape = self._tape
        tape.skip(len(MAGIC))
        version = self._number("<I")
        if version not in _VERSIONS:
            big = " It may be written for big-endian machines." if version >> 24 else ""
            raise Malformed("version", f"Version {version} of GGUF is not 2 or 3.{big}", 4)
        tensors, pairs = self._number("<Q"), self._number("<Q")
        if tensors > LIMITS.gguf_tensors or pairs > LIMITS.gguf_pairs:
            raise Malformed("tensor-count", f"{tensors} tensors and {pairs} pairs are more than any file may have.", 8)
        self._pairs(pairs)
        if not self._architecture:
            raise self._bad("missing-field", "general.architecture is missing.")
        self._data(self._infos(tensors))

    # -- metadata -----------------------------------------------------------------------------------------------

    def _pairs(self, count: int) -> None:
        seen: set[bytes] = set()
        for _ in range(count):
            key = self._text(LIMITS.gguf_key_bytes)
            if not _KEY.fullmatch(key):
                raise self._bad("key", "A key is empty, or holds something other than printable ASCII.")
            if key in seen:
                raise self._bad("duplicate-key", f"The key {shown(key.decode())} comes twice.")
            seen.add(key)
            self._pair(key.decode())

    def _pair(self, key: str) -> None:
        kind = self._number("<I")
        if kind == _STRING:
            self._said(key)
        elif kind == _ARRAY:
            self._array(key)
        elif kind in _FORMS:
            value = self._number(_FORMS[kind])
            if kind == _BOOL and value > 1:
                raise self._bad("value", f"{shown(key)} is neither true nor false.")
            self._scalar(key, kind, value)
        else:
            raise self._bad("value-type", f"{shown(key)} is of an unknown type {kind}.")
        if kind != _STRING and ("chat_template" in key and not key.endswith("chat_templates")):
            raise self._bad("value-type", f"{shown(key)} is no text.")

    def _said(self, key: str) -> None:
        written = self._text(LIMITS.string_bytes)
        try:
            text = written.decode()
        except UnicodeDecodeError:
            raise self._bad("encoding", f"{shown(key)} is not UTF-8.") from None
        if key == "general.architecture":
            self._architecture = bool(text)
        self._looks.text(key, text)

    def _scalar(self, key: str, kind: int, value: int) -> None:
        if key == "general.architecture":
            raise self._bad("value-type", f"{shown(key)} is no text.")
        if key == "general.alignment":
            if kind != _UINT32 or not value or value & (value - 1) or value > LIMITS.gguf_alignment:
                raise self._bad("alignment", f"An alignment of {value} is no power of two that a file may have.")
            self._alignment = value
        if key == "split.count" and (kind != _UINT16 or value > 1):
            raise self._bad("split", f"This is one of {value} parts: join them into one file first.")

    def _array(self, key: str) -> None:
        kind, count = self._number("<I"), self._number("<Q")
        if kind == _ARRAY:
            raise self._bad("nested-array", f"{shown(key)} is an array of arrays.")
        if count > LIMITS.gguf_array:
            raise self._bad("array-length", f"{shown(key)} has {count} elements, more than any may have.")
        if kind == _STRING:
            if count > LIMITS.gguf_strings or count * 8 > self._tape.left:
                raise self._bad("array-length", f"{shown(key)} has {count} texts, more than fit or may be.")
            self._tape.strings(count, LIMITS.string_bytes)
        elif kind in _SIZES:
            self._tape.skip(count * _SIZES[kind])
        else:
            raise self._bad("value-type", f"{shown(key)} is an array of an unknown type {kind}.")

    # -- tensors ------------------------------------------------------------------------------------------------

    def _infos(self, count: int) -> list[tuple[int, int]]:
        """Return (offset, size) of each tensor."""
        names: set[bytes] = set()
        ranges: list[tuple[int, int]] = []
        for _ in range(count):
            name = self._text(LIMITS.gguf_tensor_name_bytes)
            if not name or name in names:
                raise self._bad(
                    "tensor-name", f"The tensor {shown(name.decode(errors='replace'))} has no name or comes twice."
                )
            names.add(name)
            ranges.append(self._info(name.decode(errors="replace")))
        return ranges

    def _info(self, name: str) -> tuple[int, int]:
        dimensions = self._number("<I")
        if not 1 <= dimensions <= LIMITS.gguf_dimensions:
            raise self._bad("dimensions", f"The tensor {shown(name)} has {dimensions} dimensions, not 1 to 4.")
        shape = [self._number("<Q") for _ in range(dimensions)]
        kind, offset = self._number("<I"), self._number("<Q")
        if kind not in TYPES:
            raise self._bad("dtype", f"The tensor {shown(name)} is of an unknown type {kind}.")
        elements = 1
        for each in shape:
            elements *= each
            if not each or elements > _MOST:
                raise self._bad("overflow", f"The dimensions of {shown(name)} are none, or more than can be counted.")
        block, size = TYPES[kind]
        if shape[0] % block:
            raise self._bad("tensor-size", f"A row of {shown(name)} is no multiple of its type's block of {block}.")
        length = elements // block * size
        if length > _MOST or offset > _MOST:
            raise self._bad("overflow", f"The tensor {shown(name)} is larger, or farther, than can be counted.")
        return offset, length

    def _data(self, ranges: list[tuple[int, int]]) -> None:
        tape, alignment = self._tape, self._alignment
        self._pad(-tape.at % alignment if ranges else min(tape.left, -tape.at % alignment))
        start, reached = tape.at, 0
        for offset, length in sorted(ranges):
            if offset % alignment:
                raise self._bad("alignment", f"A tensor at {offset} is not aligned to {alignment}.")
            if offset < reached:
                raise self._bad("overlap", f"Two tensors share the bytes at {start + offset}.")
            if offset > reached + -reached % alignment:
                raise self._bad("hole", f"No tensor has the bytes at {start + reached}.")
            if offset + length > tape.size - start:
                beyond = offset + length - (tape.size - start)
                raise self._bad("truncated", f"A tensor ends {beyond} bytes after the file.")
            self._pad(offset - reached)
            self._looks.inside(tape)
            tape.skip(length)
            reached = offset + length
        if tape.left > -reached % alignment:
            raise self._bad("trailing-bytes", f"{tape.left} bytes follow the last tensor.")
        self._pad(tape.left)

    def _pad(self, count: int) -> None:
        if not self._tape.zeros(count):
            raise self._bad("padding", "What aligns two parts is not zeros.")

    def _text(self, longest: int) -> bytes:
        length = self._number("<Q")
        if length > longest:
            raise self._bad("string-length", f"A text of {length} bytes is longer than the {longest} it may have.")
        return self._tape.read(length)

    def _number(self, form: str) -> int:
        data = self._tape.read(struct.calcsize(form))
        return 0 if form in _REAL else int.from_bytes(data, "little", signed=form[1].islower())

    def _bad(self, rule: str, said: str) -> Malformed:
        return Malformed(rule, said, self._tape.at)
