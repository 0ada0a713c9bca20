"""While the audit log cannot be sealed and signed, nothing is given: after the grace, and told; what takes away goes on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from strongroom import audit
from strongroom.audit import Outcome
from strongroom.audit.sealing import Sequencer, Trouble
from strongroom.audit.testing import LocalNotary
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Action, Engine, Gate, Kind, Resource
from strongroom.store import Database, Sealer, migrate
from strongroom.store.testing import TestDatabase

OPERATOR = Principal(role=Role.OPERATOR, name="root", credential=KeyId("0123456789abcdef"))
GIVE = (Action.ACCOUNT_CREATE, Resource(kind=Kind.ACCOUNT))
TAKE = (Action.ACCOUNT_DELETE, Resource(kind=Kind.ACCOUNT, id="somebody"))
LOOK = (Action.ACCOUNT_LIST, Resource(kind=Kind.ACCOUNT))


@pytest.fixture
async def sequencer(database: TestDatabase, tmp_path: Path) -> AsyncGenerator[tuple[Sequencer, LocalNotary]]:
    sealer, notary = await Sealer.connect(database.keeper), LocalNotary(tmp_path / "notary")
    yield Sequencer(sealer, notary, SystemClock(), tell=lambda _: None), notary
    notary.notary.close()
    await sealer.close()


async def passed(gate: Gate, act: tuple[Action, Resource]) -> bool:
    try:
        async with gate.permit_platform(OPERATOR, *act):
            return True
    except Refused as refused:
        return refused.refusal.kind is not RefusalKind.UNAVAILABLE or "audit log" not in refused.refusal.tell


async def age(database: TestDatabase, seconds: int) -> None:
    async with migrate.administrator(database.admin) as connection:
        await connection.execute("update audit.pulse set sound_at = now() - make_interval(secs => $1)", seconds)


async def test_changes_are_refused_after_the_grace_and_taken_again_when_all_is_signed(
    sequencer: tuple[Sequencer, LocalNotary], db: Database, database: TestDatabase
) -> None:
    keeper, notary = sequencer
    gate = Gate(db, Engine.load(), SystemClock(), grace_s=60)
    assert not await passed(gate, GIVE), "before anything was ever sealed"
    await keeper.round()
    assert await passed(gate, GIVE)

    notary.away = True
    await keeper.round()
    assert (await gate.pulse()).trouble is Trouble.NOTARY
    assert await passed(gate, GIVE), "within the grace"
    await age(database, 61)
    assert not await passed(gate, GIVE)
    assert await passed(gate, TAKE), "who stops the notary must not keep a stolen key alive"
    assert await passed(gate, LOOK)
    assert not gate.is_sealed(await gate.pulse())
    async with db.operator() as tx:
        refused = [each for each in await audit.recent(tx) if each.outcome is Outcome.REFUSED]
    assert [each.action for each in refused] == ["account.create"] * 2
    assert "notary" in refused[0].reason

    notary.away = False
    await keeper.round()
    assert await passed(gate, GIVE)


async def test_a_keeper_that_is_gone_is_noticed_by_the_pulse_alone(
    sequencer: tuple[Sequencer, LocalNotary], db: Database, database: TestDatabase
) -> None:
    keeper, _ = sequencer
    await keeper.round()
    await age(database, 3600)
    gate = Gate(db, Engine.load(), SystemClock(), grace_s=300)
    assert not await passed(gate, GIVE)
    assert (await gate.pulse()).trouble is Trouble.NONE
