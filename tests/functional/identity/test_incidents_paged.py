"""Every incident pages somebody, whichever process wrote the entry that opened it: signed, until it is taken, without content."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from tests.functional.identity.test_datasets import alter

from strongroom.app.seed import INSTALLER
from strongroom.identity.elevation.notices import Hook, Notices, signature
from strongroom.kernel.ids import KeyId
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import Action, Ask, Kind, Resource
from strongroom.wire import Reply, Request, serve_tcp

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

    from strongroom.kernel.ids import TenantId

ASK = Ask()
TOLD = {"type", "incident", "kind", "tenant", "subject", "opened_at", "opened_by"}
SIGNALS = {"export-limit": "export-limit", "canary-leak": "canary-leak", "prompt-leak": "prompt-leak"}


async def detected(house: House, tenant: TenantId, signal: str) -> None:
    """Write an entry as a process does that has seen something."""
    what = Resource(kind=Kind.AUDIT_LOG, id="records", tenant=tenant)
    with contextlib.suppress(Refused):
        async with house.services.gate.permit(INSTALLER, Action.RECORDS_READ, what, ASK):
            reason = "what was said: secret words"
            raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=reason, tell="No.", signal=signal))


async def test_each_kind_of_incident_pages_once_signed_and_again_until_it_is_taken(house: House) -> None:
    heard: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()
    answers = iter([500, 503])

    async def pager(request: Request, reply: Reply) -> None:
        fields = {name.decode(): value.decode() for name, value in request.headers}
        await heard.put((fields, request.body))
        await reply.send(next(answers, 204), [])

    server = await serve_tcp(pager)
    services, acme = house.services, await house.tenant("acme")
    await house.workload(acme)
    key = await house.key(acme)
    hook = Hook(f"http://127.0.0.1:{server.port}/page", b"s" * 32)
    notices = Notices(services.gate, services.clock, hook, first_s=0.01, look_s=0.01)
    paging = asyncio.create_task(notices.run())
    try:
        for signal in SIGNALS:
            await detected(house, acme, signal)
            await detected(house, acme, signal)  # one is open already: nobody is paged again
        leak = await services.incidents.key_leak(
            INSTALLER, acme, KeyId(key.key.id), freeze=False, rotate=False, reason="in a public place", ask=ASK
        )
        paged: dict[str, Any] = {}
        while len(paged) < len(SIGNALS) + 1:
            fields, body = await asyncio.wait_for(heard.get(), 20)
            stamp, notice = fields["webhook-timestamp"], fields["webhook-id"]
            assert fields["webhook-signature"].encode() == signature(b"s" * 32, notice, stamp, body)
            told = msgspec.json.decode(body)
            assert set(told) == TOLD
            assert (told["type"], told["tenant"], told["incident"]) == ("incident.opened", str(acme), notice)
            assert b"secret words" not in body
            assert b"public place" not in body
            paged[told["kind"]] = told
    finally:
        paging.cancel()
        await asyncio.gather(paging, return_exceptions=True)
        await server.close()
    assert set(paged) == {*SIGNALS.values(), "key-leak"}
    assert paged["key-leak"]["incident"] == str(leak.incident.id)
    assert paged["export-limit"]["subject"] == str(INSTALLER)
    async with services.gate.permit_platform(
        INSTALLER, Action.ELEVATION_READ, Resource(kind=Kind.ELEVATION), ASK
    ) as tx:
        assert await tx.fetchval("select count(*) from identity.notice") == len(SIGNALS) + 1
    assert heard.empty(), "taken, and not sent again"


async def test_a_tenant_with_many_incidents_or_one_that_no_hook_takes_keeps_nobody_elses_page_back(
    house: House,
) -> None:
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def pager(request: Request, reply: Reply) -> None:
        told = msgspec.json.decode(request.body)
        await heard.put(told)
        await reply.send(400 if told.get("subject") == "0" else 204, [])

    store = "insert into identity.notice (id, body, created_at) select gen_random_uuid(), $1::jsonb, $2::timestamptz"
    bodies = [{"type": "incident.opened", "tenant": "loud", "subject": str(number)} for number in range(30)]
    bodies += [{"type": "incident.opened", "tenant": "quiet"}, {"type": "elevation.break_glass", "tenant": "quiet"}]
    for second, body in enumerate(bodies):
        at = datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)
        await alter(house, store, msgspec.json.encode(body).decode(), at)
    server = await serve_tcp(pager)
    hook = Hook(f"http://127.0.0.1:{server.port}/page", b"s" * 32)
    paging = asyncio.create_task(Notices(house.services.gate, house.services.clock, hook, look_s=0.01).run())
    try:
        first = [await asyncio.wait_for(heard.get(), 20) for _ in range(4)]
    finally:
        paging.cancel()
        await asyncio.gather(paging, return_exceptions=True)
        await server.close()
    assert first == [bodies[31], bodies[0], bodies[30], bodies[1]], "the glass, each tenant's oldest, and on after a no"
