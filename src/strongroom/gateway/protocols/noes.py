"""What an engine's no may tell a caller: sentences that are known here, and nothing else.

A worker parses what callers send, so what it says may be anything. Its words reach a caller only if they are, figures
aside, among those that the runtime room writes; a path, a trace or somebody else's text never is.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

import msgspec

from strongroom.kernel.refusal import Refusal, RefusalKind, invalid

_SENTENCES: Final = (
    r"The prompt has \d{1,9} tokens; this model's context has \d{1,9}\.",
    r"Input \d{1,9} has \d{1,9} tokens; this model reads at most \d{1,9}\.",
    r"This model's vectors have \d{1,9} dimensions\.",
    r"This model takes one prompt a request: a string, or an array of tokens\.",
    r"Tokens are numbers from 0 to \d{1,9}\.",
    r"A text has at most \d{1,9} characters\.",
    r"At most \d{1,9} inputs fit one request\.",
    r"An input must not be empty\.",
    r"This model cannot be made to call a tool: `tool_choice` is `auto` or `none`\.",
    r"This model's template takes no tools\.",
    r"A request has 1 to \d{1,9} rows\.",
    r"All inputs have as many rows\.",
    r"An (?:input is given|output is named) once\.",
    r"The data do not fill the shape exactly\.",
    r"This model (?:takes|gives): [A-Za-z0-9_ ,.-]{1,1000}\.",
    r"Missing input: [A-Za-z0-9_ ,.-]{1,1000}\.",
    r"Input [A-Za-z0-9_.-]{1,64} (?:is of datatype [A-Z0-9]{1,16}|has the shape \[[0-9, -]{1,100}\])\.",
    r"Expected `[a-z| ]{1,40}` (?:of length )?[<>]= -?[0-9.]{1,20}\.",  # msgspec's bounds, which name no value
)
_KNOWN: Final = re.compile("|".join(_SENTENCES), re.ASCII)
_FIELD: Final = re.compile(r"[a-z_]{1,40}(?:\[[0-9.]{1,9}\]|\.[a-z_]{1,40}){0,6}", re.ASCII)
_CODES: Final = frozenset({"context_length_exceeded"})


class _Said(msgspec.Struct, frozen=True):
    message: str = ""
    param: str | None = None
    code: str | None = None


class _Body(msgspec.Struct, frozen=True):
    error: _Said = _Said()


def no_word(field: str) -> Refusal:
    """Return our own no to a field that an engine's protocol has no word for: it is not asked."""
    return invalid(f"The model behind this name cannot be asked with `{field}`.", param=field)


def meaning(status: int, body: bytes) -> Refusal:
    """Return what a worker's answer other than 200 means to the caller. A 400 is about the caller's own request."""
    if status == HTTPStatus.BAD_REQUEST:
        return _about_the_request(_said(body))
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        tell = "The request is larger than this model takes."
        return Refusal(kind=RefusalKind.TOO_LARGE, reason=tell, tell=tell)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Refusal(
            kind=RefusalKind.UNAVAILABLE,
            reason="worker busy or starting",
            tell="The model is busy or starting. Try again shortly.",
        )
    return Refusal(
        kind=RefusalKind.UPSTREAM,
        reason=f"worker answered {status}",
        tell="The model failed while answering. The request may be tried again.",
    )


class _Sentence(msgspec.Struct, frozen=True):
    error: str = ""
    param: str | None = None
    code: str | None = None


def meaning_of_sentence(status: int, body: bytes) -> Refusal:
    """Return what a no in the words of the Open Inference Protocol means to the caller, as `meaning` does."""
    if status != HTTPStatus.BAD_REQUEST:
        return meaning(status, b"")
    try:
        said = msgspec.json.decode(body, type=_Sentence)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = _Sentence()
    return _about_the_request(_Said(said.error, said.param, said.code))


def _about_the_request(said: _Said) -> Refusal:
    tell = said.message if _KNOWN.fullmatch(said.message) else "The model cannot work with this request."
    param = said.param if said.param is not None and _FIELD.fullmatch(said.param) else None
    return invalid(tell, param=param, code=said.code if said.code in _CODES else None)


def _said(body: bytes) -> _Said:
    try:
        return msgspec.json.decode(body, type=_Body).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Said()
