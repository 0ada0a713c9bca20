"""Rewrites strings and numbers inside JSON text, and leaves every other byte of it as it was.

What comes out is JSON with the same structure: a replaced string is escaped again, a replaced number becomes a string. The name
of a member is a cue for its value: `{"ssn": 123456789}`. Names that would become the same are numbered: a reader keeps one only.
"""

# ruff: noqa: PLR2004 - lengths and counts are what the rule is

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from strongroom.privacy.matching import Pattern

_TOKEN: Final = Pattern(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[{}\[\],:]|true|false|null')
_DEEPEST: Final = 512
_DIGITS: Final = 7  # a number with fewer digits is nobody's


class NotJson(ValueError):  # noqa: N818 - said to a person
    """The text is no JSON; the message says where."""


class Leaf(NamedTuple):
    """A string or number of a JSON text.

    Attributes:
        path: names of the members that lead to it, joined with dots; items of lists are `[]`. A member's name stands in the
            path of the object that it is a member of.
        name: the nearest member's name, or nothing.
        value: the string, unescaped, or the number as written.
        is_name: whether it is a member's name and not a value.
    """

    path: str
    name: str
    value: str
    is_name: bool


def rewrite(text: str, change: Callable[[Leaf], str | None]) -> str:
    """Return JSON text with each leaf for which `change` gives another text replaced by it.

    Raises:
        NotJson: `text` is no JSON.
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None
    data = text.encode("utf-8", "surrogatepass")
    out: list[bytes] = []
    at = 0
    named: dict[
        str, dict[str, int]
    ] = {}  # by what stands there now: the names that it stands for, each with its number
    for start, end, leaf in _leaves(data):
        changed = change(leaf)
        if changed is not None and changed != leaf.value:
            if leaf.is_name:
                same = named.setdefault(changed, {})
                number = same.setdefault(leaf.value, len(same) + 1)
                changed = changed if number == 1 else f"{changed}_{number}"
            out.append(data[at:start])
            out.append(json.dumps(changed, ensure_ascii=data[start:end].isascii()).encode("utf-8", "surrogatepass"))
            at = end
    if not out:
        return text
    return (b"".join(out) + data[at:]).decode("utf-8", "surrogatepass")


def _leaves(data: bytes) -> Iterator[tuple[int, int, Leaf]]:
    # Each open container: its path, whether it is an object, and the name under way in it.
    stack: list[list[str]] = []
    naming = False
    tokens = _TOKEN.each(data)
    for match in tokens:
        start, end = match[0]
        first = data[start]
        if first in b"{[":
            stack.append([_path(stack), "{" if first == ord("{") else "[", ""])
            naming = first == ord("{")
        elif first in b"}]":
            stack.pop()
            naming = False
        elif first == ord(","):
            naming = bool(stack) and stack[-1][1] == "{"
        elif first == ord('"'):
            value = str(json.loads(data[start:end].decode("utf-8", "surrogatepass")))
            if naming:
                yield start, end, Leaf(stack[-1][0], "", value, is_name=True)
                stack[-1][2] = value
                naming = False
            else:
                yield start, end, Leaf(_path(stack), _name(stack), value, is_name=False)
        elif first in b"-0123456789" and sum(48 <= byte <= 57 for byte in data[start:end]) >= _DIGITS:
            yield start, end, Leaf(_path(stack), _name(stack), data[start:end].decode("ascii"), is_name=False)


def _path(stack: list[list[str]]) -> str:
    if not stack:
        return ""
    path, form, name = stack[-1]
    step = "[]" if form == "[" else name
    return step if not path else path + step if step == "[]" else f"{path}.{step}"


def _name(stack: list[list[str]]) -> str:
    return next((name for _, form, name in reversed(stack) if form == "{"), "")
