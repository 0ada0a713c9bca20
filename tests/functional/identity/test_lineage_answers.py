"""What was made from what is told from stored facts; what somebody says of it stays their word; a tenant sees its own alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.functional.identity.test_datasets import ASK, DEV, ONE, add, admin, ready, refused

from strongroom.app.seed import INSTALLER
from strongroom.kernel.ids import Name, TenantId, new_uuid
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import RefusalKind
from strongroom.policy import Action, Kind, Resource
from strongroom.registry.admission.testing import release_of
from strongroom.registry.datasets import Tier
from strongroom.registry.lineage import RunState, end_run, record_output, record_run, tables

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

RELEASE = release_of("m")
CALLED = f"{RELEASE.name}@{RELEASE.version}"


async def trained(house: House, tenant: TenantId, dataset: str, release: str = RELEASE.digest) -> str:
    """Write down, as a trainer does, a run that read a data set and made a release; return the run's id."""
    run, clock = new_uuid(), house.services.clock
    what = Resource(kind=Kind.DATASET, tenant=tenant)
    async with house.services.gate.permit(INSTALLER, Action.LINEAGE_LINK, what, ASK) as tx:
        await house.services.datasets.demand(tx, dataset, DEV)
        at = clock.now()
        facts = {"epsilon": 3.0}
        await record_run(tx, run, DEV, "job-1", by="training/trainer", at=at, datasets=[dataset], facts=facts)
        await record_output(tx, run, release, by="training/trainer", at=at)
        assert await end_run(tx, run, RunState.COMPLETED, clock.now())
        assert not await end_run(tx, run, RunState.FAILED, clock.now())
    return str(run)


def event(run: str, kind: str = "COMPLETE", **more: Any) -> msgspec.Raw:
    document = {
        "eventType": kind,
        "eventTime": "2026-11-20T10:00:00Z",
        "producer": "https://airflow.example",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run},
        "job": {"namespace": "airflow", "name": "train"},
    }
    return msgspec.Raw(json.dumps(document | more).encode())


async def test_what_a_release_was_trained_on_is_told_and_what_its_data_reached(house: House) -> None:
    acme = await ready(house)
    services, lineage = house.services, house.services.lineage
    raw = await add(house, acme, Tier.LOW, "raw")
    run = await trained(house, acme, raw.digest)
    deployed = await services.registry.deploy(INSTALLER, acme, DEV, Name("desk"), RELEASE.digest, ASK)
    found = await lineage.of(admin(acme), acme, "release", CALLED, ASK)
    names = {each.id.partition(":")[0]: each for each in found.graph.nodes}
    assert {kind: each.name for kind, each in names.items()} == {
        "source": "from-low",
        "dataset": "raw@1",
        "run": "job-1",
        "release": CALLED,
        "deployment": "dev/desk",
    }
    assert names["run"].facts == {"epsilon": "3.0", "environment": "dev", "state": "completed", "known": "observed"}
    assert names["release"].facts["approved by"] == "first-approver, second-approver"
    assert names["dataset"].by == "acme-admin"
    assert all(each.observed for each in found.graph.edges)
    (serves,) = await lineage.which_serves(admin(acme), acme, "raw@1", ASK)
    assert (serves.deployment, serves.until, serves.observed) == ("dev/desk", None, True)
    assert serves.by_way_of == ("raw@1", "job-1", CALLED)
    assert (await lineage.which_serves(admin(acme), acme, raw.digest, ASK)) == [serves]

    await services.registry.withdraw(INSTALLER, acme, DEV, Name("desk"), ASK)
    (ended,) = await lineage.which_serves(admin(acme), acme, "raw@1", ASK)
    assert ended.until is not None
    then = await lineage.of(admin(acme), acme, "release", CALLED, ASK, at=deployed.created_at)
    assert "dev/desk" in {each.name for each in then.graph.nodes}
    later = await lineage.of(admin(acme), acme, "release", CALLED, ASK, at=services.clock.now())
    assert "dev/desk" not in {each.name for each in later.graph.nodes}
    told = await lineage.export(admin(acme), acme, "acme", ASK)
    assert {each["run"]["runId"] for each in told} >= {run}


async def test_another_tenant_learns_nothing_of_it_though_both_serve_the_installations_release(house: House) -> None:
    acme = await ready(house)
    globex = await house.tenant("globex")
    await trained(house, acme, (await add(house, acme, Tier.LOW, "raw")).digest)
    lineage = house.services.lineage
    await refused(lineage.of(admin(globex), acme, "release", CALLED, ASK), "", RefusalKind.HIDDEN)
    await refused(lineage.which_serves(admin(globex), globex, "raw@1", ASK), "", RefusalKind.HIDDEN)
    theirs = await lineage.of(admin(globex), globex, "release", CALLED, ASK)
    assert [each.name for each in theirs.graph.nodes] == [CALLED]
    assert await lineage.export(admin(globex), globex, "globex", ASK) == []


async def test_a_claim_says_whose_it_is_and_an_unapproved_set_is_linked_to_nothing(house: House) -> None:
    acme = await ready(house)
    lineage = house.services.lineage
    await add(house, acme, Tier.STANDARD, "waits")
    await add(house, acme, Tier.LOW, "raw")
    await refused(lineage.link(admin(acme), acme, "waits@1", CALLED, "did", ASK), "waits@1 is not admitted")
    await refused(lineage.link(admin(acme), acme, "raw@1", CALLED, " ", ASK), "Say why")
    await refused(lineage.link(admin(acme), acme, "raw@1", "none@1", "did", ASK), "", RefusalKind.HIDDEN)
    await refused(lineage.link(ONE, acme, "raw@1", CALLED, "did", ASK), "", RefusalKind.FORBIDDEN)
    await lineage.link(admin(acme), acme, "raw@1", CALLED, "on our cluster", ASK)
    found = await lineage.link(admin(acme), acme, "raw@1", CALLED, "on our cluster", ASK)
    (claim,) = [each for each in found.graph.edges if each.target.startswith("release:")]
    assert (claim.observed, claim.by, claim.reason) == (False, "tenant-admin/acme-admin", "on our cluster")


async def test_events_of_others_are_claims_and_overwrite_nothing_that_was_seen(house: House) -> None:
    acme = await ready(house)
    lineage = house.services.lineage
    raw = await add(house, acme, Tier.LOW, "raw")
    seen = await trained(house, acme, raw.digest)

    def take(*events: msgspec.Raw) -> Any:
        return lineage.take(admin(acme), acme, Environment.DEV, list(events), ASK)

    await refused(take(event(seen, "FAIL")), "what was seen is not overwritten", RefusalKind.CONFLICT)
    await refused(take(event("x")), "event 1 is no OpenLineage run event", RefusalKind.INVALID)
    mine = str(new_uuid())
    ends: dict[str, Any] = {
        "inputs": [
            {"namespace": "strongroom/acme", "name": "dataset/raw@1"},
            {"namespace": "s3://lake", "name": "clicks"},
        ],
        "outputs": [{"namespace": "strongroom/acme", "name": f"release/{CALLED}"}],
    }
    done = await take(event(mine, "START", **ends), event(mine, **ends))
    assert (done.events, done.runs, done.edges) == (2, 1, 3)
    await refused(lineage.take(INSTALLER, acme, DEV, [event(mine, "FAIL")], ASK), "not from you", RefusalKind.CONFLICT)
    found = await lineage.of(admin(acme), acme, "release", CALLED, ASK)
    runs = {each.id: each for each in found.graph.nodes if each.kind == "run"}
    assert runs[f"run:{mine}"].facts["known"] == "claimed"
    assert runs[f"run:{seen}"].facts["state"] == "completed"
    assert "s3://lake clicks" in {each.name for each in found.graph.nodes}
    await house.services.registry.deploy(INSTALLER, acme, DEV, Name("desk"), RELEASE.digest, ASK)
    assert [each.observed for each in await lineage.which_serves(admin(acme), acme, "raw@1", ASK)] == [True]


async def test_claims_crowd_nothing_out_that_was_seen_and_have_an_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = await ready(house)
    lineage = house.services.lineage
    raw = await add(house, acme, Tier.LOW, "raw")
    seen = await trained(house, acme, raw.digest)
    monkeypatch.setattr(tables, "MOST", 5)

    async def take(count: int) -> Any:
        said = [{"namespace": "s3://lake", "name": str(each)} for each in range(count)]
        return await lineage.take(
            admin(acme), acme, DEV, [event(str(new_uuid()), eventTime="2001-01-01T00:00:00Z", inputs=said)], ASK
        )

    await refused(take(6), "5 links at most", RefusalKind.INVALID)
    await take(5)
    await refused(take(1), "5 links at most", RefusalKind.INVALID)
    found = await lineage.of(admin(acme), acme, "dataset", "raw@1", ASK)
    assert f"run:{seen}" in {each.id for each in found.graph.nodes}


async def test_of_more_turns_than_there_is_room_for_the_last_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = await ready(house)
    await house.services.registry.deploy(INSTALLER, acme, DEV, Name("old"), RELEASE.digest, ASK)
    await house.services.registry.deploy(INSTALLER, acme, DEV, Name("new"), RELEASE.digest, ASK)
    monkeypatch.setattr(tables, "MOST", 1)
    found = await house.services.lineage.of(admin(acme), acme, "release", CALLED, ASK)
    (serves,) = [each for each in found.graph.edges if each.target.startswith("deployment:")]
    assert serves.by == str(INSTALLER)
