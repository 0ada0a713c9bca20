"""Approvals: what two others have to say yes to before it is done.

Always true here:
- a request is bound to the digest of exactly what is approved; an approval names that digest, and what is done later is
  compared with it;
- nobody approves what they asked for, nobody counts twice, and one credential's material counts once, whatever names it
  goes by;
- one no ends it; a request that nobody decided ends by itself; an approved one is used once;
- reasons are kept, and votes are never changed.

What it is for is said by the feature that asks (`elevation`, policies, rules); this knows digests only.
"""

from strongroom.identity.approvals.model import Kind, Request, State, Vote, digest_of
from strongroom.identity.approvals.work import ask, by_id, decide, recent, use, withdraw

__all__ = [
    "Kind",
    "Request",
    "State",
    "Vote",
    "ask",
    "by_id",
    "decide",
    "digest_of",
    "recent",
    "use",
    "withdraw",
]
