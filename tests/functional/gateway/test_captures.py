"""Raw requests are captured where two others said so, for as long as they said, and read under an elevation alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from strongroom.audit import reading
from strongroom.captures.model import Asked, Phase, Wanted
from strongroom.captures.personal import CapturedRequests
from strongroom.gateway.testing import chat, chat_stream, whole
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId, new_uuid
from strongroom.kernel.principal import Elevation, Environment, Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask, Engine, Gate
from strongroom.retention import HoldKind, Retention
from strongroom.retention.model import RuleClass
from strongroom.retention.testing import keep
from strongroom.store import Conflict, Database, Unfit, migrate
from strongroom.store.testing import TestDatabase

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tests.functional.gateway.conftest import Plane

CARD = "4111 1111 1111 1111"
ASK = Ask(request_id="req_captures")
OPERATOR = Principal(role=Role.OPERATOR, name="op", credential=KeyId("0000000000000001"))
ONE = Principal(role=Role.APPROVER, name="one", credential=KeyId("0000000000000002"))
TWO = Principal(role=Role.APPROVER, name="two", credential=KeyId("0000000000000003"))


def admin(tenant: TenantId) -> Principal:
    return Principal(role=Role.TENANT_ADMIN, name="admin", credential=KeyId("0000000000000004"), tenant=tenant)


def elevated(tenant: TenantId, *actions: str) -> Principal:
    return replace(OPERATOR, elevation=Elevation(id="e", ticket="SUP-1", tenant=tenant, actions=frozenset(actions)))


def wanted(plane: Plane, tenant: str = "acme", **changes: Any) -> Wanted:
    fields: dict[str, Any] = {
        "environment": Environment.DEV, "model": "tiny", "share": 10_000, "minutes": 30, "octets": 2**20,
        "ticket": "SUP-1", "reason": "answers break off", "requester": str(OPERATOR),
    }  # fmt: skip
    return Wanted(tenant=plane.tenants[tenant], **{**fields, **changes})


async def refused(call: Awaitable[object]) -> RefusalKind:
    with pytest.raises(Refused) as error:
        await call
    return error.value.refusal.kind


async def begun(plane: Plane, **changes: Any) -> UUID:
    asked = await plane.captures.request(OPERATOR, wanted(plane, **changes), ASK)
    await plane.captures.decide(ONE, asked.id, "approve", asked.digest, "yes", ASK)
    last = await plane.captures.decide(TWO, asked.id, "approve", asked.digest, "yes", ASK)
    assert last.phase is Phase.ACTIVE
    await plane.known()
    return asked.id


async def say(plane: Plane, text: str, key: str = "acme", **more: object) -> Any:
    answer = await plane.ask(body={"model": "tiny", "messages": [{"role": "user", "content": text}], **more}, key=key)
    assert answer.status == 200, answer.body
    async with asyncio.timeout(10):
        while plane.server.connections:  # noqa: ASYNC110 - an answer is out before its handler comes to the tape, and nothing tells
            await asyncio.sleep(0)
    await plane.tapes.idle()
    return answer


async def logged(shared: TestDatabase, tenant: TenantId, action: str) -> list[dict[str, str]]:
    db = await Database.connect(shared.control, shared.operator)
    try:
        async with db.tenant(tenant) as tx:
            found = [entry for entry, *_ in await reading.search(tx, reading.Wanted(action=action), 50)]
    finally:
        await db.close()
    return [
        {"resource": each.resource, "outcome": str(each.outcome), "actor": each.actor, **each.detail} for each in found
    ]


async def test_from_the_request_to_the_reading(plane: Plane, shared_database: TestDatabase) -> None:
    captures, acme = plane.captures, plane.tenants["acme"]
    asked: Asked = await captures.request(OPERATOR, wanted(plane), ASK)
    assert (
        await refused(captures.decide(OPERATOR, asked.id, "approve", asked.digest, "me", ASK)) is RefusalKind.FORBIDDEN
    )
    first = await captures.decide(ONE, asked.id, "approve", asked.digest, "yes", ASK)
    assert (first.phase, first.approvals) == (Phase.OPEN, 1)
    assert await refused(captures.decide(ONE, asked.id, "approve", asked.digest, "again", ASK)) is RefusalKind.FORBIDDEN
    assert (
        await refused(captures.decide(TWO, asked.id, "approve", "sha256:" + "0" * 64, "x", ASK)) is RefusalKind.CONFLICT
    )
    await say(plane, f"before: {CARD}")  # one yes is none
    await captures.decide(TWO, asked.id, "approve", asked.digest, "yes", ASK)
    await plane.known()

    await say(plane, f"pay with {CARD}")
    await say(plane, f"of another tenant: {CARD}", key="globex")
    (session,) = await captures.sessions(admin(acme), acme, ASK)
    assert (session.phase, session.entries, session.requester, session.ticket) == (
        Phase.ACTIVE,
        1,
        "operator/op",
        "SUP-1",
    )
    assert session.approved_by == "approver/one, approver/two"
    assert await captures.sessions(admin(plane.tenants["globex"]), plane.tenants["globex"], ASK) == []

    reader = elevated(acme, "capture.read")
    for nobody in (
        OPERATOR, ONE, elevated(acme, "audit.read"), elevated(plane.tenants["globex"], "capture.read"),
    ):  # fmt: skip
        kind = await refused(captures.entries(nobody, acme, session.id, ASK))
        assert kind in {RefusalKind.FORBIDDEN, RefusalKind.HIDDEN}
    assert await refused(captures.entries(admin(acme), acme, session.id, ASK)) is RefusalKind.FORBIDDEN
    (entry,) = await captures.entries(reader, acme, session.id, ASK)
    captured = await captures.read(reader, acme, session.id, entry.id, ASK)
    assert CARD in captured.request
    assert "chat.completion" in captured.answer
    assert (captured.workload, captured.status, captured.cut) == ("inference", 200, False)
    assert captured.request_id == entry.request_id

    read = await logged(shared_database, acme, "capture.read")
    assert any(str(entry.id) in each["resource"] and each["outcome"] == "allowed" for each in read)
    assert sum(each["outcome"] == "refused" for each in read) >= 1
    (start,) = [
        each for each in await logged(shared_database, acme, "capture.begin") if str(asked.id) in each["resource"]
    ]
    assert (start["for"], start["reason"], start["share"]) == ("SUP-1", "answers break off", "10000/10000")
    async with migrate.administrator(shared_database.admin) as connection:
        rows = await connection.fetch("select e::text from capture.entry e")
    assert rows
    assert not any("4111" in row[0] or CARD.encode().hex() in row[0] for row in rows)

    assert (
        await refused(captures.stop(admin(plane.tenants["globex"]), acme, session.id, "x", ASK)) is RefusalKind.HIDDEN
    )
    await captures.stop(admin(acme), acme, session.id, "enough", ASK)
    await plane.known()
    await say(plane, f"after: {CARD}")
    (session,) = await captures.sessions(OPERATOR, acme, ASK)
    assert (session.phase, session.entries, session.stopped_by) == (Phase.STOPPED, 1, "tenant-admin/admin")
    again = await refused(captures.decide(TWO, asked.id, "approve", asked.digest, "once more", ASK))
    assert again is RefusalKind.CONFLICT  # used once


async def test_a_stream_is_captured_as_it_was_told(plane: Plane) -> None:
    acme, session = plane.tenants["acme"], await begun(plane)
    plane.chat.behaviour = lambda asked: asked.say(chat_stream("one ", "two"))
    told = await say(plane, f"stream {CARD}", stream=True)
    reader = elevated(acme, "capture.read")
    (entry,) = await plane.captures.entries(reader, acme, session, ASK)
    captured = await plane.captures.read(reader, acme, session, entry.id, ASK)
    assert captured.answer.encode() == told.body
    await plane.captures.stop(OPERATOR, acme, session, "done", ASK)


async def test_what_was_captured_of_a_person_is_shown_and_erased_with_the_rest(
    plane: Plane, shared_database: TestDatabase
) -> None:
    acme, session = plane.tenants["acme"], await begun(plane)
    await say(plane, "of somebody", user="jane@example.org")
    await say(plane, "of nobody")
    db = await Database.connect(shared_database.control, shared_database.operator)
    plane.stack.push_async_callback(db.close)
    async with migrate.administrator(shared_database.admin) as connection:
        (subject,) = [
            row["subject"]
            for row in await connection.fetch("select subject from capture.entry where session_id = $1", session)
            if row["subject"]
        ]
    holder, now = CapturedRequests(), datetime.now(UTC)
    async with db.tenant(acme) as tx:
        assert await holder.count(tx, subject) == 1
        (shown,) = await holder.export(tx, subject, plane.tapes.vault)
        assert set(shown) == {"captured_at", "request", "capture", "entry"}  # what it says takes an elevation
        assert "of somebody" not in repr(shown)
        assert await holder.erase(tx, subject, now - timedelta(hours=1)) == 0  # what came later is of who came back
        assert await holder.erase(tx, subject, now + timedelta(seconds=1)) == 1
        assert await holder.count(tx, subject) == 0
    assert len(await plane.captures.entries(elevated(acme, "capture.read"), acme, session, ASK)) == 1
    await plane.captures.stop(OPERATOR, acme, session, "done", ASK)


async def test_a_session_takes_no_more_than_was_approved(plane: Plane) -> None:
    acme, session = plane.tenants["acme"], await begun(plane, octets=1500)
    for number in range(4):
        await say(plane, f"{number}" * 200)
    (found,) = [each for each in await plane.captures.sessions(OPERATOR, acme, ASK) if each.id == session]
    assert 1 <= found.entries < 4
    assert found.octets <= 1500
    await plane.captures.stop(OPERATOR, acme, session, "done", ASK)


async def test_the_database_takes_nothing_once_the_session_is_over(plane: Plane, shared_database: TestDatabase) -> None:
    acme, session = plane.tenants["acme"], await begun(plane)
    async with migrate.administrator(shared_database.admin) as connection:  # the gateways do not hear of it
        await connection.execute("update capture.session set ends_at = now() where id = $1", session)
    await say(plane, "too late")
    (found,) = [each for each in await plane.captures.sessions(OPERATOR, acme, ASK) if each.id == session]
    assert (found.phase, found.entries) == (Phase.ENDED, 0)
    await plane.captures.stop(OPERATOR, acme, session, "done", ASK)


@pytest.mark.parametrize(
    "change",
    [
        {"minutes": 61},
        {"minutes": 0},
        {"share": 0},
        {"share": 10_001},
        {"octets": 1},
        {"octets": 2**40},
        {"model": "x"},
    ],
)
async def test_what_no_session_is_is_not_asked_for(plane: Plane, change: dict[str, Any]) -> None:
    assert await refused(plane.captures.request(OPERATOR, wanted(plane, **change), ASK)) is RefusalKind.INVALID


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OPERATOR])
async def test_nobody_else_asks_for_one(plane: Plane, role: Role) -> None:
    who = Principal(
        role=role,
        name="x",
        credential=KeyId("0000000000000009"),
        tenant=None if role in {Role.APPROVER, Role.AUDITOR} else plane.tenants["acme"],
        environment=Environment.DEV if role.is_placed else None,
    )
    kind = await refused(plane.captures.request(who, wanted(plane), ASK))
    assert kind in {RefusalKind.FORBIDDEN, RefusalKind.HIDDEN}


async def test_what_was_captured_goes_after_its_days_unless_it_is_held(
    plane: Plane, shared_database: TestDatabase
) -> None:
    acme, session = plane.tenants["acme"], await begun(plane)
    await say(plane, "to be kept for a while")
    await plane.captures.stop(OPERATOR, acme, session, "done", ASK)
    db = await Database.connect(shared_database.control, shared_database.operator)
    plane.stack.push_async_callback(db.close)
    retention = Retention(Gate(db, Engine.load(), SystemClock()), SystemClock())
    day = datetime.now(UTC).date() - timedelta(days=15)

    async def due() -> list[tuple[str, str]]:
        status = await retention.status(OPERATOR, ASK)
        assert status.tiers["captures"] == "investigation"
        return [(each.class_, each.held_by) for each in status.due if each.tenant == acme and each.class_ == "captures"]

    assert await due() == []
    with pytest.raises((Unfit, Conflict)):
        async with db.tenant(acme) as tx:
            await tx.execute("select retention.drop_captures((now() at time zone 'utc')::date)")
    async with migrate.administrator(shared_database.admin) as connection:
        await connection.execute("update capture.entry set day = $1", day)
    assert await due() == [("captures", "")]  # 14 days, where nobody said how many
    await keep(retention, OPERATOR, acme, 30, "their contract", ASK, RuleClass.CAPTURES)
    assert await due() == []
    await keep(retention, OPERATOR, acme, 1, "short", ASK, RuleClass.CAPTURES)
    other = await retention.hold(OPERATOR, acme, HoldKind.HOLD, "legal", "records only", None, ASK)
    hold = await retention.hold(OPERATOR, acme, HoldKind.HOLD, "legal", "a matter", None, ASK, RuleClass.CAPTURES)
    assert await due() == [("captures", "hold of legal: a matter")]
    await retention.run(OPERATOR, ASK)
    with pytest.raises((Unfit, Conflict)):
        async with db.tenant(acme) as tx:
            await tx.execute("select retention.drop_captures($1)", day)
    for each in (hold, other):
        await retention.release(OPERATOR, acme, each, "settled", ASK)
    (dropped,) = [each for each in await retention.run(OPERATOR, ASK) if each.class_ == "captures"]
    assert dropped.rows >= 1
    assert await due() == []
    assert (
        await refused(plane.captures.read(elevated(acme, "capture.read"), acme, session, new_uuid(), ASK))
        is RefusalKind.HIDDEN
    )


async def test_without_a_session_nothing_is_looked_up(plane: Plane) -> None:
    for session in await plane.captures.sessions(OPERATOR, plane.tenants["acme"], ASK):
        await plane.captures.stop(OPERATOR, plane.tenants["acme"], session.id, "done", ASK)
    await plane.known()
    assert not plane.snapshot.captures
    plane.chat.behaviour = lambda asked: asked.say(whole(chat()))
    await say(plane, "as ever")
