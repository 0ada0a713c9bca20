"""Sessions of people who signed on elsewhere: no table has their credentials, and they end like every other."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from strongroom.app.seed import INSTALLER
from strongroom.identity import approvals, documents, publish
from strongroom.identity.federation.issuers import Issuers
from strongroom.identity.model import AccountToken
from strongroom.identity.people import Provider, SignOn, parse_mapping
from strongroom.kernel.ids import KeyId, Name, new_key_id
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Action, Ask, Kind, Resource
from strongroom.store import feed
from strongroom.store.migrate import administrator
from strongroom.wire.addresses import Networks

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

ASK = Ask()
HERE = "127.0.0.1"
HOUR = timedelta(hours=1)


async def signed_on(house: House, ends_in: timedelta = HOUR) -> KeyId:
    credential, now = new_key_id(), datetime.now(UTC)
    resource = Resource(kind=Kind.KEY, id=credential)
    async with house.services.gate.permit_platform(INSTALLER, Action.KEY_CREATE, resource, ASK) as tx:
        await publish.person(
            tx, credential, Role.OPERATOR, "mallory", None, at=now.timestamp(), expires_at=(now + ends_in).timestamp()
        )
    await house.known()
    return credential


async def test_a_session_of_single_sign_on_is_revoked_by_its_id(house: House) -> None:
    stolen, other = await signed_on(house), await signed_on(house)
    services = house.services
    made = await services.accounts.create(INSTALLER, Name("releases"), Role.APPROVER, ask=ASK)
    await house.known()
    approver = house.who(made.token)
    assert approver is not None
    with pytest.raises(Refused) as no:
        await services.finder.revoke_credential(approver, stolen, None, "mine", ASK)
    assert no.value.refusal.kind in {RefusalKind.FORBIDDEN, RefusalKind.HIDDEN}
    await house.known()
    assert isinstance(services.directory.still(stolen, HERE), Principal)
    shown = await services.finder.show_credential(INSTALLER, stolen, None, ASK)
    assert isinstance(shown, AccountToken)
    assert (shown.account, shown.status) == ("mallory", "active")
    ended = await services.finder.revoke_credential(INSTALLER, stolen, None, "stolen laptop", ASK)
    assert isinstance(ended, AccountToken)
    assert (ended.id, ended.status, ended.revoked_reason) == (stolen, "revoked", "stolen laptop")
    assert ended.revoked_at is not None
    await house.known()
    assert not isinstance(services.directory.still(stolen, HERE), Principal)
    assert isinstance(services.directory.still(other, HERE), Principal)
    with pytest.raises(Refused) as gone:  # no table remembers it; the log does
        await services.finder.revoke_credential(INSTALLER, stolen, None, "again", ASK)
    assert gone.value.refusal.kind is RefusalKind.HIDDEN


async def test_the_next_sign_on_withdraws_sessions_that_have_ended_and_no_others(house: House) -> None:
    over, lives = await signed_on(house, -HOUR), await signed_on(house)
    services = house.services
    made = await services.accounts.create(INSTALLER, Name("ops"), Role.OPERATOR, ask=ASK)
    provider = Provider(
        issuer="https://login.example",
        client_id="strongroom",
        client_secret=None,
        public_url="https://console.example",
        mappings=[parse_mapping("groups=platform -> operator")],
        session_s=3600,
    )
    signon = SignOn(
        provider,
        Issuers(Networks(), services.clock),
        services.gate,
        services.directory.find_tenant,
        services.follower.refresh,
        services.clock,
    )
    new, _ = await signon._let_in({"sub": "1", "groups": ["platform"]}, ASK, None, again=False)
    resource = Resource(kind=Kind.KEY, id="*")
    async with services.gate.permit_platform(INSTALLER, Action.KEY_READ, resource, ASK) as tx:
        told = {key_id for key_id, _ in await feed.living(tx, documents.CREDENTIAL)}
    assert over not in told
    assert {lives, new, made.key_id} <= told


def held_by(sign_on: KeyId) -> publish.Held:
    return publish.Held(sign_on=sign_on, fingerprint=bytes(32), pepper_version=1, thumbprint=bytes(32))


async def test_a_command_line_gets_nothing_of_a_sign_on_that_ends_at_the_same_moment(house: House) -> None:
    ending, lives = await signed_on(house), await signed_on(house)
    gate, resource = house.services.gate, Resource(kind=Kind.KEY, id="*")
    made, late = new_key_id(), new_key_id()

    async def get(sign_on: KeyId, credential: KeyId) -> bool:
        async with gate.permit_platform(INSTALLER, Action.KEY_READ, resource, ASK) as tx:
            return await publish.held(tx, credential, held_by(sign_on))

    assert await get(lives, made)
    async with gate.permit_platform(INSTALLER, Action.KEY_READ, resource, ASK) as tx:
        assert await publish.sign_on_gone(tx, ending) == [ending]  # not committed: others see it as it was
        getting = asyncio.create_task(get(ending, late))
        async with asyncio.timeout(10), administrator(house.database.admin) as connection:
            while True:  # until it waits for the feed: what it looked up before was the sign-on as it was
                if await connection.fetchval(
                    """select count(*) from pg_locks l join pg_stat_activity a using (pid)
                       where not l.granted and a.datname = current_database()"""
                ):
                    break
                await asyncio.sleep(0.01)
    assert not await getting
    async with gate.permit_platform(INSTALLER, Action.KEY_READ, resource, ASK) as tx:
        assert sorted(await publish.sign_on_gone(tx, lives)) == sorted([lives, made])


async def test_a_revoked_sign_on_takes_back_what_its_command_line_proposed(house: House) -> None:
    sign_on, lives, held, other = await signed_on(house), await signed_on(house), new_key_id(), new_key_id()
    gate, resource, now = house.services.gate, Resource(kind=Kind.KEY, id="*"), datetime.now(UTC)
    asked: list[UUID] = []
    async with gate.permit_platform(INSTALLER, Action.KEY_READ, resource, ASK) as tx:
        for each, of in ((held, sign_on), (other, lives)):
            assert await publish.held(tx, each, held_by(of))
            mallory = Principal(role=Role.OPERATOR, name="mallory", credential=each)
            request = await approvals.ask(
                tx, mallory, approvals.Kind.PROVIDER, {"summary": str(each)}, about=None, ticket="", reason="mine", now=now, needed=1
            )  # fmt: skip
            asked.append(request.id)
    await house.services.finder.revoke_credential(INSTALLER, sign_on, None, "stolen laptop", ASK)
    async with gate.permit_platform(INSTALLER, Action.KEY_READ, resource, ASK) as tx:
        found = [await approvals.by_id(tx, approvals.Kind.PROVIDER, each, now) for each in asked]
    assert [each.state for each in found] == [approvals.State.WITHDRAWN, approvals.State.OPEN]
