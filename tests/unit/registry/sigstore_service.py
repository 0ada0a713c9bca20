"""A small Sigstore service for tests: an authority with an intermediate, and a log with a tree, a promise and a checkpoint."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from strongroom.audit.tlog.merkle import Leaves, inclusion_proof, leaf_hash, root_hash
from strongroom.registry import dsse
from strongroom.registry.oms.service import payload

NOW = datetime(2026, 11, 27, tzinfo=UTC)
EMAIL, ISSUER = "models@example.com", "https://login.example.com"
ECDSA = ec.ECDSA(hashes.SHA256())


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@dataclass
class Authority:
    name: str
    issuer: Authority | None = None
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def __post_init__(self) -> None:
        above = self.issuer or self
        made = self._begun(self.name, self.key.public_key(), timedelta(days=3650)).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        made = made.add_extension(usage(ca=True), critical=True)
        if self.issuer is not None:  # as Fulcio's intermediates say
            made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        self.certificate = made.sign(above.key, hashes.SHA256())

    def _begun(self, name: str, of: ec.EllipticCurvePublicKey, lasts: timedelta) -> x509.CertificateBuilder:
        above = self.issuer or self
        return (
            x509.CertificateBuilder().subject_name(named(name)).issuer_name(named(above.name)).public_key(of)
            .serial_number(x509.random_serial_number()).not_valid_before(NOW - timedelta(minutes=5))
            .not_valid_after(NOW + lasts)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(of), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.key.public_key()), critical=False)
        )  # fmt: skip

    def leaf(self, of: ec.EllipticCurvePublicKey, email: str = EMAIL, issuer: str = ISSUER) -> x509.Certificate:
        return (
            x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(named(self.name)).public_key(of)
            .serial_number(x509.random_serial_number()).not_valid_before(NOW - timedelta(minutes=5))
            .not_valid_after(NOW + timedelta(minutes=5))
            .add_extension(usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(email)]), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(of), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(
                x509.UnrecognizedExtension(
                    x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8"), bytes([0x0C, len(issuer)]) + issuer.encode()
                ),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )  # fmt: skip

    def revoke(self, *gone: x509.Certificate, at: datetime = NOW, days: int = 7, **more: Any) -> bytes:
        """Return its list of revoked certificates, in PEM."""
        made = (
            x509.CertificateRevocationListBuilder().issuer_name(named(self.name)).last_update(at)
            .next_update(at + timedelta(days=days))
        )  # fmt: skip
        for each in gone:
            revoked = x509.RevokedCertificateBuilder().serial_number(each.serial_number).revocation_date(at)
            made = made.add_revoked_certificate(revoked.build())
        for extension in more.get("extensions", ()):
            made = made.add_extension(extension, critical=True)
        return made.sign(more.get("key", self.key), hashes.SHA256()).public_bytes(Encoding.PEM)


@dataclass
class Service:
    root: Authority = field(default_factory=lambda: Authority("root"))
    log: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    signer: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def __post_init__(self) -> None:
        self.authority = Authority("between", self.root)
        self.certificate = self.authority.leaf(self.signer.public_key())

    @property
    def log_key(self) -> bytes:
        return self.log.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def trusted_root(self, start: datetime = NOW - timedelta(days=1), end: datetime | None = None) -> dict[str, Any]:
        period = {"start": start.isoformat()} | ({} if end is None else {"end": end.isoformat()})
        chain = [{"rawBytes": b64(each.certificate.public_bytes(Encoding.DER))} for each in (self.authority, self.root)]
        key = {"rawBytes": b64(self.log_key), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": period}
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [
                {
                    "baseUrl": "https://log.example", "hashAlgorithm": "SHA2_256", "publicKey": key,
                    "logId": {"keyId": b64(hashlib.sha256(self.log_key).digest())},
                }
            ],
            "certificateAuthorities": [
                {
                    "subject": {"organization": "example", "commonName": "root"}, "uri": "https://ca.example",
                    "certChain": {"certificates": chain}, "validFor": period,
                }
            ],
            "ctlogs": [],
            "timestampAuthorities": [],
        }  # fmt: skip

    def sign(self, name: str, files: dict[str, str], certificate: x509.Certificate | None = None) -> dict[str, Any]:
        """Return a bundle as clients of a Sigstore service write it."""
        held = certificate or self.certificate
        body = payload(name, files)
        signature = self.signer.sign(dsse.encoded(dsse.IN_TOTO, body), ECDSA)
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": b64(held.public_bytes(Encoding.DER))},
                "tlogEntries": [self.entry(body, signature, held)],
            },
            "dsseEnvelope": {
                "payload": b64(body), "payloadType": dsse.IN_TOTO, "signatures": [{"sig": b64(signature), "keyid": ""}],
            },
        }  # fmt: skip

    def entry(self, body: bytes, signature: bytes, held: x509.Certificate, at: datetime = NOW) -> dict[str, Any]:
        canonical = msgspec.json.encode(
            {
                "apiVersion": "0.0.1", "kind": "dsse",
                "spec": {
                    "envelopeHash": {"algorithm": "sha256", "value": "0" * 64},
                    "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(body).hexdigest()},
                    "signatures": [{"signature": b64(signature), "verifier": b64(held.public_bytes(Encoding.PEM))}],
                },
            }
        )  # fmt: skip
        leaves = [leaf_hash(each) for each in (b"before", canonical, b"after")]
        tree = Leaves(leaves)
        head, log = root_hash(tree, 3), hashlib.sha256(self.log_key).digest()
        moment = int(at.timestamp())
        promised = {"body": b64(canonical), "integratedTime": moment, "logID": log.hex(), "logIndex": 41}
        text = f"log.example - 7\n3\n{b64(head)}\n"
        note = b64(log[:4] + self.log.sign(text.encode(), ECDSA))
        return {
            "logIndex": "41", "logId": {"keyId": b64(log)}, "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(moment), "canonicalizedBody": b64(canonical),
            "inclusionPromise": {
                "signedEntryTimestamp": b64(self.log.sign(msgspec.json.encode(promised, order="sorted"), ECDSA)),
            },
            "inclusionProof": {
                "logIndex": "1", "rootHash": b64(head), "treeSize": "3",
                "hashes": [b64(each) for each in inclusion_proof(tree, 1, 3)],
                "checkpoint": {"envelope": f"{text}\n\u2014 log.example {note}\n"},
            },
        }  # fmt: skip
