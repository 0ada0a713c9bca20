"""From bytes to a dialect's request struct, or to a refusal that names the field at fault and quotes nothing of it."""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec

from strongroom.kernel.refusal import Refusal, invalid

MAX_DEPTH: Final = 32
"""How deep arrays and objects may nest. Engines turn schemas into grammars by recursion."""

_Body = TypeVar("_Body")
_AT: Final = re.compile(r" - at `\$?\.?(?P<path>[^`]*)`$")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<name>[^`]*)`")
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>[^`]*)`")
_AS_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_NAME: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")


def decode(decoder: msgspec.json.Decoder[_Body], body: bytes) -> _Body | Refusal:
    """Return what `decoder` makes of `body`, or why it is nothing."""
    if nests_too_deep(body):
        return invalid(f"The request body nests deeper than {MAX_DEPTH} levels.")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        return _explain(str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return invalid("The request body is not valid JSON in UTF-8.")


def nests_too_deep(body: bytes) -> bool:
    """Whether brackets outside strings nest deeper than `MAX_DEPTH`.

    Time is linear in the body whatever is in it: each step is one pass of a bytes method, and there are at most
    `MAX_DEPTH` + 5 of them. A body that is not JSON may get either answer; the decoder refuses it in any case.
    """
    # Looking for so many, and no more than are too many, is one search each; counting looks at every byte.
    if len(body.split(b"[", MAX_DEPTH + 1)) + len(body.split(b"{", MAX_DEPTH + 1)) - 2 <= MAX_DEPTH:
        return False
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"")  # each quote that is left begins or ends a string
    brackets = b"".join(unescaped.split(b'"')[::2]).translate(_AS_SQUARE, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        peeled = brackets.replace(b"[]", b"")  # the innermost level
        if len(peeled) == len(brackets):
            return False
        brackets = peeled
    return b"[]" in brackets


def _explain(message: str) -> Refusal:
    """Turn msgspec's words into ours. They hold names of fields and types, and no values except a field's own name."""
    at = _AT.search(message)
    path = at["path"] if at else ""
    unknown, missing = _UNKNOWN.match(message), _MISSING.match(message)
    named = unknown or missing
    if named is not None:
        path = f"{path}.{named['name']}" if path else named["name"]
    # An unknown field's name comes from the caller: it is shown only when it looks like one.
    param = (
        path if path and all(_NAME.fullmatch(part) for part in re.split(r"[\[\].]+", path) if part.strip(".")) else None
    )
    shown = f" `{param}`" if param else ""
    if unknown is not None:
        return invalid(f"Unknown field{shown}.", param=param)
    if missing is not None:
        return invalid(f"The field{shown} is missing.", param=param)
    what = _AT.sub("", message)
    if what.startswith(("Invalid enum value", "Invalid value")):  # which it goes on to quote
        what = "This value is not one of those allowed"
    return invalid(f"{what}{' in' + shown if shown else ''}.", param=param)
