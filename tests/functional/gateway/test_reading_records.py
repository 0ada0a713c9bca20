"""A tenant reads what became of its requests, page by page and sifted; of another's it reads nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from strongroom.gateway.reading import RecordReader, RecordRow
from strongroom.gateway.testing import chat, says, whole
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import Refused
from strongroom.policy import Ask, Engine, Gate
from strongroom.store import Database
from strongroom.store.testing import TestDatabase

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Plane

ASKED: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "CANARY-prompt"}]}


@pytest.fixture
async def reader(shared_database: TestDatabase) -> AsyncGenerator[RecordReader]:
    db = await Database.connect(shared_database.control, shared_database.operator)
    yield RecordReader(Gate(db, Engine.load(), SystemClock()))
    await db.close()


def admin(plane: Plane, tenant: str) -> Principal:
    return Principal(role=Role.TENANT_ADMIN, name="admin", credential=KeyId("a" * 16), tenant=plane.tenants[tenant])


async def test_a_tenant_reads_its_own_records_and_no_others(plane: Plane, reader: RecordReader) -> None:
    began = SystemClock().now()
    told = [await plane.ask(body=ASKED) for _ in range(3)]
    told += [await plane.ask(body={**ASKED, "stream": True}), await plane.ask(body={**ASKED, "temperature": 9})]
    await plane.ask(body=ASKED, key="globex")
    await plane.written()

    async def read(tenant: str = "acme", of: str = "acme", **sifted: Any) -> list[RecordRow]:
        return await reader.of_tenant(admin(plane, tenant), plane.tenants[of], Ask(), **{"since": began, **sifted})

    rows = await read()
    assert [row.request_id for row in rows] == [answer.headers["x-request-id"] for answer in reversed(told)]
    assert [(row.outcome, row.status, row.phase) for row in rows] == [
        ("refused", 400, "authenticated"),
        ("failed", 502, "routed"),  # the double does not stream
        *[("completed", 200, "relayed")] * 3,
    ]
    whole = rows[-1]
    assert (whole.dialect, whole.target, whole.operation) == ("openai", "local", "chat")
    assert (whole.input_tokens, whole.output_tokens) == (5, 2)
    assert whole.first_byte_ms is not None
    assert 0 < whole.first_byte_ms <= whole.duration_ms
    assert whole.decisions["records"] == "bounded"
    assert len(whole.decisions["disclosure"]) == 16
    assert rows[0].refusal.startswith("invalid")
    assert rows[0].first_byte_ms is None
    assert rows[1].refusal == "upstream"

    first = await read(limit=2)
    assert [row.id for row in first] == [row.id for row in rows[:2]]
    assert [row.id for row in await read(before=first[-1].id)] == [row.id for row in rows[2:]]
    assert [row.status for row in await read(status=400)] == [400]
    assert [row.outcome for row in await read(outcome="refused")] == ["refused"]
    assert await read(since=SystemClock().now() + timedelta(minutes=1)) == []
    assert "CANARY" not in repr(rows)

    assert len(await read("globex", "globex")) == 1
    assert await read("globex", "globex", before=rows[0].id) == []  # another's id is nobody's
    with pytest.raises(Refused):
        await read("globex", "acme")


async def test_a_record_says_how_much_was_met_by_direction_and_type_and_nothing_of_it(
    plane: Plane, reader: RecordReader
) -> None:
    began = SystemClock().now()
    mail, card = "jane.roe@example.com", "4111 1111 1111 1111"
    plane.chat.behaviour = says(whole(chat(f"It was {mail}.")))
    met = {"model": "tiny", "messages": [{"role": "user", "content": f"{mail}, {card} and joe.doe@example.com"}]}
    for body in (met, ASKED):
        assert (await plane.ask(body=body)).status == 200
        plane.chat.behaviour = says(whole(chat("Hello.")))
    await plane.written()
    plain, full = await reader.of_tenant(admin(plane, "acme"), plane.tenants["acme"], Ask(), since=began)
    assert full.findings == {"input": {"credit_card": 1, "email": 2}, "output": {"email": 1}}
    assert plain.findings == {}
    assert not any(value in repr(full) for value in (mail, card, "joe"))
