"""Identity and registry over a real database and its feed: what is made works, what is ended does not, nothing is revived."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from strongroom.app.models import LocalRelease
from strongroom.app.seed import INSTALLER, Seed
from strongroom.identity.model import KeyException
from strongroom.identity.secretkey import read
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, Name
from strongroom.kernel.principal import Environment, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask
from strongroom.registry import Operation
from strongroom.registry.admission.testing import PATH, admitted, content, digest_of, release_of
from strongroom.registry.model import Format
from strongroom.runtime.digests import Artefact, Digest, manifest_digest
from strongroom.runtime.digests import Format as FileFormat

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

DEV, PROD = Environment.DEV, Environment.PROD
ASK = Ask()
HERE = "127.0.0.1"


async def test_a_key_works_until_it_is_revoked_and_stays_dead(house: House) -> None:
    acme = await house.tenant("acme")
    await house.workload(acme)
    made = await house.key(acme)
    holder = house.who(made.secret)
    assert holder is not None
    assert (holder.tenant, holder.environment, holder.role) == (acme, DEV, Role.INFERENCE)
    assert made.secret not in repr(made)
    identity = house.services.identity
    assert made.secret not in str(await identity.list_keys(INSTALLER, acme, ASK))
    for _ in range(2):
        ended = await identity.revoke_key(INSTALLER, acme, KeyId(made.key.id), "test", ASK)
        assert ended.status == "revoked"
    await house.known()
    assert house.who(made.secret) is None


async def test_another_tenants_key_cannot_be_seen_or_revoked_by_its_id(house: House) -> None:
    acme, globex = await house.tenant("acme"), await house.tenant("globex")
    await house.workload(globex)
    theirs = await house.key(globex)
    identity = house.services.identity
    for attempt in (
        identity.revoke_key(INSTALLER, acme, KeyId(theirs.key.id), "mine", ASK),
        identity.show_key(INSTALLER, acme, KeyId(theirs.key.id), ASK),
    ):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.refusal.kind is RefusalKind.HIDDEN
    await house.known()
    assert house.who(theirs.secret) is not None


async def test_a_tenant_that_is_made_again_under_the_same_name_is_another(house: House) -> None:
    acme = await house.tenant("acme")
    await house.workload(acme)
    old = await house.key(acme)
    await house.services.end_tenant(INSTALLER, acme, ASK)
    again = await house.tenant("acme")
    await house.workload(again)
    new = await house.key(again)
    assert again != acme
    assert house.who(old.secret) is None
    holder = house.who(new.secret)
    assert holder is not None
    assert holder.tenant == again
    assert house.services.directory.find_tenant("acme") == again


async def test_every_credential_says_who_answers_for_it_and_what_it_is_for(house: House) -> None:
    acme, identity = await house.tenant("acme"), house.services.identity
    made = await identity.create_workload(
        INSTALLER, acme, environment=DEV, name=Name("w"), role=Role.INGESTION, owner="o", pager="rota-7", ask=ASK
    )
    assert (made.owner, made.team, made.pager, made.purpose) == ("o", "o", "rota-7", "brings data in")
    assert [made] == await identity.list_workloads(INSTALLER, acme, ASK)
    plain, narrower = (await house.key(acme)).key, (await house.key(acme, purpose="the nightly load")).key
    assert (plain.team, plain.pager, plain.purpose) == ("o", "rota-7", "brings data in")
    assert narrower.purpose == "the nightly load"
    shown = await identity.list_keys(INSTALLER, acme, ASK)
    assert {key.id: key.purpose for key in shown} == {plain.id: plain.purpose, narrower.id: narrower.purpose}


async def test_a_notebook_gets_no_credential_in_prod_and_the_log_says_who_tried(house: House) -> None:
    acme, identity = await house.tenant("acme"), house.services.identity

    async def workload(environment: Environment) -> None:
        await identity.create_workload(
            INSTALLER, acme, environment=environment, name=Name("w"), role=Role.NOTEBOOK, owner="o", ask=ASK
        )

    await workload(DEV)
    held = await house.key(acme)
    who = house.who(held.secret)
    assert who is not None
    assert held.secret.startswith("srk_nbk_dev_")
    with pytest.raises(Refused) as refused:
        await workload(PROD)
    assert refused.value.refusal.kind is RefusalKind.FORBIDDEN
    assert "notebook" in refused.value.refusal.tell
    newest = (await house.services.audit.of_tenant(INSTALLER, acme, ASK))[1]
    assert (newest.action, newest.outcome) == ("workload.create", "refused")
    assert "no-notebook-credential-in-prod" in newest.reason
    from strongroom.store import migrate  # noqa: PLC0415 - an administrator's hand, here only

    async with migrate.administrator(house.database.admin) as connection:
        with pytest.raises(Exception, match="workload_notebook_check"):
            await connection.execute("update identity.workload set environment = 'prod'")


async def test_a_workload_takes_its_keys_with_it(house: House) -> None:
    acme = await house.tenant("acme")
    for environment in (DEV, PROD):
        await house.workload(acme, environment)
    dev, prod = await house.key(acme), await house.key(acme, PROD)
    ended = await house.services.identity.delete_workload(INSTALLER, acme, DEV, Name("w"), ASK)
    await house.known()
    assert ended == [dev.key.id]
    assert (house.who(dev.secret), house.who(prod.secret) is not None) == (None, True)
    with pytest.raises(Refused) as refused:
        await house.key(acme)
    assert refused.value.refusal.kind is RefusalKind.HIDDEN


async def test_a_key_lives_no_longer_than_its_environment_its_tenant_and_its_exception_allow(house: House) -> None:
    acme = await house.tenant("acme")
    await house.workload(acme)
    now = SystemClock().now()
    longest = (await house.key(acme)).key
    assert longest.expires_at - longest.created_at == timedelta(days=7)
    for days in (0, -1, 7.01, 1e300):
        with pytest.raises(Refused) as refused:
            await house.key(acme, days=days)
        assert refused.value.refusal.param == "days"
    from strongroom.store import migrate  # noqa: PLC0415 - an administrator's hand, here only

    async with migrate.administrator(house.database.admin) as connection:
        await connection.execute("update identity.environment set max_key_days = 2 where name = 'dev'")
    shorter = (await house.key(acme)).key
    assert shorter.expires_at - shorter.created_at == timedelta(days=2)
    ended = KeyException(reason="over", networks=(), expires_at=now - timedelta(seconds=1))
    made = await house.key(acme, exception=ended)
    assert house.who(made.secret) is None
    shown = await house.services.identity.show_key(INSTALLER, acme, KeyId(made.key.id), ASK)
    assert shown.status == "expired"


async def test_a_key_bound_to_a_network_works_from_there_only(house: House) -> None:
    acme = await house.tenant("acme")
    await house.workload(acme)
    bound = KeyException(reason="here", networks=("127.0.0.0/8",), expires_at=SystemClock().now() + timedelta(days=1))
    made = await house.key(acme, exception=bound)
    found = {peer: house.who(made.secret, peer) is not None for peer in (HERE, "::ffff:127.0.0.1", "10.0.0.1", "", "x")}
    assert found == {HERE: True, "::ffff:127.0.0.1": True, "10.0.0.1": False, "": False, "x": False}


async def test_a_name_is_taken_once_and_a_deployment_needs_an_admitted_release(house: House) -> None:
    acme, globex = await house.tenant("acme"), await house.tenant("globex")
    registry, one = house.services.registry, release_of("m")
    two = replace(one, digest=digest_of("another"))
    with pytest.raises(Refused) as unknown:
        await registry.deploy(INSTALLER, acme, DEV, Name("m"), one.digest, ASK)
    assert unknown.value.refusal.param == "release"
    services = house.services
    for _ in range(2):
        await admitted(registry, services.admission, services.channels, services.accounts, INSTALLER, [one])
    for tenant in (acme, globex):
        await registry.deploy(INSTALLER, tenant, DEV, Name("m"), one.digest, ASK)
    for attempt in (
        registry.admit(INSTALLER, two, ASK),
        registry.deploy(INSTALLER, acme, DEV, Name("m"), one.digest, ASK),
        house.services.identity.create_tenant(INSTALLER, Name("acme"), ASK),
    ):
        with pytest.raises(Refused) as conflict:
            await attempt
        assert conflict.value.refusal.kind is RefusalKind.CONFLICT
    await registry.withdraw(INSTALLER, acme, DEV, Name("m"), ASK)
    assert await registry.list_deployments(INSTALLER, acme, ASK) == []
    assert len(await registry.list_deployments(INSTALLER, globex, ASK)) == 1
    await registry.deploy(INSTALLER, acme, DEV, Name("m"), one.digest, ASK)


async def test_a_skops_model_is_deployed_in_dev_only(house: House) -> None:
    acme = await house.tenant("acme")
    registry = house.services.registry
    model = release_of("tried-out", Operation.INFER, Format.SKOPS)
    await admitted(
        registry, house.services.admission, house.services.channels, house.services.accounts, INSTALLER, [model]
    )
    for environment in (Environment.TEST, Environment.PROD):
        with pytest.raises(Refused) as refused:
            await registry.deploy(INSTALLER, acme, environment, Name("tried-out"), model.digest, ASK)
        assert refused.value.refusal.kind is RefusalKind.INVALID
        assert f"in dev only, not in {environment}: export it as ONNX" in str(refused.value.refusal.tell)
    await registry.deploy(INSTALLER, acme, DEV, Name("tried-out"), model.digest, ASK)


def _local(place: Path, name: str, kind: Operation = Operation.CHAT) -> LocalRelease:
    path = place / name
    path.write_bytes(content(name))
    digest = Digest(hashlib.sha256(content(name)).hexdigest())
    files = (Artefact(name=PATH, digest=digest, path=path, format=FileFormat.GGUF, size=path.stat().st_size),)
    return LocalRelease(replace(release_of(name, kind), digest=f"sha256:{manifest_digest(files)}"), files)


async def test_seeding_the_demo_again_makes_nothing_twice(house: House, tmp_path: Path) -> None:
    services, path = house.services, tmp_path / "demo.json"
    seed = Seed(
        services.identity,
        services.accounts,
        services.registry,
        services.admission,
        services.channels,
        services.directory,
        services.clock,
        services.gate,
        services.rules,
        services.providers,
    )
    local = [_local(tmp_path, "smollm2-135m"), _local(tmp_path, "minilm", Operation.EMBEDDING)]
    releases = [each.record for each in local]
    assert await seed.channels.renew(INSTALLER, ASK) == {}
    await seed.admit(local)
    await seed.demo(path, releases, "http://g", "http://c")
    await house.known()
    first = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    await seed.admit(local)
    await seed.demo(path, releases, "http://g", "http://c")
    assert path.read_bytes() == first
    tenants = await services.identity.list_tenants(INSTALLER, ASK)
    assert sorted(tenant.name for tenant in tenants) == ["acme", "globex"]

    import msgspec  # noqa: PLC0415 - to take the file apart

    document = msgspec.json.decode(first)
    lost = document["tenants"]["acme"]["dev"]["inference_key"]
    acme = services.directory.find_tenant("acme")
    key_id = read(lost)
    assert acme is not None
    assert key_id is not None
    await services.identity.revoke_key(INSTALLER, acme, key_id, "found in a repository", ASK)
    await house.known()
    await seed.demo(path, releases, "http://g", "http://c")
    await house.known()
    after = msgspec.json.decode(path.read_bytes())
    fresh = after["tenants"]["acme"]["dev"]["inference_key"]
    assert fresh != lost
    assert (house.who(fresh) is not None, house.who(lost)) == (True, None)
    after["tenants"]["acme"]["dev"]["inference_key"] = lost
    assert after == document
    path.write_bytes(b"damaged")
    await seed.demo(path, releases, "http://g", "http://c")
    await house.known()
    mended = msgspec.json.decode(path.read_bytes())
    assert house.who(mended["operator"]["token"]) is not None
    assert house.who(document["operator"]["token"]) is None
    assert len(await services.accounts.list(INSTALLER, ASK)) == 3
