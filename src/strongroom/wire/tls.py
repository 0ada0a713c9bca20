"""TLS for an edge: 1.2 or newer, and client certificates checked against one CA file."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """Where an edge finds its certificate and whom it asks for one.

    Attributes:
        certificate: PEM chain, leaf first.
        key: PEM private key, without a passphrase.
        client_ca: PEM file of the authorities whose client certificates count; None asks for none.
        require_client: refuse the handshake of a client that shows no such certificate.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    require_client: bool = False

    def server_context(self) -> ssl.SSLContext:
        """Return the context of a server.

        Raises:
            ValueError: when a client certificate is required but no authority is named.
            OSError: when a file cannot be read (`ssl.SSLError` is one).
        """
        if self.require_client and self.client_ca is None:
            raise ValueError("require_client needs client_ca: there is nothing to check a client certificate against")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        # RFC 7301: say what is spoken, so that a client that wants HTTP/2 learns here that it is not.
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(self.certificate, self.key)
        if self.client_ca is not None:
            context.load_verify_locations(self.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED if self.require_client else ssl.CERT_OPTIONAL
        return context


def client_context(
    *, ca: Path | None = None, ca_text: str | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Return the context of a client: host name checked, TLS 1.2 or newer.

    Args:
        ca: PEM file of the authorities to trust instead of the system's.
        ca_text: the same, as text.
        certificate: PEM chain to show when asked.
        key: its private key, PEM.
    """
    context = ssl.create_default_context(cafile=ca, cadata=ca_text)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context
