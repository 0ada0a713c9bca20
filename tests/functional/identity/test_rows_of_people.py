"""Whoever is erased is gone from data sets and training files too, in bytes, and what was trained on them is told by name."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import pytest
from tests.functional.identity.test_datasets import ASK, DEV, add, admin, alter, ready

from strongroom.app.seed import INSTALLER
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, Name, TenantId, WorkloadId
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import Action, Kind, Resource
from strongroom.registry.content import ContentStore, people, versions
from strongroom.registry.content.doubt import Doubt
from strongroom.registry.datasets import Contract, Shown, State, Tier, tables
from strongroom.registry.datasets.personal import file_of
from strongroom.store import Unfit
from strongroom.subjects import HoldKind, RequestKind
from strongroom.training.form import Sent
from strongroom.training.model import TrainingFile
from strongroom.vault import Vault, VaultUnavailable

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

JANE, JOHN = "jane@acme.example", "customer-4711"
NAMES = (JANE, JOHN, JANE, "customer-4712")
WORDS = ("late", "early", "crowded", "cancelled")
ROWS = b"".join(
    json.dumps({"who": name, "text": f"the {noun} was {word} on every day of the week", "label": "bad"}).encode() + b"\n"
    for noun in ("bus", "train", "tram")
    for name, word in zip(NAMES, WORDS, strict=True)
)  # fmt: skip
ABOUT = Contract(subject="who")
CELLS = ["who,income,label", *(f"{NAMES[at % 4]},{at}.5,{'yes' if at % 3 else 'no'}" for at in range(40))]


async def pseudonym(house: House, tenant: TenantId, name: str) -> str:
    return await house.services.subjects.pseudonym(tenant, name)


async def brought(house: House, tenant: TenantId, **more: Any) -> Shown:
    return await add(house, tenant, Tier.LOW, data=more.pop("data", ROWS), contract=more.pop("contract", ABOUT), **more)


async def asked(house: House, tenant: TenantId, name: str, kind: RequestKind = RequestKind.ERASE) -> Any:
    who = admin(tenant)
    request = await house.services.subjects.take(who, tenant, kind, name, "", "", ASK)
    if kind is RequestKind.ERASE:
        text = await house.services.subject_work.erase(who, tenant, "acme", request.id, name, ASK)
    else:
        text = await house.services.subject_work.export(who, tenant, "acme", request.id, ASK)
    return msgspec.json.decode(text)


def found(certificate: Any, place: str) -> tuple[int, int, int]:
    each = next(each for each in certificate["places"] if each["name"] == place)
    return each["found"], each["erased"], each["left"]


async def exported(house: House, tenant: TenantId, name: str = "d", *, rejects: bool = False) -> list[dict[str, Any]]:
    data = await house.services.datasets.export(admin(tenant), tenant, name, "1", ASK, rejects=rejects)
    return [json.loads(line) for line in data.splitlines()]


def files(house: House, sha256: str) -> list[Path]:
    return sorted(house.content.rglob(f"{sha256}*"))


async def trainer(house: House, tenant: TenantId) -> Principal:
    made = await house.services.identity.create_workload(
        INSTALLER, tenant, environment=DEV, name=Name("t"), role=Role.TRAINING, owner="team", ask=ASK
    )
    return Principal(
        role=Role.TRAINING, name="t", credential=KeyId("0" * 16), tenant=tenant, environment=DEV, workload=WorkloadId(made.id)
    )  # fmt: skip


async def sent(house: House, who: Principal, column: str = "who", cells: list[str] = CELLS) -> TrainingFile:
    return await house.services.training_files.add(
        who, Sent("loans.csv", "fine-tune", column, "\n".join(cells).encode()), ASK
    )


async def test_rows_hold_a_pseudonym_and_are_shown_to_whom_they_are_about(house: House) -> None:
    acme = await ready(house)
    shown = await brought(house, acme)
    assert (shown.state, shown.manifest.taken, shown.manifest.subject) == (State.ADMITTED, 12, "who")
    jane = await pseudonym(house, acme, JANE)
    rows = await exported(house, acme)
    assert [row["who"] for row in rows].count(jane) == 6
    assert JANE not in str(rows), "the name itself is kept nowhere, and so no detector of addresses rejects it"
    export = await asked(house, acme, JANE, RequestKind.EXPORT)
    told = export["places"]["rows of data sets"]
    assert {each["in"] for each in told} == {"data set d@1"}
    assert [each["row"]["who"] for each in told] == [jane] * 6
    assert export["left_out"] == {}
    nobody = await asked(house, acme, "somebody-else", RequestKind.EXPORT)
    assert nobody["places"]["rows of data sets"] == []


async def test_a_copy_that_is_not_whole_says_of_what_there_is_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = await ready(house)
    await brought(house, acme)
    monkeypatch.setattr(people, "SHOWN", 4)
    export = await asked(house, acme, JANE, RequestKind.EXPORT)
    assert len(export["places"]["rows of data sets"]) == 4
    assert export["left_out"] == {"rows of data sets": 2}


async def test_whoever_is_erased_is_gone_from_rows_and_rejects_and_the_old_bytes_are_destroyed(house: House) -> None:
    acme = await ready(house)
    bad = json.dumps({"who": JANE, "text": "call me at 0171 2345678 or +49 171 2345678", "label": "bad"}).encode()
    shown = await brought(house, acme, data=ROWS + bad + b"\n")
    jane, john = await pseudonym(house, acme, JANE), await pseudonym(house, acme, JOHN)
    assert [row["row.who"] for row in await exported(house, acme, rejects=True)] == [jane], "the positive control"
    await house.services.lineage.link(admin(acme), acme, "d@1", "m@1", "we trained it elsewhere", ASK)
    (old,) = files(house, shown.manifest.rows)
    sealed = old.read_bytes()
    certificate = await asked(house, acme, JANE)
    assert certificate["verdict"] == "erased", certificate["residual"]
    assert found(certificate, "rows of data sets") == (7, 7, 0)
    assert "files: rows of data sets" in certificate["residual"]["searched"]
    assert "stay readable in older backups of the content" in certificate["backups"], (
        "these hold rows under the tenant's key"
    )
    assert "Model weights trained on the data set d@1 while the rows were in it: m@1." in certificate["not_covered"]
    rows = await exported(house, acme)
    assert [row["who"] for row in rows].count(john) == 3, "somebody else's stay"
    assert jane not in str(rows) + str(await exported(house, acme, rejects=True))
    assert not old.exists(), "the old file is gone"
    assert all(each.read_bytes() != sealed for each in house.content.rglob("*") if each.is_file())
    again = await house.services.datasets.show(admin(acme), acme, "d", "1", ASK)
    assert (again.digest, again.state) == (shown.digest, State.ADMITTED), "its name, approvals and lineage stay"
    assert found(await asked(house, acme, JOHN), "rows of data sets") == (3, 3, 0), "and again, behind the same name"
    assert len(await exported(house, acme)) == 3
    assert len(files(house, shown.manifest.rows)) == 2, "one version, and what says which"


async def test_what_an_erasure_left_that_was_cut_off_is_destroyed_by_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = await ready(house)
    shown = await brought(house, acme)
    (old,) = files(house, shown.manifest.rows)

    def killed(_: object) -> None:
        raise RuntimeError("the process ends here")  # no fault of the disk, which would be told as one

    with monkeypatch.context() as cut:
        cut.setattr(versions, "_destroy", killed)
        with pytest.raises(RuntimeError, match="ends here"):
            await asked(house, acme, JANE)
    assert old.exists(), "the positive control"
    assert len(await exported(house, acme)) == 6, "the new version counts already"
    await asked(house, acme, JANE)
    assert not old.exists()


async def test_who_trains_gets_rows_without_whom_they_are_about(house: House) -> None:
    acme = await ready(house)
    await brought(house, acme)
    who = await trainer(house, acme)
    await house.services.datasets.grant(admin(acme), acme, "d", "1", Name("t"), ASK)
    read = await house.services.datasets.read(who, acme, "d", "1", ASK)
    assert {tuple(sorted(json.loads(line))) for line in read.splitlines()} == {("label", "text")}


async def test_the_erased_come_back_neither_in_a_new_version_nor_with_older_rows_or_files(house: House) -> None:
    acme = await ready(house)
    shown = await brought(house, acme)
    (path,) = files(house, shown.manifest.rows)
    sealed = path.read_bytes()
    jane = await pseudonym(house, acme, JANE)
    at = "(select at from registry.content_subject limit 1)"
    await asked(house, acme, JANE)
    # A dump from before: the rows of the database come back, the files are as they are.
    back = f"insert into registry.content_subject values ($1, $2, 'dataset:{shown.digest}', 'rows', 6, {at})"  # noqa: S608 - a digest
    await alter(house, back, acme, jane)
    assert (await house.services.subjects.look_up(admin(acme), acme, JANE, ASK))[1][4].found == 6
    await house.services.subject_work.replay(INSTALLER, ASK)
    assert (await house.services.subjects.look_up(admin(acme), acme, JANE, ASK))[1][4].found == 0
    # An older copy of the files: their rows are given to nobody.
    for each in files(house, shown.manifest.rows):
        each.unlink()
    path.write_bytes(sealed)
    assert jane not in str(await exported(house, acme))
    # The same data, sent again.
    new = await brought(house, acme, name="e")
    assert (new.manifest.taken, new.manifest.rejected) == (6, 6)
    assert jane not in str(await exported(house, acme, "e")) + str(await exported(house, acme, "e", rejects=True))
    assert {row["why"] for row in await exported(house, acme, "e", rejects=True)} == {"its person was erased"}


async def test_a_tenant_that_cannot_be_looked_at_brings_back_nobody_of_another(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, globex = await ready(house), await house.tenant("globex")
    await pseudonym(house, globex, JANE)  # so that it has keys
    shown, work = await brought(house, acme), house.services.subject_work
    jane = await pseudonym(house, acme, JANE)
    at = "(select at from registry.content_subject limit 1)"
    await asked(house, acme, JANE)
    back = f"insert into registry.content_subject values ($1, $2, 'dataset:{shown.digest}', 'rows', 6, {at})"  # noqa: S608 - a digest
    await alter(house, back, acme, jane)
    condition, marked = work._keystore.condition, work._marked

    async def acme_last() -> Any:
        found = await condition()
        assert {acme, globex} <= {each.tenant for each in found.holdings}
        return replace(found, holdings=tuple(sorted(found.holdings, key=lambda each: each.tenant == acme)))

    async def away(who: Principal, tenant: TenantId, ask: Any) -> Any:
        if tenant == globex:
            raise VaultUnavailable("its namespace does not answer")
        return await marked(who, tenant, ask)

    monkeypatch.setattr(work._keystore, "condition", acme_last)
    monkeypatch.setattr(work, "_marked", away)
    with pytest.raises(VaultUnavailable):
        await work.replay(INSTALLER, ASK)
    assert (await house.services.subjects.look_up(admin(acme), acme, JANE, ASK))[1][4].found == 0


async def test_rows_that_are_exported_and_brought_again_are_about_whom_they_were(house: House) -> None:
    acme = await ready(house)
    await brought(house, acme)
    jane = await pseudonym(house, acme, JANE)
    data = await house.services.datasets.export(admin(acme), acme, "d", "1", ASK)
    await brought(house, acme, name="e", data=data)
    kept = await sent(house, await trainer(house, acme), cells=[each.replace(JANE, jane) for each in CELLS])
    assert [row["who"] for row in await exported(house, acme, "e")].count(jane) == 6
    certificate = await asked(house, acme, JANE)
    assert certificate["verdict"] == "erased", certificate["residual"]
    assert found(certificate, "rows of data sets") == (12, 6, 0), "two sets of the very same bytes are one file"
    assert found(certificate, "rows of training files") == (20, 20, 0)
    assert len(await exported(house, acme, "e")) == 6
    assert len((await house.services.training_files.content(acme, kept)).splitlines()) == 21


async def test_rows_of_who_is_erased_while_they_are_looked_at_are_not_taken(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = await ready(house)
    who, datasets, training = await trainer(house, acme), house.services.datasets, house.services.training_files
    admit, write, verdicts = datasets._admit, training._write, list[str]()

    async def meanwhile(*given: Any) -> Any:
        verdicts.append((await asked(house, acme, JANE))["verdict"])
        return await admit(*given)

    monkeypatch.setattr(datasets, "_admit", meanwhile)
    with pytest.raises(Refused) as no:
        await brought(house, acme)
    assert (no.value.refusal.kind, verdicts) == (RefusalKind.CONFLICT, ["erased"])
    assert await datasets.every(admin(acme), acme, ASK) == []
    left = [each for each in orphans(house) if not each.name.startswith(".")]
    assert len(left) == 1, "the empty rejects; the rows that had been kept are destroyed"
    assert await house.services.subject_work.settle(INSTALLER, ASK) == 1
    assert orphans(house) == []
    monkeypatch.setattr(datasets, "_admit", admit)
    assert (await brought(house, acme)).manifest.taken == 6, "without her it is taken"

    async def written(*given: Any) -> None:
        await write(*given)
        verdicts.append((await asked(house, acme, JOHN))["verdict"])

    monkeypatch.setattr(training, "_write", written)
    with pytest.raises(Refused) as no:
        await sent(house, who)
    assert (no.value.refusal.kind, verdicts) == (RefusalKind.CONFLICT, ["erased", "erased"])
    assert list(house.content.rglob("*.table")) == []


async def test_an_erasure_waits_for_rows_that_are_being_noted_and_claims_nothing_of_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = await ready(house)
    shown = await brought(house, acme, data=ROWS.replace(JANE.encode(), b"someone"))
    jane, vault = await pseudonym(house, acme, JANE), house.services.datasets._vault
    marked = asyncio.Event()
    monkeypatch.setattr(house.services.subject_work._vault, "forget", lambda *_: marked.set())
    about = Resource(kind=Kind.DATASET, tenant=acme)
    async with asyncio.timeout(30):
        async with house.services.gate.permit(admin(acme), Action.DATASET_LIST, about, ASK) as tx:
            await people.refuse_erased(tx, vault, [jane])
            erasing = asyncio.create_task(asked(house, acme, JANE))
            await marked.wait()
            while not await waits(house):
                pass
            await people.note(tx, file_of(shown.digest), "rows", {jane: 1}, SystemClock().now())
        certificate = await erasing
    assert (certificate["verdict"], found(certificate, "rows of data sets")) == ("incomplete", (0, 0, 1))


async def waits(house: House) -> bool:
    """Whether somebody waits for a lock by name."""
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        found: bool = await connection.fetchval(
            """select exists (select from pg_locks l join pg_stat_activity a using (pid)
                              where l.locktype = 'advisory' and not l.granted and a.datname = current_database())"""
        )
        return found
    finally:
        await connection.close()


async def test_what_a_crash_or_an_older_copy_left_beside_a_file_is_destroyed(house: House) -> None:
    acme = await ready(house)
    shown = await brought(house, acme)
    (path,) = files(house, shown.manifest.rows)
    sealed, jane, john = path.read_bytes(), await pseudonym(house, acme, JANE), await pseudonym(house, acme, JOHN)
    await asked(house, acme, JANE)
    # Killed after the new version counted and before the old one was removed: neither was the database told.
    path.write_bytes(sealed)
    back = f"insert into registry.content_subject values ($1, $2, 'dataset:{shown.digest}', 'rows', 6, now())"  # noqa: S608 - a digest
    await alter(house, back, acme, jane)
    assert (await asked(house, acme, JANE))["verdict"] == "erased"
    assert not path.exists()
    # Content of before, beside rows of after: nothing in the database says whose rows they hold.
    for each in files(house, shown.manifest.rows):
        each.unlink()
    path.write_bytes(sealed)
    work = house.services.subject_work
    assert await work.replay(INSTALLER, ASK) == 0, "the positive control: what is asked first is the database"
    assert await work.replay(INSTALLER, ASK, files=True) == 6
    assert not path.exists()
    assert [row["who"] for row in await exported(house, acme)].count(john) == 3
    (now,) = [each for each in files(house, shown.manifest.rows) if each.suffix == ".v1"]
    assert jane.encode() not in await house.services.datasets._versions.read(acme, path, shown.manifest.rows)
    path.write_bytes(sealed)
    assert await work.replay(INSTALLER, ASK, files=True) == 0, "once for a process: content comes back while none runs"
    work._looked_through.clear()
    assert await work.replay(INSTALLER, ASK, files=True) == 0
    assert (path.exists(), now.exists()) == (False, True), "what lay beside the version that counts"


async def test_a_hold_keeps_rows_and_files_whoever_asks_and_by_whatever_way(house: House) -> None:
    acme = await ready(house)
    shown = await brought(house, acme)
    jane = await pseudonym(house, acme, JANE)
    hold = await house.services.subjects.hold(
        admin(acme), acme, JANE, HoldKind.HOLD, "legal@acme", "a matter", None, ASK
    )
    with pytest.raises(Refused) as refused:
        await asked(house, acme, JANE)
    assert refused.value.refusal.kind is RefusalKind.CONFLICT
    part = "select registry.part_content($1, $2, 'rows', now())"
    with pytest.raises(Unfit):  # as injected SQL would
        async with house.services.gate._database.tenant(acme) as tx:
            await tx.fetchval(part, jane, f"dataset:{shown.digest}")
    assert len(await exported(house, acme)) == 12
    await house.services.subjects.release(admin(acme), acme, hold.id, ASK)
    assert found(await asked(house, acme, JANE), "rows of data sets") == (6, 6, 0)


async def test_a_hold_keeps_a_training_file_from_who_may_delete_it(house: House) -> None:
    acme = await ready(house)
    who = await trainer(house, acme)
    kept, other = await sent(house, who), await sent(house, who, cells=[each for each in CELLS if JANE not in each])
    training, subjects = house.services.training_files, house.services.subjects
    hold = await subjects.hold(admin(acme), acme, JANE, HoldKind.HOLD, "legal@acme", "a matter", None, ASK)
    with pytest.raises(Refused) as refused:
        await training.delete(who, kept.id, ASK)
    assert (refused.value.refusal.kind, JANE in refused.value.refusal.tell) == (RefusalKind.CONFLICT, False)
    assert len((await training.content(acme, kept)).splitlines()) == 41
    await training.delete(who, other.id, ASK)  # nobody in it is held
    await subjects.release(admin(acme), acme, hold.id, ASK)
    await training.delete(who, kept.id, ASK)
    assert list(house.content.rglob("*.table*")) == []


async def test_a_file_that_was_changed_is_told_and_nothing_is_claimed(house: House) -> None:
    acme = await ready(house)
    shown = await brought(house, acme)
    (path,) = files(house, shown.manifest.rows)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Refused) as refused:
        await asked(house, acme, JANE)
    assert "data set d@1 cannot be read" in refused.value.refusal.tell
    assert (await house.services.subjects.look_up(admin(acme), acme, JANE, ASK))[1][4].found == 6


async def test_a_name_in_a_set_that_declared_nobody_is_found_and_told(house: House) -> None:
    acme = await ready(house)
    await brought(house, acme, contract=Contract(), data=ROWS.replace(JANE.encode(), b"customer-4713"))
    certificate = await asked(house, acme, "Customer-4713")
    assert certificate["verdict"] == "incomplete"
    assert certificate["residual"]["found"] == [{"table": "files: data set d@1 (rows)", "rows": 6}]
    withdraw = house.services.datasets.withdraw
    hold = await house.services.subjects.hold(admin(acme), acme, JOHN, HoldKind.HOLD, "court", "r", None, ASK)
    with pytest.raises(Refused):
        await withdraw(admin(acme), acme, "d", "1", "it names people", ASK, destroy=True)
    assert len(await exported(house, acme)) == 12
    await house.services.subjects.release(admin(acme), acme, hold.id, ASK)
    await withdraw(admin(acme), acme, "d", "1", "it names people", ASK, destroy=True)
    assert [each for each in house.content.rglob("*") if each.is_file()] == []
    assert (await asked(house, acme, "Customer-4713"))["verdict"] == "erased"


async def test_training_files_lose_rows_and_nothing_trains_with_whom_they_are_about(house: House) -> None:
    acme = await ready(house)
    who = await trainer(house, acme)
    kept = await sent(house, who)
    assert (kept.subject, kept.rows) == ("who", 40)
    content = (await house.services.training_files.content(acme, kept)).decode()
    assert content.splitlines()[0] == "income,label"
    (old,) = house.content.rglob(f"{kept.id.hex}.table")
    store = ContentStore(house.content / "training", Vault(house.services.subject_work._keystore, SystemClock()))
    assert JANE.encode() not in b"".join((await store.opened(acme, old, kept.kept_sha256)).chunks())
    export = await asked(house, acme, JANE, RequestKind.EXPORT)
    assert len(export["places"]["rows of training files"]) == 20
    certificate = await asked(house, acme, JANE)
    assert certificate["verdict"] == "erased", certificate["residual"]
    assert found(certificate, "rows of training files") == (20, 20, 0)
    assert not old.exists()
    assert len((await house.services.training_files.content(acme, kept)).splitlines()) == 21
    later = await sent(house, who)
    assert later.rows == 20, "who was erased is not taken in again"
    await house.services.training_files.delete(who, kept.id, ASK)
    assert list(house.content.rglob(f"{kept.id.hex}*")) == []


async def test_a_training_file_names_people_in_every_row_or_is_not_taken(house: House) -> None:
    acme = await ready(house)
    who = await trainer(house, acme)
    for column, cells in (("nobody", CELLS), ("who", [*CELLS, ",1.5,yes"])):
        with pytest.raises(Refused) as refused:
            await sent(house, who, column, cells)
        assert refused.value.refusal.kind is RefusalKind.INVALID
    assert list(house.content.rglob("*.table")) == []


async def test_a_list_that_the_name_is_on_is_told(house: House) -> None:
    acme = await ready(house)
    await house.services.lists.add(admin(acme), acme, "vips", [JOHN], ASK)
    lists = [each for each in (await asked(house, acme, JOHN))["not_covered"] if "vips" in each]
    assert len(lists) == 1
    assert not any("vips" in each for each in (await asked(house, acme, "customer-9999"))["not_covered"])


class Killed(BaseException):
    """What stands for SIGKILL: nothing but `finally` is run after it, and what that would clear up is held apart."""


async def kill(*_: Any) -> None:
    raise Killed


def killed(*_: Any) -> None:
    raise Killed


def orphans(house: House) -> list[Path]:
    """Return the sealed files that there are, with their marks."""
    return sorted(
        each for kind in ("datasets", "training") for each in (house.content / kind).rglob("*") if each.is_file()
    )


@pytest.mark.parametrize("at", ["insert", "note", "after"])
async def test_rows_of_a_data_set_whose_process_was_killed_are_kept_with_it_or_destroyed(
    house: House, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """What was sealed and has no row is found by no erasure: it goes, and what is another data set's too stays."""
    acme = await ready(house)
    twin = await brought(house, acme, name="twin", data=ROWS[: len(ROWS) // 3 + 1].rpartition(b"\n")[0] + b"\n")
    before = orphans(house)
    work = house.services.subject_work

    with monkeypatch.context() as patched:
        if at == "insert":
            patched.setattr(tables, "insert", kill)
        elif at == "note":
            patched.setattr(people, "note", kill)
        else:  # the transaction has ended, and the mark is still there
            patched.setattr(Doubt, "_clear", killed)
        with pytest.raises(Killed):
            await brought(house, acme, data=ROWS)
    left = set(orphans(house)) - set(before)
    assert len([each for each in left if not each.name.startswith(".")]) >= 1, "the attack worked"
    assert any(each.name.endswith(".doubt") for each in left)
    assert await work.settle(INSTALLER, ASK) == (0 if at == "after" else len(left) // 2)
    if at == "after":
        assert len(await exported(house, acme)) == 12
        assert not [each for each in orphans(house) if each.name.endswith(".doubt")]
    else:
        assert orphans(house) == before
        assert (await brought(house, acme, data=ROWS)).state is State.ADMITTED, "it can be sent again"
    assert len(await exported(house, acme, "twin")) == twin.manifest.taken
    assert (await asked(house, acme, JANE))["verdict"] == "erased"


async def test_rows_that_were_left_by_the_killed_are_destroyed_by_an_erasure_that_cannot_wait(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = await ready(house)

    with monkeypatch.context() as patched:
        patched.setattr(tables, "insert", kill)
        with pytest.raises(Killed):
            await brought(house, acme)
    assert orphans(house)
    assert (await asked(house, acme, JANE))["verdict"] == "erased"
    assert orphans(house) == []


async def test_a_training_file_whose_process_was_killed_is_there_with_its_row_or_gone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the row came, and between its end and the file's."""
    acme = await ready(house)
    who, work = await trainer(house, acme), house.services.subject_work
    kept = await sent(house, who)
    before = orphans(house)

    with monkeypatch.context() as patched:
        patched.setattr("strongroom.training.tables.insert_file", kill)
        with pytest.raises(Killed):
            await sent(house, who)
    assert len(orphans(house)) == len(before) + 2, "the file, and its mark"
    assert await work.settle(INSTALLER, ASK) == 1
    assert orphans(house) == before
    with monkeypatch.context() as patched:
        patched.setattr("strongroom.training.tables.delete_file", kill)
        with pytest.raises(Killed):
            await house.services.training_files.delete(who, kept.id, ASK)
    assert await work.settle(INSTALLER, ASK) == 0, "it was not deleted"
    assert len((await house.services.training_files.content(acme, kept)).splitlines()) == 41
    with monkeypatch.context() as patched:
        patched.setattr("strongroom.training.files.remove", killed)
        with pytest.raises(Killed):
            await house.services.training_files.delete(who, kept.id, ASK)
    assert [each for each in orphans(house) if kept.id.hex in each.name], "its row has gone, and it has not"
    assert await work.settle(INSTALLER, ASK) == 1
    assert orphans(house) == []


async def test_a_training_file_that_is_refused_at_the_last_moment_leaves_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = await ready(house)
    who = await trainer(house, acme)

    async def refuse(*_: Any) -> None:
        raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason="erased", tell="erased"))

    with monkeypatch.context() as patched:
        patched.setattr(people, "refuse_erased", refuse)
        with pytest.raises(Refused):
            await sent(house, who)
    assert orphans(house) == []
