"""Whether a bound credential comes with proof of its key, at the gateway. A credential that is not bound never gets here."""

from __future__ import annotations

from typing import Final

from strongroom.gateway.signing.nonces import Nonces
from strongroom.gateway.signing.verify import Verifier
from strongroom.identity.possession import Shown, confirmed, wants_nonce
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Confirmation, Principal, Proof
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.signatures.jose import BadToken
from strongroom.signatures.proofnonces import ProofNonces
from strongroom.wire import Request

_SIGNER_DIGITS: Final = 32
_TELL: Final = "The API key is missing, malformed, unknown, expired or not allowed here."
_PROOF: Final = b"dpop"


class Possession:
    """Checks proofs of possession in one gateway process; each counts once in all of them."""

    def __init__(self, nonces: Nonces, verifier: Verifier, clock: Clock, given: ProofNonces | None = None) -> None:
        self._nonces: Final = nonces
        self._verifier: Final = verifier
        self._clock: Final = clock
        self._given: Final = given

    async def check(
        self, request: Request, who: Principal, confirmation: Confirmation, presented: str
    ) -> Refusal | None:
        """Return why `who`, whose credential is bound, is not let in; None: the proof is right and was never seen."""
        if who.tenant is None:
            return _refused(who, "only workloads come here")
        if confirmation.proof is Proof.SIGNATURE:
            said: str | bool | Refusal | None = await self._verifier.held(request, who, confirmation)
        else:
            said = await self._proven(request, who.tenant, confirmation, presented)
        if said is None or isinstance(said, Refusal):
            return said or _unknown()
        return _refused(who, said) if isinstance(said, str) else None

    async def _proven(
        self, request: Request, tenant: TenantId, confirmation: Confirmation, presented: str
    ) -> str | bool | Refusal | None:
        """Return True when the proof is right and was never seen; why it is not; None when that cannot be known now.

        A refusal: it wants a nonce in it, and is right but for that.
        """
        now = self._clock.now().timestamp()
        try:
            proof = confirmed(confirmation, shown(request), presented, now)
        except BadToken as error:
            return str(error)
        if proof is None:
            return True
        if (again := wants_nonce(self._given, proof, now)) is not None:
            return again
        taken = await self._nonces.take(tenant, proof.thumbprint.hex()[:_SIGNER_DIGITS], proof.jti)
        return "the proof was shown before: a replay" if taken is False else taken


def _unknown() -> Refusal:
    return Refusal(
        kind=RefusalKind.UNAVAILABLE,
        reason="whether the proof was shown before cannot be known: the database did not take its name",
        tell="The service cannot check proofs at the moment. Try again shortly, with a new proof.",
    )


def shown(request: Request) -> Shown:
    """Return what a request shows besides its credential."""
    scheme, _, _ = (request.header(b"authorization") or b"").partition(b" ")
    host = (request.header(b"host") or b"").decode("latin-1")
    return Shown(
        method=request.method,
        url=f"{'https' if request.secure else 'http'}://{host}{request.path}",
        scheme=scheme.decode("latin-1").lower(),
        proofs=tuple(value.decode("latin-1") for name, value in request.headers if name == _PROOF),
        certificate=request.tls_peer,
    )


def _refused(who: Principal, reason: str) -> Refusal:
    """Say no in the words that a wrong key gets: whoever copied a credential does not learn that it counts elsewhere."""
    return Refusal(kind=RefusalKind.UNAUTHENTICATED, reason=f"credential {who.credential}: {reason}", tell=_TELL)
