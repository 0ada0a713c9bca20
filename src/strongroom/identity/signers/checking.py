"""Whether a signature that could be read is by a key that the caller's own workload has registered. No I/O.

What the caller of both still owes: that the nonce was never seen.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from strongroom.identity.signers.directory import Signers
from strongroom.kernel.principal import Confirmation, Principal
from strongroom.signatures import requests
from strongroom.signatures.requests import Claim


def not_theirs(signers: Signers, who: Principal, claim: Claim, now: float) -> str | None:
    """Return why `claim` is not by a signer of the workload of `who`, if it is not, for the operator."""
    signer = None if who.tenant is None else signers.find(who.tenant, claim.keyid)
    if signer is None:
        return "the signing key is unknown in this tenant, or was revoked"
    told = f"signer {signer.key.id}"
    if signer.workload != who.workload:
        return f"{told} is another workload's"
    if signer.expires_at <= now:
        return f"{told} has expired"
    if claim.alg is not None and claim.alg != signer.key.algorithm:
        return f"{told} does not sign by the algorithm that the request names"
    return None if signer.key.verifies(claim.signature, claim.base) else f"{told} did not make this signature"


def unheld(signers: Signers, who: Principal, confirmation: Confirmation, claim: Claim | str, now: float) -> str | None:
    """Return why `claim` does not show that `who` holds the signing key that its credential is bound to, if it does not."""
    if isinstance(claim, str):
        return f"it is bound to a signing key: {claim}"
    wrong = requests.timely(claim, now, requests.MAX_AGE_S)
    if wrong is not None:
        return wrong
    signer = None if who.tenant is None else signers.find(who.tenant, claim.keyid)
    if signer is not None and not hmac.compare_digest(sha256(signer.key.spki).digest(), confirmation.thumbprint):
        return "it is bound to another signing key than the signature's"
    return not_theirs(signers, who, claim, now)
