"""What is signed: the kind `signing`.

Always true here:
- nobody speaks: requests need no signature, and answers carry none;
- whoever asks for a signature gets it: a tenant may demand what the installation does not, and never wave what it does;
- a signed request is fresh: no rule lets one be older than a minute.

Why: a key that was copied out of a log or a process is worth nothing without the signing key, which never travels; and a
signed answer shows later which release, under which rules, said what.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from strongroom.rules.kind import FieldKind
from strongroom.rules.model import Rule

MAX_AGE_S: Final = 60
MIN_AGE_S: Final = 1


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed between one caller and one model.

    Attributes:
        requests: whether a request counts only with a signature by a key of the caller's workload (RFC 9421).
        answers: whether answers are signed, whole and streamed.
        max_age_s: how old a request's signature may be, in seconds.
    """

    requests: bool = False
    answers: bool = False
    max_age_s: int = MAX_AGE_S


class SigningRule(Rule, frozen=True, kw_only=True):
    """One rule of a signing document; what it does not speak of is left to others."""

    requests: bool | None = None
    answers: bool | None = None
    max_age_s: Annotated[int, Meta(ge=MIN_AGE_S, le=MAX_AGE_S)] | None = None


def _either(one: bool, other: bool) -> bool:
    return one or other


NARROWER: Final[dict[str, Callable[[Any, Any], Any]]] = {"requests": _either, "answers": _either, "max_age_s": min}

WORDS: Final[dict[str, Callable[[Any], str]]] = {
    "requests": lambda value: f"Requests {'must' if value else 'need not'} be signed.",
    "answers": lambda value: f"Answers are {'signed' if value else 'not signed'}.",
    "max_age_s": lambda value: f"The signature of a request counts for {value} seconds.",
}

SIGNING: Final[FieldKind[SigningRule, Signing]] = FieldKind(
    "signing",
    "Which requests must be signed, and which answers are.",
    SigningRule,
    least=Signing(),
    most=Signing(),
    narrower=NARROWER,
    words=WORDS,
    unreadable=Signing(requests=True, answers=True, max_age_s=MIN_AGE_S),
)
