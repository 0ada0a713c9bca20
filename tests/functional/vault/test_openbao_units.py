"""Business units on a real OpenBao: each in a namespace of its own, by a login that reaches no other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable
from pathlib import Path
from typing import Any

import pytest

from strongroom.app.seed import INSTALLER
from strongroom.identity import Directory, Identity
from strongroom.identity.tenantkeys import TenantKeys
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import Name, TenantId, new_uuid
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask, Engine, Gate
from strongroom.registry.prompts import Prompt, PromptSeals
from strongroom.registry.prompts.model import Destroyed
from strongroom.store import Database
from strongroom.vault import (
    Broker,
    FileKeystore,
    Keyring,
    KeysDestroyed,
    NoUnits,
    Purpose,
    PurposeKeys,
    Scope,
    Use,
    Vault,
    VaultUnavailable,
)
from strongroom.vault.openbao import AppRole, Client, OpenBaoKeystore, Units
from strongroom.vault.openbao.testing import Bao
from strongroom.vault.questions import Question

POLICY = Path("docs/how-to/openbao-unit-policy.hcl").read_text(encoding="utf-8")
SECRET = Use.PROVIDER_SECRET
NO_KEYS = PurposeKeys(1, {})
DEV = Environment.DEV


def tenant() -> TenantId:
    return TenantId(new_uuid())


@pytest.fixture(scope="module")
async def logins(bao: Bao, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("units")
    for name in ("retail", "health", "short-lived"):
        await bao.unit(name, POLICY, directory)
    return directory


@pytest.fixture
async def keystore(bao: Bao, login: AppRole, logins: Path) -> AsyncGenerator[OpenBaoKeystore]:
    client = bao.client(login)
    units = Units(logins, lambda namespace, its: bao.client(its, namespace))
    yield OpenBaoKeystore(client, SystemClock(), units=units)
    await units.close()
    await client.close()


def of_unit(bao: Bao, logins: Path, name: str, namespace: str) -> Client:
    role = (logins / name / "role-id").read_text()
    return bao.client(AppRole(role, logins / name / "secret-id"), namespace)


async def test_a_units_tenants_keys_and_secrets_stand_in_its_namespace_and_no_other_login_reads_them(
    bao: Bao, login: AppRole, logins: Path, keystore: OpenBaoKeystore
) -> None:
    shop, clinic, alone = tenant(), tenant(), tenant()
    await keystore.settle(shop, "retail")
    await keystore.settle(clinic, "health")
    vault = Vault(keystore, SystemClock())
    for each in (shop, clinic, alone):
        sealed = (await vault.keys(Scope(each, SECRET))).seal(b"canary", "x")
        assert await keystore.put_secret(each, SECRET, "one", sealed) == 1
        assert await Vault(keystore, SystemClock()).open(Scope(each, SECRET), sealed, "x") == b"canary"
    placed = {each.tenant: each.unit for each in (await keystore.condition()).holdings}
    assert (placed[shop], placed[clinic], placed[alone]) == ("retail", "health", "")

    key, document = f"strongroom-transit/keys/t-{shop}", f"strongroom-kv/data/t-{shop}/filed/{SECRET}/one"
    own = of_unit(bao, logins, "retail", "units/retail")
    assert await own.ask("GET", key) is not None  # the positive control: these are the paths
    assert await own.ask("GET", document) is not None
    installation, neighbour = bao.client(login), of_unit(bao, logins, "health", "units/health")
    for client, inside in ((installation, "units/retail"), (neighbour, ""), (neighbour, "../retail")):
        for path in (key, document):
            try:
                found = await client.ask("GET", path, inside=inside)
            except VaultUnavailable:
                found = None
            assert found is None
    with pytest.raises(VaultUnavailable, match="refuses"):
        await installation.ask("GET", key, inside="units/retail")
    elsewhere = of_unit(bao, logins, "health", "units/retail")  # a login of one namespace is none of another
    with pytest.raises(VaultUnavailable, match="does not accept this login"):
        await elsewhere.ask("GET", key)
    for client in (own, installation, neighbour, elsewhere):
        await client.close()


async def test_a_tenant_is_settled_once_and_with_a_login_that_works(
    keystore: OpenBaoKeystore, logins: Path, tmp_path: Path
) -> None:
    settled, keyed = tenant(), tenant()
    await keystore.settle(settled, "retail")
    await keystore.open(keyed, SECRET)
    for each in (settled, keyed):
        with pytest.raises(VaultUnavailable, match="do not move"):
            await keystore.settle(each, "health")
    with pytest.raises(VaultUnavailable, match="put role-id and secret-id into"):
        await keystore.settle(tenant(), "nobody-knows")
    (logins / "broken").mkdir()
    (logins / "broken" / "role-id").write_text("0" * 36)
    (logins / "broken" / "secret-id").write_text("0" * 36)
    with pytest.raises(VaultUnavailable):
        await keystore.settle(tenant(), "broken")
    embedded = FileKeystore(tmp_path / "vault", Keyring.open(tmp_path / "keyring.json"), SystemClock())
    with pytest.raises(NoUnits, match="namespaces of OpenBao"):
        await embedded.settle(tenant(), "retail")


async def test_a_dissolved_unit_opens_nothing_takes_nobody_and_leaves_its_neighbour(
    bao: Bao, keystore: OpenBaoKeystore
) -> None:
    ended, neighbour = tenant(), tenant()
    await keystore.settle(ended, "short-lived")
    await keystore.settle(neighbour, "retail")
    scopes = [Scope(each, SECRET) for each in (ended, neighbour)]
    vault = Vault(keystore, SystemClock())
    sealed = [(await vault.keys(scope)).seal(b"canary", "x") for scope in scopes]
    prompts = [
        Prompt(tenant=str(each), name="p", version="1", author="a", text="canary") for each in (ended, neighbour)
    ]
    pinned = [await PromptSeals(vault, NO_KEYS).pinned(each, DEV, "d") for each in prompts]
    assert await keystore.dissolve("short-lived") == 1
    fresh = Vault(keystore, SystemClock())
    with pytest.raises(Destroyed):
        await PromptSeals(fresh, NO_KEYS).open_pinned(pinned[0], ended, DEV, "d")
    assert (await PromptSeals(fresh, NO_KEYS).open_pinned(pinned[1], neighbour, DEV, "d")).text == "canary"
    with pytest.raises(KeysDestroyed):
        await fresh.open(scopes[0], sealed[0], "x")
    with pytest.raises(KeysDestroyed):
        await fresh.keys(scopes[0])  # nor are new ones made
    with pytest.raises(KeysDestroyed, match="dissolved"):
        await keystore.settle(tenant(), "short-lived")
    assert await fresh.open(scopes[1], sealed[1], "x") == b"canary"
    with pytest.raises(LookupError):  # both engines are gone
        await bao.ask("GET", "strongroom-kv/config", inside="units/short-lived")
    assert ended in {each.tenant for each in (await keystore.condition()).holdings if each.destroyed}


async def test_a_unit_that_takes_its_login_away_keeps_no_other_from_anything(
    bao: Bao, login: AppRole, logins: Path, keystore: OpenBaoKeystore
) -> None:
    await bao.unit("sulking", POLICY, logins)
    await bao.unit("short", POLICY, logins)
    sulking, others = tenant(), [tenant(), tenant()]
    await keystore.settle(sulking, "sulking")
    await keystore.settle(others[0], "short")
    for each in (sulking, *others):
        await keystore.open(each, SECRET)
    (logins / "sulking").rename(logins / "away")
    client = bao.client(login)
    units = Units(logins, lambda namespace, its: bao.client(its, namespace))
    begun_anew = OpenBaoKeystore(client, SystemClock(), units=units)
    try:
        before = {each.tenant: each.version for each in (await begun_anew.condition()).holdings}
        with pytest.raises(VaultUnavailable, match="left out, all others done"):
            await begun_anew.turn()
        with pytest.raises(VaultUnavailable, match="left out, all others done"):
            await begun_anew.rewrap(100)
        found = await begun_anew.condition()
        after = {each.tenant: (each.version, each.pending) for each in found.holdings}
        assert {each: after[each] for each in others} == {each: (before[each] + 1, False) for each in others}
        assert sulking not in after
        assert "the business unit sulking has no login" in found.detail
        assert await begun_anew.dissolve("short") == 1
    finally:
        (logins / "away").rename(logins / "sulking")
        await units.close()
        await client.close()


async def test_what_a_units_own_people_write_is_no_fault_of_ours(
    bao: Bao, logins: Path, keystore: OpenBaoKeystore
) -> None:
    shop, broker = tenant(), Broker(keystore)
    await keystore.settle(shop, "retail")
    assert await keystore.put_secret(shop, SECRET, "one", b"sealed") == 1
    own = of_unit(bao, logins, "retail", "units/retail")
    await own.ask("POST", f"strongroom-kv/data/t-{shop}/filed/{SECRET}/one", {"data": {"sealed": "abcde"}})
    await own.close()
    token = broker.admit("gateway-1", {SECRET})
    for version, no in ((1, ""), (2, "unavailable")):
        answer = await broker.answer(Question(token, "secret", shop, SECRET, name="one", version=version))
        assert answer is not None
        assert answer.no == no


async def test_an_operator_makes_tenants_of_a_unit_and_dissolves_it_when_none_lives(
    keystore: OpenBaoKeystore, db: Database, tmp_path: Path, bao: Bao, logins: Path
) -> None:
    await bao.unit("seasonal", POLICY, logins)
    clock, keys = SystemClock(), Keyring.open(tmp_path / "keyring.json").derive(Purpose.KEY_PEPPER)
    gate = Gate(db, Engine.load(), clock)
    tenant_keys = TenantKeys(gate, keystore)
    identity = Identity(gate, Directory(keys, clock, allow_demo=True), keys, clock, settle=tenant_keys.settle)

    async def refused(act: Awaitable[object]) -> tuple[RefusalKind, str]:
        with pytest.raises(Refused) as no:
            await act
        return no.value.refusal.kind, no.value.refusal.tell

    made = await identity.create_tenant(INSTALLER, Name("shop"), Ask(), unit="seasonal")
    assert made.business_unit == "seasonal"
    await keystore.open(TenantId(made.id), SECRET)
    nobodys = await refused(identity.create_tenant(INSTALLER, Name("other"), Ask(), unit="nobody-knows"))
    assert nobodys[0] is RefusalKind.UNAVAILABLE
    assert "role-id" in nobodys[1]
    shown = {each.name: each.business_unit for each in await identity.list_tenants(INSTALLER, Ask())}
    assert shown == {"shop": "seasonal"}, "what could not be settled was not made"
    assert await refused(tenant_keys.dissolve(INSTALLER, "seasonal", Ask())) == (
        RefusalKind.CONFLICT,
        "Tenants of seasonal live: shop. Shred them first.",
    )
    assert (await keystore.open(TenantId(made.id), SECRET)).current == 1
    await identity.delete_tenant(INSTALLER, TenantId(made.id), Ask())
    assert (await tenant_keys.dissolve(INSTALLER, "seasonal", Ask())).tenants == 1
    with pytest.raises(KeysDestroyed):
        await keystore.open(TenantId(made.id), SECRET)
    late = await refused(identity.create_tenant(INSTALLER, Name("late"), Ask(), unit="seasonal"))
    assert late[0] is RefusalKind.CONFLICT


class Killed(BaseException):
    """What stands for SIGKILL: each question to the server is where a process may end."""


def killing_at(point: int) -> Any:
    """Return `Client.ask` as it is, but that the process ends after the n-th change."""
    ask, met = Client.ask, 0

    async def counted(self: Client, method: str, *given: Any, **named: Any) -> Any:
        nonlocal met
        found = await ask(self, method, *given, **named)
        met += method in {"POST", "DELETE"}
        if met == point:
            raise Killed
        return found

    return counted


async def test_a_dissolution_that_is_killed_anywhere_is_repeated_to_its_end(
    bao: Bao, login: AppRole, logins: Path, keystore: OpenBaoKeystore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after each of its changes in turn, it lets nobody in any more, and once more destroys what is left."""
    neighbour = tenant()
    await keystore.settle(neighbour, "retail")
    scope, done = Scope(neighbour, SECRET), False
    kept = (await Vault(keystore, SystemClock()).keys(scope)).seal(b"canary", "x")
    point = 0
    while not done:
        point += 1
        unit, its = f"killed-{point}", [tenant(), tenant()]
        await bao.unit(unit, POLICY, logins)
        for each in its:
            await keystore.settle(each, unit)
            sealed = (await Vault(keystore, SystemClock()).keys(Scope(each, SECRET))).seal(b"canary", "x")
            await keystore.put_secret(each, SECRET, "one", sealed)
        with monkeypatch.context() as patched:
            patched.setattr(Client, "ask", killing_at(point))
            try:
                await keystore.dissolve(unit)
                done = True
            except Killed:
                pass
        client = bao.client(login)
        units = Units(logins, lambda namespace, of: bao.client(of, namespace))
        again = OpenBaoKeystore(client, SystemClock(), units=units)
        with pytest.raises(KeysDestroyed, match="dissolved"):
            await again.settle(tenant(), unit)
        await again.dissolve(unit)
        for each in its:
            with pytest.raises(KeysDestroyed):
                await again.open(each, SECRET)
        for mount in ("strongroom-kv/config", "strongroom-transit/keys?list=true"):
            with pytest.raises(LookupError):
                await bao.ask("GET", mount, inside=f"units/{unit}")
        assert set(its) <= {each.tenant for each in (await again.condition()).holdings if each.destroyed}
        assert await Vault(again, SystemClock()).open(scope, kept, "x") == b"canary"
        await units.close()
        await client.close()
    assert point > 8, "every change was met"
