"""Whether bytes would run as a pickle, found by stepping through its opcodes; nothing is ever loaded or called.

A pickle acts while it is read: what follows its last harmful step does not matter, and a file of another format may be
one from its first byte on. So the steps are followed from there, with as much of the stack as tells whether a call
would have something to call.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from strongroom.registry.scan.limits import KIB, LIMITS

_NAME: Final = 512
_WINDOW: Final = 64 * KIB

_FIXED: Final = {
    "(": 0, "0": 0, "1": 0, "2": 0, "N": 0, "]": 0, "}": 0, ")": 0, "a": 0, "e": 0, "d": 0, "l": 0, "s": 0, "t": 0,
    "u": 0, "b": 0, "R": 0, "o": 0, "Q": 0, "\x81": 0, "\x85": 0, "\x86": 0, "\x87": 0, "\x88": 0, "\x89": 0,
    "\x8f": 0, "\x90": 0, "\x91": 0, "\x92": 0, "\x93": 0, "\x94": 0, "\x97": 0, "\x98": 0,
    "G": 8, "J": 4, "K": 1, "M": 2, "h": 1, "j": 4, "q": 1, "r": 4, "\x80": 1, "\x82": 1, "\x83": 2, "\x84": 4,
    "\x95": 8,
}  # fmt: skip
_LINES: Final = {"F": 1, "I": 1, "L": 1, "S": 1, "V": 1, "g": 1, "p": 1, "P": 1, "c": 2, "i": 2}
_NUMBER, _MODULE = re.compile(r"\s*[+-]?\d+L?\s*"), re.compile(r"[^\W\d][\w.]*(?: [^\W\d][\w.]*)?")
_ANY: Final = re.compile(r".*")
_WRITTEN: Final = {
    "F": re.compile(r"\s*[+-]?(?:[\d.]+(?:[eE][+-]?\d+)?|inf|nan)\s*"), "I": _NUMBER, "L": _NUMBER, "g": _NUMBER,
    "p": _NUMBER, "S": re.compile(r"(['\"]).*\1\s*"), "V": _ANY, "P": _ANY, "c": _MODULE, "i": _MODULE,
}  # fmt: skip
_COUNTED: Final = {
    "T": 4, "U": 1, "X": 4, "B": 4, "C": 1, "\x8a": 1, "\x8b": 4, "\x8c": 1, "\x8d": 8, "\x8e": 8, "\x96": 8,
}  # fmt: skip
_PUSHES: Final = frozenset("N]})GJKMFILSVXTUBCgPhj\x8a\x8b\x8c\x8d\x8e\x8f\x88\x89\x96\x97\x82\x83\x84c")
_MARK: Final = "mark"


@dataclass(slots=True)
class Trace:
    """What stepping came to.

    Attributes:
        steps: how many opcodes there were.
        stopped: whether it came to the opcode that ends a pickle.
        acts: whether it would have called, built or looked up something of another module.
        imports: what it would have imported, as far as it says so itself.
        at: where it ended.
    """

    steps: int = 0
    stopped: bool = False
    acts: bool = False
    imports: list[str] = field(default_factory=list[str])
    at: int = 0


class _End(Exception):  # noqa: N818 - not a pickle from here on
    pass


def trace(look: Callable[[int, int], bytes], size: int, start: int = 0) -> Trace:
    """Step through the pickle that begins at `start`, as far as there is one."""
    run = _Run(look, size, start)
    try:
        while run.found.steps < LIMITS.pickle_steps and not run.found.stopped:
            run.step()
    except (_End, IndexError):
        pass
    run.found.at = run.at
    return run.found


def trace_bytes(data: bytes) -> Trace:
    """As `trace`, for bytes at hand."""
    return trace(lambda offset, count: data[offset : offset + count], len(data))


class _Run:
    def __init__(self, look: Callable[[int, int], bytes], size: int, start: int) -> None:
        self.found = Trace()
        self.at = start
        self._look = look
        self._size = size
        self._window, self._window_at = b"", 0
        self._stack: list[str] = []

    def step(self) -> None:
        code = chr(self._take(1)[0])
        text = ""
        if code == ".":
            self._pop()
            self.found.stopped = True
        elif code in _FIXED:
            self._take(_FIXED[code])
        elif code in _LINES:
            lines = [self._line() for _ in range(_LINES[code])]
            if not all(_WRITTEN[code].fullmatch(line) for line in lines):
                raise _End
            text = " ".join(lines)
        elif code in _COUNTED:
            length = int.from_bytes(self._take(_COUNTED[code]), "little")
            if length > self._size - self.at:
                raise _End
            text = self._take(length).decode("utf-8", "replace") if length <= _NAME else ""
            self.at += length if length > _NAME else 0
        else:
            raise _End
        self._act(code, text)
        self.found.steps += 1

    def _act(self, code: str, text: str) -> None:  # noqa: C901 - one opcode a branch
        if code == "i":
            self._to_mark()
            self._stack.append("")
            self._acts(text)
        elif code == "o":
            if len(self._to_mark()) < 1:
                raise _End
            self._stack.append("")
            self._acts("")
        elif code in "R\x81b":
            self._pop()
            self._pop()
            self._stack.append("")
            self._acts("")
        elif code == "\x92":
            for _ in range(3):
                self._pop()
            self._stack.append("")
            self._acts("")
        elif code == "Q":
            self._pop()
            self._stack.append("")
        elif code == "\x93":
            name, module = self._pop(), self._pop()
            self._stack.append("")
            self._imports(f"{module} {name}")
        elif code == "c":
            self._stack.append("")
            self._imports(text)
        else:
            self._shape(code, text)
        if len(self._stack) > LIMITS.pickle_steps:
            raise _End

    def _shape(self, code: str, text: str) -> None:  # noqa: C901 - one opcode a branch
        if code == "(":
            self._stack.append(_MARK)
        elif code in _PUSHES:
            self._stack.append(text)
        elif code in "tld\x91":
            self._to_mark()
            self._stack.append("")
        elif code in "eu\x90":
            self._to_mark()
            self._top()
        elif code in "\x85\x86\x87":
            for _ in range("\x85\x86\x87".index(code) + 1):
                self._pop()
            self._stack.append("")
        elif code in "as":
            self._pop()
            if code == "s":
                self._pop()
            self._top()
        elif code == "0":
            if not self._stack:
                raise _End
            self._stack.pop()
        elif code == "1":
            self._to_mark()
        elif code == "2":
            self._stack.append(self._top())

    def _acts(self, what: str) -> None:
        self.found.acts = True
        self._imports(what)

    def _imports(self, what: str) -> None:
        if what and len(self.found.imports) < LIMITS.findings:
            self.found.imports.append(what)

    def _top(self) -> str:
        if not self._stack or self._stack[-1] == _MARK:
            raise _End
        return self._stack[-1]

    def _pop(self) -> str:
        text = self._top()
        self._stack.pop()
        return text

    def _to_mark(self) -> list[str]:
        if _MARK not in self._stack:
            raise _End
        at = len(self._stack) - 1 - self._stack[::-1].index(_MARK)
        above = self._stack[at + 1 :]
        del self._stack[at:]
        return above

    def _take(self, count: int) -> bytes:
        if count > self._size - self.at:
            raise _End
        offset = self.at - self._window_at
        if offset < 0 or offset + count > len(self._window):
            self._window, self._window_at, offset = self._look(self.at, max(count, _WINDOW)), self.at, 0
        data = self._window[offset : offset + count]
        if len(data) != count:
            raise _End
        self.at += count
        return data

    def _line(self) -> str:
        start = self.at
        data = self._look(start, _NAME)
        end = data.find(b"\n")
        if end < 0:
            raise _End
        self.at = start + end + 1
        return data[:end].decode("utf-8", "replace")
