"""A static key that is bound to what its holder has: a copy of it opens nothing; in production a key of prod is bound."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from strongroom.app.seed import INSTALLER
from strongroom.app.testing import ControlPlane
from strongroom.identity import Identity
from strongroom.identity.bindings import Bindings
from strongroom.identity.rotation.service import Rotation
from strongroom.identity.service import loopback_exception
from strongroom.kernel.ids import KeyId, Name
from strongroom.kernel.principal import Environment, Role
from strongroom.kernel.refusal import Refused
from strongroom.policy import Ask as Asked
from strongroom.signatures import SecretKey
from strongroom.signatures.client import RequestSigner
from strongroom.signatures.dpop import Prover

Ask = Any
ACME = "/api/tenants/acme/keys"
KEY = {"environment": "dev", "workload": "inference"}


def test_a_bound_key_counts_with_proof_alone_and_so_does_its_successor(plane: ControlPlane, ask: Ask) -> None:
    held = SecretKey.generate()
    prover, thief, me = Prover(held), Prover.generate(), f"{plane.url}/api/whoami"
    made = ask("POST", ACME, by="acme-admin", data=KEY | {"bound_to": held.public.pem()})
    assert made.status == 201, made.text
    assert (made.body["key"]["proof"], made.body["key"]["thumbprint"]) == ("dpop", prover.thumbprint)

    def who(key: str, by: Prover | None = prover, scheme: str = "DPoP") -> int:
        fields = {"authorization": f"{scheme} {key}"} | ({} if by is None else {"dpop": by.proof("GET", me, token=key)})
        return int(ask("GET", "/api/whoami", headers=fields).status)

    key = made.body["secret"]
    assert who(key) == 200
    assert [who(key, None), who(key, None, "Bearer"), who(key, thief), who(key, prover, "Bearer")] == [401] * 4
    rotated = ask("POST", f"/api/keys/{made.body['key']['id']}/rotate", by="acme-admin", data={})
    assert rotated.status in {200, 201}, rotated.text
    assert rotated.body["key"]["thumbprint"] == prover.thumbprint
    successor = rotated.body["secret"]
    assert [who(successor), who(successor, None, "Bearer"), who(successor, thief)] == [200, 401, 401]
    shown = ask("GET", f"{ACME}/{rotated.body['key']['id']}", by="acme-admin").body
    assert (shown["proof"], shown["thumbprint"]) == ("dpop", prover.thumbprint)
    free = ask("POST", ACME, by="acme-admin", data=KEY).body
    assert (free["key"]["proof"], who(free["secret"], None, "Bearer")) == (None, 200)


def test_a_key_is_bound_to_a_certificate_that_no_connection_here_shows(ask: Ask) -> None:
    made = ask("POST", ACME, by="acme-admin", data=KEY | {"bound_to": certificate()})
    assert (made.status, made.body["key"]["proof"]) == (201, "mtls")
    assert len(base64.urlsafe_b64decode(made.body["key"]["thumbprint"] + "=")) == 32
    assert ask("GET", "/api/whoami", by=made.body["secret"]).status == 401


def certificate() -> str:
    import datetime as dt  # noqa: PLC0415 - beside its only use

    from cryptography import x509  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - as above

    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "holder")])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1)).sign(key, None)
    return made.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("text", ["nonsense", SecretKey.generate().pem(), "-----BEGIN CERTIFICATE-----\nx\n", "{}"])
def test_what_nobody_can_prove_binds_nothing(ask: Ask, text: str) -> None:
    refused = ask("POST", ACME, by="acme-admin", data=KEY | {"bound_to": text})
    assert (refused.status, refused.body["param"]) == (400, "bound_to")
    assert text not in refused.text or text == "{}"


def test_a_jwk_binds_as_its_pem_does(ask: Ask) -> None:
    key = SecretKey.generate()
    made = ask("POST", ACME, by="acme-admin", data=KEY | {"bound_to": json.dumps(key.public.jwk())})
    assert made.body["key"]["thumbprint"] == Prover(key).thumbprint


def test_in_production_a_key_of_prod_is_bound_or_carries_an_exception_that_ends(plane: ControlPlane) -> None:
    services = plane.services
    strict = Identity(services.gate, services.directory, services.identity._keys, services.clock, production=True)
    prod, tenant = Environment.PROD, plane.tenants["globex"]

    async def tried() -> None:
        await services.identity.create_workload(
            INSTALLER, tenant, environment=prod, name=Name("live"), role=Role.INFERENCE, owner="o", ask=Asked()
        )

        async def create(environment: Environment = prod, workload: str = "live", **more: Any) -> Any:
            return await strict.create_key(
                INSTALLER, tenant, environment=environment, workload=Name(workload), ask=Asked(), **more
            )

        with pytest.raises(Refused, match="bound to a key or a certificate"):
            await create()
        from strongroom.identity import binding  # noqa: PLC0415 - beside its only use

        holder = binding.read(SecretKey.generate().public.pem())
        for anywhere in (None, Bindings(agents=("curl",)), Bindings(networks=("0.0.0.0/0",))):
            with pytest.raises(Refused, match=r"to networks, too|too wide"):
                await create(bound=holder, bindings=anywhere)
        inside = Bindings(networks=("10.0.0.0/8",))
        bound = await create(bound=holder, bindings=inside)
        assert (bound.key.proof, bound.key.bindings.networks) == ("dpop", ("10.0.0.0/8",))
        rotation = Rotation(services.gate, services.identity._keys, services.clock, production=True)
        with pytest.raises(Refused, match="to networks, too"):  # nor is it taken away later
            await rotation.bind(INSTALLER, tenant, KeyId(bound.key.id), Bindings(), Asked())
        free = await services.identity.create_key(
            INSTALLER, tenant, environment=prod, workload=Name("live"), ask=Asked()
        )
        with pytest.raises(Refused, match="bound to a key or a certificate"):  # of before it was production
            await rotation.rotate(INSTALLER, tenant, KeyId(free.key.id), ask=Asked())
        excepted = await create(exception=loopback_exception(services.clock.now(), 7))
        assert excepted.key.exception.networks == ("127.0.0.0/8",)
        await create(Environment.DEV, "inference")

    plane.run(tried())


def test_a_key_that_is_bound_to_a_signer_is_signed_for_here_too(plane: ControlPlane, ask: Ask) -> None:
    held, another = SecretKey.generate(), SecretKey.generate()
    signer = {"environment": "dev", "workload": "inference", "public_key": held.public.pem()}
    assert ask("POST", "/api/tenants/acme/signers", by="acme-admin", data=signer).status == 201
    for wrong in (f"signer:{another.public.id}", "signer:nonsense"):
        refused = ask("POST", ACME, by="acme-admin", data=KEY | {"bound_to": wrong})
        assert (refused.status, refused.body["param"]) == (400, "bound_to")
    made = ask("POST", ACME, by="acme-admin", data=KEY | {"bound_to": f"signer:{held.public.id}"})
    assert (made.status, made.body["key"]["proof"]) == (201, "signature"), made.text
    key, me = f"Bearer {made.body['secret']}", f"{plane.url}/api/whoami"

    def signed(by: SecretKey, method: str = "GET", url: str = me, body: bytes = b"") -> dict[str, str]:
        return {"authorization": key, **RequestSigner(by).fields(method, url, body, key)}

    good = signed(held)
    assert ask("GET", "/api/whoami", headers=good).status == 200
    for no in (
        good,  # a replay
        {"authorization": key},
        signed(another),
        signed(held, method="POST"),
        signed(held, url=f"{plane.url}/api/tenants"),
        signed(held, body=b"another body"),
        signed(held) | {"authorization": f"DPoP {made.body['secret']}"},
    ):
        assert ask("GET", "/api/whoami", headers=no).status == 401
    rotated = ask("POST", f"/api/keys/{made.body['key']['id']}/rotate", by="acme-admin", data={})
    assert (rotated.body["key"]["proof"], rotated.body["key"]["thumbprint"]) == (
        "signature",
        made.body["key"]["thumbprint"],
    )


def test_in_production_a_signer_binds_a_key_of_prod(plane: ControlPlane) -> None:
    services = plane.services
    strict = Identity(services.gate, services.directory, services.identity._keys, services.clock, production=True)
    held = SecretKey.generate()

    async def tried() -> None:
        tenant, prod, name = plane.tenants["acme"], Environment.PROD, Name("signs")
        await strict.create_workload(
            INSTALLER, tenant, environment=prod, name=name, role=Role.INFERENCE, owner="team", ask=Asked()
        )
        await services.signers.add(
            INSTALLER,
            tenant,
            held.public,
            environment=prod,
            workload=name,
            label="",
            owner=None,
            days=None,
            ask=Asked(),
        )
        networks = Bindings(networks=("10.2.0.0/16",))
        with pytest.raises(Refused, match="is bound to a key"):
            await strict.create_key(INSTALLER, tenant, environment=prod, workload=name, bindings=networks, ask=Asked())
        made = await strict.create_key(
            INSTALLER, tenant, environment=prod, workload=name, bound=held.public.id, bindings=networks, ask=Asked()
        )
        assert made.key.proof == "signature"

    plane.run(tried())
