"""What serves is judged again: what lapses is told or stopped as the rules say, and neither a row, a clock nor a restart helps it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.functional.identity.test_approval_policy import demand
from tests.functional.identity.test_approvers_keys import MINE, opened, register, statement
from tests.functional.identity.test_outside_evidence import DEMANDS, KEY, add, now
from tests.functional.identity.test_release_admission import ONE, RELEASE, alter, approve, deploy, listed
from tests.unit.registry.evidence_samples import BUILDER, PARTS, cyclonedx, slsa, vulns

from strongroom.app.deployed import Deployed
from strongroom.app.seed import INSTALLER
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, Name, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Action, Ask, Kind, Resource
from strongroom.registry.channels.model import Channel, RevokedKind
from strongroom.registry.documents import SIGNER
from strongroom.registry.serving import tables
from strongroom.registry.serving.model import LAPSED, STOPPED
from strongroom.registry.serving.service import BLIND_S, Rejudging, Settled
from strongroom.registry.serving.tables import lacks
from strongroom.rules import Level
from strongroom.store import feed
from strongroom.store.follower import Follower

if TYPE_CHECKING:
    from datetime import datetime

    from tests.functional.identity.conftest import House

ASK = Ask()
DEV = Environment.DEV
SCAN: dict[str, Any] = {"about": "release", "scanned_days": 7, "keys": [KEY]}
STOP: dict[str, Any] = {
    "name": "fresh scans", "environments": ["dev"], "evidence": [SCAN], "while_serving": "stop", "grace_hours": 2,
}  # fmt: skip
UNTOLD = timedelta(hours=1)
_SPOILT = "UPDATE registry.channel SET stamp = 'x'::bytea WHERE channel = 'revocations'"


class Later(SystemClock):
    """The machine's clock, some time on."""

    on = timedelta()

    def now(self) -> datetime:
        return super().now() + self.on

    def boottime(self) -> float:
        return super().boottime() + max(0.0, self.on.total_seconds())


class Judge:
    """The supervisor's part: judges again, as it would after so many hours."""

    def __init__(self, house: House) -> None:
        self.house, self.clock = house, Later()
        self.restart()

    def restart(self) -> None:
        services = self.house.services
        self.again = Rejudging(
            services.gate, services.admission, self.clock, INSTALLER,
            untold=UNTOLD, runtime=services.evidence.reader.runtime,
        )  # fmt: skip

    async def deployed(self) -> Deployed:
        known = Deployed()
        follower = Follower(
            self.house.database.control, SystemClock(), lambda entries, full: _taken(known, entries, full)
        )
        follower.start()
        try:
            assert await follower.ensure(10)
        finally:
            await follower.close()
        return known

    async def look(self, tenant: TenantId, hours: float = 0) -> list[Settled]:
        self.clock.on = timedelta(hours=hours)
        return await self.again.look(tenant, (await self.deployed()).places().get(tenant, []))

    async def state(self, tenant: TenantId, hours: float = 0) -> str:
        """Judge, and return what stands there then: ``, `told` or `stopped`, as the gateways hear it too."""
        await self.look(tenant, hours)
        known = await self.deployed()
        async with self.house.services.gate.permit(INSTALLER, *_looking(tenant)) as tx:
            state = next((each.state for each in (await lacks(tx)).values()), "")
        places = known.places()[tenant]
        assert (state == "stopped") is (tenant not in known.tenants(places[0].environment, RELEASE.digest))
        return state


def _taken(known: Deployed, entries: Any, full: bool) -> None:
    known.apply(entries, full)


@pytest.fixture
def judge(house: House) -> Judge:
    return Judge(house)


async def incidents(house: House, tenant: TenantId) -> list[tuple[str, str, str]]:
    found = await house.services.incidents.list(INSTALLER, tenant, ASK)
    return [(each.kind, each.subject, each.reason) for each in found]


async def entries(house: House, tenant: TenantId) -> list[Any]:
    log = await house.services.audit.of_tenant(INSTALLER, tenant, ASK, limit=200)
    return [each.detail for each in log if each.action == "model.attest" and "serving" in each.detail]


async def serving(house: House) -> TenantId:
    acme = await listed(house)
    await approve(house, ONE)
    await deploy(house, acme)
    return acme


async def test_what_lapses_is_told_once_explained_and_over_when_the_evidence_is_there(
    house: House, judge: Judge
) -> None:
    acme = await serving(house)
    assert await judge.state(acme) == ""
    await demand(house, 0, {"environments": ["dev"], "evidence": [DEMANDS[0]], "evaluations": ["leaks"]})
    for hours in (0, 1, 500):
        assert await judge.state(acme, hours) == "told"
    said = (
        "The evaluation leaks is missing. A bill of materials of the release is missing, signed by a key that counts."
    )
    (incident,) = await incidents(house, acme)
    assert incident[:2] == (LAPSED, "dev/m-dev")
    assert incident[2].startswith(said)
    (detail,) = await entries(house, acme)
    assert (detail["serving"], detail["signal"]) == ("told", LAPSED)
    shown = await house.services.admission.show(INSTALLER, "m", "1", None, ASK)
    (serves,) = shown.serving
    assert serves.said.startswith("It serves, though not all that is demanded is met, since 20")
    await demand(house, 1, {"environments": ["dev"], "evidence": [DEMANDS[0]]})
    await add(house, cyclonedx(components=PARTS))
    await add(house, vulns(at=now()))
    assert await judge.state(acme) == ""
    assert (await entries(house, acme))[0]["serving"] == "resumed"


async def test_a_rule_stops_what_lacked_its_evidence_for_its_grace_over_a_restart_and_it_heals(
    house: House, judge: Judge
) -> None:
    acme = await serving(house)
    await demand(house, 0, STOP)
    await add(house, vulns(at=now()))
    assert await judge.state(acme) == ""
    await alter(  # by the database's owner: nobody else removes the newest
        house,
        """ALTER TABLE registry.outside_evidence DISABLE TRIGGER keep_newest;
           DELETE FROM registry.outside_evidence;
           ALTER TABLE registry.outside_evidence ENABLE TRIGGER keep_newest""",
    )
    assert await judge.state(acme) == "told"
    judge.restart()
    assert await judge.state(acme, 1.9) == "told"
    judge.restart()
    assert await judge.state(acme, 2.1) == "stopped"
    assert {each[0] for each in await incidents(house, acme)} == {LAPSED, STOPPED}
    assert await judge.state(acme, 3) == "stopped"
    assert len(await incidents(house, acme)) == 2
    shown = await house.services.admission.show(INSTALLER, "m", "1", None, ASK)
    assert "It is stopped since" in shown.serving[0].said
    await add(house, vulns(at=now()))
    assert await judge.state(acme, 3) == ""


async def test_neither_a_row_nor_a_clock_gives_more_time(house: House, judge: Judge) -> None:
    acme = await serving(house)
    await demand(house, 0, STOP)
    assert await judge.state(acme) == "told"
    await alter(house, "DELETE FROM registry.serving_lack")
    assert await judge.state(acme, 2.1) == "stopped", "this process knows since when"
    await alter(house, "DELETE FROM feed.entry WHERE kind = 'stopped-deployment'")
    assert await judge.state(acme, 2.1) == "stopped", "what gateways follow is put back"
    await alter(
        house,
        "UPDATE registry.serving_lack SET state = 'told', since = jsonb_build_object('fresh scans', now() + '9 days'::interval)",
    )
    judge.restart()
    assert await judge.state(acme) == "told"
    assert await judge.state(acme, 2.1) == "stopped", "a beginning that is still to come is none"
    # A clock that is put back begins anew at what it shows, and gives no more than the grace from there.
    judge.restart()
    assert await judge.state(acme, -100) == "told"
    assert await judge.state(acme, -97.9) == "stopped"


async def test_expired_evidence_and_a_revoked_key_count_as_none(house: House, judge: Judge) -> None:
    acme = await serving(house)
    await demand(house, 0, STOP | {"grace_hours": 0})
    added = await add(house, vulns(at=now()))
    assert await judge.state(acme) == ""
    await house.services.channels.holds.revoke(INSTALLER, RevokedKind.SIGNER, added.signer, "lost", ASK)
    assert await judge.state(acme) == "stopped"
    assert (await incidents(house, acme))[0][0] == STOPPED


async def test_an_approver_whose_key_is_revoked_or_who_goes_ends_what_has_too_few_left_and_nobody_elses(
    house: House, judge: Judge
) -> None:
    acme, globex = await listed(house), await house.tenant("globex")
    three = Principal(role=Role.APPROVER, name="three", credential=KeyId(""))
    await house.services.accounts.create(INSTALLER, Name("three"), Role.APPROVER, ask=ASK)
    await approve(house, ONE, tenant=acme)
    await approve(house, three, tenant=globex)
    await deploy(house, acme)
    await deploy(house, globex)
    assert (await judge.state(acme), await judge.state(globex)) == ("", "")
    await house.services.accounts.delete(INSTALLER, Name("one"), ASK)
    assert (await judge.state(acme), await judge.state(globex)) == ("stopped", "")
    assert await incidents(house, globex) == []
    known = await judge.deployed()
    assert known.tenants(DEV, RELEASE.digest) == [globex]
    assert not known.is_over(DEV, RELEASE.digest), "its worker goes on for the other"
    await house.services.accounts.delete(INSTALLER, Name("three"), ASK)
    assert await judge.state(globex) == "stopped"
    assert (await judge.deployed()).is_over(DEV, RELEASE.digest)
    await house.services.accounts.create(INSTALLER, Name("four"), Role.APPROVER, ask=ASK)
    await approve(house, Principal(role=Role.APPROVER, name="four", credential=KeyId("")), tenant=acme)
    assert (await judge.state(acme), await judge.state(globex)) == ("", "stopped")


async def test_an_approvers_own_key_that_is_revoked_ends_what_it_let_in_and_is_heard_of_at_once(
    house: House, judge: Judge
) -> None:
    await opened(house)
    acme = await house.tenant("acme")
    await register(house, ONE, MINE)
    made = statement(MINE, environment=DEV)
    await house.services.admission.approve(
        ONE, "m", "1", DEV, tenant=None, days=30, reason="read it", ask=ASK, statement=made
    )
    await deploy(house, acme)
    assert await judge.state(acme) == ""
    await house.services.channels.holds.revoke(INSTALLER, RevokedKind.SIGNER, MINE.public.id, "stolen", ASK)
    async with house.services.gate.permit_platform(INSTALLER, *_looking()) as tx:
        assert f"{SIGNER}{MINE.public.id}" in {each for each, _ in await feed.living(tx, "revoked-release")}
    assert await judge.state(acme) == "stopped"
    assert "by a key that was revoked" in (await incidents(house, acme))[0][2]


async def test_what_cannot_be_told_is_a_yes_for_a_while_where_it_was_told_and_none_after_a_start(
    house: House, judge: Judge
) -> None:
    acme = await serving(house)
    assert await judge.state(acme) == ""
    await alter(house, _SPOILT)
    assert await judge.state(acme) == "told"
    assert "What is revoked cannot be told" in (await entries(house, acme))[0]["because"]
    assert await judge.state(acme, 0.9) == "told"
    assert await judge.state(acme, 1.1) == "stopped"
    await house.services.channels.recover(INSTALLER, Channel.REVOCATIONS, "a test", ASK)
    assert await judge.state(acme) == ""
    await alter(house, _SPOILT)
    judge.restart()
    assert await judge.state(acme) == "stopped", "nothing serves after a start that cannot be told to"


async def test_a_judgement_that_fails_is_no_yes_for_ever(house: House, judge: Judge) -> None:
    acme = await serving(house)
    assert await judge.state(acme) == ""
    await alter(house, "ALTER TABLE registry.evaluation RENAME TO evaluation_gone")
    with pytest.raises(Exception, match="transaction"):
        await judge.look(acme)
    assert await entries(house, acme) == [], "for a moment it is asked again"
    hours = (BLIND_S + 1) / 3600
    assert await judge.state(acme, hours) == "told"
    assert "It could not be judged again" in (await entries(house, acme))[0]["because"]
    assert await judge.state(acme, hours + 1.1) == "stopped"
    await alter(house, "ALTER TABLE registry.evaluation_gone RENAME TO evaluation")
    assert await judge.state(acme) == ""


async def test_what_others_write_in_their_evidence_keeps_nothing_from_being_stopped(house: House, judge: Judge) -> None:
    """A zero in a text, which the database does not take: quoted in a reason, it kept a tenant's deployments from any judgement."""
    acme = await serving(house)
    built = {"about": "release", "builders": [BUILDER], "keys": [KEY]}
    await demand(house, 0, STOP | {"evidence": [built], "grace_hours": 0})
    await add(house, slsa("a\x00b"))
    assert await judge.state(acme) == "stopped"
    shown = await house.services.admission.show(INSTALLER, "m", "1", None, ASK)
    assert "it was built by a?b" in shown.serving[0].said


async def test_a_release_is_judged_once_at_each_look_however_often_it_is_deployed(
    house: House, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds of pieces of evidence were read anew for each deployment: a minute was over before all were judged."""
    acme = await serving(house)
    for name in ("another", "third"):
        await house.services.registry.deploy(INSTALLER, acme, DEV, Name(name), RELEASE.digest, ASK)
    await demand(house, 0, STOP | {"grace_hours": 0})
    judged: list[Any] = []
    once = house.services.admission.again

    async def counted(tx: Any, digest: str, environment: Environment, around: Any) -> Any:
        judged.append((digest, environment))
        return await once(tx, digest, environment, around)

    monkeypatch.setattr(house.services.admission, "again", counted)
    await judge.look(acme)
    assert judged == [(RELEASE.digest, DEV)]
    async with house.services.gate.permit(INSTALLER, *_looking(acme)) as tx:
        assert [each.state for each in (await lacks(tx)).values()] == ["stopped"] * 3


async def test_one_deployment_of_which_nothing_can_be_written_down_keeps_no_other_from_being_stopped(
    house: House, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = await serving(house)
    await house.services.registry.deploy(INSTALLER, acme, DEV, Name("another"), RELEASE.digest, ASK)
    await demand(house, 0, STOP | {"grace_hours": 0})
    (first, second) = (await judge.deployed()).places()[acme]
    put = tables.put

    async def stumbles(tx: Any, deployment: Any, lack: Any) -> None:
        if deployment == first.deployment:
            raise ValueError
        await put(tx, deployment, lack)

    monkeypatch.setattr(tables, "put", stumbles)
    with pytest.raises(ValueError, match=r"^$"):
        await judge.look(acme)
    async with house.services.gate.permit(INSTALLER, *_looking(acme)) as tx:
        assert {name: each.state for name, each in (await lacks(tx)).items()} == {second.deployment: "stopped"}


async def test_what_is_withdrawn_is_forgotten_and_what_is_revoked_is_told_elsewhere(house: House, judge: Judge) -> None:
    acme = await serving(house)
    await demand(house, 0, STOP | {"grace_hours": 0})
    assert await judge.state(acme) == "stopped"
    await house.services.registry.withdraw(INSTALLER, acme, DEV, Name("m-dev"), ASK)
    assert await left(house, acme) == ([], {})
    await demand(house, 1)
    await deploy(house, acme)
    await demand(house, 2, STOP | {"grace_hours": 0})
    assert await judge.state(acme) == "stopped"
    await house.services.channels.holds.revoke(INSTALLER, RevokedKind.DIGEST, RELEASE.digest, "poisoned", ASK)
    assert (await judge.deployed()).places() == {acme: []}
    await judge.look(acme)
    assert await left(house, acme) == ([], {})


async def test_what_lacks_more_is_written_down_and_signals_once(house: House, judge: Judge) -> None:
    acme = await serving(house)
    await demand(house, 0, {"environments": ["dev"], "evidence": [SCAN]})
    assert await judge.state(acme) == "told"
    await demand(house, 1, {"environments": ["dev"], "evidence": [SCAN], "evaluations": ["leaks"]})
    assert await judge.state(acme) == "told"
    more, first = await entries(house, acme)
    assert (first["signal"], "signal" in more) == (LAPSED, False)
    assert "The evaluation leaks is missing." in more["because"]


async def left(house: House, tenant: TenantId) -> tuple[list[Any], dict[Any, Any]]:
    """Return what followers hear of stops, and what is written down of what the tenant's deployments lack."""
    async with house.services.gate.permit(INSTALLER, *_looking(tenant)) as tx:
        return await feed.living(tx, "stopped-deployment"), await lacks(tx)


def _looking(tenant: TenantId | None = None) -> Any:
    return Action.MODEL_LIST, Resource(kind=Kind.RELEASE, tenant=tenant), ASK


async def test_a_dry_run_says_which_deployments_that_serve_would_stop_and_when(house: House, judge: Judge) -> None:
    acme = await serving(house)
    await demand(house, 0, {"environments": ["dev"], "evidence": [SCAN]})
    assert await judge.state(acme) == "told"
    tried = await house.services.rehearsal.run(INSTALLER, acme, "approval", Level.OWN, {"rules": [STOP]}, ASK)
    (each,) = tried.data
    assert (each.what, each.change) == ("deployed in dev: m-dev", "loses")
    lacks = "A scan of the release is missing, signed by a key that counts."
    assert each.before == {"lacks": lacks, "serving": f"It goes on, and is told of: {lacks}"}
    assert each.after["serving"].startswith("It would be stopped at 20")
    at_once = STOP | {"grace_hours": 0}
    tried = await house.services.rehearsal.run(INSTALLER, acme, "approval", Level.OWN, {"rules": [at_once]}, ASK)
    assert tried.data[0].after["serving"] == f"It would be stopped at once: {lacks}"
    assert (await house.services.rehearsal.run(INSTALLER, acme, "approval", Level.OWN, {"rules": []}, ASK)).data[
        0
    ].change == "gains"
