"""Only what is promoted is deployed; going back, freezing and revoking hold, and nobody turns a channel back."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import pytest

from strongroom.app.seed import INSTALLER
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, Name, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask
from strongroom.registry import REVOKED, RouteDocument
from strongroom.registry.admission import RegistryKeys
from strongroom.registry.admission.testing import admitted, approve_everywhere, prover, release_of
from strongroom.registry.channels.model import Channel, RevokedKind
from strongroom.registry.channels.signing import Publisher
from strongroom.registry.documents import SIGNER

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

DEV, PROD = Environment.DEV, Environment.PROD
ASK = Ask()
ONE = release_of("m")
TWO = msgspec.structs.replace(release_of("m2"), name="m", version="2")
APPROVER = Principal(role=Role.APPROVER, name="first-approver", credential=KeyId(""))


async def opened(house: House) -> TenantId:
    """Have version 1 promoted everywhere and version 2 approved; return a tenant."""
    services = house.services
    await admitted(services.registry, services.admission, services.channels, services.accounts, INSTALLER, [ONE])
    await services.registry.admit(INSTALLER, TWO, ASK, prover(services.admission, "m2"))
    await approve_everywhere(services.admission, services.accounts, INSTALLER, [TWO])
    return await house.tenant("acme")


async def promote(house: House, version: str = "2", environment: Environment = DEV) -> None:
    await house.services.channels.promote(INSTALLER, "m", version, environment, "a test", ASK)


async def deploy(house: House, tenant: TenantId, digest: str = ONE.digest, name: str = "m") -> None:
    await house.services.registry.deploy(INSTALLER, tenant, DEV, Name(name), digest, ASK)


async def refused(house: House, tenant: TenantId, because: str, digest: str = ONE.digest) -> None:
    before = await house.services.registry.list_deployments(INSTALLER, tenant, ASK)
    with pytest.raises(Refused) as error:
        await deploy(house, tenant, digest, "another")
    assert error.value.refusal.kind is RefusalKind.FORBIDDEN
    assert because in str(error.value.refusal.tell)
    assert await house.services.registry.list_deployments(INSTALLER, tenant, ASK) == before


async def no(kind: RefusalKind, asking: Any) -> str:
    with pytest.raises(Refused) as error:
        await asking
    assert error.value.refusal.kind is kind
    return error.value.refusal.tell


async def alter(house: House, sql: str, *values: object) -> list[Any]:
    """Do as the database's owner could."""
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        return list(await connection.fetch(sql, *values))
    finally:
        await connection.close()


async def entries(house: House, action: str) -> list[Any]:
    log = await house.services.audit.of_platform(INSTALLER, ASK)
    return [entry for entry in log if entry.action == action]


async def test_what_is_not_promoted_is_not_deployed_and_what_was_promoted_before_goes_on_serving(house: House) -> None:
    acme = await opened(house)
    await deploy(house, acme)
    await refused(house, acme, "It is not promoted to dev.", TWO.digest)
    await promote(house)
    await deploy(house, acme, TWO.digest, "m2")
    await refused(house, acme, "It was promoted to dev once; m@2 is now.")
    channels = house.services.channels
    for digest in (ONE.digest, TWO.digest):
        assert (await channels.may_serve(INSTALLER, digest, DEV, ASK)).may_serve
    verdict = await channels.may_serve(INSTALLER, TWO.digest, PROD, ASK)
    assert not verdict.may_serve
    assert verdict.because == "It is not promoted to prod."
    newest = (await entries(house, "channel.promote"))[0]
    assert (newest.actor, newest.detail["release"], newest.detail["reason"]) == (
        "operator/strongroom-up",
        "m@2",
        "a test",
    )
    shown = await channels.show(APPROVER, Channel.DEV, ASK)
    assert [(each.version, each.current) for each in shown.promoted] == [("2", True), ("1", False)]


async def test_what_lacks_anything_is_not_promoted(house: House) -> None:
    await opened(house)
    three = msgspec.structs.replace(release_of("m3"), name="m", version="3")
    await house.services.registry.admit(INSTALLER, three, ASK, prover(house.services.admission, "m3"))
    assert "0 of 2 approvals" in await no(RefusalKind.FORBIDDEN, promote(house, "3", PROD))
    await no(RefusalKind.HIDDEN, promote(house, "4"))
    shown = await house.services.channels.show(INSTALLER, Channel.PROD, ASK)
    assert [each.version for each in shown.promoted] == ["1"]


async def test_only_an_operator_promotes_and_an_approver_may_stop(house: House) -> None:
    acme = await opened(house)
    channels = house.services.channels
    admin = Principal(role=Role.TENANT_ADMIN, name="admin", credential=KeyId(""), tenant=acme)
    auditor = Principal(role=Role.AUDITOR, name="auditor", credential=KeyId(""))
    for who in (admin, auditor, APPROVER):
        for asking in (
            channels.promote(who, "m", "2", DEV, "x", ASK),
            channels.roll_back(who, DEV, "m", "x", ASK),
            channels.renew(who, ASK),
            channels.recover(who, Channel.DEV, "x", ASK),
            channels.holds.unfreeze(who, DEV, None, None, "x", ASK),
        ):
            with pytest.raises(Refused):
                await asking
    for who in (admin, auditor):
        with pytest.raises(Refused):
            await channels.holds.revoke(who, RevokedKind.DIGEST, ONE.digest, "x", ASK)
        with pytest.raises(Refused):
            await channels.holds.freeze(who, DEV, None, None, "x", ASK)
    await channels.holds.freeze(APPROVER, DEV, "m", None, "looks odd", ASK)
    await channels.holds.revoke(APPROVER, RevokedKind.DIGEST, ONE.digest, "is odd", ASK)
    assert await channels.status(auditor, ASK)


async def test_going_back_moves_every_deployment_and_a_drill_moves_none(house: House) -> None:
    acme, globex = await opened(house), await house.tenant("globex")
    await promote(house)
    await deploy(house, acme, TWO.digest)
    await deploy(house, globex, TWO.digest)
    channels, registry = house.services.channels, house.services.registry
    drill = await channels.roll_back(INSTALLER, DEV, "m", "drill", ASK, drill=True)
    assert (drill.left, drill.now) == ("m@2", "m@1")
    assert [(each.tenant, each.moved) for each in drill.deployments] == [("acme", True), ("globex", True)]
    assert (await registry.list_deployments(INSTALLER, acme, ASK))[0].release == TWO.digest
    assert (await entries(house, "channel.rollback"))[0].detail["drill"] == "yes"

    await channels.holds.freeze(INSTALLER, DEV, None, globex, "their audit", ASK)
    back = await channels.roll_back(INSTALLER, DEV, "m", "scores drift", ASK)
    assert [(each.tenant, each.moved) for each in back.deployments] == [("acme", True), ("globex", False)]
    assert "their audit" in back.deployments[1].because
    assert (await registry.list_deployments(INSTALLER, acme, ASK))[0].release == ONE.digest
    assert (await registry.list_deployments(INSTALLER, globex, ASK))[0].release == TWO.digest
    assert (await channels.may_serve(INSTALLER, TWO.digest, DEV, ASK)).may_serve  # globex still has it
    log = await house.services.audit.of_tenant(INSTALLER, acme, ASK)
    (moved,) = (entry.detail for entry in log if entry.action == "deployment.move")
    assert (moved["before"], moved["after"], moved["reason"]) == ("m@2", "m@1", "scores drift")
    left = await house.services.lineage.of(INSTALLER, acme, "release", TWO.digest, ASK)
    (served,) = [each for each in left.graph.edges if each.target.startswith("deployment:")]
    assert (served.source, served.by, served.reason) == (f"release:{TWO.digest}", str(INSTALLER), "")
    now = await house.services.lineage.of(INSTALLER, acme, "release", ONE.digest, ASK)
    (serves,) = [each for each in now.graph.edges if each.source == f"release:{ONE.digest}"]
    assert (serves.by, serves.reason, serves.until) == (str(INSTALLER), "rolled back: scores drift", None)
    assert served.until == serves.at
    rows = await alter(house, "SELECT body FROM feed.entry WHERE kind = 'deployment' AND tenant_id = $1", acme)
    assert msgspec.json.decode(rows[0]["body"], type=RouteDocument).release == ONE.digest
    # Going on again is a promotion; then only what is left behind nowhere is not listed any more.
    await promote(house)
    await channels.holds.unfreeze(INSTALLER, DEV, None, globex, "over", ASK)
    assert (await channels.roll_back(INSTALLER, DEV, "m", "again", ASK, version="1")).deployments[0].moved
    assert not (await channels.may_serve(INSTALLER, TWO.digest, DEV, ASK)).may_serve
    await no(RefusalKind.CONFLICT, channels.roll_back(INSTALLER, DEV, "m", "x", ASK))


async def test_no_name_of_a_deployment_keeps_it_from_going_back(house: House) -> None:
    acme = await opened(house)
    await promote(house)
    await deploy(house, acme, TWO.digest, "other")  # a tenant calls its deployment what it likes
    await house.services.channels.holds.freeze(INSTALLER, DEV, "other", None, "another release is looked into", ASK)
    back = await house.services.channels.roll_back(INSTALLER, DEV, "m", "scores drift", ASK)
    assert [(each.name, each.moved) for each in back.deployments] == [("other", True)]
    (moved,) = await house.services.registry.list_deployments(INSTALLER, acme, ASK)
    assert moved.release == ONE.digest


async def test_going_back_to_what_was_revoked_meanwhile_is_refused(house: House) -> None:
    await opened(house)
    await promote(house)
    channels = house.services.channels
    await channels.holds.revoke(INSTALLER, RevokedKind.DIGEST, ONE.digest, "poisoned", ASK)
    assert "poisoned" in await no(RefusalKind.FORBIDDEN, channels.roll_back(INSTALLER, DEV, "m", "x", ASK))
    assert "poisoned" in await no(RefusalKind.FORBIDDEN, promote(house, "1"))


async def test_what_is_frozen_stays_as_it_is_and_the_rest_does_not(house: House) -> None:
    acme, globex = await opened(house), await house.tenant("globex")
    channels = house.services.channels
    for name, tenant in ((None, None), ("m", None), (None, acme)):
        await channels.holds.freeze(INSTALLER, DEV, name, tenant, "end of year", ASK)
        await refused(house, acme, "end of year")
        await no(RefusalKind.CONFLICT, channels.holds.freeze(INSTALLER, DEV, name, tenant, "again", ASK))
        if tenant is None:
            assert "end of year" in await no(RefusalKind.CONFLICT, promote(house))
            for drill in (False, True):
                back = channels.roll_back(INSTALLER, DEV, "m", "it is wrong", ASK, drill=drill)
                assert "end of year" in await no(RefusalKind.CONFLICT, back)
        else:
            await deploy(house, globex)
            log = await house.services.audit.of_tenant(INSTALLER, acme, ASK)
            assert [entry.detail["reason"] for entry in log if entry.action == "channel.freeze"] == ["end of year"]
        await channels.holds.unfreeze(INSTALLER, DEV, name, tenant, "over", ASK)
        await no(RefusalKind.CONFLICT, channels.holds.unfreeze(INSTALLER, DEV, name, tenant, "again", ASK))
    await promote(house, "1")
    await deploy(house, acme)


@pytest.mark.parametrize("signer", [False, True])
async def test_what_is_revoked_is_deployed_nowhere_and_the_gateways_are_told(house: House, signer: bool) -> None:
    acme = await opened(house)
    await deploy(house, acme)
    channels, keys = house.services.channels, RegistryKeys(house.keys)
    kind, of = (RevokedKind.SIGNER, keys.scanner().public.id) if signer else (RevokedKind.DIGEST, ONE.digest)
    stopped = await channels.holds.revoke(INSTALLER, kind, of, "poisoned", ASK)
    assert set(stopped.releases) == ({ONE.digest, TWO.digest} if signer else {ONE.digest})
    assert [(each.tenant, each.environment, each.name) for each in stopped.deployments] == [("acme", DEV, "m")]
    await refused(house, acme, "was revoked")
    assert "poisoned" in (await channels.may_serve(INSTALLER, ONE.digest, DEV, ASK)).because
    rows = await alter(house, "SELECT id FROM feed.entry WHERE kind = $1", REVOKED)
    assert {row["id"] for row in rows} == {*stopped.releases, *({f"{SIGNER}{of}"} if signer else ())}
    await no(RefusalKind.CONFLICT, channels.holds.revoke(INSTALLER, kind, of, "twice", ASK))
    for bad in ("sha256:1", "nobody", ""):
        await no(RefusalKind.INVALID, channels.holds.revoke(INSTALLER, kind, bad, "x", ASK))


async def test_a_channel_that_is_turned_back_lost_or_stale_admits_nothing_until_it_is_recovered(house: House) -> None:
    acme = await opened(house)
    channels = house.services.channels
    older = await alter(house, "SELECT * FROM registry.channel_metadata")
    stamps = await alter(house, "SELECT * FROM registry.channel")
    await channels.holds.revoke(INSTALLER, RevokedKind.DIGEST, ONE.digest, "poisoned", ASK)
    await refused(house, acme, "was revoked")
    for row in stamps:  # a backup of before the revocation is put back
        await alter(house, "UPDATE registry.channel SET stamp = $1 WHERE channel = $2", row["stamp"], row["channel"])
    await refused(house, acme, "What is revoked cannot be told: its timestamp went back")
    await alter(house, "DELETE FROM registry.channel_metadata")
    await alter(house, "DELETE FROM registry.channel")
    await refused(house, acme, "What is revoked cannot be told: there is none any more")
    assert set(await channels.renew(INSTALLER, ASK)) == set(Channel)
    for row in older:
        await alter(
            house,
            "INSERT INTO registry.channel_metadata (channel, role, version, body, made_at) VALUES ($1, $2, $3, $4, $5)",
            *(row[name] for name in ("channel", "role", "version", "body", "made_at")),
        )
    for row in stamps:
        await alter(
            house,
            "INSERT INTO registry.channel (channel, stamp, renewed_at) VALUES ($1, $2, now())",
            row["channel"],
            row["stamp"],
        )
    told = await no(RefusalKind.UNAVAILABLE, channels.holds.revoke(INSTALLER, RevokedKind.DIGEST, TWO.digest, "x", ASK))
    assert "strongroom channel recover revocations" in told
    assert (await channels.recover(INSTALLER, Channel.REVOCATIONS, "a backup", ASK)).usable
    assert (await channels.recover(INSTALLER, Channel.DEV, "a backup", ASK)).usable
    await refused(house, acme, "poisoned")  # this machine remembered
    await promote(house)
    await deploy(house, acme, TWO.digest)


async def test_a_channel_that_nobody_has_signed_anew_admits_nothing(house: House) -> None:
    acme = await opened(house)
    keys = RegistryKeys(house.keys)
    (row,) = await alter(
        house,
        """SELECT version, body FROM registry.channel_metadata WHERE channel = 'dev' AND role = 'snapshot'
           ORDER BY version DESC LIMIT 1""",
    )
    hours_ago = SystemClock().now() - timedelta(hours=2)
    stamp = Publisher(keys)._timestamp(Channel.DEV, 50, row["version"], row["body"], hours_ago)
    await alter(house, "UPDATE registry.channel SET stamp = $1 WHERE channel = 'dev'", stamp)
    await refused(house, acme, "The channel of dev cannot be used: its timestamp ended")
    status = (await house.services.channels.status(INSTALLER, ASK))[0]
    assert not status.usable
    assert await house.services.channels.renew(INSTALLER, ASK) == {}
    await deploy(house, acme)


async def test_a_list_that_somebody_edited_admits_nothing_and_is_begun_anew_empty(house: House) -> None:
    acme = await opened(house)
    await alter(
        house,
        "UPDATE registry.channel_metadata SET body = convert_to(replace(convert_from(body, 'UTF8'), $1, $2), 'UTF8')"
        " WHERE channel = 'dev' AND role = 'targets'",
        ONE.digest.removeprefix("sha256:"),
        TWO.digest.removeprefix("sha256:"),
    )
    await refused(house, acme, "parts of two states are mixed")
    await refused(house, acme, "parts of two states are mixed", TWO.digest)
    assert (await house.services.channels.recover(INSTALLER, Channel.DEV, "edited", ASK)).promoted == 0
    await promote(house, "1")
    await deploy(house, acme)
