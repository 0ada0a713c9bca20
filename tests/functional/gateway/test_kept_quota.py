"""What is kept of answers is bounded: by number, by size and by connections, for a tenant and for each of its workloads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from strongroom.gateway.exchange.asks import Message, TextPart
from strongroom.gateway.kept import Kept, Responses
from strongroom.gateway.quota import CODE, INSERT, LOCK, Quota
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import PLATFORM, KeyId, Name, new_uuid
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.policy import Ask, Surface
from strongroom.rules.exports import EXPORTS, ExportsRule, taker_of
from strongroom.store import Cabinet, migrate
from strongroom.store.testing import TestDatabase
from strongroom.vault import FileKeystore, Keyring, Purpose, Scope, Use, Vault, seal
from strongroom.vault.testing import embedded

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Plane

OPERATOR = Principal(role=Role.OPERATOR, name="tests", credential=KeyId(""))
HELLO = Kept(msgspec.Raw(b'{"id":"x"}'), (Message(role="user", parts=(TextPart("hello"),)),))
SMALL = Quota(responses=6, octets=2**20)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return embedded(tmp_path)


def name() -> str:
    return f"resp_{new_uuid().hex}"


def who_of(plane: Plane, tenant: str = "acme") -> Principal:
    found = plane.snapshot.directory.authenticate(plane.keys[tenant], "127.0.0.1")
    assert isinstance(found, Principal)
    return found


async def another(plane: Plane, workload: str) -> Principal:
    """Make another workload of acme."""
    tenant, named = plane.tenants["acme"], Name(workload)
    await plane.identity.create_workload(
        OPERATOR, tenant, environment=Environment.DEV, name=named, role=Role.INFERENCE, owner="team", ask=Ask()
    )
    made = await plane.identity.create_key(
        OPERATOR, tenant, environment=Environment.DEV, workload=named, days=1, ask=Ask()
    )
    await plane.known()
    found = plane.snapshot.directory.authenticate(made.secret, "127.0.0.1")
    assert isinstance(found, Principal)
    return found


@asynccontextmanager
async def keeping(database: TestDatabase, vault: Vault, bounds: Quota) -> AsyncGenerator[Responses]:
    """Keep answers under bounds of a test's own, from nothing."""
    await emptied(database)
    made = [await Cabinet.connect(database.gateway)]

    async def connect() -> Cabinet:
        return made[0]

    yield Responses(connect, vault, SystemClock(), bounds=bounds)
    await made[0].close()
    await emptied(database)


async def emptied(database: TestDatabase) -> None:
    async with migrate.administrator(database.admin) as connection:
        await connection.execute("delete from gateway.response")
        await connection.execute("delete from limits.taken")


async def count(database: TestDatabase) -> int:
    async with migrate.administrator(database.admin) as connection:
        return int(await connection.fetchval("select count(*) from gateway.response"))


async def test_a_workload_fills_half_and_its_tenant_no_more_than_all(
    plane: Plane, shared_database: TestDatabase, vault: Vault
) -> None:
    async with keeping(shared_database, vault, SMALL) as responses:
        acme, globex = who_of(plane), who_of(plane, "globex")
        # Many at once, by way of several connections: no more fit than one after the other.
        answers = await asyncio.gather(*(responses.keep(acme, name(), HELLO) for _ in range(12)))
        assert answers.count(None) == 3
        assert {(no.kind, no.code, no.param) for no in answers if no} == {(RefusalKind.LIMITED, CODE, "store")}
        assert await count(shared_database) == 3
        full = await responses.room(acme)
        assert full is not None
        assert full.code == CODE
        second, third = [await another(plane, each) for each in ("second", "third")]
        assert await asyncio.gather(*(responses.keep(second, name(), HELLO) for _ in range(3))) == [None] * 3
        assert await responses.room(third) is not None  # it has nothing yet, and its tenant has all that it may
        assert await responses.keep(third, name(), HELLO) is not None
        assert await responses.keep(globex, name(), HELLO) is None  # another tenant's room is its own
        assert await responses.room(globex) is None


async def test_what_another_process_adds_and_has_not_committed_counts(
    plane: Plane, shared_database: TestDatabase, vault: Vault
) -> None:
    bounds = Quota(responses=2, octets=2**20)
    acme, ends = who_of(plane), SystemClock().now() + timedelta(days=1)
    assert acme.tenant is not None
    async with keeping(shared_database, vault, bounds) as responses:
        other = await Cabinet.connect(shared_database.gateway)
        async with other.of(acme.tenant) as tx:
            await tx.execute(LOCK, acme.tenant)
            row = (acme.tenant, name(), "dev", acme.workload, ends, b"x", *bounds.bounds, None)
            assert await tx.execute(INSERT, *row) == "INSERT 0 1"
            late = asyncio.create_task(responses.keep(acme, name(), HELLO))
            assert await asyncio.wait([late], timeout=0.3) == (set(), {late})
        no = await late
        assert no is not None
        assert no.code == CODE
        await other.close()


async def test_what_is_dropped_makes_room(plane: Plane, shared_database: TestDatabase, vault: Vault) -> None:
    async with keeping(shared_database, vault, SMALL) as responses:
        acme, first = who_of(plane), name()
        assert await responses.keep(acme, first, HELLO) is None
        for _ in range(2):
            assert await responses.keep(acme, name(), HELLO) is None
        assert await responses.keep(acme, name(), HELLO) is not None
        assert await responses.drop(acme, first) is None
        assert await responses.keep(acme, name(), HELLO) is None


async def test_bytes_count_and_one_answer_has_no_more_than_its_own(
    plane: Plane, shared_database: TestDatabase, vault: Vault
) -> None:
    async with keeping(shared_database, vault, SMALL) as responses:
        acme = who_of(plane)
        large = replace_document(300_000)
        assert await responses.keep(acme, name(), large) is None
        no = await responses.keep(acme, name(), large)  # half a MiB is the workload's
        assert no is not None
        assert no.code == CODE
        assert await responses.keep(acme, name(), HELLO) is None  # a small one fits yet
        no = await responses.keep(acme, name(), replace_document(2**20))
        assert no is not None
        assert no.kind is RefusalKind.TOO_LARGE
        assert await count(shared_database) == 2


def replace_document(octets: int) -> Kept:
    return msgspec.structs.replace(HELLO, document=msgspec.Raw(b'"%b"' % (b"x" * octets)))


async def test_the_caller_is_told_before_a_model_is_asked(
    plane: Plane, shared_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await emptied(shared_database)
    gateway: Any = plane.gateway  # a full quota of its own size would take thousands of answers
    responses = gateway._responses
    monkeypatch.setattr(responses, "_bounds", replace(SMALL, responses=2).bounds)
    body = {"model": "tiny", "input": "hello", "store": True}
    assert (await plane.ask("/v1/responses", body)).status == 200
    asked = len(plane.chat.asked)
    answer = await plane.ask("/v1/responses", body)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (429, CODE, "store")
    assert answer.headers["x-should-retry"] == "false"
    assert len(plane.chat.asked) == asked
    assert (await plane.ask("/v1/responses", {**body, "store": False})).status == 200
    await emptied(shared_database)


async def test_a_row_of_another_version_is_one_that_is_missing(
    plane: Plane, shared_database: TestDatabase, vault: Vault
) -> None:
    async with keeping(shared_database, vault, SMALL) as responses:
        acme, fine = who_of(plane), name()
        assert acme.tenant is not None
        assert acme.environment is not None
        await responses.keep(acme, fine, HELLO)
        found = await responses.conversation(acme, fine)
        assert not isinstance(found, Refusal)
        assert (found.messages, found.octets) == (HELLO.messages, len(msgspec.json.encode(HELLO.messages)))
        for plain in (b'{"answer":1}', b"\xff", b'{"document":{},"messages":[{"said":"x"}]}'):
            keys = await vault.keys(Scope(acme.tenant, Use.KEPT_RESPONSE, acme.environment))
            async with migrate.administrator(shared_database.admin) as connection:
                changed = keys.seal(plain, str(acme.workload), fine)
                await connection.execute("update gateway.response set sealed = $1 where id = $2", changed, fine)
            no = await responses.conversation(acme, fine)
            assert isinstance(no, Refusal)
            assert no.kind is RefusalKind.HIDDEN


async def test_one_tenants_loop_leaves_connections_to_others(
    plane: Plane, shared_database: TestDatabase, vault: Vault
) -> None:
    stuck, arrived = asyncio.Event(), asyncio.Semaphore(0)
    acme, globex = who_of(plane), who_of(plane, "globex")
    real = await Cabinet.connect(shared_database.gateway)

    class Slow:
        """A cabinet whose transactions of one tenant last until they are let go."""

        @asynccontextmanager
        async def of(self, tenant: object) -> AsyncGenerator[Any]:
            async with real.of(tenant) as tx:  # type: ignore[arg-type]
                if tenant == acme.tenant:
                    arrived.release()
                    await stuck.wait()
                yield tx

    async def connect() -> Any:
        return Slow()

    responses = Responses(connect, vault, SystemClock())
    loop = [asyncio.create_task(responses.keep(acme, name(), HELLO)) for _ in range(20)]
    try:
        async with asyncio.timeout(1.5):  # less than a connection is waited for
            await arrived.acquire()
            await arrived.acquire()
            assert await responses.keep(globex, name(), HELLO) is None
        assert arrived.locked()  # half of the connections, and no third
    finally:
        stuck.set()
        answers = await asyncio.gather(*loop)
        await real.close()
        await emptied(shared_database)
    assert answers == [None] * 20


async def test_what_was_kept_before_tenants_had_keys_of_their_own_is_still_found(
    plane: Plane, shared_database: TestDatabase, vault: Vault, tmp_path: Path
) -> None:
    before = Keyring.open(tmp_path / "keyring.json").derive(Purpose.KEPT_RESPONSE)
    async with keeping(shared_database, vault, SMALL) as responses:
        acme, old = who_of(plane), name()
        assert acme.environment is not None
        await responses.keep(acme, old, HELLO)
        context = str(acme.tenant), acme.environment, str(acme.workload), old
        sealed = seal(before, Purpose.KEPT_RESPONSE, msgspec.json.encode(HELLO), *context)
        async with migrate.administrator(shared_database.admin) as connection:
            await connection.execute("update gateway.response set sealed = $1 where id = $2", sealed, old)
        assert isinstance(
            await responses.document(acme, old, EXPORTS.ceiling(())), Refusal
        )  # without the keys of before
        made = await Cabinet.connect(shared_database.gateway)

        async def connect() -> Cabinet:
            return made

        assert (
            await Responses(connect, vault, SystemClock(), before=before).document(acme, old, EXPORTS.ceiling(()))
            == b'{"id":"x"}'
        )
        await made.close()


async def test_no_vault_means_that_nothing_is_kept_and_the_operator_learns_why(
    plane: Plane, shared_database: TestDatabase, vault: Vault, tmp_path: Path
) -> None:
    async with keeping(shared_database, vault, SMALL) as responses:
        acme = who_of(plane)
        file = tmp_path / "vault" / f"{acme.tenant}.json"
        file.parent.mkdir()
        file.write_bytes(b"{}")
        file.chmod(0o600)
        no = await responses.keep(acme, name(), HELLO)
        assert isinstance(no, Refusal)
        assert no.kind is RefusalKind.UNAVAILABLE
        assert "damaged" in no.reason
        assert "vault" not in no.tell
        file.unlink()
        assert await responses.keep(acme, name(), HELLO) is None


async def test_destroyed_keys_leave_rows_and_restored_copies_of_them_unreadable(
    plane: Plane, shared_database: TestDatabase, vault: Vault, tmp_path: Path
) -> None:
    """Isolation tests 31 and 32, on the table itself."""
    keystore = FileKeystore(tmp_path / "vault", Keyring.open(tmp_path / "keyring.json"), SystemClock())
    async with keeping(shared_database, vault, SMALL) as responses:
        acme, globex, theirs, ours = who_of(plane), who_of(plane, "globex"), name(), name()
        await responses.keep(globex, theirs, HELLO)
        await responses.keep(acme, ours, HELLO)
        async with migrate.administrator(shared_database.admin) as connection:
            copy = await connection.fetchval("select sealed from gateway.response where id = $1", theirs)
            await connection.execute("update gateway.response set sealed = $1 where id = $2", copy, ours)
        assert isinstance(
            await responses.document(acme, ours, EXPORTS.ceiling(())), Refusal
        )  # 31: B's text pasted into A's row
        assert await responses.document(globex, theirs, EXPORTS.ceiling(())) == b'{"id":"x"}'
        await keystore.destroy(globex.tenant or PLATFORM)
        inner: Any = responses
        fresh = Responses(inner._connect, embedded(tmp_path), SystemClock())
        for _ in range(2):
            assert isinstance(
                await fresh.document(globex, theirs, EXPORTS.ceiling(())), Refusal
            )  # 32: the row, then a backup of it
            async with migrate.administrator(shared_database.admin) as connection:
                await connection.execute("update gateway.response set sealed = $1 where id = $2", copy, theirs)
        no = await fresh.keep(globex, name(), HELLO)
        assert isinstance(no, Refusal)
        assert await fresh.keep(acme, name(), HELLO) is None


async def test_a_sweep_over_kept_answers_is_stopped_for_who_sweeps_and_for_nobody_else(
    plane: Plane, shared_database: TestDatabase, vault: Vault
) -> None:
    """In many small steps and at once; what was not handed over was not counted."""
    few = EXPORTS.ceiling(
        (ExportsRule(surfaces=(Surface.RESPONSES,), rows_per_day=4, takers=("workload:dev/inference",)),)
    )
    async with keeping(shared_database, vault, Quota()) as responses:
        acme, globex = who_of(plane), who_of(plane, "globex")
        assert taker_of(acme) == "workload:dev/inference", "or the rule is about nobody"
        names = [name() for _ in range(6)]
        for each in names:
            assert await responses.keep(acme, each, HELLO) is None
        theirs = name()
        assert await responses.keep(globex, theirs, HELLO) is None
        for _ in range(3):
            assert isinstance(await responses.document(acme, name(), few), Refusal), "nothing there: nothing taken"
        answers = await asyncio.gather(*(responses.document(acme, each, few) for each in names))
        refused = [each for each in answers if isinstance(each, Refusal)]
        assert len(answers) - len(refused) == 4
        assert {(no.kind, no.code, no.signal) for no in refused} == {
            (RefusalKind.LIMITED, "export_limit", "export-limit")
        }
        assert all(no.retry_after_s for no in refused)
        assert isinstance(await responses.document(acme, names[0], few), Refusal), "nor one that was read before"
        assert await responses.document(globex, theirs, few) == b'{"id":"x"}'


async def test_a_key_that_reads_too_many_kept_answers_is_told_and_opens_an_incident(
    plane: Plane, shared_database: TestDatabase
) -> None:
    await emptied(shared_database)
    kept = [await plane.ask("/v1/responses", {"model": "tiny", "input": "x", "store": True}) for _ in range(3)]
    paths = [f"/v1/responses/{each.json['id']}" for each in kept]
    await plane.rule("acme", "exports", {"rules": [{"surfaces": ["responses"], "rows_per_day": 2}]})
    try:
        answers = [await plane.ask(path, method="GET") for path in paths]
        assert [each.status for each in answers] == [200, 200, 429]
        assert answers[2].error["code"] == "export_limit"
        assert 0 < int(answers[2].headers["retry-after"]) <= 24 * 3600
        assert (await plane.ask(paths[0], method="DELETE")).status == 200, "what takes nothing out goes on"
        own = {"model": "tiny", "input": "y", "previous_response_id": paths[1].rpartition("/")[2]}
        assert (await plane.ask("/v1/responses", own)).status == 200, "and so does a conversation"
    finally:
        await plane.rule("acme", "exports", None)
    assert (await plane.ask(paths[1], method="GET")).status == 200, "the control: it was the rule"
    async with asyncio.timeout(10), migrate.administrator(shared_database.admin) as connection:
        found: list[Any] = []
        while not found:
            found = await connection.fetch(
                "select i.subject from identity.incident i where i.kind = 'export-limit' and i.tenant_id = $1",
                plane.tenants["acme"],
            )
    assert [each["subject"] for each in found] == ["inference/inference"]
    await emptied(shared_database)
