"""Who signs and who is trusted: bare keys on P-256, P-384 and P-521, and certificates of such keys."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from strongroom.registry.oms.bundle import BadSignature, Bundle
from strongroom.registry.oms.revoked import RevocationLists

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
_NOT_FOR_SIGNING: Final = (
    "the first certificate is not for signing code, so nobody would count it: it needs the extended key usage"
    " codeSigning and the key usage digitalSignature, and must not sign certificates"
)


class BadKey(ValueError):  # noqa: N818 - said to a person
    """A file holds no key or certificate that is taken here."""


class Trust(Protocol):
    """Says who signed a bundle, or refuses."""

    def signer(self, bundle: Bundle) -> str:
        """Return who signed `bundle`, in words.

        Raises:
            BadSignature: when nobody who is trusted did.
        """
        ...


def _checked(key: object) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _HASHES:
        raise BadKey("only ECDSA keys on P-256, P-384 and P-521 are taken here")
    return key


def _verifies(key: ec.EllipticCurvePublicKey, bundle: Bundle) -> bool:
    try:
        key.verify(bundle.signature, bundle.message, ec.ECDSA(_HASHES[key.curve.name]))
    except InvalidSignature:
        return False
    return True


def fingerprint(key: ec.EllipticCurvePublicKey) -> str:
    """Return SHA-256 of a key's PEM, by which bundles hint at it."""
    return hashlib.sha256(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, with the certificates that speak for it, if any: its own first, a root never needed."""

    key: ec.EllipticCurvePrivateKey
    certificates: tuple[x509.Certificate, ...] = ()

    @classmethod
    def read(cls, key: bytes, certificates: bytes = b"") -> SigningKey:
        """Read a private key and certificates, both in PEM.

        Raises:
            BadKey: when they are none, or not of one another.
        """
        try:
            private = load_pem_private_key(key, password=None)
            chain = tuple(x509.load_pem_x509_certificates(certificates)) if certificates.strip() else ()
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
            raise BadKey("this is no unencrypted private key, or no certificate, in PEM") from None
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise BadKey("OMS signs with ECDSA on P-256, P-384 or P-521; this is another key")
        public = _checked(private.public_key())
        if chain and chain[0].public_key() != public:
            raise BadKey("the first certificate is not of this key")
        if chain and not _may_sign(chain[0]):
            raise BadKey(_NOT_FOR_SIGNING)
        return cls(private, chain)

    def sign(self, message: bytes) -> bytes:
        """Return a signature in DER."""
        return self.key.sign(message, ec.ECDSA(_HASHES[self.key.curve.name]))

    @property
    def hint(self) -> str:
        """By which a bundle hints at the key."""
        return fingerprint(self.key.public_key())


def read_chain(data: bytes, key: ec.EllipticCurvePublicKey, now: datetime) -> tuple[x509.Certificate, ...]:
    """Return certificates that speak for a key, its own first, each issued by the one after it.

    That they lead to somebody who is trusted is for whoever verifies to say.

    Raises:
        BadKey: when the first is not of this key or not for signing, one does not count now, or one did not issue the one before.
    """
    try:
        chain = tuple(x509.load_pem_x509_certificates(data))
        first = chain[0].public_key()
    except ValueError:
        raise BadKey("there is no certificate in PEM in it") from None
    except UnsupportedAlgorithm:
        raise BadKey("the first certificate is not of this key") from None
    if first != key:
        raise BadKey("the first certificate is not of this key")
    if not _may_sign(chain[0]):
        raise BadKey(_NOT_FOR_SIGNING)
    if not all(each.not_valid_before_utc <= now < each.not_valid_after_utc for each in chain):
        raise BadKey("a certificate in it does not count yet, or any more")
    for issued, issuer in pairwise(chain):
        try:
            issued.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            raise BadKey(
                "its certificates do not follow from one another: the signer's first, then who issued it"
            ) from None
    return chain


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """Trusts these keys."""

    keys: tuple[ec.EllipticCurvePublicKey, ...]

    @classmethod
    def read(cls, data: bytes) -> PublicKeys:
        """Read public keys in PEM, one after the other.

        Raises:
            BadKey: when there is none, or one is not taken here.
        """
        end = b"-----END PUBLIC KEY-----"
        try:
            keys = tuple(_checked(load_pem_public_key(part + end)) for part in data.split(end)[:-1])
        except (ValueError, UnsupportedAlgorithm) as error:
            raise BadKey(str(error) if isinstance(error, BadKey) else "this is no public key in PEM") from None
        if not keys:
            raise BadKey("there is no public key in it")
        return cls(keys)

    def signer(self, bundle: Bundle) -> str:
        """Return the key that signed, as `Trust` says."""
        if bundle.certificates:
            raise BadSignature("it was signed by a certificate: name the roots to trust, not a key")
        for key in self.keys:
            if _verifies(key, bundle):
                return f"key {fingerprint(key)}"
        raise BadSignature("no key that is trusted has signed it")


@dataclass(frozen=True, slots=True)
class Certificates:
    """Trusts certificates under these roots, at a time.

    Attributes:
        roots: what is trusted.
        at: when the signer's certificate must count.
        identity: who the signer must be: a subject's common name, or an e-mail address, URI or DNS name; None: anybody.
        revoked: lists of revoked certificates, of which each issuer must have one that counts; None: nobody asks.
        between: certificates between signers and roots, beside those that a bundle brings.
    """

    roots: tuple[x509.Certificate, ...]
    at: datetime
    identity: str | None = None
    revoked: RevocationLists | None = None
    between: tuple[x509.Certificate, ...] = ()

    @classmethod
    def read(
        cls, data: bytes, at: datetime, identity: str | None = None, revoked: RevocationLists | None = None
    ) -> Certificates:
        """Read roots in PEM.

        Raises:
            BadKey: when there is none.
        """
        try:
            return cls(tuple(x509.load_pem_x509_certificates(data)), at, identity, revoked)
        except (ValueError, x509.InvalidVersion):
            raise BadKey("there is no certificate in PEM in it") from None

    def signer(self, bundle: Bundle) -> str:
        """Return whom the certificate names, as `Trust` says."""
        if not bundle.certificates:
            raise BadSignature("it was signed by a bare key: name the key to trust, not roots")
        if bundle.entry is not None:
            raise BadSignature("it was signed through a Sigstore service: name its trusted root")
        return self.certified(bundle)

    def certified(self, bundle: Bundle) -> str:
        """Return whom the certificate of a bundle names, whichever way it came by it.

        Raises:
            BadSignature: as `Trust` says.
        """
        try:
            leaf, *between = map(x509.load_der_x509_certificate, bundle.certificates)
            key = _checked(leaf.public_key())
        except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
            raise BadSignature("a certificate in it is none that is taken here") from None
        chain = self._chained(leaf, [*between, *self.between])
        if self.revoked is not None:
            self.revoked.check(chain)
        if not _may_sign(leaf):
            raise BadSignature("its certificate is not for signing code: it names another purpose, or none")
        if not _verifies(key, bundle):
            raise BadSignature("the key of its certificate has not signed it")
        names = _names(leaf)
        if self.identity is not None and self.identity not in names:
            raise BadSignature("its certificate names somebody else")
        return f"certificate of {names[0] if names else leaf.serial_number}"

    def _chained(self, leaf: x509.Certificate, between: list[x509.Certificate]) -> list[x509.Certificate]:
        policy = (
            PolicyBuilder()
            .store(Store(list(self.roots)))
            .time(self.at)
            .max_chain_depth(4)
            .extension_policies(
                ca_policy=ExtensionPolicy.webpki_defaults_ca().may_be_present(
                    # The default asks for authorities of clients; those of a Sigstore service are for signing code.
                    x509.ExtendedKeyUsage,
                    Criticality.AGNOSTIC,
                    _for_signing,
                ),
                # A signer's certificate names a person or a team and no host; what it is for is looked at by `_may_sign`.
                ee_policy=ExtensionPolicy.permit_all(),
            )
        )
        try:
            return policy.build_client_verifier().verify(leaf, between).chain
        except VerificationError as error:
            raise BadSignature(
                f"its certificate does not lead to a root that is trusted, or does not count ({error})"
            ) from None


def _for_signing(policy: Policy, certificate: x509.Certificate, purposes: x509.ExtendedKeyUsage | None) -> None:
    """Refuse an authority that names purposes, and neither signing code nor any among them."""
    del policy, certificate
    if purposes is not None and not {ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & {
        *purposes
    }:
        raise ValueError("an authority in it is not for signing")


def _may_sign(leaf: x509.Certificate) -> bool:
    """Whether a certificate is for signing code, by its purposes and its key usage, and is no authority that issues others.

    Some are marked as an authority's and may not sign certificates (RFC 5280, 4.2.1.3): these issue nothing, and sign.
    """
    usage = purposes = constraints = None
    try:
        extensions = list(leaf.extensions)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False
    for each in extensions:
        if isinstance(each.value, x509.KeyUsage):
            usage = each.value
        elif isinstance(each.value, x509.ExtendedKeyUsage):
            purposes = each.value
        elif isinstance(each.value, x509.BasicConstraints):
            constraints = each.value
    if purposes is None or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        return False
    if usage is None:
        return constraints is None or not constraints.ca
    return usage.digital_signature and not (usage.key_cert_sign or usage.crl_sign)


def _names(leaf: x509.Certificate) -> list[str]:
    names: list[str] = []
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        for kind in (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName):
            names += found.get_values_for_type(kind)
    except x509.ExtensionNotFound:
        pass
    common = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return names + [str(each.value) for each in common]
