"""TLS with and without client certificates, unix sockets, and our client against our server over both."""

from __future__ import annotations

import datetime as dt
import os
import socket
import ssl
import stat
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from strongroom.wire import (
    ConnectFailed,
    Pool,
    TcpTarget,
    TlsOptions,
    Truncated,
    UnixTarget,
    client_context,
    serve_unix,
)

if TYPE_CHECKING:
    from tests.functional.wire.conftest import Echo, Edge


@dataclass
class Certificates:
    """A CA, a server's and a client's certificate signed by it, and a client's signed by a stranger."""

    folder: Path

    def __post_init__(self) -> None:
        ca = self._make("ca", None)
        self._make("server", ca)
        self._make("client", ca)
        self._make("stranger", self._make("other-ca", None))

    def path(self, name: str) -> Path:
        return self.folder / name

    def der(self, name: str) -> bytes:
        pem = self.path(f"{name}.pem").read_bytes()
        return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)

    def server_options(self, *, client_ca: bool = False, require: bool = False) -> TlsOptions:
        return TlsOptions(
            certificate=self.path("server.pem"),
            key=self.path("server.key"),
            client_ca=self.path("ca.pem") if client_ca else None,
            require_client=require,
        )

    def client(self, name: str | None = None) -> ssl.SSLContext:
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


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


async def test_a_client_certificate_is_shown_as_it_is(edge: Edge, echo: Echo, certificates: Certificates) -> None:
    server = await edge.serve(echo, tls=certificates.server_options(client_ca=True))
    for name in ("client", None):
        pool = Pool(TcpTarget("127.0.0.1", server.port, certificates.client(name)))
        for _ in range(2):
            async with pool.request("POST", "/", [], b"x" * 300_000, timeout_s=5) as response:
                assert await response.read(300_000) == b"x" * 300_000
        assert pool.connections == 1
        await pool.close()
    assert [request.tls_peer for request in echo.seen] == [certificates.der("client")] * 2 + [None] * 2
    assert all(request.secure for request in echo.seen)


@pytest.mark.parametrize("name", [None, "stranger"])
async def test_no_certificate_no_answer(edge: Edge, echo: Echo, certificates: Certificates, name: str | None) -> None:
    server = await edge.serve(echo, tls=certificates.server_options(client_ca=True, require=True))
    pool = Pool(TcpTarget("127.0.0.1", server.port, certificates.client(name)))
    with pytest.raises((ConnectFailed, Truncated)):  # TLS 1.3 tells a client only after its own handshake is done
        async with pool.request("GET", "/", timeout_s=5) as response:
            await response.read(100)
    await pool.close()
    assert echo.seen == []


async def test_a_server_with_the_wrong_name_or_signer_is_not_spoken_to(
    edge: Edge, echo: Echo, certificates: Certificates
) -> None:
    server = await edge.serve(echo, tls=certificates.server_options())
    for target in (
        TcpTarget("localhost", server.port, certificates.client()),
        TcpTarget("127.0.0.1", server.port, client_context()),
    ):
        pool = Pool(target)
        with pytest.raises(ConnectFailed):
            async with pool.request("GET", "/", timeout_s=5):
                pass
        await pool.close()
    assert echo.seen == []


async def test_refusals_over_tls_can_be_read(edge: Edge, echo: Echo, certificates: Certificates) -> None:
    server = await edge.serve(echo, tls=certificates.server_options())
    caller = await edge.call(server, ssl=certificates.client())
    await caller.say(b"GET / HTTP/1.1\r\n\r\n")
    assert (await caller.answer()).status == 400


async def test_old_tls_is_refused(edge: Edge, echo: Echo, certificates: Certificates) -> None:
    context = certificates.server_options().server_context()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    server = await edge.serve(echo, tls=certificates.server_options())
    old = certificates.client()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await edge.call(server, ssl=old)


def test_requiring_a_certificate_needs_an_authority(certificates: Certificates) -> None:
    with pytest.raises(ValueError, match="client_ca"):
        certificates.server_options(require=True).server_context()


async def test_unix_socket(edge: Edge, echo: Echo, tmp_path: Path) -> None:
    path = tmp_path / "s"
    server = await serve_unix(echo, path, mode=0o660)
    edge.stack.push_async_callback(server.close)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert server.port == 0
    pool = Pool(UnixTarget(path))
    edge.stack.push_async_callback(pool.close)
    async with pool.request("POST", "/p", [], b"over unix", timeout_s=5) as response:
        assert await response.read(100) == b"over unix"
    (request,) = echo.seen
    assert (request.peer, request.header(b"host")) == ("", b"localhost")
    await pool.close()
    await server.close()
    assert not path.exists()


async def test_a_dead_socket_is_replaced_and_nothing_else(echo: Echo, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(path))
    server = await serve_unix(echo, path)
    with pytest.raises(OSError, match="still answers"):
        await serve_unix(echo, path)
    await server.close()
    path.write_text("precious")
    with pytest.raises(FileExistsError):
        await serve_unix(echo, path)
    assert path.read_text() == "precious"
    with pytest.raises(ValueError, match="107"):
        await serve_unix(echo, tmp_path / ("s" * 110))
