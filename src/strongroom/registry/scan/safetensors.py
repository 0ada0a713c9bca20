"""safetensors, parsed whole and strictly (the format's own README, and what its reference reader refuses, and more).

Always true of a file that passes:
- the header is one JSON object of known fields, each once, behind eight bytes that say how long it is;
- each tensor's range is as long as its type and shape say, and the ranges cover the data exactly: no hole, no overlap,
  no byte after the last;
- memory is the ranges alone, whose number is bounded.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from typing import Final

from strongroom.registry.scan.jsonread import JsonReader, T, Token, shown
from strongroom.registry.scan.limits import LIMITS
from strongroom.registry.scan.looks import Looks
from strongroom.registry.scan.tape import Malformed, Tape

_LENGTH: Final = 8
_METADATA: Final = "__metadata__"
_FIELDS: Final = frozenset({"dtype", "shape", "data_offsets"})
_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_MOST: Final = (1 << 63) - 1

BITS: Final = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip
"""Each type's width."""


def recognised(head: bytes) -> bool:
    """Whether a file that begins so says that it is safetensors."""
    return len(head) > _LENGTH and head[_LENGTH : _LENGTH + 1] == b"{" and not any(head[5:_LENGTH])


def parse(tape: Tape, looks: Looks) -> None:
    """Read a whole file.

    Raises:
        Malformed: at the first thing that is not as it must be.
    """
    length = int.from_bytes(tape.read(_LENGTH), "little")
    if length > LIMITS.safetensors_header_bytes:
        raise Malformed("header-size", f"A header of {length} bytes is larger than any may be.", 0)
    if length > tape.left:
        raise Malformed("truncated", f"The header says {length} bytes, and {tape.left} follow.", 0)
    header = _Header(JsonReader(tape, length), looks)
    header.read()
    data = _LENGTH + length
    order = sorted(range(len(header.begins)), key=lambda each: (header.begins[each], header.ends[each]))
    reached = 0
    for each in order:
        begin, end = header.begins[each], header.ends[each]
        if begin < reached:
            raise Malformed("overlap", f"Two tensors share the bytes at {data + begin}.", data + begin)
        if begin > reached:
            raise Malformed("hole", f"No tensor has the {begin - reached} bytes at {data + reached}.", data + reached)
        if end > tape.size - data:
            raise Malformed(
                "truncated", f"A tensor ends {end - (tape.size - data)} bytes after the file.", data + begin
            )
        tape.skip(data + begin - tape.at)
        looks.inside(tape)
        reached = end
    if data + reached != tape.size:
        rest = tape.size - data - reached
        raise Malformed("trailing-bytes", f"{rest} bytes follow the last tensor.", data + reached)
    tape.skip(tape.left)


class _Header:
    """Reads the header's tokens into ranges."""

    def __init__(self, reader: JsonReader, looks: Looks) -> None:
        self.begins, self.ends = array("Q"), array("Q")
        self._reader = reader
        self._tokens: Iterator[Token] = reader.tokens()
        self._looks = looks

    def read(self) -> None:
        self._expect(T.OPEN, "The header is no JSON object.")
        while (token := next(self._tokens))[0] is T.KEY:
            self._expect(T.OPEN, f"{shown(token[1])} is no object.")
            if token[1] == _METADATA:
                self._metadata()
            else:
                self._tensor(token[1])
        for _ in self._tokens:  # reads to the region's end, where nothing may follow
            raise AssertionError("a token after the header's object")

    def _metadata(self) -> None:
        while (token := next(self._tokens))[0] is T.KEY:
            self._looks.text(token[1], self._expect(T.TEXT, "A value of the metadata is no text."))

    def _tensor(self, name: str) -> None:  # noqa: C901, PLR0912 - one demand a branch
        if not name or len(name.encode()) > LIMITS.name_bytes:
            raise self._bad("tensor-name", "A tensor has no name, or one longer than any may be.")
        if len(self.begins) >= LIMITS.tensors:
            raise self._bad("tensor-count", f"There are more than {LIMITS.tensors} tensors.")
        dtype, shape, offsets = "", None, None
        while (token := next(self._tokens))[0] is T.KEY:
            match token[1]:
                case "dtype":
                    dtype = self._expect(T.TEXT, "A dtype is no text.")
                case "shape":
                    shape = self._numbers(LIMITS.dimensions)
                case "data_offsets":
                    offsets = self._numbers(2)
                case other:
                    raise self._bad("unknown-field", f"The tensor {shown(name)} has a field {shown(other)}.")
        if not dtype or shape is None or offsets is None or len(offsets) != 2:  # noqa: PLR2004 - begin and end
            raise self._bad("missing-field", f"The tensor {shown(name)} lacks dtype, shape or data_offsets.")
        if dtype not in BITS:
            raise self._bad("dtype", f"The tensor {shown(name)} is of an unknown type {shown(dtype)}.")
        begin, end = offsets
        if begin > end:
            raise self._bad("offsets", f"The tensor {shown(name)} ends before it begins.")
        bits = BITS[dtype]
        for each in shape:
            bits *= each
            if bits > _MOST:
                raise self._bad("overflow", f"The shape of {shown(name)} is larger than can be counted.")
        if bits != (end - begin) * 8:
            told = f"The tensor {shown(name)} has {end - begin} bytes, and type and shape say {bits / 8:g}."
            raise self._bad("tensor-size", told)
        self.begins.append(begin)
        self.ends.append(end)

    def _numbers(self, most: int) -> list[int]:
        self._expect(T.ITEMS, "A list of numbers was expected.")
        found: list[int] = []
        while (token := next(self._tokens))[0] is T.NUMBER:
            if not _WHOLE.fullmatch(token[1]) or len(found) >= most or int(token[1]) > _MOST:
                raise self._bad("number", "A number is negative, broken or too large, or there are too many.")
            found.append(int(token[1]))
        if token[0] is not T.END:
            raise self._bad("number", "A list of numbers holds something else.")
        return found

    def _expect(self, kind: T, said: str) -> str:
        token = next(self._tokens)
        if token[0] is not kind:
            raise self._bad("header", said)
        return token[1]

    def _bad(self, rule: str, said: str) -> Malformed:
        return Malformed(rule, said, self._reader.at)
