"""An elevation over a real database: asked for, approved by two, begun, recorded, ended; and broken glass."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import pytest

from strongroom.app.seed import INSTALLER
from strongroom.identity.elevation import Elevations, Notices
from strongroom.identity.elevation.model import Asked, Phase
from strongroom.identity.elevation.notices import Hook, signature
from strongroom.identity.model import Ties
from strongroom.kernel.ids import Name, TenantId
from strongroom.kernel.principal import Confirmation, Elevation, Environment, Principal, Proof, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Action, Ask, Engine, Kind, Resource
from strongroom.wire import Reply, Request, serve_tcp

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

ASK = Ask()


async def person(house: House, name: str, role: Role) -> Principal:
    made = await house.services.accounts.create(INSTALLER, Name(name), role, ask=ASK)
    await house.known()
    found = house.who(made.token)
    assert found is not None
    return found


def asked(tenant: TenantId, *actions: str, minutes: int = 30) -> Asked:
    return Asked(
        tenant=tenant,
        actions=actions or ("audit.read",),
        minutes=minutes,
        ticket="SUP-1",
        reason="asked to",
        requester="",
    )


async def refused(house_call: object) -> RefusalKind:
    with pytest.raises(Refused) as caught:
        await house_call  # type: ignore[misc]
    return caught.value.refusal.kind


async def test_two_others_approve_and_the_token_does_that_and_nothing_else(house: House) -> None:
    elevations, acme, globex = house.services.elevations, await house.tenant("acme"), await house.tenant("globex")
    operator, first, second = [
        await person(house, name, role)
        for name, role in (("op", Role.OPERATOR), ("one", Role.APPROVER), ("two", Role.APPROVER))
    ]
    other = await person(house, "other-op", Role.OPERATOR)
    wanted = await elevations.request(operator, asked(acme, "audit.read", "case.view"), ASK)
    digest = wanted.digest
    assert wanted.phase is Phase.OPEN

    assert await refused(elevations.begin(operator, wanted.id, ASK)) is RefusalKind.CONFLICT  # nobody approved
    assert await refused(elevations.decide(operator, wanted.id, "approve", digest, "me", ASK)) is RefusalKind.FORBIDDEN
    wrong = f"sha256:{'0' * 64}"
    assert await refused(elevations.decide(first, wanted.id, "approve", wrong, "fine", ASK)) is RefusalKind.CONFLICT
    assert (await elevations.decide(first, wanted.id, "approve", digest, "fine", ASK)).phase is Phase.OPEN
    assert await refused(elevations.decide(first, wanted.id, "approve", digest, "again", ASK)) is RefusalKind.FORBIDDEN
    assert await refused(elevations.begin(operator, wanted.id, ASK)) is RefusalKind.CONFLICT  # one is not two
    assert (await elevations.decide(second, wanted.id, "approve", digest, "too", ASK)).phase is Phase.APPROVED
    assert await refused(elevations.begin(other, wanted.id, ASK)) is RefusalKind.FORBIDDEN  # it is not theirs

    begun = await elevations.begin(operator, wanted.id, ASK)
    assert begun.elevation.phase is Phase.ACTIVE
    assert await refused(elevations.begin(operator, wanted.id, ASK)) is RefusalKind.CONFLICT  # once
    await house.known()
    elevated = house.who(begun.token)
    assert elevated is not None
    await house.services.audit.of_tenant(elevated, acme, ASK)
    for attempt in (
        house.services.audit.of_tenant(elevated, globex, ASK),  # another tenant
        house.services.identity.list_keys(elevated, acme, ASK),  # another action
        house.services.identity.list_tenants(elevated, ASK),
        elevations.request(elevated, asked(acme), ASK),  # none begets another
    ):
        assert await refused(attempt) in {RefusalKind.FORBIDDEN, RefusalKind.HIDDEN}
    mine = [
        each for each in await house.services.audit.of_platform(operator, ASK) if each.credential == elevated.credential
    ]
    assert len(mine) == 5
    assert {(each.detail["ticket"], each.detail["elevation"]) for each in mine} == {("SUP-1", str(wanted.id))}

    ended = await elevations.end(operator, wanted.id, "done", ASK)
    assert (ended.phase, ended.ended_reason) == (Phase.ENDED, "done")
    await house.known()
    assert house.who(begun.token) is None
    assert [vote.reason for vote in ended.votes] == ["fine", "too"]


async def test_whose_token_is_revoked_between_two_words_is_nobody_else(house: House) -> None:
    """A second word that waited while its speaker's token was revoked is still the same person's."""
    elevations, acme = house.services.elevations, await house.tenant("acme")
    operator, first = await person(house, "op", Role.OPERATOR), await person(house, "one", Role.APPROVER)
    wanted = await elevations.request(operator, asked(acme), ASK)
    await elevations.decide(first, wanted.id, "approve", wanted.digest, "yes", ASK)
    await house.services.accounts.revoke_token(operator, first.credential, "gone", ASK)
    again = elevations.decide(first, wanted.id, "approve", wanted.digest, "yes again", ASK)
    assert await refused(again) is RefusalKind.FORBIDDEN
    assert (await elevations.show(operator, wanted.id, ASK)).phase is Phase.OPEN


async def test_one_no_is_enough_and_what_no_policy_could_permit_is_not_asked(house: House) -> None:
    elevations, acme = house.services.elevations, await house.tenant("acme")
    operator, first = await person(house, "op", Role.OPERATOR), await person(house, "one", Role.APPROVER)
    wanted = await elevations.request(operator, asked(acme), ASK)
    assert (await elevations.decide(first, wanted.id, "deny", wanted.digest, "no need", ASK)).phase is Phase.DENIED
    assert await refused(elevations.begin(operator, wanted.id, ASK)) is RefusalKind.CONFLICT
    for bad in (
        asked(acme, "model.invoke"),
        asked(acme, "tenant.burn"),
        asked(acme, "vault.rotate"),
        asked(acme, minutes=61),
    ):
        assert await refused(elevations.request(operator, bad, ASK)) is RefusalKind.INVALID
    open_one = await elevations.request(operator, asked(acme), ASK)
    assert (await elevations.end(first, open_one.id, "", ASK)).phase is Phase.WITHDRAWN


async def test_broken_glass_works_at_once_pages_until_taken_and_owes_a_review(house: House) -> None:
    heard: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def pager(request: Request, reply: Reply) -> None:
        fields = {name.decode(): value.decode() for name, value in request.headers}
        await heard.put((fields, request.body))
        await reply.send(500 if heard.qsize() == 1 else 204, [])  # down at first

    server = await serve_tcp(pager)
    services, acme = house.services, await house.tenant("acme")
    notices = Notices(
        services.gate, services.clock, Hook(f"http://127.0.0.1:{server.port}/page", b"s" * 32), first_s=0.01
    )
    elevations = Elevations(
        services.gate, Engine.load(), house.keys, services.clock, pages=True, production=True, noticed=notices.noticed
    )
    paging = asyncio.create_task(notices.run())
    operator, approver = await person(house, "op", Role.OPERATOR), await person(house, "one", Role.APPROVER)
    assert await refused(elevations.break_glass(operator, asked(acme, minutes=31), ASK)) is RefusalKind.INVALID
    begun = await elevations.break_glass(operator, asked(acme, minutes=30), ASK)
    await house.known()
    elevated = house.who(begun.token)
    assert elevated is not None
    assert elevated.elevation is not None
    assert elevated.elevation.break_glass
    await services.audit.of_tenant(elevated, acme, ASK)

    (_, first), (fields, again) = [await asyncio.wait_for(heard.get(), 10) for _ in range(2)]
    assert first == again
    told = msgspec.json.decode(again)
    assert (told["id"], told["requester"], told["ticket"]) == (str(begun.elevation.id), "operator/op", "SUP-1")
    assert begun.token.encode() not in again
    stamp, notice = fields["webhook-timestamp"], fields["webhook-id"]
    assert fields["webhook-signature"].encode() == signature(b"s" * 32, notice, stamp, again)

    assert [each for each, _ in await elevations.owed(operator, ASK)] == [begun.elevation.id]
    assert await refused(elevations.review(operator, begun.elevation.id, "fine", ASK)) is RefusalKind.FORBIDDEN
    await elevations.end(operator, begun.elevation.id, "done", ASK)
    assert (await elevations.show(operator, begun.elevation.id, ASK)).review_owed  # its end is not its review
    reviewed = await elevations.review(approver, begun.elevation.id, "one log read, as it should be", ASK)
    assert (reviewed.review_owed, reviewed.reviewer) == (False, "approver/one")
    assert await elevations.owed(operator, ASK) == []
    assert await refused(elevations.review(approver, begun.elevation.id, "again", ASK)) is RefusalKind.CONFLICT
    paging.cancel()
    await asyncio.gather(paging, return_exceptions=True)
    await server.close()


async def test_production_breaks_no_glass_unheard_and_knows_no_standing_power(house: House) -> None:
    services, acme = house.services, await house.tenant("acme")
    operator = await person(house, "op", Role.OPERATOR)
    production = Engine.load(production=True)
    elevations = Elevations(
        services.gate, production, house.keys, services.clock, pages=False, production=True, noticed=lambda: None
    )
    assert await refused(elevations.break_glass(operator, asked(acme), ASK)) is RefusalKind.CONFLICT
    log = Resource(kind=Kind.AUDIT_LOG, tenant=acme)
    assert not production.decide(operator, Action.AUDIT_READ, log).allowed
    assert Engine.load().decide(operator, Action.AUDIT_READ, log).allowed
    # Nor does it name whose tokens get one in: that is as good as a key.
    rule = Resource(kind=Kind.FEDERATION, tenant=acme, environment=Environment.PROD, holder=Role.INFERENCE)
    own = Elevation(id="e", ticket="t", tenant=acme, actions=frozenset({Action.FEDERATION_CREATE}))
    assert not production.decide(operator, Action.FEDERATION_CREATE, rule).allowed
    assert production.decide(replace(operator, elevation=own), Action.FEDERATION_CREATE, rule).allowed
    assert production.decide(operator, Action.FEDERATION_DELETE, rule).allowed
    assert await refused(elevations.show(operator, UUID(int=1), ASK)) is RefusalKind.HIDDEN


async def test_an_elevation_is_bound_to_what_the_operators_own_token_is(house: House) -> None:
    elevations, acme = house.services.elevations, await house.tenant("acme")
    ties = Ties(confirmation=Confirmation(Proof.DPOP, bytes(range(32))), networks=("127.0.0.0/8",))
    made = await house.services.accounts.create(INSTALLER, Name("op"), Role.OPERATOR, ties=ties, ask=ASK)
    first, second = [await person(house, name, Role.APPROVER) for name in ("one", "two")]
    operator = house.who(made.token)
    assert operator is not None
    wanted = await elevations.request(operator, asked(acme), ASK)
    for each in (first, second):
        await elevations.decide(each, wanted.id, "approve", wanted.digest, "fine", ASK)
    begun = await elevations.begin(operator, wanted.id, ASK)
    await house.known()
    elevated = house.who(begun.token)
    assert elevated is not None
    assert elevated.confirmation == ties.confirmation
    assert house.who(begun.token, "192.0.2.7") is None
