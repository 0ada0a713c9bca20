"""Whether a request is signed as the rules demand.

1. The signature says and covers what the profile wants, and the digest is that of the body (`signatures.requests`).
2. It was made now: no older than the rules allow, and not in the future.
3. Its key is one of the caller's own tenant, of the very workload that asks, and counts still; the algorithm is the
   key's. A message that names another is refused, not followed.
4. The signature is right.
5. Its nonce was never used: last, so that nobody without the key can fill the store.
"""

from __future__ import annotations

from typing import Final

from strongroom.gateway.signing.nonces import Nonces
from strongroom.identity.signers import Signers
from strongroom.kernel.clock import Clock
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.rules.signing import Signing
from strongroom.signatures import requests
from strongroom.signatures.requests import CARRIERS, CREDENTIALS, Claim, Parts
from strongroom.wire import Request

_TELL: Final = (
    "This model answers signed requests only, and the signature is missing, malformed, out of time, used before or "
    "not by a key of this workload."
)
_COVERED: Final = frozenset(name.encode() for name in (*CREDENTIALS, "content-type"))


class Verifier:
    """Checks signatures of requests in one gateway process."""

    def __init__(self, signers: Signers, nonces: Nonces, clock: Clock) -> None:
        self._signers = signers
        self._nonces = nonces
        self._clock = clock

    async def verify(self, request: Request, terms: Signing, who: Principal) -> Refusal | None:
        """Return why `request` of `who` is not signed as `terms` demand; None: it is, or need not be."""
        if not terms.requests:
            return None
        tenant = who.tenant
        claim = read(request)
        if isinstance(claim, str) or tenant is None:
            return _refused(claim if isinstance(claim, str) else "only workloads sign requests")
        wrong = requests.timely(claim, self._clock.now().timestamp(), terms.max_age_s) or self._not_theirs(claim, who)
        if wrong is not None:
            return _refused(wrong)
        match await self._nonces.take(tenant, claim.keyid, claim.nonce):
            case True:
                return None
            case False:
                return _refused(f"the signature was used before: a replay of what signer {claim.keyid} signed")
            case None:
                return Refusal(
                    kind=RefusalKind.UNAVAILABLE,
                    reason="whether the signature was used before cannot be known: the database did not take its nonce",
                    tell="The service cannot check signatures at the moment. Try again shortly, with a new signature.",
                )

    def _not_theirs(self, claim: Claim, who: Principal) -> str | None:
        signer = None if who.tenant is None else self._signers.find(who.tenant, claim.keyid)
        if signer is None:
            return "the signing key is unknown in this tenant, or was revoked"
        told = f"signer {signer.key.id}"
        if signer.workload != who.workload:
            return f"{told} is another workload's"
        if signer.expires_at <= self._clock.now().timestamp():
            return f"{told} has expired"
        if claim.alg is not None and claim.alg != signer.key.algorithm:
            return f"{told} does not sign by the algorithm that the request names"
        return None if signer.key.verifies(claim.signature, claim.base) else f"{told} did not make this signature"


def read(request: Request) -> Claim | str:
    """Return what the signature of `request` claims, or why there is none that counts."""
    carriers: dict[bytes, list[bytes]] = {}
    fields: dict[str, bytes] = {}
    for name, value in request.headers:
        if name in CARRIERS:
            carriers.setdefault(name, []).append(value)
        elif name in _COVERED:
            if name.decode() in fields:
                return f"the field {name.decode()} is there more than once"
            fields[name.decode()] = value
    parts = Parts(
        method=request.method,
        scheme="https" if request.secure else "http",
        host=request.header(b"host") or b"",
        path=request.path.encode("ascii"),
        query=request.query,
        fields=fields,
    )
    return requests.read(parts, carriers, request.body)


def _refused(reason: str) -> Refusal:
    return Refusal(kind=RefusalKind.UNAUTHENTICATED, reason=reason, tell=_TELL, code="invalid_signature")
