"""What people write of their acts can be erased, and the log that commits to it proves as before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.functional.subjects.conftest import ACME, ADA, ASK, BOB, GLOBEX, OPERATOR, person

from strongroom.audit import reading
from strongroom.audit.sidecar import ERASED, SEALED, WITHHELD, Sidecars
from strongroom.audit.tlog import NoteKey
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Action, Ask, AuditReader, Engine, Gate, Kind, LogReader, Resource, octets_of
from strongroom.store import Database, Unfit
from strongroom.subjects import HoldKind, RequestKind, Subjects
from strongroom.vault import Scope, VaultUnavailable

if TYPE_CHECKING:
    from tests.functional.subjects.conftest import Keeper, People

SAID = "Frau Mustermann rang: her laptop is gone"
KEY = Resource(kind=Kind.KEY, id="0" * 16, tenant=ACME)


class Away:
    async def keys(self, scope: Scope) -> None:
        raise VaultUnavailable(f"sealed: {scope.use}")


def gate_of(people: People, db: Database, vault: Any = None) -> Gate:
    return Gate(db, Engine.load(), SystemClock(), sidecars=Sidecars(vault or people.vault))


async def revoked(gate: Gate, who: Any = ADA, said: str = SAID) -> None:
    async with gate.permit(who, Action.KEY_REVOKE, KEY, Ask(request_id="req_1", detail={"reason": said})):
        pass


async def reasons(people: People, gate: Gate, who: Any = ADA) -> list[str]:
    """Return what a reader is told, newest first, by both ways of reading."""
    sidecars = Sidecars(people.vault)
    told = await AuditReader(gate, sidecars).of_tenant(who, ACME, ASK)
    found = await LogReader(gate, sidecars).search(
        who, ACME, ASK, reading.Wanted(action="key.revoke"), limit=50, before=None
    )
    said = [each.detail["reason"] for each in told if each.action == "key.revoke"]
    assert said == [entry.detail["reason"] for entry, *_ in found]
    return said


async def test_words_count_with_what_is_taken_of_a_log(people: People, db: Database) -> None:
    taken = list[int]()

    async def meter(_tx: Any, _who: Any, _surface: Any, _rows: int, octets: int) -> None:
        taken.append(octets)

    gate, sidecars = Gate(db, Engine.load(), SystemClock(), meter=meter), Sidecars(people.vault)
    await revoked(gate_of(people, db), said="why " * 50)
    wanted = reading.Wanted(action="key.revoke")
    listed = await AuditReader(gate, sidecars).of_tenant(ADA, ACME, ASK)
    found = await LogReader(gate, sidecars).search(ADA, ACME, ASK, wanted, limit=9, before=None)
    seen = await LogReader(gate, sidecars).explore(ADA, ACME, ASK, wanted, limit=9, before=None)
    assert taken == [octets_of(listed), octets_of(found), octets_of(seen.entries)]
    assert "why why" in str(listed), "the words are among it"


async def test_words_stand_beside_the_log_and_go_with_their_author(
    people: People, db: Database, keeper: Keeper
) -> None:
    gate = gate_of(people, db)
    await revoked(gate)
    await revoked(gate, BOB, "rotation")
    await revoked(gate, OPERATOR, "asked by acme")
    assert await reasons(people, gate) == ["asked by acme", "rotation", SAID]
    await keeper.seal()
    async with db.tenant(ACME) as tx:
        logged = {entry.actor: entry for entry, *_ in await reading.search(tx, reading.Wanted(action="key.revoke"), 9)}
        entry = logged["tenant-admin/ada"]
        before = await reading.receipt(tx, entry.id)
    assert before is not None
    assert SAID.encode() not in before[0].event
    assert entry.detail["reason"].startswith(SEALED)
    async with db.operator() as operators:
        rows = await operators.fetch("select detail::text as said from audit.platform_entry")
    assert all("asked by acme" not in row["said"] for row in rows), "the installation's copy holds no words either"
    taken = await people.take("account:tenant-admin/ada", who=BOB)
    certificate = await people.erase(taken, "account:tenant-admin/ada", BOB)
    assert certificate["verdict"] == "erased", certificate["residual"]
    assert {each["name"]: each["erased"] for each in certificate["places"]}["what was written beside the log"] == 1
    gone = entry.detail["reason"].replace(SEALED, ERASED)
    assert await reasons(people, gate) == ["asked by acme", "rotation", gone]
    await keeper.seal()
    async with db.tenant(ACME) as tx:
        after = await reading.receipt(tx, entry.id)
    assert after is not None
    assert after[0].event == before[0].event
    key = NoteKey.parse(keeper.vkey())
    assert after[1].holds(after[0].event, [key.named(after[1].checkpoint.origin)])


async def test_words_that_do_not_fit_what_was_logged_are_not_told(people: People, db: Database) -> None:
    gate = gate_of(people, db)
    await revoked(gate)
    await revoked(gate, said="rotation")
    rows = await people.sql("select entry_id, sealed from audit.sidecar order by at")
    for here, there in ((rows[0], rows[1]), (rows[1], rows[0])):
        await people.sql("update audit.sidecar set sealed = $1 where entry_id = $2", there["sealed"], here["entry_id"])
    assert [each.startswith(ERASED) for each in await reasons(people, gate)] == [True, True]
    await people.sql("update audit.sidecar set sealed = $1 where entry_id = $2", rows[0]["sealed"], rows[0]["entry_id"])
    assert SAID in await reasons(people, gate), "the positive control"


async def test_without_the_vault_a_key_is_still_ended_and_nothing_is_given(people: People, db: Database) -> None:
    gate = gate_of(people, db, Away())
    await revoked(gate)
    assert await reasons(people, gate) == [WITHHELD]
    subjects = Subjects(gate, people.vault, (), SystemClock())
    noted = Ask(detail={"reason": SAID})
    with pytest.raises(Refused) as refused:
        await subjects.hold(ADA, ACME, None, HoldKind.HOLD, "legal@acme", "a matter", None, noted)
    assert refused.value.refusal.kind is RefusalKind.UNAVAILABLE
    assert await subjects.holds(ADA, ACME, ASK) == []
    for row in await people.sql("select detail::text as said from audit.entry"):
        assert "Mustermann" not in row["said"]


async def test_no_words_of_another_tenant_are_seen_or_erased_and_none_that_are_held(
    people: People, db: Database
) -> None:
    gate = gate_of(people, db)
    await revoked(gate)
    author = await people.name(ACME, "account:tenant-admin/ada")
    async with db.tenant(GLOBEX) as tx:
        assert await tx.fetch("select from audit.sidecar") == []
        assert await tx.fetchval("select audit.drop_sidecars($1, now())", author) == 0
    with pytest.raises(Refused):
        await AuditReader(gate, Sidecars(people.vault)).of_tenant(person(tenant=GLOBEX), ACME, ASK)
    await people.subjects.hold(
        BOB, ACME, "account:tenant-admin/ada", HoldKind.HOLD, "legal@acme", "a matter", None, ASK
    )
    with pytest.raises(Unfit):
        async with db.tenant(ACME) as tx:
            await tx.fetchval("select audit.drop_sidecars($1, now())", author)
    assert await reasons(people, gate) == [SAID]


async def test_a_person_is_shown_what_they_wrote(people: People, db: Database) -> None:
    await revoked(gate_of(people, db))
    taken = await people.take("account:tenant-admin/ada", RequestKind.EXPORT)
    export = msgspec.json.decode(await people.work.export(ADA, ACME, "acme", taken.id, ASK))
    assert [each["reason"] for each in export["places"]["what was written beside the log"]] == [SAID]
