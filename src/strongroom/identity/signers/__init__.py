"""Signers: the public keys that a workload signs its requests with.

Always true here:
- Strongroom is told the public half alone; a text that holds a private key is refused before it is looked at further;
- a signer belongs to one workload, has an owner and an end, and its id is its key's own: the same key is never
  registered twice in a tenant, not even after it was revoked;
- every change and the notice that tells the gateways of it commit together.
"""

from strongroom.identity.signers.directory import Known, Signers
from strongroom.identity.signers.model import Signer
from strongroom.identity.signers.service import SignerService

__all__ = ["Known", "Signer", "SignerService", "Signers"]
