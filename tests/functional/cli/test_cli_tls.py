"""Over https the program checks the server's name and authority, and trusts a private one when told."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Run = Any
TOKEN: Final = {"STRONGROOM_TOKEN": "srk_opr_all_0123456789abcdef_x"}
ANSWER: Final = b'HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n{"role":"operator"}'


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    directory = tmp_path_factory.mktemp("tls")
    pem, private = directory / "certificate.pem", directory / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private


@contextmanager
def serving(certificate: tuple[Path, Path]) -> Generator[tuple[int, list[bytes]]]:
    """Answer one request over TLS; what was asked is in the list."""
    asked: list[bytes] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
                asked.append(secure.recv(65536))
                secure.sendall(ANSWER)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], asked
        thread.join()


def test_a_private_authority_is_trusted_when_named(inside: Run, certificate: tuple[Path, Path]) -> None:
    for words, env in ((("--ca", str(certificate[0])), TOKEN), ((), TOKEN | {"STRONGROOM_CA": str(certificate[0])})):
        with serving(certificate) as (port, asked):
            done = inside("whoami", "--json", "--control", f"https://127.0.0.1:{port}", *words, env=env)
        assert (done.code, done.json) == (0, {"role": "operator"})
        assert b"authorization: Bearer " in asked[0]


def test_an_unknown_authority_gets_no_token(inside: Run, certificate: tuple[Path, Path]) -> None:
    with serving(certificate) as (port, asked):
        done = inside("whoami", "--control", f"https://127.0.0.1:{port}", env=TOKEN)
    assert done.code == 3
    assert "did not prove who it is" in done.err
    assert not asked


def test_another_name_gets_no_token(inside: Run, certificate: tuple[Path, Path]) -> None:
    with serving(certificate) as (port, asked):
        done = inside("whoami", "--ca", str(certificate[0]), "--control", f"https://localhost:{port}", env=TOKEN)
    assert done.code == 3
    assert "did not prove who it is" in done.err
    assert not asked


def test_a_file_of_authorities_that_is_none_is_2(inside: Run, tmp_path: Path) -> None:
    done = inside("whoami", "--ca", str(tmp_path / "none.pem"), "--control", "https://127.0.0.1:1", env=TOKEN)
    assert done.code == 2
