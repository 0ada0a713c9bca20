"""What holds of every keystore, asked of both: the embedded one, and a real OpenBao with and without namespaces."""

# Some tests look at what a keystore holds and asks, which it tells nobody.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from strongroom.app.passport import Passport
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.kernel.principal import Environment
from strongroom.registry.prompts import Prompt, PromptSeals
from strongroom.registry.prompts.model import BadPrompt, Destroyed
from strongroom.vault import (
    FileKeystore,
    Keyring,
    KeysDestroyed,
    Keystore,
    PurposeKeys,
    Scope,
    SealBroken,
    Use,
    Vault,
    VaultUnavailable,
)
from strongroom.vault.openbao import AppRole, Client, OpenBaoKeystore
from strongroom.vault.openbao.client import Document, Kubernetes
from strongroom.vault.openbao.testing import Bao
from strongroom.wire import Reply, Request, serve_tcp


def _part(document: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(document)).rstrip(b"=").decode()


ACCOUNT = {"namespace": "models", "serviceaccount": {"name": "strongroom", "uid": "u1"}}
CLAIMS: dict[str, object] = {
    "sub": "system:serviceaccount:models:strongroom",
    "iat": 1,
    "nbf": 1,
    "exp": 4_000_000_000,
    "kubernetes.io": ACCOUNT,
}
POD = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(CLAIMS)}.{_part({})}"
RESPONSE, TOKEN = Use.KEPT_RESPONSE, Use.PRIVACY_TOKEN


def within(document: Document, name: str) -> Document:
    return msgspec.convert(document[name], Document)


def tenant() -> TenantId:
    return TenantId(new_uuid())


@pytest.fixture(params=["embedded", "namespaces", "names"])
async def keystore(
    request: pytest.FixtureRequest, tmp_path: Path, bao: Bao, login: AppRole, plain_login: AppRole
) -> AsyncGenerator[Keystore]:
    if request.param == "embedded":
        yield FileKeystore(tmp_path / "vault", Keyring.open(tmp_path / "keyring.json"), SystemClock())
        return
    apart = request.param == "namespaces"
    client = bao.client(login if apart else plain_login)
    yield OpenBaoKeystore(client, SystemClock(), mount="strongroom" if apart else "plain", namespaces=apart)
    await client.close()


async def test_a_system_prompt_opens_under_its_tenants_keys_alone_also_renewed_and_not_once_they_are_destroyed(
    keystore: Keystore,
) -> None:
    """What each process does: it asks anew, remembering nothing of the others."""

    def seals() -> PromptSeals:
        return PromptSeals(Vault(keystore, SystemClock()), PurposeKeys(1, {}))

    a, b = tenant(), tenant()
    prompts = [Prompt(tenant=str(each), name="desk", version="1", author="ada", text=f"of {each}") for each in (a, b)]
    before = [await seals().pinned(each, Environment.PROD, "d") for each in prompts]
    await keystore.renew(a)
    after = await seals().pinned(prompts[0], Environment.PROD, "d")
    for document in (before[0], after):
        assert await seals().open_pinned(document, a, Environment.PROD, "d") == prompts[0]
        with pytest.raises(BadPrompt):
            await seals().open_pinned(document, b, Environment.PROD, "d")
    await keystore.destroy(a)
    for document in (before[0], after):
        with pytest.raises(Destroyed):
            await seals().open_pinned(document, a, Environment.PROD, "d")
    assert await seals().open_pinned(before[1], b, Environment.PROD, "d") == prompts[1]


async def test_keys_are_made_once_and_differ_by_tenant_and_use(keystore: Keystore) -> None:
    a, b = tenant(), tenant()
    first, again = await asyncio.gather(keystore.open(a, RESPONSE), keystore.open(a, RESPONSE))
    assert first == again == await keystore.open(a, RESPONSE)
    others = [await keystore.open(a, TOKEN), await keystore.open(b, RESPONSE)]
    assert len({first.generations[1], *(each.generations[1] for each in others)}) == 3
    assert others[0].incarnation == first.incarnation != others[1].incarnation


async def test_after_rotation_what_was_sealed_before_still_opens_and_nothing_is_left_behind(keystore: Keystore) -> None:
    a, b = tenant(), tenant()
    before = {each: await keystore.open(each, RESPONSE) for each in (a, b)}
    await keystore.turn()
    waiting = {each.tenant for each in (await keystore.condition()).holdings if each.pending}
    assert {a, b} <= waiting  # what hangs from the older version is known, and opens
    assert await keystore.open(a, RESPONSE) == before[a]
    left = await keystore.rewrap(1)
    assert left == len(waiting) - 1
    while left:
        left = await keystore.rewrap(100)
    assert not any(each.pending for each in (await keystore.condition()).holdings)
    assert {each: await keystore.open(each, RESPONSE) for each in (a, b)} == before
    await keystore.renew(a)
    renewed = await keystore.open(a, RESPONSE)
    assert renewed.generations[1] == before[a].generations[1]
    assert len(renewed.generations) == 2
    assert renewed.current == 1  # the new one is sealed under once every process has had time to learn of it


async def test_what_a_destroyed_key_sealed_is_gone_for_good_and_the_neighbours_is_not(keystore: Keystore) -> None:
    a, b = tenant(), tenant()
    vault = Vault(keystore, SystemClock())
    scopes = [Scope(each, RESPONSE, Environment.PROD) for each in (a, b)]
    sealed = [(await vault.keys(scope)).seal(b"said", "row") for scope in scopes]
    for _ in range(2):  # once more changes nothing
        await keystore.destroy(a)
    fresh = Vault(keystore, SystemClock())
    with pytest.raises(KeysDestroyed):
        await fresh.open(scopes[0], sealed[0], "row")
    with pytest.raises(KeysDestroyed):
        await fresh.keys(Scope(a, TOKEN))  # nor is a new one made
    assert await fresh.open(scopes[1], sealed[1], "row") == b"said"
    assert a in {each.tenant for each in (await keystore.condition()).holdings if each.destroyed}


async def test_a_subjects_key_is_destroyed_alone_and_never_comes_back(keystore: Keystore) -> None:
    acme, jane, john = tenant(), f"sub_{'a' * 32}", f"sub_{'b' * 32}"
    vault = Vault(keystore, SystemClock())
    hers, his = (Scope(acme, RESPONSE, Environment.PROD, each) for each in (jane, john))
    sealed = {scope: (await vault.keys(scope)).seal(b"canary", "x") for scope in (hers, his)}
    await vault.keys(Scope(acme, TOKEN, None, jane))
    await keystore.renew(acme)  # what a subject's key hangs from outlives the tenant's rotation
    assert await Vault(keystore, SystemClock()).open(hers, sealed[hers], "x") == b"canary"
    with pytest.raises(SealBroken):
        await vault.open(his, sealed[hers], "x")
    assert await keystore.erased(acme) == {}
    assert await keystore.destroy_subject(acme, jane) == sorted([RESPONSE, TOKEN])
    fresh = Vault(keystore, SystemClock())
    with pytest.raises(KeysDestroyed):
        await fresh.open(hers, sealed[hers], "x")
    assert await fresh.open(his, sealed[his], "x") == b"canary", "the neighbour's is another key"
    assert list(await keystore.erased(acme)) == [jane]
    again = (await fresh.keys(hers)).seal(b"after", "x")  # a person may come back; what was erased does not
    assert await fresh.open(hers, again, "x") == b"after"
    with pytest.raises(SealBroken):
        await Vault(keystore, SystemClock()).open(hers, sealed[hers], "x")
    assert await keystore.destroy_subject(acme, f"sub_{'c' * 32}") == [], "of whom nothing was sealed"
    await keystore.destroy(acme)
    with pytest.raises(KeysDestroyed):
        await Vault(keystore, SystemClock()).open(his, sealed[his], "x")


async def test_a_tenants_text_does_not_open_as_anothers(keystore: Keystore) -> None:
    a, b = tenant(), tenant()
    vault = Vault(keystore, SystemClock())
    sealed = (await vault.keys(Scope(b, RESPONSE))).seal(b"B's canary", "row")
    with pytest.raises(SealBroken):
        await vault.open(Scope(a, RESPONSE), sealed, "row")
    assert await vault.open(Scope(b, RESPONSE), sealed, "row") == b"B's canary"


async def test_a_filed_secret_has_versions_which_go_alone_with_it_and_with_the_tenant(keystore: Keystore) -> None:
    a, b, use = tenant(), tenant(), Use.PROVIDER_SECRET
    for each in (a, b):
        await keystore.open(each, use)
    first, second = await keystore.put_secret(a, use, "one", b"old"), await keystore.put_secret(a, use, "one", b"new")
    assert (first, second) == (1, 2)
    assert [await keystore.secret(a, use, "one", version) for version in (1, 2)] == [b"old", b"new"]
    with pytest.raises(KeysDestroyed):
        await keystore.secret(b, use, "one", 1)  # the neighbour has none of that name
    await keystore.drop_secret(a, use, "one", 2)
    with pytest.raises(KeysDestroyed):
        await keystore.secret(a, use, "one", 1)
    assert await keystore.secret(a, use, "one", 2) == b"new"
    assert await keystore.put_secret(a, use, "one", b"newer") == 3
    await keystore.put_secret(a, use, "two", b"other")
    await keystore.drop_secret(a, use, "two", None)
    await keystore.put_secret(b, use, "one", b"neighbour's")
    await keystore.destroy(a)
    for name, version in (("one", 2), ("one", 3), ("two", 1)):
        with pytest.raises(KeysDestroyed):
            await keystore.secret(a, use, name, version)
    with pytest.raises(KeysDestroyed):
        await keystore.put_secret(a, use, "one", b"again")
    assert await keystore.secret(b, use, "one", 1) == b"neighbour's"


# ---- OpenBao alone


async def test_of_a_dropped_secret_the_server_keeps_neither_versions_nor_metadata(bao: Bao, login: AppRole) -> None:
    client, a = bao.client(login), tenant()
    keystore = OpenBaoKeystore(client, SystemClock())
    scope = Scope(a, Use.PROVIDER_SECRET)
    sealed = (await Vault(keystore, SystemClock()).keys(scope)).seal(b"sk-canary", "place")
    await keystore.put_secret(a, scope.use, "one", sealed)
    await keystore.put_secret(a, scope.use, "one", sealed)
    path = f"t-{a}/filed/{scope.use}/one"
    kept = await bao.ask("GET", f"strongroom-kv/data/{path}", inside=f"t-{a}")
    assert base64.b64decode(str(within(within(kept, "data"), "data")["sealed"])) == sealed
    assert b"sk-canary" not in sealed  # who reads the server's documents alone reads no secret
    await keystore.drop_secret(a, scope.use, "one", 2)
    metadata = await bao.ask("GET", f"strongroom-kv/metadata/{path}", inside=f"t-{a}")
    assert within(within(within(metadata, "data"), "versions"), "1")["destroyed"] is True
    await keystore.drop_secret(a, scope.use, "one", None)
    with pytest.raises(LookupError):
        await bao.ask("GET", f"strongroom-kv/metadata/{path}", inside=f"t-{a}")
    await client.close()


async def test_more_keys_than_a_batch_takes_are_wrapped_in_several(bao: Bao, login: AppRole) -> None:
    client, a = bao.client(login), tenant()
    keystore = OpenBaoKeystore(client, SystemClock())
    await keystore.open(a, RESPONSE)
    keys = [(bytes([n % 256]) * 32, b"bound") for n in range(251)]
    assert len(set(await keystore._wrapped(a, keys))) == 251
    await client.close()


async def test_a_wrapped_key_moved_to_another_use_does_not_open(bao: Bao, plain_login: AppRole) -> None:
    client, a = bao.client(plain_login), tenant()
    keystore = OpenBaoKeystore(client, SystemClock(), mount="plain", namespaces=False)
    await keystore.open(a, RESPONSE)
    kept = await bao.ask("GET", f"plain-kv/data/t-{a}/deks/{RESPONSE}")
    moved = within(within(kept, "data"), "data")
    await bao.ask("POST", f"plain-kv/data/t-{a}/deks/{TOKEN}", {"data": moved})
    with pytest.raises(VaultUnavailable, match="changed or replaced"):
        await keystore.open(a, TOKEN)
    await client.close()


async def test_tenants_have_namespaces_of_their_own_and_keys_that_cannot_be_exported(bao: Bao, login: AppRole) -> None:
    client, a = bao.client(login), tenant()
    await OpenBaoKeystore(client, SystemClock()).open(a, RESPONSE)
    found = await bao.ask("GET", f"strongroom-transit/keys/t-{a}", inside=f"t-{a}")
    assert within(found, "data")["exportable"] is False
    with pytest.raises(LookupError):
        await bao.ask("GET", f"strongroom-transit/export/encryption-key/t-{a}", inside=f"t-{a}")
    with pytest.raises(LookupError):
        await bao.ask("GET", f"strongroom-transit/keys/t-{a}")
    await client.close()


async def test_a_lease_is_renewed_and_a_revoked_token_is_replaced(bao: Bao) -> None:
    login = await bao.role("short", "strongroom", token_ttl="3s", token_max_ttl="1h")
    client = bao.client(login)
    keystore, a = OpenBaoKeystore(client, SystemClock()), tenant()
    await keystore.open(a, RESPONSE)
    first = client._lease
    assert first is not None
    first.renew_at = 0.0  # two thirds of it are over
    await keystore.open(a, RESPONSE)
    assert client._lease is not None
    assert (client._lease.token, client._lease.renew_at > 0) == (first.token, True)
    await bao.ask("POST", "auth/token/revoke", {"token": first.token})
    await keystore.open(a, RESPONSE)
    assert client._lease.token != first.token
    await client.close()


async def test_a_role_without_the_policy_learns_nothing_and_the_operator_which_policy(bao: Bao, login: AppRole) -> None:
    client, a = bao.client(login), tenant()
    await OpenBaoKeystore(client, SystemClock()).open(a, RESPONSE)
    await client.close()
    nobody = bao.client(await bao.role("nobody", "default"))
    with pytest.raises(VaultUnavailable, match="keep-keys-in-openbao"):
        await OpenBaoKeystore(nobody, SystemClock()).open(a, RESPONSE)
    await nobody.close()
    login.secret_id_file.with_name("wrong").write_text("0" * 36)
    wrong = bao.client(AppRole(login.role_id, login.secret_id_file.with_name("wrong")))
    with pytest.raises(VaultUnavailable, match="does not accept this login"):
        await OpenBaoKeystore(wrong, SystemClock()).open(a, RESPONSE)
    await wrong.close()


async def test_a_kubernetes_service_account_logs_in(bao: Bao, tmp_path: Path) -> None:
    async def review(request: Request, reply: Reply) -> None:
        """Answer as a cluster's TokenReview does."""
        real = b'"' + POD.encode() + b'"' in request.body
        user = b'{"username":"system:serviceaccount:models:strongroom","uid":"u1","groups":[]}'
        status = (
            b'"status":{"authenticated":true,"user":' + user + b"}" if real else b'"status":{"authenticated":false}'
        )
        body = b'{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview",' + status + b"}"
        await reply.send(201, [(b"content-type", b"application/json")], body)

    cluster = await serve_tcp(review)
    await bao.ask("POST", "sys/auth/kubernetes", {"type": "kubernetes"})
    ca = Passport.issue().certificate.decode()  # it is asked for, though the cluster is on loopback
    host = f"http://127.0.0.1:{cluster.port}"
    await bao.ask(
        "POST",
        "auth/kubernetes/config",
        {"kubernetes_host": host, "token_reviewer_jwt": "reviewer", "kubernetes_ca_cert": ca},
    )
    bound = {"bound_service_account_names": "strongroom", "bound_service_account_namespaces": "models"}
    await bao.ask(
        "POST", "auth/kubernetes/role/strongroom", {**bound, "token_policies": ["strongroom"], "audience": ""}
    )
    file = tmp_path / "token"
    file.write_text(POD)
    client = Client(bao.address, Kubernetes("strongroom", file), SystemClock())
    assert (await OpenBaoKeystore(client, SystemClock()).open(tenant(), RESPONSE)).current == 1
    await client.close()
    await cluster.close()
