"""Approvals: what others have to say yes to before it is done.

Always true here:
- a request is bound to the digest of exactly what is approved; an approval names that digest, and what is done later is
  compared with it;
- nobody approves what they asked for, nobody counts twice, and one credential's material counts once, whatever names it
  goes by;
- one no ends it; a request that nobody decided ends by itself; an approved one is used once;
- what a token that was revoked has proposed ends with it;
- reasons are kept, and votes are never changed.

What it is for is said by the feature that asks (`elevation`, accounts, providers, rules); this knows digests only.
"""

from strongroom.identity.approvals.model import NEEDED, PROPOSED, Kind, Request, State, Vote, digest_of
from strongroom.identity.approvals.work import (
    MOST_OPEN,
    apply,
    ask,
    by_id,
    decide,
    recent,
    too_many,
    use,
    waiting,
    withdraw,
    withdraw_of,
)

__all__ = [
    "MOST_OPEN",
    "NEEDED",
    "PROPOSED",
    "Kind",
    "Request",
    "State",
    "Vote",
    "apply",
    "ask",
    "by_id",
    "decide",
    "digest_of",
    "recent",
    "too_many",
    "use",
    "waiting",
    "withdraw",
    "withdraw_of",
]
