"""What a provider's no means to a caller: known sentences, and nothing of the provider's own words.

A provider's refusal may quote the request, its account or its inside; a caller learns what kind of no it is, and the
operator, in the reason, its status. What is wrong with *us* there (our secret, our quota, its model's name) is never told.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from strongroom.kernel.refusal import Refusal, RefusalKind, invalid

_UNPROCESSABLE: Final = 422
_OVERLOADED: Final = 529  # Anthropic's own
BUSY: Final = frozenset({429, 503, _OVERLOADED})
"""A provider that says one of these has not begun on the request: RFC 6585 §4, RFC 9110 §15.6.4, Anthropic's errors."""

OURS: Final = frozenset({401, 402, 403})
"""What is wrong is our standing with the provider: its operator must act, and another target may serve meanwhile."""

_REDIRECTS: Final = range(300, 400)


def meaning(status: int) -> Refusal:
    """Return what an answer other than 200 means to the caller."""
    if status in {HTTPStatus.BAD_REQUEST, _UNPROCESSABLE}:
        return invalid("The model cannot work with this request.")
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        tell = "The request is larger than this model takes."
        return Refusal(kind=RefusalKind.TOO_LARGE, reason=tell, tell=tell)
    if status in BUSY:
        return _unavailable(f"provider busy: answered {status}")
    if status in OURS:
        return _unavailable(f"provider does not accept our credential: answered {status}")
    said = "redirected, which is not followed" if status in _REDIRECTS else "failed"
    return Refusal(
        kind=RefusalKind.UPSTREAM,
        reason=f"provider {said}: answered {status}",
        tell="The model failed while answering. The request may be tried again.",
    )


def _unavailable(reason: str) -> Refusal:
    tell = "The model is not available at the moment. Try again shortly."
    return Refusal(kind=RefusalKind.UNAVAILABLE, reason=reason, tell=tell)
