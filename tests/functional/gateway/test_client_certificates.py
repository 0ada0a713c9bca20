"""A key that is bound to a client certificate (RFC 8705), over connections that show it, another, or none."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from strongroom.app.seed import INSTALLER
from strongroom.identity import binding
from strongroom.kernel.ids import Name
from strongroom.kernel.principal import Environment, Proof
from strongroom.policy import Ask
from strongroom.wire import Pool, TcpTarget
from strongroom.wire.testing import Certificates

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Plane

BODY = json.dumps({"model": "tiny", "messages": [{"role": "user", "content": "hello"}]}).encode()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


async def test_the_connections_own_certificate_is_the_proof(plane: Plane, certificates: Certificates) -> None:
    pem = certificates.pem("client")
    bound = binding.read(pem)
    assert (bound.proof, bound.thumbprint) == (Proof.MTLS, sha256(certificates.der("client")).digest())
    made = await plane.identity.create_key(
        INSTALLER,
        plane.tenants["acme"],
        environment=Environment.DEV,
        workload=Name("inference"),
        bound=bound,
        ask=Ask(),
    )
    await plane.known()
    server = await plane.serve_tls(certificates.server_options(client_ca=True))

    async def asked(name: str | None, *, key: str = made.secret, field: str = "") -> int:
        fields = [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json")]
        if field:  # what a proxy might send on, and a thief write by hand: no field speaks for the connection
            fields += [(b"x-forwarded-client-cert", field.encode()), (b"x-ssl-client-cert", field.encode())]
        pool = Pool(TcpTarget("127.0.0.1", server.port, certificates.client(name)))
        try:
            async with pool.request("POST", "/v1/chat/completions", fields, BODY, timeout_s=10) as response:
                await response.read(1 << 16)
                return response.status
        finally:
            await pool.close()

    assert await asked("client") == 200
    assert await asked("colleague") == 401  # of the same authority, and somebody else's
    assert await asked(None) == 401
    assert await asked(None, field=pem.replace("\n", "")) == 401
    assert await asked(None, key=plane.keys["acme"]) == 200  # a free key is as it was
    assert (await plane.ask(body=json.loads(BODY), key=made.secret)).status == 401  # nor without TLS
