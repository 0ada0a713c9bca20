"""The ports as the network sees them: TLS with and without a client certificate, and whom they answer for."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from strongroom.app.rig import Installation, Up
from strongroom.attack.http import Answer, Line, raw
from strongroom.gateway.testing_providers import ProviderDouble, openai_provider

NAME = "models.example"
SECRET = "sk-canary-of-a-provider-77"


@dataclass(frozen=True)
class Papers:
    """PEM files: an authority, and what it has signed. `stranger` is of another authority."""

    ca: Path
    server: Path
    client: Path
    stranger: Path


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _signed(
    directory: Path, name: str, issuer: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None
) -> tuple[Path, ec.EllipticCurvePrivateKey]:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    issued_by, signer = issuer or (_name(name), key)
    alternative = x509.SubjectAlternativeName([x509.DNSName(NAME), x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issued_by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(alternative, critical=False)
        .sign(signer, hashes.SHA256())
    )
    path = directory / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.touch(mode=0o600)
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path, key


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    directory = tmp_path_factory.mktemp("papers")  # root's alone: only the supervisor reads them
    ca, ca_key = _signed(directory, "ca", None)
    other, other_key = _signed(directory, "other", None)
    server, _ = _signed(directory, "server", (_name("ca"), ca_key))
    client, _ = _signed(directory, "client", (_name("ca"), ca_key))
    stranger, _ = _signed(directory, "stranger", (_name(other.stem), other_key))
    return Papers(ca, server, client, stranger)


@pytest.fixture(scope="module")
def secured(start_up: Callable[..., Up], papers: Papers) -> Generator[Installation]:
    """Run with TLS on both ports; the gateway wants a client certificate, the control port does not."""
    variables = {
        f"STRONGROOM_{edge}_{name}": str(path)
        for edge in ("GATEWAY", "CONTROL")
        for name, path in (("TLS_CERTIFICATE", papers.server), ("TLS_KEY", papers.server))
    }
    variables |= {"STRONGROOM_GATEWAY_TLS_CLIENT_CA": str(papers.ca), "STRONGROOM_GATEWAY_HOSTS": NAME}
    variables |= {"STRONGROOM_CONTROL_ORIGINS": "https://friend.example"}
    variables |= {"STRONGROOM_GATEWAY_UPSTREAM_NETWORKS": "127.0.0.0/8"}
    with start_up("tls", variables=variables) as up:
        yield up.started()


def context(papers: Papers, certificate: Path | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=papers.ca)
    if certificate is not None:
        made.load_cert_chain(certificate)
    return made


def ask(url: str, tls: ssl.SSLContext | None, path: str, **request: Any) -> Answer:
    with Line(url, tls=tls) as line:
        return line.ask("GET", path, **request)


def test_tls_with_the_right_papers(secured: Installation, papers: Papers) -> None:
    demo = secured.demo
    assert demo.gateway.startswith("https://127.0.0.1:")
    assert demo.control.startswith("https://127.0.0.1:")
    key = demo.tenants["acme"]["dev"]["inference_key"]
    assert ask(demo.gateway, context(papers, papers.client), "/v1/models", key=key).status == 200
    assert ask(demo.control, context(papers), "/api/whoami", key=demo.operator.token).status == 200


def test_the_gateway_wants_a_client_certificate(secured: Installation, papers: Papers) -> None:
    demo = secured.demo
    for certificate in (None, papers.stranger, papers.server.with_name("other.pem")):
        # With TLS 1.3 the server's no arrives after the client's side of the handshake is done.
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            ask(demo.gateway, context(papers, certificate), "/livez")


def test_no_old_tls_and_no_plain_http(secured: Installation, papers: Papers) -> None:
    for url in (secured.demo.gateway, secured.demo.control):
        old = context(papers, papers.client)
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask(url, old, "/livez")
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as plain:
            plain.sendall(b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            assert b"200" not in plain.recv(4096)


def test_names_and_origins_that_were_allowed(secured: Installation, papers: Papers) -> None:
    demo, mine = secured.demo, context(papers, papers.client)
    assert ask(demo.gateway, mine, "/livez", fields={"host": NAME}).status == 200
    assert ask(demo.control, mine, "/livez", fields={"host": NAME}).status == 421
    friend = {"origin": "https://friend.example"}
    assert ask(demo.control, mine, "/livez", fields=friend).status == 200
    assert ask(demo.gateway, mine, "/livez", fields=friend).status == 403


def test_a_key_is_not_found_in_the_files_of_a_secured_home(secured: Installation, papers: Papers) -> None:
    private = papers.server.read_text().partition("-----BEGIN PRIVATE KEY-----")[2].splitlines()[1]
    assert private
    for path in secured.home.rglob("*"):
        if path.is_file() and "blobs" not in path.parts:
            assert private.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("port", ["gateway", "control"])
def test_host_and_origin_of_strangers(installation: Installation, port: str) -> None:
    # DNS rebinding: a page of evil.example whose name has been made to mean 127.0.0.1.
    url: str = getattr(installation.demo, port)
    own = url.partition("//")[2]
    for host in (own, own.replace("127.0.0.1", "localhost"), own.replace("127.0.0.1", "LOCALHOST")):
        assert ask(url, None, "/livez", fields={"host": host}).status == 200, host
    for host in (
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "0.0.0.0",  # noqa: S104 - to be refused
        "[::]",
        "10.0.0.1",
    ):
        refused = ask(url, None, "/livez", fields={"host": host})
        assert refused.status == 421, host
        assert refused.request_id
        assert host.encode() not in refused.body
    assert ask(url, None, "/livez", fields={"origin": f"http://{own}"}).status == 200
    for origin in ("http://evil.example", "null", "https://127.0.0.1", f"https://{own}", f"http://{own}.evil.example"):
        refused = ask(url, None, "/livez", fields={"origin": origin})
        assert refused.status == 403, origin
        assert "access-control-allow-origin" not in dict(refused.fields)
    assert raw(url, b"GET /livez HTTP/1.1\r\n\r\n").status == 400


@pytest.fixture
def outside() -> Generator[ProviderDouble]:
    """Run a provider in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    double = openai_provider(SECRET)
    listening = double.listening()
    asyncio.run_coroutine_threadsafe(listening.__aenter__(), loop).result(10)
    yield double
    asyncio.run_coroutine_threadsafe(listening.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def test_a_gateway_process_asks_a_provider_and_its_secret_stands_in_no_file(
    secured: Installation, papers: Papers, outside: ProviderDouble
) -> None:
    demo, today = secured.demo, datetime.now(UTC).date()

    def change(method: str, path: str, body: dict[str, Any]) -> None:
        place = urlsplit(demo.control)
        line = http.client.HTTPSConnection(place.hostname or "", place.port, context=context(papers), timeout=20)
        fields = {"authorization": f"Bearer {demo.operator.token}", "content-type": "application/json"}
        line.request(method, path, json.dumps(body), fields)
        answer = line.getresponse()
        said = answer.read()
        line.close()
        assert answer.status < 300, said

    provider = {
        "name": "outside", "kind": "openai", "base_url": outside.url, "owner": "Team", "secret": SECRET,
        "region": "eu-central", "agreement": "DPA-1", "assessed_on": str(today), "assessed_until": "2099-01-01",
    }  # fmt: skip
    change("POST", "/api/providers", provider)
    targets = {
        "name": "theirs",
        "environment": "dev",
        "kind": "chat",
        "targets": [{"provider": "outside", "model": "m"}],
    }
    change("POST", "/api/tenants/acme/deployments", targets)
    rules = {"document": {"rules": [{"regions": ["eu-central"]}]}, "expected": 0, "reason": "test"}
    change("PUT", "/api/tenants/acme/rules/residency/ceiling", rules)
    place, asked = urlsplit(demo.gateway), {"model": "theirs", "messages": [{"role": "user", "content": "hello"}]}
    found = b""
    for _ in range(20):  # a gateway follows within a second
        line = http.client.HTTPSConnection(
            place.hostname or "", place.port, context=context(papers, papers.client), timeout=20
        )
        key = demo.tenants["acme"]["dev"]["inference_key"]
        fields = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        line.request("POST", "/v1/chat/completions", json.dumps(asked), fields)
        found = line.getresponse().read()
        line.close()
        if b"Hello." in found:
            break
    assert b"Hello." in found, found
    assert SECRET.encode() in outside.asked[-1].head
    home = Path(secured.home_path)
    assert not [path for path in home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
