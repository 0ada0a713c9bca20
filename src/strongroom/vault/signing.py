"""Keys that sign models, held where tenants' keys are: what they are called, what they may sign, and who holds them.

Always true of every keystore:
- a private half is made where it stays: with the keystore. Whoever asks has a statement signed, and never gets a key;
- such a key signs two things, looked at where the key is: a statement of OpenSSF Model Signing 1.0, and a request for a
  certificate of its own. No digest is signed that a caller brings;
- versions are counted from 1 and stay, so that what an older one signed can be told.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Protocol

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID

MOST_KEYS: Final = 100
MOST_BYTES: Final = 4 * 2**20 - 4096
"""Of a message: what crosses the supervisor's socket, with room for the question around it."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
_DSSE: Final = re.compile(
    rb"DSSEv1 28 application/vnd\.in-toto\+json (?P<length>[1-9][0-9]{0,8}) (?P<payload>.*)", re.DOTALL
)
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PREDICATE: Final = "https://model_signing/signature/v1.0"
_ECDSA_SHA256: Final = bytes.fromhex("300a06082a8648ce3d040302")
_SEQUENCE, _BIT_STRING = 0x30, 0x03


class SigningRefused(Exception):  # noqa: N818 - said to a person
    """A signing key is not there, is there already, or does not sign that. The message says which."""


class SigningKeyVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a signing key: its public half.

    Attributes:
        version: counted from 1.
        public_key: PEM.
        made_at: seconds since 1970; 0: not known.
    """

    version: Annotated[int, msgspec.Meta(ge=1)]
    public_key: str
    made_at: float = 0.0

    @property
    def key(self) -> ec.EllipticCurvePublicKey:
        """Return it as a key."""
        found = load_pem_public_key(self.public_key.encode())
        if not isinstance(found, ec.EllipticCurvePublicKey) or found.curve.name != "secp256r1":
            raise SigningRefused("what the keystore calls a signing key is none on P-256")
        return found


class SigningKeyState(msgspec.Struct, frozen=True, kw_only=True):
    """A signing key, with the public halves of all its versions, the oldest first."""

    name: str
    versions: Annotated[tuple[SigningKeyVersion, ...], msgspec.Meta(min_length=1)]

    @property
    def current(self) -> SigningKeyVersion:
        """Return the version that signs."""
        return self.versions[-1]


class SigningKeys(Protocol):
    """The signing keys of a keystore. Every method raises `VaultUnavailable` when it cannot say."""

    async def make(self, name: str) -> SigningKeyState:
        """Make a key; `SigningRefused` when there is one of that name."""
        ...

    async def every(self) -> list[SigningKeyState]:
        """Return all of them, by name."""
        ...

    async def one(self, name: str) -> SigningKeyState:
        """Return one; `SigningRefused` when there is none of that name, or it is no key for this."""
        ...

    async def turn(self, name: str) -> SigningKeyState:
        """Add a version, which signs from then on; `SigningRefused` when there is no such key."""
        ...

    async def sign(self, name: str, version: int, message: bytes) -> bytes:
        """Return an ECDSA signature (DER, SHA-256) over a message that such a key may sign, by one version of it.

        Raises:
            SigningRefused: when there is no such version, or it does not sign that.
        """
        ...


def is_signing_name(text: str) -> bool:
    """Whether a text can be a signing key's name: it becomes part of paths."""
    return _NAME.fullmatch(text) is not None


def no_such(name: str) -> SigningRefused:
    """Return the refusal of a key that there is not."""
    return SigningRefused(f"there is no signing key {name}: `strongroom vault signing-key list` shows which there are")


def taken(name: str) -> SigningRefused:
    """Return the refusal of a second key of one name."""
    return SigningRefused(f"there is a signing key {name} already: rotate it, or choose another name")


def pem_of(key: ec.EllipticCurvePublicKey) -> str:
    """Return a public key in PEM."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class _Statement(msgspec.Struct, frozen=True, rename={"type": "_type", "predicate_type": "predicateType"}):
    type: str
    predicate_type: str


def check_signable(message: bytes, key: ec.EllipticCurvePublicKey) -> None:
    """Refuse what a signing key is not for, whoever asks: it is asked where the key is.

    Raises:
        SigningRefused: for all but a statement about a model, and a request for a certificate of this key.
    """
    if len(message) > MOST_BYTES:
        raise SigningRefused("it is more than a signing key signs at once: a model of fewer files, or larger ones")
    if not (_is_of_a_model(message) or _is_own_request(message, key)):
        raise SigningRefused("a signing key signs statements about models, and requests for its own certificate")


def _is_of_a_model(message: bytes) -> bool:
    found = _DSSE.fullmatch(message)
    if found is None or int(found["length"]) != len(found["payload"]):
        return False
    try:
        said = msgspec.json.decode(found["payload"], type=_Statement)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return (said.type, said.predicate_type) == (_STATEMENT, _PREDICATE)


def _is_own_request(message: bytes, key: ec.EllipticCurvePublicKey) -> bool:
    try:
        request = x509.load_der_x509_csr(_whole(message, bytes(8)))
        return request.tbs_certrequest_bytes == message and request.public_key() == key
    except (ValueError, UnsupportedAlgorithm):
        return False


def request_for(key: ec.EllipticCurvePublicKey, subject: x509.Name, names: x509.SubjectAlternativeName | None) -> bytes:
    """Return what is signed of a request for a certificate (RFC 2986 §4.1) of a key that is elsewhere.

    The library writes requests of keys that it holds alone: one for a key that is thrown away is written, which has just
    that key's place for ours.
    """
    other = ec.generate_private_key(ec.SECP256R1())
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])  # who verifies wants it in the certificate
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(purpose, critical=False)
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    written = builder.sign(other, hashes.SHA256()).tbs_certrequest_bytes
    theirs, ours = (
        each.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for each in (other.public_key(), key)
    )
    if written.count(theirs) != 1 or len(theirs) != len(ours):
        raise SigningRefused("a request for a certificate of this key cannot be written")
    return written.replace(theirs, ours)


def request_signed(request: bytes, signature: bytes) -> x509.CertificateSigningRequest:
    """Return a request for a certificate, with its signature.

    Raises:
        SigningRefused: when the signature is not by the key that the request is for.
    """
    found = x509.load_der_x509_csr(_whole(request, signature))
    if not found.is_signature_valid:
        raise SigningRefused("the keystore's signature is not by the key that it shows")
    return found


def check_signature(version: SigningKeyVersion, signature: bytes, message: bytes) -> None:
    """Refuse a signature that the version which is shown did not make: nothing is handed out that does not verify.

    Raises:
        SigningRefused: then.
    """
    try:
        version.key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise SigningRefused("the keystore's signature is not by the key that it shows") from None


def _whole(request: bytes, signature: bytes) -> bytes:
    return _der(_SEQUENCE, request + _ECDSA_SHA256 + _der(_BIT_STRING, b"\x00" + signature))


def _der(tag: int, content: bytes) -> bytes:
    """Return a value with its tag and its length (X.690 §8.1.3)."""
    size = len(content)
    if size < 0x80:  # noqa: PLR2004 - from here on, the length of the length comes before it
        return bytes((tag, size)) + content
    written = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(written))) + written + content
