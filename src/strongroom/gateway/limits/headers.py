"""What a caller is told of its limits in header fields: when to come back always, how much is left where policy lets it.

How much is left is what this process knows: what it holds and what nobody had when it last asked. It may be less by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.gateway.limits.buckets import SPAN_S
from strongroom.gateway.limits.shares import Plan, Share
from strongroom.kernel.clock import rfc3339
from strongroom.kernel.refusal import Refusal
from strongroom.rules.limits import Measure

_NO_USE: Final = (
    b"x-should-retry",
    b"false",
)  # the clients of both APIs obey it: else they try a 429 again by themselves


@dataclass(frozen=True, slots=True)
class Standing:
    """How a caller stands with the tightest of its rates of one measure.

    Attributes:
        limit: how much may come at once.
        remaining: of it, now.
        reset_s: seconds until all of it is there again.
    """

    limit: int
    remaining: int
    reset_s: float


def retry_fields(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """Return the fields of a 429 that say whether and when to try again (RFC 9110 §10.2.3)."""
    after = refusal.retry_after_s
    return [_NO_USE if after is None else (b"retry-after", b"%d" % after), *refusal.fields]


def standing(plan: Plan, measure: Measure) -> Standing | None:
    """Return the tightest rate of `measure`, or None where there is none."""
    found = [_of(share) for share in plan.shares if share.key.measure is measure]
    return min(found, key=lambda each: each.remaining, default=None)


def _of(share: Share) -> Standing:
    limit = share.bound.burst
    remaining = max(0, min(limit, share.left + share.remaining))
    return Standing(limit, remaining, (limit - remaining) * SPAN_S[share.key.measure] / max(1, share.bound.amount))


def fields(dialect: str, plan: Plan, now: datetime) -> list[tuple[bytes, bytes]]:
    """Return the fields in the words of `dialect`; those that have none of their own use OpenAI's."""
    return anthropic_fields(plan, now) if dialect == "anthropic" else openai_fields(plan)


def openai_fields(plan: Plan) -> list[tuple[bytes, bytes]]:
    """Return OpenAI's `x-ratelimit-*` fields; durations as `1.5s`."""
    return [
        pair
        for name, found in _both(plan)
        for pair in (
            (b"x-ratelimit-limit-%b" % name, b"%d" % found.limit),
            (b"x-ratelimit-remaining-%b" % name, b"%d" % found.remaining),
            (b"x-ratelimit-reset-%b" % name, b"%.3fs" % found.reset_s),
        )
    ]


def anthropic_fields(plan: Plan, now: datetime) -> list[tuple[bytes, bytes]]:
    """Return Anthropic's `anthropic-ratelimit-*` fields; moments in RFC 3339."""
    return [
        pair
        for name, found in _both(plan)
        for pair in (
            (b"anthropic-ratelimit-%b-limit" % name, b"%d" % found.limit),
            (b"anthropic-ratelimit-%b-remaining" % name, b"%d" % found.remaining),
            (
                b"anthropic-ratelimit-%b-reset" % name,
                rfc3339(now + timedelta(seconds=found.reset_s)).encode(),
            ),
        )
    ]


def _both(plan: Plan) -> Sequence[tuple[bytes, Standing]]:
    named = ((b"requests", Measure.REQUESTS), (b"tokens", Measure.TOKENS))
    return [(name, found) for name, measure in named if (found := standing(plan, measure)) is not None]
