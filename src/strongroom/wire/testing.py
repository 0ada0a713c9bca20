"""Certificates for tests and rigs: good for an hour, on 127.0.0.1."""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from strongroom.wire.tls import TlsOptions, client_context


@dataclass
class Certificates:
    """A CA, a server's and two clients' certificates signed by it, and a client's signed by a stranger; in PEM, in `folder`."""

    folder: Path

    def __post_init__(self) -> None:
        """Make them."""
        ca = self._make("ca", None)
        self._make("server", ca)
        self._make("client", ca)
        self._make("colleague", ca)
        self._make("stranger", self._make("other-ca", None))

    def path(self, name: str) -> Path:
        """Return where `NAME.pem` and `NAME.key` stand."""
        return self.folder / name

    def pem(self, name: str) -> str:
        """Return a certificate as its holder hands it over."""
        return self.path(f"{name}.pem").read_text(encoding="ascii")

    def der(self, name: str) -> bytes:
        """Return a certificate as a connection shows it."""
        pem = self.path(f"{name}.pem").read_bytes()
        return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)

    def server_options(self, *, client_ca: bool = False, require: bool = False) -> TlsOptions:
        """Return how a server proves itself, and whether it asks for its clients' certificates."""
        return TlsOptions(
            certificate=self.path("server.pem"),
            key=self.path("server.key"),
            client_ca=self.path("ca.pem") if client_ca else None,
            require_client=require,
        )

    def client(self, name: str | None = None) -> ssl.SSLContext:
        """Return how a client asks: with the certificate of that name, or with none."""
        if name is None:
            return client_context(ca=self.path("ca.pem"))
        return client_context(
            ca=self.path("ca.pem"), certificate=self.path(f"{name}.pem"), key=self.path(f"{name}.key")
        )

    def _make(
        self, name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        signer = issuer[1] if issuer else key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer[0].subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        if issuer:
            names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(signer, hashes.SHA256())
        self.path(f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.path(f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, key
