"""What must be there before a release serves is a document: demanded, explained, rehearsed; a row that somebody wrote is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.functional.identity.test_release_admission import (
    ONE,
    PROD,
    TEST,
    alter,
    approve,
    deploy,
    listed,
    refused,
)

from strongroom.app.dryrun import Compared
from strongroom.app.seed import INSTALLER
from strongroom.identity.approvals import Kind, Request
from strongroom.kernel.ids import KeyId, Name, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import Refused
from strongroom.policy import Ask
from strongroom.registry.admission.demanded import product_suites
from strongroom.rules import Level
from strongroom.rules.proposing import Proposing

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

ASK = Ask()
DEV = Environment.DEV


async def demand(house: House, expected: int, *rules: dict[str, Any]) -> Any:
    return await house.services.rules.propose(
        INSTALLER, None, "approval", Level.DEFAULT, {"rules": list(rules)},
        expected=expected, reason="as agreed", at_once=False, ask=ASK,
    )  # fmt: skip


async def lacking(house: House, tenant: TenantId | None = None, environment: Environment = DEV) -> list[str]:
    shown = await house.services.admission.show(INSTALLER, "m", "1", tenant, ASK)
    (standing,) = (each for each in shown.standing if each.environment is environment)
    return [each.because for each in standing.reasons if not each.met and each.demand != "channel"]


async def test_what_a_document_demands_is_demanded_and_said_in_plain_words(house: House) -> None:
    acme = await listed(house)
    await approve(house, ONE)
    assert await lacking(house) == []
    await demand(
        house, 0, {
            "name": "what serves people", "environments": ["dev"], "approvers": 2, "evaluations": ["leaks"],
            "cool_off_hours": 24, "groups": [{"name": "security", "accounts": ["three"]}],
        },
    )  # fmt: skip
    assert await lacking(house) == [
        "1 of 2 approvals that dev demands of a standard release (one). Missing: 0 of 1 approvals by security.",
        "The evaluation leaks is missing.",
        "The cool-off of 24 hours begins when enough have approved.",
    ]
    await refused(house, acme, "The evaluation leaks is missing.")
    three = Principal(role=Role.APPROVER, name="three", credential=KeyId(""))
    await house.services.accounts.create(INSTALLER, Name("three"), Role.APPROVER, ask=ASK)
    await approve(house, three)
    missing, cool = await lacking(house)
    assert (missing, cool.startswith("Cool-off until 20")) == ("The evaluation leaks is missing.", True)
    await demand(house, 1, {"environments": ["dev"], "approvers": 2, "groups": [{"name": "s", "accounts": ["three"]}]})
    await deploy(house, acme)
    assert [each.name for each in await house.services.registry.list_deployments(INSTALLER, acme, ASK)] == ["m-dev"]
    assert await lacking(house, environment=TEST) == ["0 of 1 approvals that test demands of a standard release."]


async def test_an_own_key_may_be_demanded_and_an_approval_may_count_for_a_while_only(house: House) -> None:
    acme = await listed(house)
    await approve(house, ONE)
    await demand(house, 0, {"own_keys": True})
    await refused(house, acme, "where the approver's own is demanded")
    await demand(house, 1, {"approval_days": 1})
    assert await lacking(house) == []


async def test_no_document_goes_below_the_floor_whoever_writes_it_and_wherever(house: House) -> None:
    await listed(house)
    for rule in ({"approvers": 1}, {"approvers": 1, "environments": ["prod"]}, {"approvers": 0}):
        with pytest.raises(Refused) as no:
            await demand(house, 0, rule)
        assert no.value.refusal.param == "rules[0].approvers"
    await approve(house, ONE, PROD)
    await demand(house, 0, {"approvers": 2, "environments": ["prod"]})
    lowered = '{"rules":[{"approvers":1,"risks":["standard"]}]}'
    await alter(
        house,
        """UPDATE rules.document SET body = $1, digest = encode(sha256(convert_to($1, 'UTF8')), 'hex')
           WHERE kind = 'approval'""",
        lowered,
    )
    said = await lacking(house, environment=PROD)
    assert said == [
        "What is demanded cannot be told: the document about approvals is not as the installation sealed it."
    ]


async def test_a_row_without_a_seal_or_with_that_of_another_version_admits_nothing(house: House) -> None:
    acme = await listed(house)
    await approve(house, ONE)
    await demand(house, 0, {"environments": ["test"], "approvers": 3})
    await demand(house, 1, {"evaluations": ["leaks"]})
    await alter(
        house,
        """UPDATE rules.document SET body = o.body, digest = o.digest, seal = o.seal FROM rules.document o
           WHERE rules.document.kind = 'approval' AND rules.document.version = 2 AND o.kind = 'approval' AND o.version = 1""",
    )
    await refused(house, acme, "is not the one that was sealed")
    await demand(house, 2, {"environments": ["test"], "approvers": 3})
    assert await lacking(house) == []
    await alter(
        house,
        """INSERT INTO rules.document (tenant_id, kind, level, version, digest, body, withdrawn, author, credential, reason)
           SELECT tenant_id, kind, level, 4, digest, '', true, 'x', 'x', 'x' FROM rules.document
           WHERE kind = 'approval' AND version = 3""",
    )
    await refused(house, acme, "is not as the installation sealed it")


async def test_it_is_tried_on_what_is_promoted_and_deployed_and_waits_for_somebody_else(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, services = await listed(house), house.services
    await approve(house, ONE)
    await deploy(house, acme)
    document = {"rules": [{"environments": ["dev"], "evaluations": ["leaks"]}]}
    tried = await services.rehearsal.run(INSTALLER, acme, "approval", Level.OWN, document, ASK)
    assert [(each.who, each.what, each.change, each.after["lacks"]) for each in tried.data] == [
        ("m@1", "deployed in dev: m-dev", "loses", "The evaluation leaks is missing.")
    ]
    waits = Proposing(
        services.clock,
        Compared(services.engine, services.admission).attached,
        {"approval": services.admission.seal_policy},
    )
    monkeypatch.setattr(services.rules, "_proposing", waits)
    monkeypatch.setattr(services.proposals, "_apply", {Kind.RULES: waits.in_force})
    found = await demand(house, 0, *document["rules"])
    assert isinstance(found, Request)
    assert "promoted to dev: m@1" in found.subject["dry_run"]
    assert await lacking(house) == []
    decide = services.proposals.decide
    with pytest.raises(Refused):
        await decide(INSTALLER, found.id, "approve", found.digest, "mine", ASK)
    other = Principal(role=Role.APPROVER, name="two", credential=KeyId("another"))
    await decide(other, found.id, "approve", found.digest, "read", ASK)
    assert await lacking(house) == ["The evaluation leaks is missing."]
    with pytest.raises(Refused) as no:  # what is loosened does not go ahead of the second person
        await services.rules.propose(
            INSTALLER, None, "approval", Level.DEFAULT, None, expected=1, reason="quick", at_once=True, ask=ASK
        )
    assert "Only what takes away" in str(no.value.refusal.tell)


async def test_a_suite_that_is_named_as_the_products_is_not_that_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await listed(house)
    await approve(house, ONE)

    class Passed:
        suite, suite_digest = "leaks@1.0.0", f"sha256:{'1' * 64}"

    async def passing(*_: object) -> tuple[Passed, ...]:
        return (Passed(),)

    monkeypatch.setattr(house.services.evaluations.counting, "passing", passing)
    await demand(house, 0, {"environments": ["dev"], "evaluations": ["leaks"]})
    assert await lacking(house) == ["The evaluation leaks is missing."]
    await demand(house, 1, {"environments": ["dev"], "evaluations": [Passed.suite_digest]})
    assert await lacking(house) == []


async def test_what_the_settings_demand_of_prod_no_document_takes_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await listed(house)
    monkeypatch.setattr(house.services.admission, "_suites", frozenset({"isolation"}))
    await demand(house, 0, {"environments": ["prod"], "approvers": 2, "evaluations": ["leaks"]})
    said = await lacking(house, environment=PROD)
    assert said[-2:] == ["The evaluation isolation is missing.", "The evaluation leaks is missing."]
    await approve(house, ONE)
    assert await lacking(house) == []  # elsewhere nothing of it is demanded

    class Passed:
        suite, suite_digest = "isolation@1.0.0", product_suites()["isolation"]

    async def passing(*_: object) -> tuple[Passed, ...]:
        return (Passed(),)

    monkeypatch.setattr(house.services.evaluations.counting, "passing", passing)
    assert (await lacking(house, environment=PROD))[-1] == "The evaluation leaks is missing."
    assert "The evaluation isolation is missing." not in await lacking(house, environment=PROD)
