"""What a key can be bound to, read from what its holder hands over: a public key, or a certificate. Never a private one."""

from __future__ import annotations

from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from strongroom.kernel.principal import Confirmation, Proof
from strongroom.signatures import BadKey, PublicKey
from strongroom.signatures.jose import VerifyingKey

MAX_BYTES = 16 * 1024


def read(text: str) -> Confirmation:
    """Return what the holder of a public key (PEM or JWK: DPoP) or of a certificate (PEM: mTLS) will have to prove.

    Raises:
        BadKey: for anything else; the message says why, in words.
    """
    if "PRIVATE KEY" in text:
        raise BadKey("this holds a private key, which stays with its owner")
    if "BEGIN CERTIFICATE" in text:
        try:
            first = x509.load_pem_x509_certificates(text.encode())[0]
        except (ValueError, IndexError):
            raise BadKey("this is no certificate in PEM") from None
        return Confirmation(Proof.MTLS, sha256(first.public_bytes(Encoding.DER)).digest())
    return Confirmation(Proof.DPOP, VerifyingKey.of(PublicKey.read(text).jwk()).thumbprint)
