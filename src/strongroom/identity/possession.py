"""Whether a caller holds the key that its credential is bound to: what a request must show besides, and the check of it.

Always true here:
- a bound credential without its proof is worth nothing, whatever field it came in;
- what a proof says is held against the request as it came in, never against what a field says of it;
- a proof that was seen is refused: by memory here, or in all processes by the store that the caller brings.

A certificate is the connection's own and was verified against the edge's authorities when it began (`tls_client_ca`).
"""

from __future__ import annotations

import hmac
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from strongroom.kernel.clock import SystemClock
from strongroom.kernel.principal import Confirmation, Proof
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.signatures import dpop, proofnonces
from strongroom.signatures.jose import BadToken
from strongroom.signatures.proofnonces import ProofNonces
from strongroom.signatures.requests import Claim

_MOST: Final = 65_536
"""Beyond it nothing is taken until what was seen has run out: forgetting early would let a replay in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a request shows besides its credential.

    Attributes:
        method: in capitals.
        url: as it came in.
        scheme: of the field `Authorization`, in lower case; "" where the credential came in another field.
        proofs: the values of all its fields `DPoP`.
        certificate: the client's own (DER), if the connection has one.
        claim: reads what a signature over the request claims (RFC 9421), body and all; None where nothing reads it.
    """

    method: str
    url: str
    scheme: str
    proofs: tuple[str, ...] = ()
    certificate: bytes | None = None
    claim: Callable[[], Awaitable[Claim | str]] | None = None

    def __repr__(self) -> str:
        """Show no proof."""
        return f"Shown({self.method})"

    @property
    def certificate_hash(self) -> bytes | None:
        """What a token is bound to for the certificate (`x5t#S256`, RFC 8705 §3.1)."""
        return None if self.certificate is None else sha256(self.certificate).digest()


def proven(shown: Shown, now: float, *, token: str | None = None) -> dpop.Proven | None:
    """Return what the request's one proof shows; None when it has none.

    Raises:
        BadToken: when it has several, or one that shows nothing.
    """
    if not shown.proofs:
        return None
    first, *others = shown.proofs
    if others:
        raise BadToken("more than one proof")
    return dpop.check(first, method=shown.method, url=shown.url, now=now, token=token)


def confirmed(confirmation: Confirmation, shown: Shown, credential: str, now: float) -> dpop.Proven | None:
    """Check what a bound credential needs; return the proof whose name must still be found unseen, or None.

    Raises:
        BadToken: when it is not shown, or is another's.
    """
    if confirmation.proof is Proof.SIGNATURE:
        raise BadToken("it is bound to a signing key, and is not taken where no signature is read")
    if confirmation.proof is Proof.MTLS:
        found = shown.certificate_hash
        if found is None or not hmac.compare_digest(found, confirmation.thumbprint):
            raise BadToken("it is bound to a certificate, and the connection shows none or another")
        return None
    if shown.scheme == "bearer":  # RFC 9449 §7.1
        raise BadToken("it is bound to a key, and was shown as a bearer token")
    proof = proven(shown, now, token=credential)
    if proof is None:
        raise BadToken("it is bound to a key, and no proof was shown")
    if not hmac.compare_digest(proof.thumbprint, confirmation.thumbprint):
        raise BadToken("it is bound to another key than the proof's")
    return proof


def wants_nonce(nonces: ProofNonces | None, proof: dpop.Proven, now: float) -> Refusal | None:
    """Return the no to a proof that is right but for the nonce that is wanted in it (RFC 9449 §8); None: it has one, or needs none."""
    if nonces is None or nonces.takes(proof.nonce, now):
        return None
    return Refusal(
        kind=RefusalKind.UNAUTHENTICATED,
        reason="the proof has no nonce of ours, or an old one",
        tell="Make the proof anew, with the nonce that this answer carries.",
        code=proofnonces.CODE,
        fields=((proofnonces.FIELD, nonces.give(now).encode()), (b"www-authenticate", b'DPoP error="use_dpop_nonce"')),
    )


class Seen:
    """Proofs that were seen in this process, which alone answers on its port. One thread.

    A proof that was made before the process began is refused: what an earlier one saw is not known. So is one that was made
    no later than one that is forgotten, for the machine's clock may be set back: what was seen is forgotten once it is too old
    by that clock, and by one that nobody sets.
    """

    def __init__(self, began: float, boottime: Callable[[], float] | None = None) -> None:
        """Take the moment (Unix seconds) since when everything that was shown is known. Proofs say whole seconds.

        Args:
            began: that moment.
            boottime: seconds of a clock that nobody sets; None: the machine's.
        """
        self._known_since: float = int(began)
        self._boottime: Final = boottime or SystemClock().boottime
        self._seen: Final[OrderedDict[tuple[bytes, str], tuple[float, float]]] = OrderedDict()

    def take(self, proof: dpop.Proven, now: float) -> bool:
        """Return whether this is its first use."""
        at, lasts = self._boottime(), dpop.MAX_AGE_S + dpop.AHEAD_S
        while self._seen and next(iter(self._seen.values()))[0] < at - lasts:
            name, (_, made) = self._seen.popitem(last=False)
            if made >= now - dpop.MAX_AGE_S:  # the clock was set back meanwhile: it may count again
                self._seen[name] = at, made
            else:
                self._known_since = max(self._known_since, math.nextafter(made, math.inf))
        name = proof.thumbprint, proof.jti
        if proof.made < self._known_since or name in self._seen or len(self._seen) >= _MOST:
            return False
        self._seen[name] = at, proof.made
        return True
