"""Everything about signatures that a gateway process holds: who may sign, what was used, and its own keys."""

from __future__ import annotations

from strongroom.gateway.signing.answers import AnswerKeys
from strongroom.gateway.signing.nonces import Connect, Nonces
from strongroom.gateway.signing.possession import Possession
from strongroom.gateway.signing.seal import Seal
from strongroom.gateway.signing.verify import Verifier
from strongroom.identity.signers import Signers
from strongroom.kernel.clock import Clock
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal
from strongroom.rules.signing import Signing
from strongroom.signatures.answers import Facts
from strongroom.signatures.fields import content_digest
from strongroom.signatures.proofnonces import ProofNonces
from strongroom.vault import PurposeKeys
from strongroom.wire import Request


class SigningDesk:
    """Checks signatures of requests and seals answers. One event loop.

    Args:
        signers: who may sign, as the feed tells.
        keys: the purpose `ANSWER_SIGNING` is used.
        connect: opens the way to the database, once a signed request needs it.
        clock: says when.
        given: the nonces that proofs of possession must have, if they must.
    """

    def __init__(
        self, signers: Signers, keys: PurposeKeys, connect: Connect, clock: Clock, given: ProofNonces | None = None
    ) -> None:
        self._nonces = Nonces(connect, clock)
        self._verifier = Verifier(signers, self._nonces, clock)
        self._possession = Possession(self._nonces, self._verifier, clock, given)
        self._keys = AnswerKeys(keys)
        self._clock = clock
        self.unsealed = Seal(None, None, clock)
        """The seal of an answer that the rules do not want signed."""

    @property
    def published(self) -> bytes:
        """The public keys that answers are signed by, as a JWK set."""
        return self._keys.published

    async def verify(self, request: Request, terms: Signing, who: Principal) -> Refusal | None:
        """Return why `request` of `who` is not signed as `terms` demand; None: it is, or need not be."""
        return await self._verifier.verify(request, terms, who)

    async def proven(self, request: Request, who: Principal, presented: str | None) -> Refusal | None:
        """Return why `who` does not hold the key that its credential is bound to; None: it does, or it is bound to none."""
        if who.confirmation is None or presented is None:
            return None
        return await self._possession.check(request, who, who.confirmation, presented)

    def seal(self, request: Request, *, release: str, model: str, policy: str, rules: str, request_id: str) -> Seal:
        """Return the seal of one answer that is to be signed; the names are those of `Facts`."""
        facts = Facts(
            request=content_digest(request.body),
            release=release,
            model=model,
            policy=policy,
            rules=rules,
            request_id=request_id,
        )
        return Seal(self._keys.signer, facts, self._clock)

    async def close(self) -> None:
        """Let go of the database."""
        await self._nonces.close()
