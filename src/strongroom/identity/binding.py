"""What a key can be bound to, read from what its holder hands over: a public key, a certificate, or the id of a signer.

Never a private one.
"""

from __future__ import annotations

import re
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from strongroom.kernel.principal import Confirmation, Proof
from strongroom.signatures import BadKey, PublicKey
from strongroom.signatures.jose import VerifyingKey

MAX_BYTES = 16 * 1024
_SIGNER = re.compile(r"signer:([0-9a-f]{32})")


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


def signer_of(text: str) -> str | None:
    """Return the id of the registered signer that `text` names (`signer:ID`), if it names one."""
    match = _SIGNER.fullmatch(text.strip())
    return None if match is None else match[1]


def of_signer(key: PublicKey) -> Confirmation:
    """Return what the holder of a signer's key will have to prove."""
    return Confirmation(Proof.SIGNATURE, sha256(key.spki).digest())
