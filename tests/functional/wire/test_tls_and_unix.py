"""TLS with and without client certificates, unix sockets, and our client against our server over both."""

from __future__ import annotations

import os
import socket
import ssl
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from strongroom.wire import (
    ConnectFailed,
    Pool,
    TcpTarget,
    Truncated,
    UnixTarget,
    client_context,
    serve_unix,
)
from strongroom.wire.testing import Certificates

if TYPE_CHECKING:
    from tests.functional.wire.conftest import Echo, Edge


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
