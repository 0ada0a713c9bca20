"""What came back for a person's requests, and what was said of refusing and holding, is theirs: shown, held and erased."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import pytest
from tests.functional.subjects.conftest import ACME, ADA, ASK, BOB, GLOBEX, JANE, JOHN, OPERATOR

from strongroom.audit import reading
from strongroom.audit.sidecar import ERASED, Sidecars
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.policy import Engine, Gate, LogReader
from strongroom.registry.evaluations import tables
from strongroom.registry.evaluations.model import Label
from strongroom.store import Database, Unfit
from strongroom.subjects import HoldKind, RequestKind
from strongroom.vault import KeysDestroyed, Use

if TYPE_CHECKING:
    from tests.functional.subjects.conftest import People

WHY = "Ms Mustermann owes us money and rang twice"


async def labelled(people: People, tenant: TenantId, name: str) -> UUID:
    """Have a person ask, and a label come back for it, as the service keeps it."""
    request = await people.asked(tenant, name)
    async with people.db.tenant(tenant) as tx:
        found = (await tables.answered(tx, [request]))[request]
        label = Label(request=f"req_{request.hex}", label="repaid", predicted="defaulted", score=0.25)
        await tables.insert_label(tx, msgspec.structs.replace(found, release="sha256:r"), label, datetime.now(UTC))
    return request


async def labels(people: People, tenant: TenantId) -> set[UUID]:
    return {row["request_id"] for row in await people.sql("select * from registry.label where tenant_id = $1", tenant)}


async def test_labels_are_shown_to_and_erased_with_the_person_of_the_request_alone(people: People) -> None:
    jane, john, theirs = [await labelled(people, *each) for each in ((ACME, JANE), (ACME, JOHN), (GLOBEX, JANE))]
    request = await people.take(kind=RequestKind.EXPORT)
    export = msgspec.json.decode(await people.work.export(ADA, ACME, "acme", request.id, ASK))
    told = export["places"]["labels of requests"]
    assert [(each["request"], each["label"], each["predicted"]) for each in told] == [
        (f"req_{jane.hex}", "repaid", "defaulted")
    ]
    certificate = await people.erase(await people.take())
    assert certificate["verdict"] == "erased"
    assert {each["name"]: each["erased"] for each in certificate["places"]}["labels of requests"] == 1
    assert (await labels(people, ACME), await labels(people, GLOBEX)) == ({john}, {theirs})
    subject = await people.name(ACME, JOHN)
    await people.subjects.hold(ADA, ACME, JOHN, HoldKind.HOLD, "legal@acme", "a matter", None, ASK)
    with pytest.raises(Unfit):
        async with people.db.tenant(ACME) as tx:
            await tx.fetchval("select registry.drop_labels($1, now())", subject)
    async with people.db.tenant(GLOBEX) as tx:
        assert await tx.fetchval("select registry.drop_labels($1, now())", subject) == 0
    assert await labels(people, ACME) == {john}


async def test_a_label_that_a_restore_brought_back_is_erased_again(people: People) -> None:
    await labelled(people, ACME, JANE)
    before = await people.sql("select * from registry.label")
    await people.erase(await people.take())
    assert await labels(people, ACME) == set()
    await people.sql(
        "insert into registry.label select * from json_populate_record(null::registry.label, $1::json)",
        msgspec.json.encode(dict(before[0])).decode(),
    )
    assert await people.work.replay(OPERATOR, ASK) == 1
    assert await labels(people, ACME) == set()


async def test_an_older_copy_of_the_keys_brings_nobody_back(people: People) -> None:
    await people.asked(ACME, JANE)
    kept = people.home / "older"
    shutil.copytree(people.home / "vault", kept)
    rows = await people.sql("select id, subject, subject_salt from gateway.record where subject is not null")
    await people.erase(await people.take())
    await people.take(JOHN)
    shutil.rmtree(people.home / "vault")
    shutil.copytree(kept, people.home / "vault")
    subject = await people.name(ACME, JANE)
    opened = await people.keystore.open_subject(ACME, subject, Use.KEPT_RESPONSE, make=False)
    assert opened.incarnation, "the positive control"
    for row in rows:
        await people.sql(
            "update gateway.record set subject = $2, subject_salt = $3 where id = $1",
            row["id"], row["subject"], row["subject_salt"],
        )  # fmt: skip
    later = await people.asked(ACME, JANE)
    assert await people.work.replay(OPERATOR, ASK) == 1
    with pytest.raises(KeysDestroyed):
        await people.keystore.open_subject(ACME, subject, Use.KEPT_RESPONSE, make=False)
    left = await people.sql("select id from gateway.record where subject = $1", subject)
    assert [row["id"] for row in left] == [later], "what came after the erasure is of who came back"
    assert list(await people.keystore.erased(ACME)) == [subject], "and of nobody else"
    assert await people.work.replay(OPERATOR, ASK) == 0, "once is enough"


async def test_what_came_back_is_erased_again_beside_keys_of_the_installation_itself(people: People) -> None:
    await people.keystore.open(PLATFORM, Use.PROVIDER_SECRET)
    assert PLATFORM in [each.tenant for each in (await people.keystore.condition()).holdings], "the positive control"
    assert await people.work.replay(OPERATOR, ASK) == 0


async def test_why_somebody_was_refused_and_held_is_sealed_told_and_goes_with_them(
    people: People, db: Database
) -> None:
    refused = await people.take()
    assert (await people.subjects.refuse(ADA, ACME, refused.id, WHY, ASK)).refused_for == WHY
    hold = await people.subjects.hold(ADA, ACME, JANE, HoldKind.HOLD, "legal@acme", WHY, None, ASK)
    everybody = await people.subjects.hold(
        ADA, ACME, None, HoldKind.EXCEPTION, "tax@acme", "audit of 2026", datetime.now(UTC) + timedelta(days=1), ASK
    )
    assert hold.reason == WHY
    assert {each.reason for each in await people.subjects.holds(ADA, ACME, ASK)} == {WHY, "audit of 2026"}
    assert (await people.subjects.show(ADA, ACME, refused.id, ASK)).refused_for == WHY
    for table in ("subjects.request", "subjects.hold", "audit.entry", "audit.platform_entry"):
        for row in await people.sql(f"select t::text as row from {table} t"):  # noqa: S608 - of the list above
            assert "Mustermann" not in row["row"], table
    for each in (hold, everybody):
        await people.subjects.release(BOB, ACME, each.id, ASK)
    request = await people.take(kind=RequestKind.EXPORT)
    export = msgspec.json.decode(await people.work.export(ADA, ACME, "acme", request.id, ASK))
    said = export["places"]["what was said of requests"]
    assert {(name, each[name]) for each in said for name in ("refused for", "held for") if name in each} == {
        ("refused for", WHY), ("held for", WHY),
    }  # fmt: skip
    certificate = await people.erase(await people.take())
    assert certificate["verdict"] == "erased", certificate["residual"]
    assert {each["name"]: each["left"] for each in certificate["places"]}["what was said of requests"] == 0
    assert (await people.subjects.show(ADA, ACME, refused.id, ASK)).refused_for is None
    assert {each.reason for each in await people.subjects.holds(ADA, ACME, ASK)} == {None, "audit of 2026"}
    # What stood beside the log of these acts was about the person, and is gone though nobody erased its author.
    gate = Gate(db, Engine.load(), SystemClock(), sidecars=Sidecars(people.vault))
    for action in ("subject.refuse", "subject.hold"):
        found = await LogReader(gate, Sidecars(people.vault)).search(
            ADA, ACME, ASK, reading.Wanted(action=action), limit=9, before=None
        )
        assert [entry.detail["reason"].startswith(ERASED) for entry, *_ in found].count(True) == 1
