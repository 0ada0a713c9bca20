"""Documents as files: TOML, with the kind in its first line, and errors that name the line.

Always true here (no network): what is read here is what the control API reads, so a file that passes here is one that it
takes.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec

from strongroom.rules.kind import Kind, encode
from strongroom.rules.kinds import KINDS
from strongroom.rules.model import DocumentError

MAX_FILE_BYTES: Final = 256 * 1024
_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)")
_RULE: Final = re.compile(r"rules\[(\d+)\](?:\.(.*))?")


class FileError(ValueError):
    """A file holds no document. `line` is 1 for the first; 0: no line in particular."""

    def __init__(self, said: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {said}" if line else said)
        self.said = said
        self.line = line


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A document as a file holds it, checked. `canonical`: as it is kept, in the order that versions are compared by."""

    kind: Kind[Any, Any]
    document: dict[str, Any]
    canonical: dict[str, Any]


def parse(text: str) -> DocumentFile:
    """Return the document that a file holds.

    Raises:
        FileError: saying what is wrong and in which line.
    """
    if len(text) > MAX_FILE_BYTES:
        raise FileError(f"A file of rules has at most {MAX_FILE_BYTES // 1024} KiB.")
    try:
        read = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        said = str(error)
        found = _LINE.search(said)
        raise FileError(f"This is not TOML: {_LINE.sub('', said).strip()}.", int(found[1]) if found else 0) from None
    name = read.pop("kind", None)
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise FileError(f'The file begins with `kind = "…"`: one of {", ".join(KINDS)}.', _line_of(text, "kind") or 1)
    try:
        document = kind.read(read)
        kind.prove(document)
    except DocumentError as error:
        raise FileError(f"{error}.", locate(text, error.place)) from None
    return DocumentFile(kind, read, msgspec.json.decode(encode(document)))


def written(kind: str, document: Mapping[str, Any]) -> str:
    """Return a document as a file; `parse` reads the same from it."""
    lines = [f"kind = {_value(kind)}"]
    for rule in document.get("rules", ()):
        _table("rules", rule, lines, listed=True)
    return "\n".join(lines) + "\n"


def _table(path: str, table: Mapping[str, Any], lines: list[str], *, listed: bool) -> None:
    """Write a table: its plain values first, since what follows a header of TOML belongs to that header."""
    lines += ["", f"[[{path}]]" if listed else f"[{path}]"]
    below = {name: value for name, value in table.items() if _is_below(value)}
    lines += [f"{_key(name)} = {_value(value)}" for name, value in table.items() if name not in below]
    for name, value in below.items():
        inner = f"{path}.{_key(name)}"
        tables = cast("list[Mapping[str, Any]]", value if isinstance(value, list) else [value])
        for each in tables:
            _table(inner, each, lines, listed=isinstance(value, list))


def _is_below(value: Any) -> bool:
    if isinstance(value, dict):
        return True
    listed: list[Any] = value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType] - decoded JSON
    return bool(listed) and all(isinstance(each, dict) for each in listed)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: Any) -> str:
    """Return a value in TOML, which has the texts, numbers and truths of JSON, and inline tables."""
    if isinstance(value, dict):
        members: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType] - decoded JSON
        return "{" + ", ".join(f"{_key(name)} = {_value(each)}" for name, each in members.items()) + "}"
    if isinstance(value, list):
        each_of: list[Any] = value  # pyright: ignore[reportUnknownVariableType] - decoded JSON
        return "[" + ", ".join(map(_value, each_of)) + "]"
    # JSON leaves DEL as it is and TOML does not.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def locate(text: str, place: str) -> int:
    """Return the line of `text` that `place` (as `rules[2].top_logprobs`) stands in; 0 when it cannot be told."""
    found = _RULE.match(place)
    if found is None:
        return _line_of(text, place)
    wanted = int(found[1])
    start = _start_of_rule(text, wanted)
    if start == 0:
        return 0
    fields = re.findall(r"[A-Za-z_][A-Za-z0-9_-]*", found[2] or "")
    lines = text.splitlines()
    end = (_start_of_rule(text, wanted + 1) or len(lines) + 1) - 1
    for field in reversed(fields):  # the innermost that has a line of its own
        for number in range(start, end):
            if re.match(rf'\s*(?:\[+.*\.)?"?{re.escape(field)}"?\s*(?:[=.\]])', lines[number]):
                return number + 1
    return start


def _start_of_rule(text: str, wanted: int) -> int:
    """Return the line of the `wanted`th `[[rules]]`, from 0; 0: there is none."""
    seen = -1
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*\[\[\s*rules\s*\]\]", line):
            seen += 1
            if seen == wanted:
                return number
    return 0


def _line_of(text: str, name: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if name and re.match(rf'\s*"?{re.escape(name)}"?\s*=', line):
            return number
    return 0
