"""Whose prompt cache a request may meet: an opaque name that only the gateway can make.

Always true here:
- the parts are framed by their lengths, so ("org_1", "2345") and ("org_12345", "") differ (isolation test 44);
- the name is keyed, so a worker or its log learns no tenant from it, and no caller can compute another's.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final, NewType

CacheScope = NewType("CacheScope", str)

HEADER: Final = "x-strongroom-cache-scope"
"""Set by the gateway on each request to a worker, as `<tenant>.<scope>`; a caller's own is dropped there."""

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


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks a worker, as far as it may know.

    Attributes:
        tenant: opaque; whose requests share one turn. The scope of the tenant alone.
        scope: opaque; whose requests share a prompt cache.
    """

    tenant: CacheScope
    scope: CacheScope

    @property
    def header(self) -> bytes:
        """Return what the gateway sends."""
        return f"{self.tenant}.{self.scope}".encode()


def parse_caller(text: str) -> Caller | None:
    """Return who asks, or nothing when the gateway cannot have written it."""
    tenant, _, scope = text.partition(".")
    if not (_SCOPE.fullmatch(tenant) and _SCOPE.fullmatch(scope)):
        return None
    return Caller(CacheScope(tenant), CacheScope(scope))
