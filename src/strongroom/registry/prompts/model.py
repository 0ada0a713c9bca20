"""The values of system prompts, and the rules that need no I/O."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from typing import Annotated, Final

import msgspec

from strongroom.leaks import Detector
from strongroom.privacy import KINDS, Classification, Engine
from strongroom.registry.admission.model import Standing, Subject
from strongroom.registry.model import Digest

MAX_BYTES: Final = 32 * 1024
"""Of a prompt's text in UTF-8."""

_TYPE: Final = "strongroom/prompt/1"
_MOST_TOLD: Final = 8
_TOLD_APART: Final = "prompt/"  # no release is called so: an approval of the one is none of the other
# A bait is planted where it is to be found: one in a prompt opens nothing, and tells when the prompt has leaked.
_LOOKED_FOR: Final = frozenset(
    kind.name for kind in KINDS.values() if kind.classification is Classification.SECRET and kind.name != "honeytoken"
)


class Prompt(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=_TYPE, forbid_unknown_fields=True):
    """A version of a system prompt. All of it goes into its digest.

    Attributes:
        tenant: whose it is, by id.
        name: what the tenant calls it.
        version: of that name.
        author: the account that added it.
        text: what the model is told.
    """

    tenant: str
    name: str
    version: str
    author: str
    text: str

    def encoded(self) -> bytes:
        """Return its document in its one spelling: JSON, names sorted, no white space."""
        return msgspec.json.encode(self, order="sorted")

    @property
    def digest(self) -> str:
        """What it is named by."""
        return f"sha256:{hashlib.sha256(self.encoded()).hexdigest()}"


_decoder: Final = msgspec.json.Decoder(Prompt)


class BadPrompt(ValueError):  # noqa: N818 - said to a person
    """What was kept is not the prompt that it should be; the message says why."""


class Destroyed(BadPrompt):
    """The keys that it is sealed under were destroyed: it is gone."""

    def __init__(self) -> None:
        super().__init__("its tenant's keys were destroyed, and its text with them")


def read(document: bytes, digest: str) -> Prompt:
    """Return the prompt that `digest` names.

    Raises:
        BadPrompt: when the document is none, or another.
    """
    if f"sha256:{hashlib.sha256(document).hexdigest()}" != digest:
        raise BadPrompt("its text is not the one that it is named by")
    try:
        return _decoder.decode(document)
    except msgspec.MsgspecError:
        raise BadPrompt("it is no prompt") from None


def subject_of(digest: str, name: str, version: str) -> Subject:
    """Return what approvals call a prompt."""
    return Subject(digest=digest, name=f"{_TOLD_APART}{name}", version=version)


def secrets_in(text: str) -> tuple[str, ...]:
    """Return where secrets stand in a text and of which kind, quoting nothing; empty: none.

    Two lists are asked: the detectors of secrets in requests, by shape and by cue, and what finds leaked keys in files.
    """
    engine, detector = _finders()
    data = text.encode()
    found = {(_line(text, span.start), span.kind) for span in engine.find(text)}
    found |= {(data[: each.start].count(b"\n") + 1, each.kind) for each in detector.find(data)}
    told = tuple(f"line {line}: {KINDS[kind].says if kind in KINDS else kind}" for line, kind in sorted(found))
    return told if len(told) <= _MOST_TOLD else (*told[:_MOST_TOLD], f"{len(told) - _MOST_TOLD} more")


@cache
def _finders() -> tuple[Engine, Detector]:
    return Engine(_LOOKED_FOR, lexicon=False), Detector()


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


class PinnedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt as a deployment has it in the feed: by its digest, with its document sealed to this very deployment."""

    digest: Digest
    sealed: bytes


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt in a list, without its text. `size`: bytes of the text."""

    name: str
    version: str
    digest: Digest
    author: str
    size: int
    created_at: datetime


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt with its text, and why it may or may not be deployed in each environment."""

    name: str
    version: str
    digest: Digest
    author: str
    created_at: datetime
    text: Annotated[str, msgspec.Meta(description="What the model is told.")]
    standing: tuple[Standing, ...]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt as it is stored: nothing of it is believed before it was opened and its digest computed."""

    digest: str
    name: str
    version: str
    author: str
    sealed: bytes
    size: int
    created_at: datetime
