"""Who asks for it is erased, everywhere and alone; what is left is said; what is held, or another's, stays."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
import pytest
from tests.functional.subjects.conftest import (
    ACME,
    ADA,
    ASK,
    BOB,
    GLOBEX,
    JANE,
    JOHN,
    OPERATOR,
    files_of_people,
    person,
    services,
)

from strongroom.audit import reading, strongroom_verify
from strongroom.cli.documents import beside
from strongroom.gateway.record_seals import prove
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import new_uuid
from strongroom.kernel.principal import Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.store import Appender, Database, Unfit, backup, migrate
from strongroom.store.testing import TestDatabase, TestServer, logins
from strongroom.subjects import HoldKind, RequestKind, State
from strongroom.subjects.registry import EXEMPT, holders
from strongroom.vault import KeysDestroyed, Use

if TYPE_CHECKING:
    from tests.functional.subjects.conftest import Keeper, People


def no(refused: pytest.ExceptionInfo[Refused]) -> RefusalKind:
    return refused.value.refusal.kind


async def test_a_person_is_erased_and_what_was_sealed_of_their_records_proves_as_before(
    peopled: People, keeper: Keeper
) -> None:
    await keeper.seal()
    subject = await peopled.name(ACME, JANE)
    record = (await peopled.sql("select id from gateway.record where subject = $1 limit 1", subject))[0]["id"]
    async with peopled.db.tenant(ACME) as tx:
        before = await prove(tx, record)
    certificate = await peopled.erase(await peopled.take())
    assert certificate["verdict"] == "erased"
    assert {each["name"]: (each["found"], each["erased"], each["left"]) for each in certificate["places"]} == {
        "records of requests": (2, 2, 0), "kept responses": (2, 2, 0), "captured requests": (0, 0, 0),
        "labels of requests": (0, 0, 0), "rows of data sets": (0, 0, 0), "rows of training files": (0, 0, 0),
        "what was written beside the log": (0, 0, 0), "what was said of requests": (1, 1, 0),
    }  # fmt: skip
    assert certificate["keys"]["destroyed"] == ["kept-response", "subject-request"]
    assert certificate["residual"]["for"] == ["pseudonym", "name"]
    assert {"gateway.record", "gateway.response", "identity.workload"} <= set(certificate["residual"]["searched"])
    assert certificate["residual"]["found"] == []
    assert certificate["not_covered"]
    assert await peopled.left(ACME, JANE) == (0, 0)
    assert await peopled.left(ACME, JOHN) == (1, 1), "somebody else"
    assert await peopled.left(GLOBEX, JANE) == (2, 2), "another tenant's"
    async with peopled.db.tenant(ACME) as tx:
        assert await prove(tx, record) == before, "what was sealed is as it was"
    with pytest.raises(KeysDestroyed):
        await peopled.keystore.open_subject(ACME, subject, Use.KEPT_RESPONSE, make=False)
    for row in await peopled.sql("select detail::text as d, resource from audit.entry"):
        assert subject not in str(row), "the log tells of a request, not of a person"


async def test_the_name_that_was_looked_up_is_kept_nowhere(peopled: People) -> None:
    request = await peopled.take()
    assert (await peopled.subjects.show(ADA, ACME, request.id, ASK)).reason == "they wrote"
    assert (await peopled.subjects.look_up(ADA, ACME, JANE, ASK))[1][0].found == 2
    await peopled.work.export(ADA, ACME, "acme", (await peopled.take(kind=RequestKind.EXPORT)).id, ASK)
    for table in await peopled.sql(
        "select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where c.relkind = 'r' and n.nspname !~ '^pg_|information_schema'"
    ):
        rows = await peopled.sql(f"select t::text as row from {table['name']} t")  # noqa: S608 - names of the catalogue
        assert not [row for row in rows if "canary" in row["row"].lower()], table["name"]
    await peopled.erase(request)
    assert (await peopled.subjects.show(ADA, ACME, request.id, ASK)).reason is None


async def test_what_is_left_somewhere_is_told_and_nothing_is_claimed(peopled: People) -> None:
    await peopled.sql("update identity.workload set owner = 'ask Jane.CANARY@example.org' where tenant_id = $1", ACME)
    request = await peopled.take()
    certificate = await peopled.erase(request)
    assert certificate["verdict"] == "incomplete"
    assert certificate["residual"]["found"] == [{"table": "identity.workload", "rows": 1}]
    shown = await peopled.subjects.show(ADA, ACME, request.id, ASK)
    assert (shown.state, shown.verdict, shown.ended_at) == (State.IN_WORK, "incomplete", None)
    await peopled.sql("update identity.workload set owner = 'o'")
    assert (await peopled.erase(request))["verdict"] == "erased"
    assert (await peopled.subjects.show(ADA, ACME, request.id, ASK)).state is State.DONE
    with pytest.raises(Refused) as refused:
        await peopled.erase(request)
    assert no(refused) is RefusalKind.CONFLICT, "it is done"


async def test_what_is_held_is_not_erased_whoever_asks_and_by_whatever_way(peopled: People) -> None:
    request, subject = await peopled.take(), await peopled.name(ACME, JANE)
    soon = datetime.now(UTC) + timedelta(hours=1)

    async def held(said: str) -> None:
        with pytest.raises(Refused) as refused:
            await peopled.erase(request)
        assert no(refused) is RefusalKind.CONFLICT
        assert said in refused.value.refusal.tell
        assert await peopled.left(ACME, JANE) == (2, 2)
        for function in ("gateway.part_records($1, now(), 9)", "gateway.drop_responses($1, now())"):
            with pytest.raises(Unfit):  # injected SQL meets the same no
                async with peopled.db.tenant(ACME) as tx:
                    await tx.fetchval("select " + function, subject)  # type: ignore[arg-type,unused-ignore]

    for name in (JANE, None):
        hold = await peopled.subjects.hold(ADA, ACME, name, HoldKind.HOLD, "legal@acme", "a matter", None, ASK)
        await held("hold of legal@acme")
        await peopled.subjects.release(ADA, ACME, hold.id, ASK)
    await peopled.subjects.hold(ADA, ACME, JANE, HoldKind.EXCEPTION, "tax@acme", "records of tax", soon, ASK)
    await held("exception of tax@acme until ")
    await peopled.sql("update subjects.hold set until = now() - interval '1 second' where kind = 'exception'")
    await peopled.sql(
        "insert into retention.hold (tenant_id, id, class, kind, owner, reason, set_by) "
        "values ($1, $2, 'records', 'hold', 'court', 'r', 's')",
        ACME,
        new_uuid(),
    )
    await held("hold of court")
    await peopled.sql("update retention.hold set released_at = now()")
    await peopled.subjects.hold(ADA, ACME, JOHN, HoldKind.HOLD, "legal@acme", "another's", None, ASK)
    assert (await peopled.erase(request))["verdict"] == "erased"
    assert [each.active for each in await peopled.subjects.holds(ADA, ACME, ASK)].count(True) == 1


async def test_nobody_else_may_and_another_tenants_person_is_nobody(peopled: People) -> None:
    request = await peopled.take()
    theirs = person(tenant=GLOBEX, name="eve", key="e")
    for who in (theirs, person(Role.TENANT_AUDITOR), person(Role.TENANT_AUDITOR, GLOBEX)):
        with pytest.raises(Refused):
            await peopled.work.erase(who, ACME, "acme", request.id, JANE, ASK)
        with pytest.raises(Refused):
            await peopled.work.export(who, ACME, "acme", request.id, ASK)
    with pytest.raises(Refused) as refused:  # in her own tenant there is no such request
        await peopled.work.erase(theirs, GLOBEX, "globex", request.id, JANE, ASK)
    assert no(refused) is RefusalKind.HIDDEN
    # Acme's pseudonym names nobody in globex, whose Jane is another.
    taken = await peopled.take(await peopled.name(ACME, JANE), who=theirs)
    certificate = await peopled.erase(taken, None, theirs)
    assert {each["found"] for each in certificate["places"] if each["name"] != "what was said of requests"} == {0}
    assert await peopled.left(GLOBEX, JANE) == (2, 2)
    with pytest.raises(Refused):  # the request is about Jane, and not about whom somebody adds
        await peopled.erase(request, JOHN)
    assert await peopled.left(ACME, JANE) == (2, 2)
    assert await peopled.left(ACME, JOHN) == (1, 1)
    async with peopled.db.tenant(ACME) as tx:
        found = await reading.search(tx, reading.Wanted(action="subject.erase", outcome="refused"), 20)
    assert len(found) >= 2


async def test_in_production_a_second_person_confirms_and_not_the_one_who_asked(
    peopled: People, database: TestDatabase, db: Database, appender: Appender
) -> None:
    strict = services(database, db, peopled.home, appender, production=True)
    for kind in (RequestKind.ERASE, RequestKind.EXPORT):
        request = await strict.take(kind=kind)

        async def act(which: Any = request) -> None:
            if which.kind is RequestKind.ERASE:
                await strict.erase(which)
            else:
                await strict.work.export(ADA, ACME, "acme", which.id, ASK)

        with pytest.raises(Refused) as refused:
            await act()
        assert "second person" in refused.value.refusal.tell
        for who in (ADA, person(name="ada", key="c"), person(name="alias", key="a")):
            with pytest.raises(Refused) as refused:
                await strict.subjects.confirm(who, ACME, request.id, ASK)
            assert no(refused) is RefusalKind.FORBIDDEN
        confirmed = await strict.subjects.confirm(BOB, ACME, request.id, ASK)
        assert (confirmed.state, confirmed.confirmed_by) == (State.IN_WORK, "tenant-admin/bob")
        await act()
    assert await strict.left(ACME, JANE) == (0, 0)
    with pytest.raises(Refused):  # an operator shows nobody a customer's answers of standing power
        await strict.work.export(OPERATOR, ACME, "acme", (await strict.take(kind=RequestKind.EXPORT)).id, ASK)


async def test_a_request_has_thirty_days_and_ends_with_a_reason(peopled: People) -> None:
    first, second = await peopled.take(), await peopled.take(JOHN)
    assert (first.state, first.days_left, first.overdue) == (State.REQUESTED, 30, False)
    await peopled.sql("update subjects.request set due_at = now() - interval '1 hour' where id = $1", second.id)
    listed = await peopled.subjects.requests(ADA, ACME, None, ASK)
    assert [(each.id, each.overdue) for each in listed] == [(second.id, True), (first.id, False)]
    refused = await peopled.subjects.refuse(ADA, ACME, second.id, "not identified", ASK)
    assert (refused.state, refused.refused_for, refused.days_left) == (State.REFUSED, "not identified", None)
    with pytest.raises(Refused):
        await peopled.erase(second, JOHN)
    assert [each.id for each in await peopled.subjects.requests(ADA, ACME, State.REFUSED, ASK)] == [second.id]
    assert await peopled.subjects.requests(person(tenant=GLOBEX), GLOBEX, None, ASK) == []


async def test_a_person_is_shown_what_is_kept_of_them_and_of_nobody_else(peopled: People) -> None:
    request = await peopled.take(kind=RequestKind.EXPORT)
    export = msgspec.json.decode(await peopled.work.export(ADA, ACME, "acme", request.id, ASK))
    records, responses, captured, *_, said = export["places"].values()
    assert captured == []
    assert [each["operation"] for each in records] == ["chat", "chat"]
    assert [each["content"]["document"] for each in responses] == [{"said": f"to {JANE}"}] * 2
    assert [each["said"] for each in said] == ["they wrote"]
    assert JOHN not in str(export)
    assert set(export["for_how_long"]) == set(export["places"])
    shown = await peopled.subjects.show(ADA, ACME, request.id, ASK)
    assert (shown.state, shown.verdict) == (State.DONE, "exported")
    assert await peopled.left(ACME, JANE) == (2, 2), "looking erases nothing"


async def written(people: People, keeper: Keeper, out: Path, text: str, request: Any) -> None:
    """Write a document and its proof as the command does."""
    await keeper.seal()
    sealed, receipt, vkey = await people.work.proof(ADA, ACME, request, ASK)
    proof = {"event": sealed.event.decode(), "receipt": str(receipt), "vkey": str(vkey)}
    put(out, text)
    put(beside(out), msgspec.json.encode(proof).decode())


def put(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


async def test_a_certificate_is_checked_offline_and_an_edited_one_is_broken(
    peopled: People, keeper: Keeper, tmp_path: Path
) -> None:
    request, other = await peopled.take(), await peopled.take(JOHN)
    text = await peopled.work.erase(ADA, ACME, "acme", request.id, JANE, ASK)
    out, theirs = tmp_path / "cert.json", tmp_path / "other.json"
    await written(peopled, keeper, out, text, request.id)
    again = await peopled.work.erase(ADA, ACME, "acme", other.id, JOHN, ASK)
    await written(peopled, keeper, theirs, again, other.id)

    def check(path: Path, *more: str) -> int:
        return strongroom_verify.main([str(path), *more])

    trust = ("--trust", keeper.vkey())
    assert check(out, *trust) == 0
    assert check(out) == 3, "consistent, and by a key that nobody trusted"
    alone = await asyncio.create_subprocess_exec(  # as a third party runs it
        sys.executable, "-I", strongroom_verify.__file__, str(out), *trust, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await alone.communicate()
    assert (alone.returncode, said.splitlines()[0]) == (0, b"Verified.")
    proof, good = beside(out), read(beside(out))
    for changed in (
        text.replace('"found": 2', '"found": 3', 1),
        text.replace('"verdict": "erased"', '"verdict": "incomplete"'),
        text.replace(str(request.id), str(other.id)),
        text[:-1],
        again,
        "{}",
    ):
        assert changed != text
        put(out, changed)
        assert check(out, *trust) == 1, changed[:40]
    put(out, text)
    for changed in (
        good.replace('\\"status\\":\\"allowed\\"', '\\"status\\":\\"refused\\"'),
        read(beside(theirs)),
        good.replace("subject.certify", "subject.release"),
        "{}",
    ):
        assert changed != good
        put(proof, changed)
        assert check(out, *trust) == 1, changed[:40]
    put(proof, "")
    assert check(out, *trust) == 1


@pytest.fixture
async def target(postgres: TestServer) -> AsyncGenerator[TestDatabase]:
    name = f"r_{uuid4().hex[:12]}"
    yield logins(postgres.admin.to(name), postgres.passwords)
    async with migrate.administrator(postgres.admin) as connection:
        await connection.execute(f"drop database if exists {name} with (force)")


class Sealing:
    def make(self, manifest: bytes) -> bytes:
        return manifest[:0] + b"seal"

    def fits(self, manifest: bytes, seal: bytes) -> bool:
        return self.make(manifest) == seal


async def test_a_restored_backup_does_not_bring_the_erased_back(
    peopled: People, target: TestDatabase, postgres: TestServer, tmp_path: Path
) -> None:
    archive = tmp_path / "backup.tar"
    await backup.backup(peopled.database.admin, archive, seal=Sealing(), clock=SystemClock())
    await peopled.erase(await peopled.take())
    await backup.restore(target.admin, archive, seal=Sealing(), passwords=postgres.passwords)
    db = await Database.connect(target.control, target.operator)
    restored = services(target, db, peopled.home, await Appender.connect(target.gateway))
    try:
        assert await restored.left(ACME, JANE) == (2, 2), "the positive control: they are in the backup"
        export = await restored.take(kind=RequestKind.EXPORT)
        shown = msgspec.json.decode(await restored.work.export(ADA, ACME, "acme", export.id, ASK))
        kept = shown["places"]["kept responses"]
        assert [each["content"] for each in kept] == [None, None], "nobody can read them: their key is in no backup"
        later = await restored.asked(ACME, JANE)  # somebody who was erased may come back
        assert await restored.work.replay(OPERATOR, ASK) == 4
        assert await restored.left(ACME, JANE) == (1, 1)
        assert (await restored.sql("select id from gateway.record where subject is not null and tenant_id = $1", ACME))[
            0
        ]["id"] is not None
        assert later is not None
        assert await restored.left(ACME, JOHN) == (1, 1)
        assert await restored.left(GLOBEX, JANE) == (2, 2)
        assert await restored.work.replay(OPERATOR, ASK) == 0, "once is enough"
        async with db.tenant(ACME) as tx:
            assert len(await reading.search(tx, reading.Wanted(action="subject.replay"), 9)) == 1
    finally:
        opened: Any = restored.responses
        if opened._cabinet is not None:
            await opened._cabinet.close()
        await restored.appender.close()
        await db.close()


async def test_a_tenants_end_is_certified_and_what_it_had_kept_opens_nowhere(peopled: People) -> None:
    await peopled.keystore.destroy(GLOBEX)
    text = await peopled.work.offboarded(OPERATOR, GLOBEX, "globex", ASK)
    certificate = msgspec.json.decode(text)
    assert (certificate["verdict"], certificate["scope"], certificate["subject"]) == ("erased", "tenant", None)
    assert {each["name"]: each["found"] for each in certificate["places"]}["records of requests"] == 4
    alive = msgspec.json.decode(await peopled.work.offboarded(OPERATOR, ACME, "acme", ASK))
    assert alive["verdict"] == "incomplete", "its keys are there"
    assert {"table": "keystore: kept-response", "rows": 1} in alive["residual"]["found"]


async def test_every_table_says_who_answers_for_people_in_it(database: TestDatabase, people: People) -> None:
    async with migrate.administrator(database.admin) as admin:
        rows = await admin.fetch(
            "select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname !~ '^pg_|information_schema' and c.relkind in ('r', 'p')"
        )
    there = {row["name"] for row in rows}
    held = {table for holder in holders(*files_of_people(people.home, people.vault)) for table in holder.tables}
    assert held.isdisjoint(EXEMPT)
    assert there - held - set(EXEMPT) == set(), (
        "say in strongroom/subjects/registry.py which holder answers for people in it, or why there are none"
    )
    assert (held | set(EXEMPT)) - there == set(), "the table is gone: take it off the list"


async def test_two_who_erase_at_once_do_it_once(peopled: People) -> None:
    request = await peopled.take()
    done = await asyncio.gather(*(peopled.erase(request) for _ in range(3)), return_exceptions=True)
    certificates = [each for each in done if isinstance(each, dict)]
    assert certificates
    assert all(isinstance(each, dict | Refused) for each in done), done
    assert await peopled.left(ACME, JANE) == (0, 0)
    assert sum(each["places"][0]["erased"] for each in certificates) == 2
