"""Signers through the control API: what is registered, by whom, what is refused, and that each act is written down."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.signatures import SecretKey

Ask = Any

ACME = "/api/tenants/acme/signers"


def body(public_key: str, **more: object) -> dict[str, object]:
    return {"environment": "dev", "workload": "inference", "public_key": public_key, **more}


def test_a_signer_is_registered_listed_and_revoked_and_the_log_has_it(ask: Ask) -> None:
    key = SecretKey.generate()
    made = ask("POST", ACME, by="acme-admin", data=body(key.public.pem(), label="ci", days=2))
    assert made.status == 201, made.text
    assert made.body["id"] == key.public.id
    assert (made.body["algorithm"], made.body["status"], made.body["owner"]) == ("ed25519", "active", "team")
    assert made.body["public_key"] == key.public.pem()
    assert made.body in ask("GET", ACME, by="acme-admin").body["data"]
    assert ask("GET", "/api/tenants/globex/signers", by="globex-admin").body["data"] == []

    ended = ask("POST", f"{ACME}/{key.public.id}/revoke", by="acme-admin", data={"reason": "lost laptop"})
    assert (ended.status, ended.body["status"], ended.body["revoked_reason"]) == (200, "revoked", "lost laptop")
    again = ask("POST", f"{ACME}/{key.public.id}/revoke", by="acme-admin", data={})
    assert (again.status, again.body["revoked_reason"]) == (200, "lost laptop")
    back = ask("POST", ACME, by="acme-admin", data=body(key.public.pem()))
    assert (back.status, back.body["param"]) == (409, "public_key")

    log = ask("GET", "/api/tenants/acme/audit?limit=50", by="acme-admin").body["data"]
    acts = {(each["action"], each["outcome"]) for each in log if each["resource"].endswith(f"signer/{key.public.id}")}
    assert acts >= {("signer.add", "allowed"), ("signer.add", "refused"), ("signer.revoke", "allowed")}


def test_the_same_key_is_another_tenants_to_register_too(ask: Ask) -> None:
    # Whether another tenant has it must not be told; it could not be used there without that tenant's own keys.
    key = SecretKey.generate().public
    for tenant in ("acme", "globex"):
        made = ask("POST", f"/api/tenants/{tenant}/signers", by=f"{tenant}-admin", data=body(key.pem()))
        assert made.status == 201


def test_keys_come_as_jwk_and_on_p256_too(ask: Ask) -> None:
    import json  # noqa: PLC0415 - beside its only use

    for key in (SecretKey.generate(), SecretKey(ec.generate_private_key(ec.SECP256R1()))):
        made = ask("POST", ACME, by="operator", data=body(json.dumps(key.public.jwk())))
        assert made.status == 201, made.text
        assert (made.body["id"], made.body["algorithm"]) == (key.public.id, key.public.algorithm)


def pem(key: Any) -> str:
    public: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return public.decode()


@pytest.mark.parametrize(
    "text",
    [
        "no key",
        SecretKey.generate().pem(),
        '{"kty":"OKP","crv":"Ed25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}',
        '{"kty":"OKP","crv":"Ed25519","d":"AAAA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
        '{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}',
        "[" * 1500,
        pem(rsa.generate_private_key(65537, 2048)),
        pem(ec.generate_private_key(ec.SECP384R1())),
    ],
    ids=["text", "private", "small order", "private jwk", "shared secret", "deep", "rsa", "p384"],
)
def test_what_is_no_public_key_to_sign_with_is_refused_without_repeating_it(ask: Ask, text: str) -> None:
    refused = ask("POST", ACME, by="acme-admin", data=body(text))
    assert (refused.status, refused.body["param"]) == (400, "public_key")
    assert text not in refused.text


def test_workloads_and_strangers_register_nothing(ask: Ask) -> None:
    data = body(SecretKey.generate().public.pem())
    assert ask("POST", ACME, by="acme-inference", data=data).status in {403, 404}
    assert ask("POST", ACME, by="globex-admin", data=data).status == 404
    assert ask("POST", ACME, by="approver", data=data).status in {403, 404}
    missing = ask("POST", ACME, by="acme-admin", data=data | {"workload": "nobody"})
    assert missing.status == 404
    too_long = ask("POST", ACME, by="acme-admin", data=data | {"days": 366})
    assert (too_long.status, too_long.body["param"]) == (400, "days")
    for wrong in ("x", "0" * 31, "G" * 32, "0" * 32):
        assert ask("POST", f"{ACME}/{wrong}/revoke", by="acme-admin", data={}).status == 404


def test_a_workload_that_ends_takes_its_signers_with_it(ask: Ask) -> None:
    workload = {"name": "short-lived", "environment": "dev", "role": "inference", "owner": "team"}
    assert ask("POST", "/api/tenants/acme/workloads", by="acme-admin", data=workload).status == 201
    key = SecretKey.generate().public
    assert ask("POST", ACME, by="acme-admin", data=body(key.pem(), workload="short-lived")).status == 201
    assert ask("DELETE", "/api/tenants/acme/workloads/dev/short-lived", by="acme-admin").status == 204
    listed = {each["id"]: each for each in ask("GET", ACME, by="acme-admin").body["data"]}
    assert listed[key.id]["revoked_reason"] == "workload deleted"
