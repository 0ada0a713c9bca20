"""Checking a saved answer, offline: what it says, whether our key said so, and to which request.

Three verdicts, since "not shown" is not "wrong": `good`; `bad` (changed, not signed, or signed by another); and
`undetermined`, when what was given does not suffice: the key is not among those trusted, or the request is not there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

import msgspec

from strongroom.signatures.answers import COVERED, MARK, TAG, Trailer
from strongroom.signatures.fields import SignatureInput, base, digests_hold, parse_input, parse_signature
from strongroom.signatures.keys import PublicKey

_STATUS_LINE: Final = re.compile(rb"HTTP/[0-9.]{1,3} ([1-5][0-9]{2})(?: [^\r\n]*)?")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
_INTERIM: Final = 200
_CARRIERS: Final = ("content-digest", "signature-input", "signature")


class NotAnAnswer(ValueError):  # noqa: N818 - said to a person
    """What was given is no saved HTTP answer; the message says why."""


@unique
class Outcome(StrEnum):
    """What became of a check."""

    GOOD = "good"
    BAD = "bad"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """An answer as it was kept: `fields` by lower-case name, every value of each."""

    status: int
    fields: Mapping[str, Sequence[bytes]]
    body: bytes


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a check came to.

    Attributes:
        outcome: see above.
        because: one sentence.
        says: what the answer says of itself; shown to be true only when the outcome is good.
    """

    outcome: Outcome
    because: str
    says: dict[str, str]


def parse(head: bytes, body: bytes | None = None) -> Saved:
    """Return a saved answer.

    Args:
        head: the head alone, or head and body as `curl -i` prints them.
        body: the body, where it was saved apart.

    Raises:
        NotAnAnswer: when it is none.
    """
    while True:
        lines, rest = _split(head)
        found = _STATUS_LINE.fullmatch(lines[0])
        if found is None:
            raise NotAnAnswer("it does not begin with a status line, such as `HTTP/1.1 200 OK`")
        if int(found[1]) >= _INTERIM:
            break
        head = rest  # an interim answer, such as 100 Continue
    fields: dict[str, list[bytes]] = {}
    for line in lines[1:]:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise NotAnAnswer("a line of its head is no field")
        fields.setdefault(field[1].decode("ascii").lower(), []).append(field[2])
    return Saved(status=int(found[1]), fields=fields, body=rest if body is None else body)


def check(saved: Saved, trusted: Mapping[str, PublicKey], request: bytes | None) -> Finding:
    """Return whether `saved` is an answer that one of `trusted` signed, to the request whose body is `request`."""
    says = {name: _text(saved.fields[name][0]) for name in COVERED if name in saved.fields}
    given = _carried(saved)
    if isinstance(given, str):
        return Finding(outcome=Outcome.BAD, because=given, says=says)
    carriers, body = given
    claim = parse_input(carriers["signature-input"])
    signature = None if claim is None else parse_signature(carriers["signature"], claim.label)
    if claim is None or signature is None:
        return Finding(outcome=Outcome.BAD, because="Its signature is malformed.", says=says)
    says |= {name: str(value) for name, value in claim.parameters.items() if name in {"created", "keyid"}}
    wrong = _misclaimed(claim) or _missing(saved) or _undigested(carriers, body)
    if wrong is not None:
        return Finding(outcome=Outcome.BAD, because=wrong, says=says)
    key = trusted.get(str(claim.parameters.get("keyid")))
    if key is None:
        because = "It is signed by a key that is not among the trusted ones, so whose answer it is stays open."
        return Finding(outcome=Outcome.UNDETERMINED, because=because, says=says)
    values = {name: saved.fields[name][0] for name in COVERED if name in saved.fields}
    values |= {"@status": b"%d" % saved.status, "content-digest": carriers["content-digest"]}
    if claim.parameters.get("alg") != key.algorithm or not key.verifies(signature, base(values, claim)):
        return Finding(outcome=Outcome.BAD, because="The signature is not right: the answer was changed.", says=says)
    return _to(request, saved.fields["strongroom-request-digest"][0], says)


def _to(request: bytes | None, digest: bytes, says: dict[str, str]) -> Finding:
    if request is None:
        because = "The answer is as it was signed; to which request was not checked, since none was given."
        return Finding(outcome=Outcome.UNDETERMINED, because=because, says=says)
    if not digests_hold(digest, request):
        because = "The answer is as it was signed, but to another request than the one given."
        return Finding(outcome=Outcome.BAD, because=because, says=says)
    return Finding(outcome=Outcome.GOOD, because="The answer is as it was signed, to this request.", says=says)


def _carried(saved: Saved) -> tuple[dict[str, bytes], bytes] | str:
    """Return the three fields of the signature and the bytes that it covers, or why there is no signature."""
    for name in (*_CARRIERS, *COVERED):
        if len(saved.fields.get(name, ())) > 1:
            return f"The field {name} is there more than once."
    if "signature" in saved.fields:
        missing = [name for name in _CARRIERS if name not in saved.fields]
        return f"The field {missing[0]} is missing." if missing else _whole(saved)
    begin = saved.body.rfind(b"\n" + MARK) + 1
    if not begin:
        return "It is not signed, or it was cut off before its signature."
    comment, end, after = saved.body[begin:].partition(b"\n\n")
    if not end or after:
        return "The signature at its end is cut off, or something comes after it."
    try:
        trailer = msgspec.json.decode(comment.removeprefix(MARK), type=Trailer)
        values = (trailer.content_digest, trailer.signature_input, trailer.signature)
        return dict(zip(_CARRIERS, (value.encode("ascii") for value in values), strict=True)), saved.body[:begin]
    except (msgspec.MsgspecError, UnicodeError):
        return "The signature at its end is malformed."


def _whole(saved: Saved) -> tuple[dict[str, bytes], bytes]:
    return {name: saved.fields[name][0] for name in _CARRIERS}, saved.body


def _misclaimed(claim: SignatureInput) -> str | None:
    if claim.components != COVERED:
        return "Its signature does not cover what an answer's must."
    if claim.parameters.get("tag") != TAG or not isinstance(claim.parameters.get("created"), int):
        return "Its signature was made for another purpose."
    return None


def _missing(saved: Saved) -> str | None:
    missing = [name for name in COVERED if name not in {"@status", "content-digest"} and name not in saved.fields]
    return f"The field {missing[0]} is missing, which was signed." if missing else None


def _undigested(carriers: Mapping[str, bytes], body: bytes) -> str | None:
    return None if digests_hold(carriers["content-digest"], body) else "The body is not the one that was signed."


def _split(text: bytes) -> tuple[list[bytes], bytes]:
    """Return the lines of a head and what follows it; heads that an editor or a shell has stripped of CR are taken."""
    ends = [(at, len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if (at := text.find(mark)) >= 0]
    at, length = min(ends, default=(len(text), 0))
    return text[:at].replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n"), text[at + length :]


def _text(value: bytes) -> str:
    return value.decode("latin-1")
