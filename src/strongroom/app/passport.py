"""The certificate that `up` shows to its own edges when they want one of every client: to ask whether they are ready.

It is made anew at every start, its key is never written down, and trusting it trusts nothing else: it is self-signed and
no authority, so no other certificate can be derived from it.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_SKEW: Final = timedelta(hours=1)
_LIFE: Final = timedelta(days=1)  # it is of use for the seconds of a start


@dataclass(frozen=True, slots=True)
class Passport:
    """One certificate with its key, both PEM. Its repr shows neither."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        """Show nothing."""
        return "Passport()"

    @classmethod
    def issue(cls) -> Self:
        """Make one."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "strongroom-up")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW)
            .not_valid_after(now + _LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )

    def context(self) -> ssl.SSLContext:
        """Return the context for asking an edge of our own on its own socket: what it shows is the clients' business."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, self.certificate + self.key)
            context.load_cert_chain(Path(f"/proc/self/fd/{descriptor}"))
        finally:
            os.close(descriptor)
        return context
