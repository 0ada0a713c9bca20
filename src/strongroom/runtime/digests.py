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
    OTHER = "other"  # part of a release that no engine loads


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """One admitted file of a release.

    Attributes:
        name: its path inside the release, with `/` between parts.
        digest: SHA-256 of its bytes.
        path: where the blob store holds it.
        format: what it is.
        size: its length in bytes.
        blake3: BLAKE3 of its bytes in hex; empty where the release's manifest has none (version 1).
    """

    name: str
    digest: Digest
    path: Path
    format: Format
    size: int
    blake3: str = ""


def parse_digest(text: str) -> Digest:
    """Return `text` as a digest.

    Raises:
        ValueError: when it is not 64 lower-case hex digits.
    """
    if not _DIGEST.fullmatch(text):
        raise ValueError("a digest is 64 lower-case hex digits")
    return Digest(text)


def manifest(artefacts: Iterable[Artefact]) -> bytes:
    """Return the canonical manifest: JSON without spaces, keys and paths sorted.

    Version 2, which names BLAKE3 beside SHA-256, where every file has both; else version 1, in ASCII.
    """
    artefacts = tuple(artefacts)
    both = all(item.blake3 for item in artefacts)
    files = [
        {"path": item.name, "sha256": item.digest, "size": item.size} | ({"blake3": item.blake3} if both else {})
        for item in sorted(artefacts, key=lambda item: item.name)
    ]
    names = [entry["path"] for entry in files]
    if not files or len(set(names)) != len(names):
        raise ValueError("a release has at least one file and no two of one name")
    document = {"files": files, "version": 2 if both else 1}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=not both).encode()


def manifest_digest(artefacts: Iterable[Artefact]) -> Digest:
    """Return the release's name: the SHA-256 of its manifest."""
    return Digest(hashlib.sha256(manifest(artefacts)).hexdigest())
