"""Protocol buffers, walked strictly on the wire and as a stream, by a table of which fields a message may have.

Always true here:
- a field that the table does not name, a wire type that is not the field's, and a group are refused;
- a field that may come once comes once: readers merge, or take the last, and two of them would see two messages;
- a message lies within the one around it; nesting is bounded; memory is the small values of the messages that are open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from strongroom.registry.scan.limits import LIMITS
from strongroom.registry.scan.tape import Malformed, Tape

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTH: Final = {_FIXED32: 4, _FIXED64: 8}
_KEPT_VALUES: Final = 65_536
_STRING_KEPT: Final = 4096
_CHUNK: Final = 1 << 20


class F(Enum):
    """What a field holds."""

    INT = auto()  # a varint, kept
    INTS = auto()  # varints, packed or not, kept
    COUNT = auto()  # varints, packed or not, counted
    FIXED32 = auto()  # four bytes each, packed or not, counted
    FIXED64 = auto()  # eight bytes each, packed or not, counted
    TEXT = auto()  # short text, kept
    TEXTS = auto()  # short texts, each looked at alone, counted
    BLOB = auto()  # bytes, passed over, their length kept
    BLOBS = auto()  # as above, many, counted
    ONE = auto()  # a message
    MANY = auto()  # messages


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message: what it holds, and the message's name where it is one."""

    holds: F
    message: str = ""


@dataclass(slots=True)
class Message:
    """The small values of one message.

    Attributes:
        kind: its name in the schema.
        at: where it begins.
        ints: by field, the last varint.
        lists: by field, varints that are kept.
        counts: by field, how many there were; of a blob its length.
        texts: by field.
        up: the message around it.
        last: the field that was begun last.
    """

    kind: str
    at: int
    up: Message | None
    last: int = 0
    ints: dict[int, int] = field(default_factory=dict[int, int])
    lists: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    counts: dict[int, int] = field(default_factory=dict[int, int])
    texts: dict[int, str] = field(default_factory=dict[int, str])
    seen: set[int] = field(default_factory=set[int])


Schema = Mapping[str, Mapping[int, Field]]
Ended = Callable[[Message], None]
"""Told when a message has ended, innermost first."""
_ONCE: Final = frozenset({F.INT, F.TEXT, F.BLOB, F.ONE})
_SCALARS: Final = {F.INT: _VARINT, F.INTS: _VARINT, F.COUNT: _VARINT, F.FIXED32: _FIXED32, F.FIXED64: _FIXED64}
_REPEATED: Final = frozenset({F.INTS, F.COUNT, F.FIXED32, F.FIXED64})


def walk(tape: Tape, schema: Schema, kind: str, ended: Ended) -> Message:
    """Walk a whole file as one message of `kind`.

    Raises:
        Malformed: at the first thing that is not as the schema says.
    """
    return _Walk(tape, schema, ended).message(kind, tape.size, None, 0)


class _Walk:
    def __init__(self, tape: Tape, schema: Schema, ended: Ended) -> None:
        self._tape = tape
        self._schema = schema
        self._ended = ended

    def message(self, kind: str, end: int, up: Message | None, depth: int) -> Message:
        if depth > LIMITS.onnx_depth:
            raise self._bad(f"Messages nest deeper than {LIMITS.onnx_depth}.")
        tape, fields = self._tape, self._schema[kind]
        found = Message(kind, tape.at, up)
        while tape.at < end:
            tag = tape.varint()
            number, wire = tag >> 3, tag & 7
            wanted = fields.get(number)
            if wanted is None:
                raise self._bad(f"A {kind} has no field {number}.")
            if wanted.holds in _ONCE and number in found.seen:
                raise self._bad(f"Field {number} of a {kind} comes twice.")
            found.seen.add(number)
            found.last = number
            self._field(found, number, wanted, wire, end, depth)
        if tape.at != end:
            raise self._bad(f"A {kind} ends beyond the message around it.")
        self._ended(found)
        return found

    def _field(self, found: Message, number: int, wanted: Field, wire: int, end: int, depth: int) -> None:
        tape = self._tape
        scalar = _SCALARS.get(wanted.holds)
        if scalar is not None and wire == scalar:
            self._scalar(found, number, wanted.holds)
            return
        if wire != _BYTES or (scalar is not None and wanted.holds not in _REPEATED):
            raise self._bad(f"Field {number} of a {found.kind} is written as something else.")
        length = tape.varint()
        if length > end - tape.at:
            raise self._bad(f"Field {number} of a {found.kind} ends beyond the message around it.")
        if scalar is not None:
            self._packed(found, number, wanted.holds, tape.at + length)
        elif wanted.holds in {F.ONE, F.MANY}:
            self._count(found, number)
            self.message(wanted.message, tape.at + length, found, depth + 1)
        elif wanted.holds in {F.BLOB, F.BLOBS}:
            found.counts[number] = length if wanted.holds is F.BLOB else found.counts.get(number, 0) + 1
            tape.skip(length)
        else:
            self._text(found, number, length)

    def _scalar(self, found: Message, number: int, holds: F) -> None:
        if holds is F.INT:
            found.ints[number] = self._tape.varint()
        elif holds is F.INTS:
            self._keep(found, number, self._tape.varint())
        else:
            if holds is F.COUNT:
                self._tape.varint()
            else:
                self._tape.skip(_WIDTH[_SCALARS[holds]])
            self._count(found, number)

    def _packed(self, found: Message, number: int, holds: F, end: int) -> None:
        tape = self._tape
        if holds is F.INTS:
            while tape.at < end:
                self._keep(found, number, tape.varint())
        elif holds is F.COUNT:
            last = 0
            while tape.at < end:
                data = tape.chunk(min(_CHUNK, end - tape.at))
                found.counts[number] = found.counts.get(number, 0) + len(data.translate(None, _CONTINUED))
                last = data[-1]
            if last >= 0x80:  # noqa: PLR2004 - the continuation bit
                raise self._bad(f"A number in field {number} of a {found.kind} has no end.")
        else:
            width = _WIDTH[_SCALARS[holds]]
            if (end - tape.at) % width:
                raise self._bad(f"Field {number} of a {found.kind} ends within a number.")
            found.counts[number] = found.counts.get(number, 0) + (end - tape.at) // width
            tape.skip(end - tape.at)
        if tape.at != end:
            raise self._bad(f"Field {number} of a {found.kind} ends within a number.")

    def _text(self, found: Message, number: int, length: int) -> None:
        self._count(found, number)
        if length > LIMITS.string_bytes:
            raise self._bad(f"A text of {length} bytes is longer than any may be.")
        data = self._tape.read(length)
        if length <= _STRING_KEPT:
            try:
                found.texts[number] = data.decode()
            except UnicodeDecodeError:
                raise self._bad(f"Field {number} of a {found.kind} is not UTF-8.") from None
        else:
            found.texts[number] = data.decode(errors="replace")

    def _keep(self, found: Message, number: int, value: int) -> None:
        kept = found.lists.setdefault(number, [])
        if len(kept) >= _KEPT_VALUES:
            raise self._bad(f"Field {number} of a {found.kind} has more values than any may have.")
        kept.append(value)

    def _count(self, found: Message, number: int) -> None:
        found.counts[number] = found.counts.get(number, 0) + 1

    def _bad(self, said: str) -> Malformed:
        return Malformed("protobuf", said, self._tape.at)


_CONTINUED: Final = bytes(range(0x80, 0x100))
