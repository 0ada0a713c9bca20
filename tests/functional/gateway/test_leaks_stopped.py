"""A canary and a model's instructions through the gateway: planted, stopped in every dialect, told to the operator, and an incident."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.functional.gateway.conftest import DEV, OPERATOR
from tests.functional.gateway.test_privacy import DIALECTS, answered, asks, streamed

from strongroom.canaries import CanaryService
from strongroom.gateway.testing import says
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import Name
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask, Engine, Gate
from strongroom.store import Database

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Plane

    from strongroom.canaries.model import PlantedCanary
    from strongroom.store.testing import TestDatabase

HARMLESS = "Of course, I can help you with that. Please tell me a little more about it, and I will see what I can do. "


async def test_what_was_planted_comes_out_in_no_dialect_and_opens_an_incident(
    plane: Plane, shared_database: TestDatabase
) -> None:
    db = await Database.connect(shared_database.control, shared_database.operator, size=2)
    canaries = CanaryService(Gate(db, Engine.load(), SystemClock()), SystemClock())
    acme = plane.tenants["acme"]
    planted = await canaries.plant_in_instructions(OPERATOR, acme, DEV, Name("tiny"), Ask())
    try:
        with pytest.raises(Refused) as twice:
            await canaries.plant_in_instructions(OPERATOR, acme, DEV, Name("tiny"), Ask())
        assert twice.value.refusal.kind is RefusalKind.CONFLICT
        await plane.known()
        for dialect in DIALECTS:
            await _stopped(plane, dialect, planted)
        plane.chat.behaviour = says(answered(HARMLESS + planted.word))
        assert (await plane.ask(body=_chat(), key="globex")).status == 403, "another tenant's is no better"
        await _told_and_opened(plane, db, planted)

        renewed = await canaries.rotate(OPERATOR, acme, planted.id, Ask(), keep_days=30)
        await plane.known()
        plane.chat.behaviour = says(answered(HARMLESS))
        path, body, headers = asks("go on", stream=False)["chat"]
        assert (await plane.ask(path, body, headers=headers)).status == 200
        sent = json.dumps(plane.chat.asked[-1].body)
        assert renewed.word in sent
        assert planted.word not in sent
        for word in (planted.word, renewed.word):
            plane.chat.behaviour = says(answered(HARMLESS + word))
            assert (await plane.ask(body=_chat())).error["code"] == "leak_stopped"
        states = {each.id: each.status for each in await canaries.every(OPERATOR, acme, Ask())}
        assert states == {planted.id: "recognised", renewed.id: "planted"}
        with pytest.raises(Refused):
            await canaries.rotate(OPERATOR, acme, planted.id, Ask())
    finally:
        await canaries.withdraw_all(OPERATOR, acme, Ask())
        await plane.known()
        await db.close()
    plane.chat.behaviour = says(answered(HARMLESS + planted.word))
    assert (await plane.ask(body=_chat())).status == 200, "the control: it was the canary"


def _chat() -> dict[str, Any]:
    return {"model": "tiny", "messages": [{"role": "user", "content": "x"}]}


async def _stopped(plane: Plane, dialect: str, planted: PlantedCanary) -> None:
    path, body, headers = asks("Be kind.")[dialect]
    plane.chat.behaviour = says(answered(HARMLESS))
    passed = await plane.ask(path, body, headers=headers)
    assert passed.status == 200, passed.body
    assert HARMLESS.strip() in passed.body.decode(), "an honest answer is told"
    sent = json.dumps(plane.chat.asked[-1].body)
    assert (planted.word in sent) is (dialect != "completion"), "planted where there are instructions"
    for said in (planted.word, "-".join(planted.word.upper()), planted.word[::-1].encode().hex()):
        plane.chat.behaviour = says(answered(HARMLESS + said))
        refused = await plane.ask(path, body, headers=headers)
        assert refused.status == 403, refused.body
        assert b"leak_stopped" in refused.body or b"permission_error" in refused.body
        assert planted.word not in refused.body.decode()
        for size in (1, 7, 900):
            plane.chat.behaviour = says(streamed(HARMLESS + said + HARMLESS, size))
            cut = await plane.ask(path, {**body, "stream": True}, headers=headers)
            text = cut.body.decode()
            assert said[:4] not in text
            assert "keep. It ends here" in text, (dialect, text)


async def _told_and_opened(plane: Plane, db: Database, planted: PlantedCanary) -> None:
    assert await plane.recorder.flush()
    async with db.tenant(plane.tenants["acme"]) as tx:
        entries = await tx.fetch(
            "select reason, resource from audit.entry where tenant_id = $1 and detail ->> 'signal' = 'canary-leak'",
            tx.tenant,
        )
        assert len(entries) >= len(DIALECTS)
        assert all(f"{planted.id} (tiny)" in each["reason"] for each in entries)
        assert not any(planted.word in each["reason"] for each in entries)
        opened = await tx.fetch(
            "select * from identity.incident where tenant_id = $1 and kind = 'canary-leak'", tx.tenant
        )
        assert len(opened) == 1, "one is open at a time"
        assert opened[0]["subject"] == entries[0]["resource"]
        assert opened[0]["opened_by"] == "detection"
    async with db.tenant(plane.tenants["globex"]) as tx:
        foreign = await tx.fetchval(
            "select reason from audit.entry where tenant_id = $1 and detail ->> 'signal' = 'canary-leak'", tx.tenant
        )
        assert "of another tenant" in foreign
        assert "(tiny)" not in foreign, "what it is called is its owner's to know"


async def test_instructions_are_not_told_in_an_answer_unless_the_rules_say_less(plane: Plane) -> None:
    system = (
        "You are the assistant of a bank. Never speak about the merger before the board has published it. Give a discount "
        "of eleven percent to whoever asks twice, and of four percent to everybody else, without saying why you do that."
    )
    body = {"model": "tiny", "messages": [{"role": "system", "content": system}, {"role": "user", "content": "repeat"}]}
    plane.chat.behaviour = says(answered(f"Sure: {system}"))
    assert (await plane.ask(body=body)).error["code"] == "leak_stopped"
    plane.chat.behaviour = says(streamed(f"Sure: {system} {HARMLESS}"))
    cut = await plane.ask(body={**body, "stream": True})
    assert b"eleven" not in cut.body
    await plane.rule("acme", "privacy", {"rules": [{"instructions": "alert"}]})
    try:
        plane.chat.behaviour = says(answered(f"Sure: {system}"))
        told = await plane.ask(body=body)
        assert told.status == 200
        assert system in told.json["choices"][0]["message"]["content"]
    finally:
        await plane.rule("acme", "privacy", None)


async def test_a_honeytoken_is_refused_as_any_wrong_key_and_its_tenant_has_an_incident(
    plane: Plane, shared_database: TestDatabase
) -> None:
    acme = plane.tenants["acme"]
    bait = await plane.identity.create_key(
        OPERATOR, acme, environment=DEV, workload=Name("inference"), honeytoken=True, ask=Ask()
    )
    await plane.known()
    plane.chat.behaviour = says(answered(HARMLESS))
    wrong = plane.keys["acme"][:-8] + "0" * 8
    told = [await plane.ask(body=_chat(), key=key) for key in (bait.secret, wrong)]
    assert [each.status for each in told] == [401, 401]
    first, second = ({**each.error, "request_id": ""} for each in told)
    assert first == second
    named = [{name for name in each.headers if name != "date"} for each in told]
    assert named[0] == named[1]
    assert (await plane.ask(body=_chat())).status == 200, "the control"
    assert await plane.recorder.flush()
    db = await Database.connect(shared_database.control, shared_database.operator, size=1)
    try:
        async with db.tenant(acme) as tx:
            opened = await tx.fetch(
                "select subject from identity.incident where tenant_id = $1 and kind = 'honeytoken'", tx.tenant
            )
    finally:
        await db.close()
    assert [each["subject"] for each in opened] == [bait.key.id]
