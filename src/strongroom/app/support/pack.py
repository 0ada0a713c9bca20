"""Parts of a bundle, masked; the search through them; the manifest; and the archive that holds both."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import tarfile
import urllib.parse
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from strongroom.identity.secretkey import PATTERN, read
from strongroom.privacy import DEFAULT_KINDS, Engine
from strongroom.privacy.actions import mask, replace
from strongroom.privacy.fields import find_in_field

MANIFEST: Final = "manifest.json"
_KEYS: Final = re.compile(PATTERN.pattern)
_SHORTEST: Final = 6  # characters of a canary: a shorter one is in every text


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a bundle. `why`: for what it is in; `missing`: why it is not."""

    name: str
    why: str
    content: bytes = b""
    masked: dict[str, int] = {}
    missing: str = ""


class Listed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part as the manifest lists it."""

    name: str
    why: str
    octets: int = 0
    sha256: str = ""
    masked: dict[str, int] = {}
    missing: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is inside a bundle.

    Attributes:
        made_at: when.
        version: of the program.
        parts: what is in it, and what could not be had.
        searched_for: how many canaries every part was searched for, and for keys that work besides.
        never: what is not in it, whatever happens.
    """

    made_at: datetime
    version: str
    parts: list[Listed]
    searched_for: int
    never: str = "prompts, answers, captured requests, keys, secrets, and names of tenants and people"


class Found(Exception):  # noqa: N818 - said to a person
    """A part holds what must not leave. The message names the part, never what was found."""


class Masker:
    """Masks what a bundle holds: patterns and names, in every text of a document, by the name of its field."""

    def __init__(self, *, names: Iterable[str] = ()) -> None:
        """Make one; `names` (of tenants, of accounts) are replaced wherever they stand as a word."""
        self._engine: Final = Engine(DEFAULT_KINDS)
        known = sorted({name for name in names if name}, key=len, reverse=True)
        self._names: Final = (
            re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in known)) if known else None
        )

    def text(self, name: str, why: str, text: str) -> Part:
        """Return a part of plain text."""
        counts: Counter[str] = Counter()
        return Part(name=name, why=why, content=self._clean(text, "", counts).encode(), masked=dict(counts))

    def document(self, name: str, why: str, document: Any) -> Part:
        """Return a part that is a JSON document."""
        counts: Counter[str] = Counter()
        clean = self._walk(msgspec.to_builtins(document), "", counts)
        content = msgspec.json.format(msgspec.json.encode(clean), indent=2) + b"\n"
        return Part(name=name, why=why, content=content, masked=dict(counts))

    def lines(self, name: str, why: str, documents: Iterable[Any]) -> Part:
        """Return a part of JSON documents, one a line."""
        counts: Counter[str] = Counter()
        rows = [msgspec.json.encode(self._walk(msgspec.to_builtins(each), "", counts)) for each in documents]
        return Part(name=name, why=why, content=b"".join(row + b"\n" for row in rows), masked=dict(counts))

    def _walk(self, value: Any, field: str, counts: Counter[str]) -> Any:
        if isinstance(value, str):
            return self._clean(value, field, counts)
        if isinstance(value, dict):
            items = cast("dict[str, object]", value).items()
            return {self._clean(key, "", counts): self._walk(each, key, counts) for key, each in items}
        if isinstance(value, list | tuple):
            return [self._walk(each, field, counts) for each in cast("Sequence[object]", value)]
        return value

    def _clean(self, text: str, field: str, counts: Counter[str]) -> str:
        spans = find_in_field(self._engine.find, field, text)
        counts.update(span.kind for span in spans)
        clean = replace(text, spans, mask)
        if self._names is None:
            return clean
        clean, met = self._names.subn("[NAME]", clean)
        if met:
            counts["name"] += met
        return clean


def search(parts: Iterable[Part], canaries: Sequence[str]) -> None:
    """Look for what must not leave, in each part as it stands and in the usual encodings.

    Raises:
        Found: naming the part.
        ValueError: for a canary that is too short to be one.
    """
    for canary in canaries:
        if len(canary) < _SHORTEST:
            raise ValueError(f"a canary has {_SHORTEST} characters or more")
    needles = {_folded(view) for canary in canaries for view in views(canary)}
    for part in parts:
        content = _folded(part.content)
        if any(needle in content for needle in needles):
            raise Found(f"{part.name} holds a canary; nothing was written.")
        if any(read(match[0]) for match in _KEYS.finditer(part.content.decode("utf-8", "replace"))):
            raise Found(f"{part.name} holds a key of this installation; nothing was written.")


def views(canary: str) -> set[bytes]:
    """Return how a canary may be spelt: as it is, in JSON, URL-encoded, hexadecimal, base64 at each offset, reversed, spaced."""
    raw = canary.encode()
    found = {raw, raw.hex().encode(), canary[::-1].encode(), " ".join(canary).encode()}
    found |= {msgspec.json.encode(canary)[1:-1], json.dumps(canary)[1:-1].encode(), urllib.parse.quote(canary).encode()}
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + raw)
        # The first and last characters depend on what stands beside it.
        found.add(encoded[4 if offset else 0 : len(encoded) - 4])
    return {each for each in found if len(each) >= _SHORTEST - 2}


def _folded(content: bytes) -> str:
    """Return bytes as a text in which letter case does not count."""
    return content.decode("utf-8", "surrogateescape").casefold()


def manifest(parts: Iterable[Part], *, made_at: datetime, version: str, searched_for: int) -> Manifest:
    """Return what lists `parts`."""
    listed = [
        Listed(
            name=part.name, why=part.why, octets=len(part.content), masked=part.masked, missing=part.missing,
            sha256="" if part.missing else hashlib.sha256(part.content).hexdigest(),
        )
        for part in parts
    ]  # fmt: skip
    return Manifest(made_at=made_at, version=version, parts=listed, searched_for=searched_for)


def archive(parts: Sequence[Part], said: Manifest, path: Path) -> None:
    """Write a bundle, readable by its owner alone, whole or not at all.

    Raises:
        OSError: when it cannot be written; FileExistsError when it is there.
    """
    content = msgspec.json.format(msgspec.json.encode(said), indent=2) + b"\n"
    files = [(MANIFEST, content), *((part.name, part.content) for part in parts if not part.missing)]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, each in files:
            entry = tarfile.TarInfo(f"strongroom-support/{name}")
            entry.size, entry.mode, entry.mtime = len(each), 0o600, int(said.made_at.timestamp())
            tar.addfile(entry, io.BytesIO(each))
    path.touch(0o600, exist_ok=False)
    path.write_bytes(packed.getvalue())
