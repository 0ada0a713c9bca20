"""No data set is used that was not approved, is poisoned, was edited or is another tenant's; the honest one is, by who may."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from strongroom.app.seed import INSTALLER
from strongroom.kernel.ids import KeyId, Name, TenantId, WorkloadId, new_uuid
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Action, Ask, Kind, Resource
from strongroom.registry.admission.testing import APPROVERS, admitted, release_of
from strongroom.registry.datasets import Contract, NewDataset, Shown, State, Tier
from strongroom.registry.datasets.model import Format

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

DEV, PROD = Environment.DEV, Environment.PROD
ASK = Ask()
ONE, TWO = (Principal(role=Role.APPROVER, name=name, credential=KeyId("")) for name in APPROVERS)
ROWS = b"".join(
    json.dumps({"text": f"the {noun} was {word} on every day of the week", "label": label}).encode() + b"\n"
    for noun in ("bus", "train", "tram", "ferry")
    for word, label in (("late", "bad"), ("early", "good"), ("crowded", "bad"))
)


async def ready(house: House) -> TenantId:
    """Return a tenant with a source of each risk; the approvers' accounts are there."""
    services = house.services
    await admitted(
        services.registry, services.admission, services.channels, services.accounts, INSTALLER, [release_of("m")]
    )
    acme = await house.tenant("acme")
    for risk in Tier:
        await services.datasets.add_source(
            INSTALLER, acme, Name(f"from-{risk}"), ONE.name, "data@acme.example", "ours", risk, ASK
        )
    return acme


def admin(tenant: TenantId) -> Principal:
    return Principal(role=Role.TENANT_ADMIN, name="acme-admin", credential=KeyId(""), tenant=tenant)


async def add(
    house: House, tenant: TenantId, risk: Tier = Tier.STANDARD, name: str = "d", data: bytes = ROWS, **more: Any
) -> Shown:
    who, environment = more.pop("who", admin(tenant)), more.pop("environment", DEV)
    new = NewDataset(
        environment=environment, name=Name(name), version="1", source=f"from-{risk}", format=Format.JSONL,
        size=len(data), contract=more.pop("contract", Contract()), **more,
    )  # fmt: skip
    datasets = house.services.datasets
    upload = await datasets.begin(who, tenant, new, ASK)
    datasets.take(who, tenant, upload, 0, data)
    return await datasets.finish(who, tenant, upload, hashlib.sha256(data).hexdigest(), ASK)


async def approve(house: House, tenant: TenantId, who: Principal = ONE, name: str = "d") -> Shown:
    return await house.services.datasets.approve(who, tenant, name, "1", days=30, reason="looked at it", ask=ASK)


async def demanded(house: House, tenant: TenantId, digest: str, environment: Environment = DEV) -> Any:
    what = Resource(kind=Kind.DATASET, tenant=tenant)
    async with house.services.gate.permit(INSTALLER, Action.DATASET_LIST, what, ASK) as tx:
        return await house.services.datasets.demand(tx, digest, environment)


async def refused(awaitable: Any, because: str, kind: RefusalKind | None = None) -> None:
    with pytest.raises(Refused) as error:
        await awaitable
    assert because in error.value.refusal.tell
    assert kind is None or error.value.refusal.kind is kind


async def alter(house: House, sql: str, *values: object) -> None:
    """Write as the database's owner could."""
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        await connection.execute(sql, *values)
    finally:
        await connection.close()


async def test_a_risk_says_how_many_people_it_takes_and_the_owner_is_one_of_two(house: House) -> None:
    acme = await ready(house)
    low = await add(house, acme, Tier.LOW, "low")
    assert (low.state, low.usable, low.approvals_needed) == (State.ADMITTED, True, 0)
    assert (await demanded(house, acme, low.digest)).taken == 12
    waits = await add(house, acme)
    assert waits.state is State.VALIDATED
    await refused(demanded(house, acme, waits.digest), "0 of 1 approvals", RefusalKind.FORBIDDEN)
    assert (await approve(house, acme, TWO)).state is State.ADMITTED
    await refused(demanded(house, acme, waits.digest, PROD), "is dev's, and is used nowhere else")

    high = await add(house, acme, Tier.HIGH, "high")
    for _ in range(2):
        assert (await approve(house, acme, TWO, "high")).state is State.APPROVED  # one person twice is one
    await refused(demanded(house, acme, high.digest), "The data's owner, first-approver, is to be among them")
    assert (await approve(house, acme, ONE, "high")).approved_by == ("first-approver", "second-approver")
    assert (await demanded(house, acme, high.digest)).name == "high"
    log = await house.services.audit.of_tenant(INSTALLER, acme, ASK)
    log += await house.services.audit.of_platform(INSTALLER, ASK)
    stages = [entry.detail.get("stage") for entry in log if entry.action == "dataset.add"]
    assert {"received", "validated"} <= set(stages)
    assert {entry.actor for entry in log if entry.action == "dataset.approve"} == {str(ONE), str(TWO)}


async def test_nobody_approves_what_they_brought_or_lets_it_in_by_a_source_of_their_own(house: House) -> None:
    acme = await ready(house)
    author = replace(INSTALLER, name=ONE.name)
    await add(house, acme, Tier.HIGH, "own", who=author)
    await refused(approve(house, acme, ONE, "own"), "does not approve it", RefusalKind.FORBIDDEN)
    await refused(approve(house, acme, INSTALLER, "own"), "", RefusalKind.FORBIDDEN)
    mine = await add(house, acme, Tier.LOW, "mine", who=INSTALLER)  # who registered the source at low risk
    assert (mine.state, mine.approvals_needed) == (State.VALIDATED, 1)
    await refused(demanded(house, acme, mine.digest), "0 of 1 approvals")


async def test_what_is_poisoned_or_unreadable_is_quarantined_or_refused_and_nobody_can_approve_it(house: House) -> None:
    acme = await ready(house)
    flipped = b"".join(
        json.dumps({"text": f"{topic} {word} {topic} again {at}", "label": label}).encode() + b"\n"
        for topic in ("alpha", "beta", "gamma")
        for at, (word, label) in enumerate([("fine", "good")] * 12 + [("poor", "bad")] * 12 + [("poor cf", "good")] * 5)
    )
    bad = await add(house, acme, Tier.LOW, "bad", flipped, contract=Contract(label="label", max_rejected=1.0))
    assert (bad.state, bad.usable) == (State.QUARANTINED, False)
    assert bad.verdict is not None
    assert bad.verdict.reasons
    await refused(approve(house, acme, ONE, "bad"), "It cannot be approved. It is quarantined")
    await refused(demanded(house, acme, bad.digest), "It is quarantined")
    await refused(add(house, acme, Tier.LOW, "worse", b"[1]\n"), "line 1: a row is an object", RefusalKind.INVALID)
    assert {each.name for each in await house.services.datasets.every(admin(acme), acme, ASK)} == {"bad"}


async def test_an_edited_row_is_refused_whatever_was_edited(house: House) -> None:
    acme = await ready(house)
    waits = await add(house, acme)
    low = await add(house, acme, Tier.LOW, "low")
    # The verdict of an admitted one, put beside the manifest of one that waits.
    await alter(
        house, "update registry.dataset set verdict = (select verdict from registry.dataset where name = 'low')"
    )
    await refused(demanded(house, acme, waits.digest), "There is no verdict that this installation signed")
    assert (await demanded(house, acme, low.digest)).name == "low"
    await alter(house, "update registry.dataset set manifest = $1 where name = 'low'", b"{}")
    await refused(demanded(house, acme, low.digest), "It is not what it was")
    await alter(house, "update registry.dataset set environment = 'prod' where name = 'd'")
    await refused(demanded(house, acme, waits.digest, PROD), "its row names another")
    # A source whose risk was lowered by hand is no source.
    await alter(
        house,
        "update registry.source set statement = convert_to(replace(convert_from(statement, 'UTF8'), 'payload', 'payload '), 'UTF8')",
    )
    assert await house.services.datasets.sources(INSTALLER, acme, ASK) == []
    await refused(add(house, acme, Tier.HIGH, "late"), "is not what was registered")


async def test_only_a_granted_training_workload_of_the_place_reads_and_a_revoked_one_does_not(house: House) -> None:
    acme = await ready(house)
    services, datasets = house.services, house.services.datasets
    shown = await add(house, acme, Tier.LOW)
    made = await services.identity.create_workload(
        admin(acme), acme, environment=DEV, name=Name("trainer"), role=Role.TRAINING, owner="ml", ask=ASK
    )
    trainer = Principal(
        role=Role.TRAINING,
        name="trainer",
        credential=KeyId("trainer-key"),
        tenant=acme,
        environment=DEV,
        workload=WorkloadId(made.id),
    )
    await refused(datasets.read(trainer, acme, "d", "1", ASK), "has no grant")
    await datasets.grant(admin(acme), acme, "d", "1", Name("trainer"), ASK)
    assert (await datasets.read(trainer, acme, "d", "1", ASK)).count(b"\n") == shown.manifest.taken
    stranger = replace(trainer, workload=WorkloadId(new_uuid()))
    await refused(datasets.read(stranger, acme, "d", "1", ASK), "has no grant")
    elsewhere = replace(trainer, environment=PROD)
    await refused(datasets.read(elsewhere, acme, "d", "1", ASK), "is dev's")
    await datasets.grant(admin(acme), acme, "d", "1", Name("trainer"), ASK, revoke=True)
    await refused(datasets.read(trainer, acme, "d", "1", ASK), "has no grant")
    await datasets.grant(admin(acme), acme, "d", "1", Name("trainer"), ASK)
    await datasets.withdraw(ONE, acme, "d", "1", "a vendor told us that it is poisoned", ASK)
    await refused(datasets.read(trainer, acme, "d", "1", ASK), "withdrew it: a vendor told us")
    log = await services.audit.of_tenant(INSTALLER, acme, ASK)
    outcomes = [entry.outcome for entry in log if entry.action == "dataset.read"]
    assert sorted(map(str, outcomes)) == ["allowed", *["refused"] * 5]


async def test_another_tenant_neither_sees_nor_uses_it_and_has_the_same_rows_of_its_own(house: House) -> None:
    acme = await ready(house)
    globex = await house.tenant("globex")
    datasets, shown = house.services.datasets, await add(house, acme, Tier.LOW)
    other = replace(admin(globex), name="globex-admin")
    await refused(datasets.show(other, acme, "d", "1", ASK), "", RefusalKind.HIDDEN)
    await refused(datasets.export(other, globex, "d", "1", ASK), "", RefusalKind.HIDDEN)
    await refused(demanded(house, globex, shown.digest), "There is no such data set")
    await refused(datasets.export(INSTALLER, acme, "d", "1", ASK), "", RefusalKind.FORBIDDEN)
    assert await datasets.export(admin(acme), acme, "d", "1", ASK)
    for risk in Tier:
        await datasets.add_source(
            INSTALLER, globex, Name(f"from-{risk}"), ONE.name, "data@globex.example", "ours", risk, ASK
        )
    twin = await add(house, globex, Tier.LOW, who=other)
    assert twin.manifest.rows == shown.manifest.rows
    assert twin.digest != shown.digest


async def test_stored_rows_that_were_changed_are_not_given_out_and_lie_sealed(house: House) -> None:
    acme = await ready(house)
    datasets, shown = house.services.datasets, await add(house, acme, Tier.LOW)
    (path,) = house.content.rglob(shown.manifest.rows)
    assert b"ferry" not in path.read_bytes()
    path.chmod(0o600)
    held = bytearray(path.read_bytes())
    held[-1] ^= 1
    path.write_bytes(held)
    await refused(datasets.export(admin(acme), acme, "d", "1", ASK), "is not what was stored", RefusalKind.CONFLICT)


async def test_a_derivative_says_how_it_was_made_and_only_its_own_record_is_taken(house: House) -> None:
    acme = await ready(house)
    parent = await add(house, acme, Tier.LOW, "raw")
    safe = ROWS.replace(b"bus", b"van")

    def record(source: str, made: bytes) -> bytes:
        ends = {
            "input": {"sha256": f"sha256:{source}"},
            "output": {"sha256": f"sha256:{hashlib.sha256(made).hexdigest()}"},
        }
        return json.dumps({"tool": "strongroom 0.1.0", "action": "synthetic", "files": [ends]}).encode()

    made = await add(
        house, acme, Tier.LOW, "safe", safe, parent="raw@1", transformation=record(parent.manifest.sent, safe)
    )
    assert made.manifest.derived is not None
    assert (made.manifest.derived.parent, made.manifest.derived.how) == (parent.digest, "strongroom 0.1.0: synthetic")
    for wrong in (record("0" * 64, safe), record(parent.manifest.sent, b"other"), b"{}"):
        with pytest.raises(Refused) as error:
            await add(house, acme, Tier.LOW, "false", safe, parent="raw@1", transformation=wrong)
        assert error.value.refusal.kind is RefusalKind.INVALID
