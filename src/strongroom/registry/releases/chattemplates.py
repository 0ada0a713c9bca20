"""Chat templates of a stored release, as texts: what a model is told around every conversation, and so what people compare.

Always true here: a bounded part of each file is read, and kept nowhere; a template that cannot be read is named, never left out.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Final, TypeAlias

import msgspec

from strongroom.registry.content import PART, Broken, Stored

TextOf: TypeAlias = Callable[[int, str], str | None]
"""Returns a text of a GGUF file's metadata, by its key; raises ValueError for what is none."""

_KEY: Final = "tokenizer.chat_template"
_HEAD: Final = 64  # chunks of a GGUF file: its metadata, vocabulary and all
_JSON: Final = 16
_TEXT: Final = 1
_UNREAD: Final = "(It cannot be read.)"


class _Named(msgspec.Struct):
    name: str
    template: str


class _Settings(msgspec.Struct):
    chat_template: str | list[Any] | dict[str, Any] | None = None


def no_text(descriptor: int, key: str) -> str | None:
    """Read no GGUF."""
    del descriptor, key
    raise ValueError("nobody here reads GGUF")


def templates_of(files: Mapping[str, Stored | Broken], text_of: TextOf) -> dict[str, str]:
    """Return each template by where it stands: a file's path, and a name in it."""
    found: dict[str, str] = {}
    for path, stored in sorted(files.items()):
        name = path.rpartition("/")[2]
        if not name.endswith((".gguf", ".jinja", ".json")):
            continue
        if name.endswith(".json") and name not in {"tokenizer_config.json", "chat_template.json"}:
            continue
        try:
            if isinstance(stored, Broken):
                raise stored
            found |= {f"{path}{at}": text for at, text in _in(name, stored, text_of)}
        except (Broken, OSError, ValueError):
            found[path] = _UNREAD
    return found


def _in(name: str, stored: Stored, text_of: TextOf) -> Iterable[tuple[str, str]]:
    if name.endswith(".jinja"):
        return [("", _head(stored, _TEXT).decode())]
    if name.endswith(".json"):
        return _named(_head(stored, _JSON))
    descriptor = os.memfd_create("metadata", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.writelines(islice(stored.chunks(), _HEAD))
        text = text_of(descriptor, _KEY)
    finally:
        os.close(descriptor)
    return [] if text is None else [(f": {_KEY}", text)]


def _named(document: bytes) -> list[tuple[str, str]]:
    """Return the templates of a tokenizer's settings: one, or several by their names."""
    said = msgspec.json.decode(document, type=_Settings).chat_template
    if isinstance(said, str):
        return [(": chat_template", said)]
    found: list[tuple[str, str]] = []
    for each in said if isinstance(said, list) else []:
        with contextlib.suppress(msgspec.ValidationError):
            one = msgspec.convert(each, _Named)
            found.append((f": {one.name}", one.template))
    return found + [
        (f": {name}", text) for name, text in (said if isinstance(said, dict) else {}).items() if isinstance(text, str)
    ]


def _head(stored: Stored, most: int) -> bytes:
    data = b"".join(islice(stored.chunks(), most + 1))
    if len(data) > most * PART:
        raise ValueError("longer than any is read")
    return data
