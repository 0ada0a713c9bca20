"""The door of the control plane: who comes in, by which credential, while the directory may be relied on.

1. The directory's lease holds, or one bounded read makes it hold; else nobody comes in (503).
2. The credential is checked (`Directory.authenticate`), or a session's key is looked up again (`Directory.still`).
3. One that is bound to a key comes with proof of it (`possession`), or counts for nothing.
4. Whoever is turned away is written down, within a rate; the caller learns nothing of why.
"""

from __future__ import annotations

import contextlib
import time
from typing import Final, Protocol

from strongroom.identity.directory import Directory, refused
from strongroom.identity.possession import Seen, Shown, confirmed, wants_nonce
from strongroom.identity.signers import Signers
from strongroom.identity.signers.checking import unheld
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Confirmation, Principal, Proof
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import Ask, Gate
from strongroom.signatures.dpop import Proven
from strongroom.signatures.jose import BadToken
from strongroom.signatures.proofnonces import ProofNonces
from strongroom.signatures.requests import Claim
from strongroom.store import Unavailable

_READ_WITHIN_S: Final = 0.25


class Lease(Protocol):
    """What the door needs of the feed's follower."""

    def valid(self) -> bool:
        """Whether the copy may be relied on now."""
        ...

    async def ensure(self, within: float) -> bool:
        """Whether it may be after one bounded read."""
        ...


class Door:
    """Lets callers in."""

    def __init__(
        self,
        directory: Directory,
        lease: Lease,
        gate: Gate,
        signers: Signers | None = None,
        nonces: ProofNonces | None = None,
    ) -> None:
        self._directory: Final = directory
        self._signers: Final = signers or Signers()
        self._nonces: Final = nonces
        self._lease: Final = lease
        self._gate: Final = gate
        self._seen: Final = Seen(time.time())

    async def admit(
        self, presented: str | None, peer: str, ask: Ask, shown: Shown | None = None, *, now: float | None = None
    ) -> Principal:
        """Return who holds the key `presented`, used from address `peer`; `shown` is what the request shows besides.

        Raises:
            Refused: UNAUTHENTICATED, or UNAVAILABLE when it cannot be known now whether a key still counts.
        """
        await self._hold()
        found = self._directory.authenticate(presented, peer)
        if isinstance(found, Principal) and found.confirmation is not None:
            moment = time.time() if now is None else now
            found = await self._proven(found, found.confirmation, presented or "", shown, moment)
        if isinstance(found, Principal) and found.bound:
            found = self._directory.outside(found, peer, "") or found
        return await self._let_in(found, ask)

    async def readmit(self, key_id: KeyId, peer: str, ask: Ask) -> Principal:
        """Return whom a session stands for that began with the key `key_id`. Raises as `admit`."""
        await self._hold()
        found = self._directory.still(key_id, peer)
        if isinstance(found, Principal) and found.confirmation is not None:
            found = _unproven(found, "a session cannot prove that it holds the key")
        return await self._let_in(found, ask)

    async def _proven(
        self, who: Principal, confirmation: Confirmation, presented: str, shown: Shown | None, now: float
    ) -> Principal | Refusal:
        if shown is None:
            return _unproven(who, "it is bound to a key, and was shown where none can be proven")
        try:
            if confirmation.proof is Proof.SIGNATURE and shown.claim is not None:
                proof: Proven | None = self._signed(who, confirmation, await shown.claim(), now)
            else:
                proof = confirmed(confirmation, shown, presented, now)
                wanted = None if proof is None else wants_nonce(self._nonces, proof, now)
                if wanted is not None:
                    raise Refused(wanted)  # a step of the protocol, and nobody who is turned away
        except BadToken as error:
            return _unproven(who, str(error))
        if proof is not None and not self._seen.take(proof, now):
            return _unproven(who, "the proof was shown before: a replay")
        return who

    def _signed(self, who: Principal, confirmation: Confirmation, claim: Claim | str, now: float) -> Proven:
        """Return the name of a signature by the signing key that a credential is bound to.

        Raises:
            BadToken: when it is none.
        """
        wrong = unheld(self._signers, who, confirmation, claim, now)
        if wrong is not None or isinstance(claim, str):
            raise BadToken(wrong or "no signature")
        return Proven(confirmation.thumbprint, claim.nonce, claim.created)

    async def _hold(self) -> None:
        if not (self._lease.valid() or await self._lease.ensure(_READ_WITHIN_S)):
            raise Refused(
                Refusal(
                    kind=RefusalKind.UNAVAILABLE,
                    reason="no valid lease: the database could not be read in time",
                    tell="The service cannot check credentials at the moment. Try again shortly.",
                )
            )

    async def _let_in(self, found: Principal | Refusal, ask: Ask) -> Principal:
        if isinstance(found, Principal):
            return found
        with contextlib.suppress(Unavailable):  # the answer is no in any case
            await self._gate.turned_away(found.reason, ask, about=found.about, signal=found.signal)
        raise Refused(found)


def _unproven(who: Principal, reason: str) -> Refusal:
    return refused(f"credential {who.credential}: {reason}")
