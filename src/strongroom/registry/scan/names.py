"""Names of a release's files: what a file system, an archive or another system may take for something else is refused.

Always true here: nothing is opened. Names are compared as the most forgiving file system would: normalised, without case.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from strongroom.registry.scan.jsonread import shown

_LONGEST: Final = 255
_PATH: Final = 1024
_UNPLAIN: Final = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def unplain(path: str) -> str | None:  # noqa: C901, PLR0911 - one demand a return
    """Return why a path within a release is refused; None: it is plain."""
    if not path or len(path.encode(errors="surrogateescape")) > _PATH:
        return "A path is empty, or longer than any may be."
    for part in path.split("/"):
        if part in {"", ".", ".."}:
            return "A part of a path is empty, or leads elsewhere."
        if any("\udc80" <= each <= "\udcff" for each in part):
            return f"The name {shown(part)} is not UTF-8."
        if len(part.encode()) > _LONGEST:
            return f"The name {shown(part)} is longer than any may be."
        if _UNPLAIN.search(part) or any(unicodedata.category(each) in _HIDDEN for each in part):
            return (
                f"The name {shown(part)} holds a character that is not shown, or that another system reads its own way."
            )
        if part != part.strip() or part.endswith("."):
            return f"The name {shown(part)} ends, or begins, with what other systems drop."
        if unicodedata.normalize("NFC", part) != part:
            return f"The name {shown(part)} is not in normal form C: it looks like another."
        if part.casefold().startswith(".git"):
            return f"{shown(part)} is Git's, and signers leave it out: remove it."
        if _DEVICES.fullmatch(part):
            return f"The name {shown(part)} is a device on other systems."
    return None


def folded(path: str) -> str:
    """Return what a path is to the most forgiving file system."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())


def collisions(paths: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of paths, directories included, that a file system may take for one."""
    known: dict[str, str] = {}
    found: list[tuple[str, str]] = []
    for path in paths:
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            whole = "/".join(parts[:end])
            first = known.setdefault(folded(whole), whole)
            if first != whole:
                found.append((first, whole))
    return found
