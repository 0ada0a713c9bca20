"""Signatures through a private Sigstore service: a short-lived certificate of its authority, and an entry of its log.

Whom to trust comes from a file of one's own, a `trusted_root.json`; nothing is fetched, and the public service is trusted only by
who brings its file. In this order, as sigstore-python does:

1. an entry of a log that was trusted when it was made, verified (`rekor`): it dates the signature;
2. the certificate leads to an authority that was trusted then, and counted then;
3. it is for signing code, names the identity, and its issuer of identities is the one that is demanded;
4. its key has signed.

What the caller still owes: an identity and an issuer. Without these anybody who can log in at the issuer would be a signer.
Certificate transparency (`ctlogs`) is not looked at.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key

from strongroom.registry.oms import rekor
from strongroom.registry.oms.bundle import BadSignature, Bundle, Entry
from strongroom.registry.oms.keys import BadKey, Certificates
from strongroom.registry.oms.revoked import RevocationLists

_MEDIA: Final = frozenset(
    {f"application/vnd.dev.sigstore.trustedroot+json;version=0.{minor}" for minor in (1, 2)}
    | {"application/vnd.dev.sigstore.trustedroot.v0.2+json"}
)
_ISSUER_V1: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")  # the bare text
_ISSUER_V2: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")  # the text as UTF8String
_UTF8: Final = 0x0C
_SHORT: Final = 0x80  # DER writes a shorter length in one byte
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Period(msgspec.Struct, frozen=True):
    start: _Moment
    end: _Moment | None = None

    def holds(self, at: datetime) -> bool:
        return self.start <= at and (self.end is None or at < self.end)


class _Raw(msgspec.Struct, frozen=True, rename="camel"):
    raw_bytes: bytes


class _Key(msgspec.Struct, frozen=True, rename="camel"):
    raw_bytes: bytes
    valid_for: _Period


class _Log(msgspec.Struct, frozen=True, rename="camel"):
    public_key: _Key


class _Chain(msgspec.Struct, frozen=True):
    certificates: Annotated[tuple[_Raw, ...], msgspec.Meta(min_length=1, max_length=8)]


class _Authority(msgspec.Struct, frozen=True, rename="camel"):
    cert_chain: _Chain
    valid_for: _Period


class _Root(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    tlogs: Annotated[tuple[_Log, ...], msgspec.Meta(min_length=1, max_length=32)]
    certificate_authorities: Annotated[tuple[_Authority, ...], msgspec.Meta(min_length=1, max_length=32)]


@dataclass(frozen=True, slots=True)
class _TrustedLog:
    id: bytes
    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
    period: _Period

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the log has signed a message."""
        try:
            if isinstance(self.key, ed25519.Ed25519PublicKey):
                self.key.verify(signature, message)
            else:
                self.key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigstoreRoot:
    """Trusts what a private Sigstore service has certified for one identity, by one issuer of identities."""

    logs: tuple[_TrustedLog, ...]
    authorities: tuple[tuple[_Period, tuple[x509.Certificate, ...]], ...]
    identity: str
    issuer: str
    revoked: RevocationLists | None = None

    @classmethod
    def read(cls, data: bytes, identity: str, issuer: str, revoked: RevocationLists | None = None) -> SigstoreRoot:
        """Read a `trusted_root.json`.

        Raises:
            BadKey: when it is none, or names a key or certificate that is not taken here.
        """
        try:
            found = msgspec.json.decode(data, type=_Root)
            logs = tuple(_log(each) for each in found.tlogs)
            authorities = tuple(
                (
                    each.valid_for,
                    tuple(x509.load_der_x509_certificate(one.raw_bytes) for one in each.cert_chain.certificates),
                )
                for each in found.certificate_authorities
            )
        except BadKey:
            raise
        except (msgspec.MsgspecError, ValueError, UnsupportedAlgorithm, x509.InvalidVersion, RecursionError):
            raise BadKey("it is no trusted root of a Sigstore service") from None
        if found.media_type not in _MEDIA:
            raise BadKey("it is a trusted root of a version that is not read here")
        return cls(logs, authorities, identity, issuer, revoked)

    def signer(self, bundle: Bundle) -> str:
        """Return whom the certificate names, as `Trust` says."""
        if bundle.entry is None:
            raise BadSignature("it was not signed through a Sigstore service: name a key or roots")
        try:
            leaf = x509.load_der_x509_certificate(bundle.certificates[0])
        except (ValueError, x509.InvalidVersion):
            raise BadSignature("its certificate is none that is taken here") from None
        at = self._logged(bundle.entry, bundle, leaf)
        issuer = _issuer(leaf)
        if not issuer or issuer != self.issuer:  # nobody vouching is no issuer, even where none was named
            raise BadSignature("its identity was vouched for by another issuer")
        why = BadSignature("no certificate authority was trusted when it was signed")
        for period, (*between, root) in self.authorities:
            if not period.holds(at):
                continue
            trusted = Certificates((root,), at, self.identity, self.revoked, between=tuple(between))
            try:
                return trusted.certified(bundle)
            except BadSignature as error:
                why = error
        raise why

    def _logged(self, entry: Entry, bundle: Bundle, leaf: x509.Certificate) -> datetime:
        """Return when the log took the signature in, once it is shown that it did."""
        try:
            at = datetime.fromtimestamp(entry.at, UTC)
        except (ValueError, OverflowError, OSError):
            raise BadSignature("its entry of the log has no time") from None
        log = next((each for each in self.logs if each.id == entry.log and each.period.holds(at)), None)
        if log is None:
            raise BadSignature("its log is none that is trusted, or was not at that time")
        rekor.check(entry, bundle, leaf.public_bytes(Encoding.PEM), log.verifies)
        return at


def _log(each: _Log) -> _TrustedLog:
    key = load_der_public_key(each.public_key.raw_bytes)
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name != "secp256r1":
        raise BadKey("a log signs with ECDSA on P-256 or Ed25519")
    if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise BadKey("a log signs with ECDSA on P-256 or Ed25519")
    # The id of a log is what its key comes to, whatever the file says that it is.
    return _TrustedLog(hashlib.sha256(each.public_key.raw_bytes).digest(), key, each.public_key.valid_for)


def _issuer(leaf: x509.Certificate) -> str:
    """Return who vouched for the identity, as Fulcio writes it into a certificate; empty: nobody."""
    for oid in (_ISSUER_V2, _ISSUER_V1):
        try:
            value = leaf.extensions.get_extension_for_oid(oid).value
        except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
            continue
        raw = value.value if isinstance(value, x509.UnrecognizedExtension) else b""
        if oid == _ISSUER_V2:
            # DER: a tag, a length of one byte (no address is longer), the text.
            if len(raw) < 2 or raw[0] != _UTF8 or raw[1] >= _SHORT or raw[1] != len(raw) - 2:  # noqa: PLR2004 - tag, length
                return ""
            raw = raw[2:]
        return raw.decode(errors="replace")
    return ""
