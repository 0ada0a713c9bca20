"""A pinned target: what was checked is what is connected to, the name stays in the certificate, and nothing is asked twice."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from strongroom.wire import ConnectFailed, PinnedTarget, Pool, client_context
from strongroom.wire.addresses import AddressRefused, Networks, Resolver, parse_base

HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"


class Names:
    """A name server that says something else each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def look_up(self, host: str, port: int) -> Sequence[str]:
        del host, port
        self.asked += 1
        return self.answers.pop(0)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A certificate for models.example and its key as files, and the authority's certificate as text."""
    now, keys = datetime.now(UTC), [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("an authority", "a server")]

    def made(subject: int, *extensions: tuple[x509.ExtensionType, bool]) -> bytes:
        builder = x509.CertificateBuilder(names[0], names[subject], keys[subject].public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)  # noqa: FBT003 - as the library has it
    ca = made(0, (x509.BasicConstraints(ca=True, path_length=None), True), (usage, True))
    leaf = made(1, (x509.SubjectAlternativeName([x509.DNSName("models.example")]), False))
    home = tmp_path_factory.mktemp("tls")
    (home / "leaf.pem").write_bytes(leaf)
    private = keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (home / "key.pem").write_bytes(private)
    return home / "leaf.pem", home / "key.pem", ca.decode()


@pytest.fixture
async def port() -> AsyncGenerator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HELLO)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def get(pool: Pool) -> bytes:
    async with pool.request("GET", "/", timeout_s=5) as response:
        return await response.read(100)


async def test_a_name_that_changes_its_meaning_is_checked_again_and_never_between(port: int) -> None:
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    place = parse_base(f"http://models.example:{port}")
    resolver = Resolver(place, Networks(["127.0.0.0/8"]), names.look_up)
    pool = Pool(PinnedTarget(place.host, place.port, resolver.addresses))
    try:
        assert await get(pool) == b"hello"
        assert await get(pool) == b"hello"  # a new connection, within the time for which an answer holds
        assert names.asked == 1
        resolver._until = 0.0
        with pytest.raises(ConnectFailed) as caught:
            await get(pool)
        assert isinstance(caught.value.__cause__, AddressRefused)
        assert names.asked == 2
    finally:
        await pool.close()


async def test_a_name_where_a_number_belongs_is_not_looked_up(port: int) -> None:
    async def addresses() -> Sequence[str]:
        return ["localhost"]

    pool = Pool(PinnedTarget("models.example", port, addresses))
    with pytest.raises(ConnectFailed):
        await get(pool)
    await pool.close()


async def test_the_certificate_must_be_for_the_name_though_a_number_is_connected_to(
    certificates: tuple[Path, Path, str],
) -> None:
    certificate, key, ca = certificates
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    names: list[str | None] = []
    context.sni_callback = lambda connection, name, ours: names.append(name)  # noqa: ARG005 - ssl's signature

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HELLO)
        await writer.drain()
        writer.close()

    async def addresses() -> Sequence[str]:
        return ["127.0.0.1"]

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    number = server.sockets[0].getsockname()[1]
    try:
        good = Pool(PinnedTarget("models.example", number, addresses, client_context(ca_text=ca)))
        assert await get(good) == b"hello"
        await good.close()
        for host, trusted in (("other.example", ca), ("models.example", None)):
            pool = Pool(PinnedTarget(host, number, addresses, client_context(ca_text=trusted)))
            with pytest.raises(ConnectFailed):
                await get(pool)
            await pool.close()
    finally:
        server.close()
    assert names[0] == "models.example"
