"""Names for bytes: SHA-256 in lower-case hex, and nothing else, names a file or a release.

Always true here:
- a `Digest` is 64 hex digits, checked when it is parsed, so it can stand in a path;
- a release is named by the SHA-256 of its manifest, and the manifest names every file by path, size and digest
  (a digest over contents alone gives two different file sets one name).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Final, NewType

Digest = NewType("Digest", str)

CHUNK: Final = 1 << 20
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@unique
class Format(StrEnum):
    """What a file is, as far as an engine can load it."""

    GGUF = "gguf"
    ONNX = "onnx"
    SKOPS = "skops"  # a scikit-learn model, in dev only
    TOKENIZER = "tokenizer"  # a Hugging Face tokenizer.json


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """One admitted file of a release.

    Attributes:
        name: its path inside the release, with `/` between parts.
        digest: SHA-256 of its bytes.
        path: where the blob store holds it.
        format: what it is.
        size: its length in bytes.
    """

    name: str
    digest: Digest
    path: Path
    format: Format
    size: int


def parse_digest(text: str) -> Digest:
    """Return `text` as a digest.

    Raises:
        ValueError: when it is not 64 lower-case hex digits.
    """
    if not _DIGEST.fullmatch(text):
        raise ValueError("a digest is 64 lower-case hex digits")
    return Digest(text)


def manifest(artefacts: Iterable[Artefact]) -> bytes:
    """Return the canonical manifest: JSON without spaces, keys and paths sorted, ASCII."""
    files = [
        {"path": item.name, "sha256": item.digest, "size": item.size}
        for item in sorted(artefacts, key=lambda item: item.name)
    ]
    names = [entry["path"] for entry in files]
    if not files or len(set(names)) != len(names):
        raise ValueError("a release has at least one file and no two of one name")
    return json.dumps({"files": files, "version": 1}, sort_keys=True, separators=(",", ":")).encode("ascii")


def manifest_digest(artefacts: Iterable[Artefact]) -> Digest:
    """Return the release's name: the SHA-256 of its manifest."""
    return Digest(hashlib.sha256(manifest(artefacts)).hexdigest())
