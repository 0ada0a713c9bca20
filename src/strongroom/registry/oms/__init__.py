"""Model signatures: OpenSSF Model Signing (OMS) 1.0, a detached Sigstore bundle beside a model's files.

Always true here:
- what is signed is every file by its path and SHA-256, and the model's name; nothing is left out, and nothing that a
  signature says may be left out is;
- a model is what was signed when exactly the files that were named are there, with those bytes, under that name: an added
  file is refused, Git's too, as is another name for the same bytes;
- who signed is a public key that the caller trusts, or a certificate under a root that the caller trusts, at the time
  that the caller names; what a bundle says of itself decides nothing.

Bundles of `model-signing` 1.x verify here, and ours verify there. Of signatures through a Sigstore service those are read whose
authority and log a trusted root of the caller's own names.
"""

from strongroom.registry.oms.bundle import BadSignature
from strongroom.registry.oms.files import NotAModel, digests
from strongroom.registry.oms.keys import Certificates, PublicKeys, SigningKey
from strongroom.registry.oms.revoked import RevocationLists
from strongroom.registry.oms.service import Verified, sign, verify
from strongroom.registry.oms.trustedroot import SigstoreRoot

__all__ = [
    "BadSignature",
    "Certificates",
    "NotAModel",
    "PublicKeys",
    "RevocationLists",
    "SigningKey",
    "SigstoreRoot",
    "Verified",
    "digests",
    "sign",
    "verify",
]
