"""JSON of others, read whole and strictly: bounded, without a key twice, no deeper than any honest document."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from strongroom.registry.evidence.model import BadEvidence

_DEEPEST: Final = 64
# The last quote may be missing: a text without an end is passed over once, and not begun anew at each quote in it.
_MARKS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def decoded(data: bytes, most: int) -> Any:
    """Return what JSON says.

    Args:
        data: the bytes.
        most: how many there may be.

    Raises:
        BadEvidence: for what is too long or too deep, has a key twice, or is no JSON (RFC 8259).
    """
    if len(data) > most:
        raise BadEvidence(f"It has more than {most >> 20} MiB.")
    depth = 0
    for mark in _MARKS.finditer(data):
        first = mark[0][:1]
        depth += 1 if first in b"[{" else -1 if first in b"]}" else 0
        if depth > _DEEPEST:
            raise BadEvidence(f"It nests deeper than {_DEEPEST}.")
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except BadEvidence:
        raise
    except (ValueError, RecursionError):
        raise BadEvidence("It is no JSON.") from None
    try:
        json.dumps(found, ensure_ascii=False).encode()  # wherever it stands: in a list as in a member
    except UnicodeEncodeError:
        raise BadEvidence("A text holds half of a character.") from None
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadEvidence("A key comes twice in one object: two readers would take two values.")
    return found


def _no_number(word: str) -> NoReturn:
    raise BadEvidence(f"{word} is no number of JSON.")
