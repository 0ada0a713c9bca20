"""In production nobody promotes to prod or moves customers' deployments alone; whoever may stop something does so at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from tests.functional.identity.test_release_channels import DEV, ONE, TWO, deploy, opened

from strongroom.app.seed import INSTALLER
from strongroom.identity.approvals import Request
from strongroom.kernel.ids import KeyId, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Action, Ask, Kind, Resource
from strongroom.registry.channels.model import Channel, RevokedKind

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

ASK = Ask()
PROD = Environment.PROD
OPERATOR = Principal(role=Role.OPERATOR, name="op", credential=KeyId("0123456789abcdef"))
OTHER = Principal(role=Role.OPERATOR, name="other", credential=KeyId("2123456789abcdef"))
APPROVER = Principal(role=Role.APPROVER, name="ann", credential=KeyId("1123456789abcdef"))


@pytest.fixture
async def acme(house: House, monkeypatch: pytest.MonkeyPatch) -> TenantId:
    """Have version 1 promoted everywhere, version 2 in dev and deployed there; then be in production."""
    acme = await opened(house)
    await house.services.channels.promote(INSTALLER, "m", "2", DEV, "a test", ASK)
    await deploy(house, acme, TWO.digest)
    monkeypatch.setattr(house.services.channels.second, "demanded", True)
    monkeypatch.setattr(house.services.engine, "production", True)
    return acme


async def promote(house: House, approved: UUID | None = None, who: Principal = OPERATOR, version: str = "2") -> Any:
    channels = house.services.channels
    return await channels.second.asked(
        who, ASK, lambda: channels.promote(who, "m", version, PROD, "as agreed", ASK, approved)
    )


async def back(house: House, approved: UUID | None = None, who: Principal = OPERATOR, **more: Any) -> Any:
    channels = house.services.channels
    return await channels.second.asked(
        who, ASK, lambda: channels.roll_back(who, DEV, "m", "scores drift", ASK, approved=approved, **more)
    )


async def approve(house: House, found: Request, who: Principal = APPROVER) -> None:
    await house.services.proposals.decide(who, found.id, "approve", found.digest, "seen", ASK)


async def refused(asking: Any) -> RefusalKind:
    with pytest.raises(Refused) as no:
        await asking
    return no.value.refusal.kind


async def current(house: House) -> str:
    shown = await house.services.channels.show(INSTALLER, Channel.PROD, ASK)
    return next(each.called for each in shown.promoted if each.current)


async def served(house: House, acme: TenantId) -> str | None:
    return (await house.services.registry.list_deployments(INSTALLER, acme, ASK))[0].release


@pytest.mark.usefixtures("acme")
async def test_a_promotion_to_prod_is_done_once_exactly_as_somebody_else_approved_it(house: House) -> None:
    found = await promote(house)
    assert isinstance(found, Request)
    assert found.subject["summary"] == "promote m@2 in prod"
    assert await current(house) == "m@1"
    assert await refused(promote(house, found.id)) is RefusalKind.CONFLICT
    for who in (OPERATOR, OTHER):
        assert await refused(approve(house, found, who)) is RefusalKind.FORBIDDEN
    await approve(house, found)
    assert await refused(promote(house, found.id, OTHER)) is RefusalKind.FORBIDDEN
    assert await refused(promote(house, found.id, version="1")) is RefusalKind.CONFLICT
    assert await current(house) == "m@1"
    await promote(house, found.id)
    assert await current(house) == "m@2"
    assert await refused(promote(house, found.id)) is RefusalKind.CONFLICT


async def test_going_back_moves_what_is_deployed_by_the_word_of_a_second_person_and_by_no_other(
    house: House, acme: TenantId
) -> None:
    place = Resource(kind=Kind.DEPLOYMENT, id="m", tenant=acme, environment=DEV)
    with pytest.raises(Refused):
        async with house.services.gate.permit(OPERATOR, Action.DEPLOYMENT_MOVE, place, ASK):
            pytest.fail("an operator moved a deployment alone")
    assert (await back(house, drill=True)).deployments[0].moved
    found = await back(house)
    assert isinstance(found, Request)
    assert await served(house, acme) == TWO.digest
    await approve(house, found)
    assert await refused(back(house, found.id, OTHER)) is RefusalKind.FORBIDDEN
    (moved,) = (await back(house, found.id)).deployments
    assert (moved.moved, moved.because) == (True, "")
    assert await served(house, acme) == ONE.digest
    reader = Principal(role=Role.TENANT_ADMIN, name="r", credential=KeyId("3123456789abcdef"), tenant=acme)
    log = await house.services.audit.of_tenant(reader, acme, ASK)
    did = [(entry.outcome, entry.detail.get("elevation")) for entry in log if entry.action == "deployment.move"]
    assert did == [("allowed", str(found.id))]
    above = await house.services.audit.of_platform(INSTALLER, ASK)
    alone = [(each.actor, each.outcome) for each in above if each.action == "deployment.move"]
    assert alone[-1] == ("operator/op", "refused")


@pytest.mark.usefixtures("acme")
async def test_freezing_and_revoking_wait_for_nobody(house: House) -> None:
    holds = house.services.channels.holds
    await holds.freeze(OPERATOR, PROD, "m", None, "looks odd", ASK)
    assert await refused(promote(house)) is RefusalKind.CONFLICT
    await holds.revoke(APPROVER, RevokedKind.DIGEST, TWO.digest, "is odd", ASK)
    assert not (await house.services.channels.may_serve(OPERATOR, TWO.digest, DEV, ASK)).may_serve


@pytest.mark.usefixtures("acme")
async def test_the_end_of_a_freeze_of_prod_takes_somebody_else_and_of_dev_nobody(house: House) -> None:
    channels = house.services.channels

    async def end(approved: UUID | None = None, who: Principal = OPERATOR, reason: str = "reviewed") -> Any:
        return await channels.second.asked(
            who, ASK, lambda: channels.holds.unfreeze(who, PROD, "m", None, reason, ASK, approved)
        )

    async def frozen() -> bool:
        return bool((await channels.show(INSTALLER, Channel.PROD, ASK)).frozen)

    await channels.holds.freeze(OTHER, PROD, "m", None, "looks odd", ASK)
    found = await end()
    assert isinstance(found, Request)
    assert (found.subject["summary"], found.subject["frozen_for"]) == ("end the freeze of m in prod", "looks odd")
    assert await refused(end(found.id)) is RefusalKind.CONFLICT  # nobody has approved it yet
    await approve(house, found)
    assert await refused(end(found.id, OTHER)) is RefusalKind.FORBIDDEN
    assert await refused(end(found.id, reason="another")) is RefusalKind.CONFLICT
    assert await frozen()
    await end(found.id)
    assert not await frozen()
    await channels.holds.freeze(OPERATOR, DEV, "m", None, "looks odd", ASK)
    await channels.holds.unfreeze(OPERATOR, DEV, "m", None, "over", ASK)
