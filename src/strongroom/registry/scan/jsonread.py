"""JSON (RFC 8259), read strictly and as a stream of tokens from a tape.

Always true here:
- memory is the longest text and the keys of the objects that are open, each bounded; nothing is built;
- a key that comes twice in one object is refused: two readers would take two values;
- no byte order mark, no NaN, no lone surrogate, no byte that is not UTF-8, and nothing after the value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from strongroom.registry.scan.limits import KIB, LIMITS
from strongroom.registry.scan.tape import Malformed, Tape

_WINDOW: Final = 64 * KIB
_SPACE: Final = re.compile(rb"[ \t\n\r]*+")
_STRING: Final = re.compile(rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"')
_NUMBER: Final = re.compile(rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
_LONGEST_WORD: Final = 5
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


class T(Enum):
    """What a token is."""

    OPEN = auto()  # an object begins
    CLOSE = auto()  # an object ends
    ITEMS = auto()  # an array begins
    END = auto()  # an array ends
    KEY = auto()
    TEXT = auto()
    NUMBER = auto()
    WORD = auto()  # true, false, null


Token = tuple[T, str]
"""A token and its text; a number's and a word's as they are written."""


class JsonReader:
    """The tokens of one JSON value that fills a region of a tape.

    Attributes:
        path: the key, or None inside an array, of each object and array that is open, outermost first.
    """

    def __init__(self, tape: Tape, length: int, *, longest: int = LIMITS.string_bytes) -> None:
        """Read the next `length` bytes of the tape as one value."""
        self.path: list[str | None] = []
        self._tape = tape
        self._unread = length
        self._buffer = b""
        self._index = 0
        self._base = tape.at
        self._longest = longest
        self._tokens = 0
        self._open: list[set[int] | None] = []

    @property
    def at(self) -> int:
        """Where the next token is, in bytes from the file's start."""
        return self._base + self._index

    def tokens(self) -> Iterator[Token]:
        """Yield every token, in an order that is JSON.

        Raises:
            Malformed: at the first byte that is none, and where a limit is passed.
        """
        token = self._value()
        yield token
        while self._open:
            fresh = token[0] in {T.OPEN, T.ITEMS}
            keys = self._open[-1]
            byte = self._byte()
            if byte == (b"]" if keys is None else b"}"):
                self._index += 1
                self._open.pop()
                self.path.pop()
                token = (T.END if keys is None else T.CLOSE), ""
                yield token
                continue
            if not fresh:
                if byte != b",":
                    raise self._bad("json", "A comma or the end of a list was expected here.")
                self._index += 1
            if keys is not None:
                yield T.KEY, self._key(keys)
            token = self._value()
            yield token
        if self._byte():
            raise self._bad("json", "Something follows the JSON value.")

    def _value(self) -> Token:
        self._tokens += 1
        if self._tokens > LIMITS.json_tokens:
            raise self._bad("json-size", "The JSON has more values than any may have.")
        byte = self._byte()
        if byte == b'"':
            return T.TEXT, self._text()
        if byte in {b"{", b"["}:
            if len(self._open) >= LIMITS.json_depth:
                raise self._bad("json-depth", f"The JSON nests deeper than {LIMITS.json_depth}.")
            self._index += 1
            self._open.append(set() if byte == b"{" else None)
            self.path.append(None)
            return (T.OPEN if byte == b"{" else T.ITEMS), ""
        if byte.isdigit() or byte == b"-":
            return T.NUMBER, self._number()
        return T.WORD, self._word()

    def _key(self, keys: set[int]) -> str:
        if self._byte() != b'"':
            raise self._bad("json", "A key was expected here.")
        key = self._text()
        known = len(keys)
        # Keyed anew in each process, so nobody can make two that meet; of bytes, since a text's own hash is that of its
        # memory, in which two texts of different widths can be equal.
        keys.add(hash(key.encode(errors="surrogatepass")))
        if len(keys) == known:
            raise self._bad("duplicate-key", f"The key {shown(key)} comes twice in one object.")
        if known >= LIMITS.json_keys:
            raise self._bad("json-size", "An object has more keys than any may have.")
        self.path[-1] = key
        if self._byte() != b":":
            raise self._bad("json", "A colon was expected here.")
        self._index += 1
        return key

    def _text(self) -> str:
        while (found := _STRING.match(self._buffer, self._index)) is None:
            if len(self._buffer) - self._index > self._longest:
                raise self._bad("string-length", f"A text is longer than {self._longest} bytes.")
            if not self._more():
                raise self._bad("json", "A text is not written as JSON writes it, or has no end.")
        written = found[0]
        self._index = found.end()
        try:
            if b"\\" not in written:
                return written[1:-1].decode()
            text = str(json.loads(written))
        except ValueError:
            raise self._bad("json", "A text is not UTF-8.") from None
        if _SURROGATE.search(text):
            raise self._bad("json", "A text holds half of a character.")
        return text

    def _number(self) -> str:
        found = _NUMBER.match(self._buffer, self._index)
        while (found is None or found.end() == len(self._buffer)) and self._more():
            found = _NUMBER.match(self._buffer, self._index)
            if len(self._buffer) - self._index > LIMITS.json_number + _WINDOW:
                break
        if found is None or found.end() - self._index > LIMITS.json_number:
            raise self._bad("json", "A number is not written as JSON writes it, or is too long.")
        self._index = found.end()
        return found[0].decode()

    def _word(self) -> str:
        while len(self._buffer) - self._index < _LONGEST_WORD and self._more():
            pass
        for word in ("true", "false", "null"):
            if self._buffer.startswith(word.encode(), self._index):
                self._index += len(word)
                return word
        raise self._bad("json", "This is no JSON value.")

    def _byte(self) -> bytes:
        """Pass space and return the next byte, empty at the end."""
        while True:
            found = _SPACE.match(self._buffer, self._index)
            self._index = found.end() if found else self._index
            if self._index < len(self._buffer) or not self._more():
                return self._buffer[self._index : self._index + 1]

    def _more(self) -> bool:
        """Have more of the region in the buffer, at least as much again as is held; False at its end."""
        if not self._unread:
            return False
        kept = self._buffer[self._index :]
        self._base += self._index
        self._index = 0
        wanted = min(max(_WINDOW, len(kept)), self._unread)
        self._unread -= wanted
        self._buffer = kept + self._tape.read(wanted)
        return True

    def _bad(self, rule: str, said: str) -> Malformed:
        return Malformed(rule, said, self.at)


def shown(text: str, longest: int = 80) -> str:
    """Return a text from a file as a sentence can hold it: quoted, printable, short."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return '"' + "".join(each if each.isprintable() and each != '"' else "?" for each in cut) + '"'
