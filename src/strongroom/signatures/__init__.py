"""HTTP message signatures (RFC 9421) in the one profile that Strongroom makes and takes, both ways, without I/O.

Always true here:
- a signature covers exactly what the profile says, in the canonical spelling of RFC 8941; whatever could be read in two
  ways, or says more than the profile knows, is no signature;
- the algorithm is that of the key that was registered; what a message says of it can only be refused, never followed;
- body digests (RFC 9530) are checked against the bytes themselves, not against what a field claims;
- private keys are in no repr, error or log.

Requests: `requests.py`, and `client.py` for whoever sends them. Answers: `answers.py`, `exchange.py` for saved ones.
"""

from strongroom.signatures.keys import Algorithm, BadKey, PublicKey, SecretKey

__all__ = ["Algorithm", "BadKey", "PublicKey", "SecretKey"]
