"""Whose prompt cache a request may meet: an opaque name that only the gateway can make.

Always true here:
- the parts are framed by their lengths, so ("org_1", "2345") and ("org_12345", "") differ (isolation test 44);
- the name is keyed, so a worker or its log learns no tenant from it, and no caller can compute another's.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final, NewType

CacheScope = NewType("CacheScope", str)

HEADER: Final = "x-strongroom-cache-scope"
"""Set by the gateway on each request to a worker; a caller's own is dropped there."""

_SCOPE: Final = re.compile(r"[0-9a-f]{64}")
_DOMAIN: Final = b"strongroom cache scope 1"
_MIN_SECRET: Final = 16


def cache_scope(secret: bytes, *parts: str) -> CacheScope:
    """Return the scope of (tenant, environment, workload): HMAC-SHA256 over the length-prefixed parts, in hex.

    Raises:
        ValueError: for a secret under 128 bits, or no part at all.
    """
    if len(secret) < _MIN_SECRET or not parts:
        raise ValueError("a cache scope needs a secret of 16 bytes or more, and at least one part")
    mac = hmac.new(secret, digestmod=hashlib.sha256)
    for part in (_DOMAIN, *(part.encode() for part in parts)):
        mac.update(len(part).to_bytes(8, "big"))
        mac.update(part)
    return CacheScope(mac.hexdigest())


def parse_cache_scope(text: str) -> CacheScope | None:
    """Return `text` as a scope, or nothing when the gateway cannot have made it."""
    return CacheScope(text) if _SCOPE.fullmatch(text) else None
