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
from strongroom.identity.signers.checking import not_theirs, unheld
from strongroom.kernel.clock import Clock
from strongroom.kernel.principal import Confirmation, Principal, Proof
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.rules.signing import Signing
from strongroom.signatures import requests
from strongroom.signatures.requests import Claim
from strongroom.wire import Request

_TELL: Final = (
    "This model answers signed requests only, and the signature is missing, malformed, out of time, used before or "
    "not by a key of this workload."
)


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
        now = self._clock.now().timestamp()
        wrong = requests.timely(claim, now, terms.max_age_s)
        bound = who.confirmation is not None and who.confirmation.proof is Proof.SIGNATURE
        wrong = wrong or (None if bound else not_theirs(self._signers, who, claim, now))
        if wrong is not None or bound:  # what a key is bound to was checked as it came in, and its nonce was taken
            return None if wrong is None else _refused(wrong)
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

    async def held(self, request: Request, who: Principal, confirmation: Confirmation) -> str | bool | None:
        """Return whether `who` signed `request` by the signing key that its credential is bound to.

        True: it did; a text: why not; None: that cannot be known now.
        """
        claim = read(request)
        wrong = unheld(self._signers, who, confirmation, claim, self._clock.now().timestamp())
        if wrong is not None or isinstance(claim, str) or who.tenant is None:
            return wrong or "only workloads sign requests"
        taken = await self._nonces.take(who.tenant, claim.keyid, claim.nonce)
        return (
            f"the signature was used before: a replay of what signer {claim.keyid} signed" if taken is False else taken
        )


def read(request: Request) -> Claim | str:
    """Return what the signature of `request` claims, or why there is none that counts."""
    scheme = "https" if request.secure else "http"
    path = request.path.encode("ascii")
    return requests.claimed(request.method, scheme, path, request.query, request.headers, request.body)


def _refused(reason: str) -> Refusal:
    return Refusal(kind=RefusalKind.UNAUTHENTICATED, reason=reason, tell=_TELL, code="invalid_signature")
