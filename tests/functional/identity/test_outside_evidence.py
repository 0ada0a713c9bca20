"""Evidence of others stops a deployment where the rules say so; rows that somebody wrote, moved or kept back do not help."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from tests.functional.identity.conftest import IMAGE, RUNTIME
from tests.functional.identity.test_approval_policy import demand, lacking
from tests.functional.identity.test_release_admission import ONE, SUBJECT, alter, approve, deploy, listed, refused
from tests.unit.registry.evidence_samples import (
    BUILDER,
    OTHER,
    PARTS,
    SCANNER,
    STRANGER,
    cyclonedx,
    signed,
    slsa,
    vulns,
)

from strongroom.app.seed import INSTALLER
from strongroom.kernel.clock import SystemClock, rfc3339
from strongroom.kernel.ids import PLATFORM, KeyId
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask
from strongroom.registry.evidence import service as evidence_service
from strongroom.registry.evidence.model import About
from strongroom.rules import Level
from strongroom.vault import Scope, Use

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

ASK = Ask()
KEY = SCANNER.public.pem()
CVE = {"id": "CVE-1", "severity": [{"method": "nvd", "score": "9.8"}]}
DEMANDS: list[dict[str, Any]] = [
    {"about": "release", "bill": True, "scanned_days": 7, "severity": "high", "keys": [KEY]},
    {"about": "runtime", "builders": [BUILDER], "keys": [KEY]},
    {"about": "image", "digests": [IMAGE]},
]


def now() -> str:
    return rfc3339(SystemClock().now())


async def add(
    house: House, document: Any, about: About = About.RELEASE, subject: str = SUBJECT.digest, **more: Any
) -> Any:
    envelope = document if isinstance(document, bytes) else signed(document, subject)
    return await house.services.evidence.add(INSTALLER, about, subject, envelope, None, more.get("ask", ASK))


async def ready(house: House, *demands: dict[str, Any]) -> Any:
    acme = await listed(house)
    await approve(house, ONE)
    await demand(house, 0, {"environments": ["dev"], "evidence": list(demands or DEMANDS)})
    return acme


async def test_a_deployment_waits_for_the_evidence_and_each_is_kept_with_what_served_it(house: House) -> None:
    acme = await ready(house)
    assert await lacking(house) == [
        "A bill of materials of the release is missing, signed by a key that counts.",
        "A scan of the release is missing, signed by a key that counts.",
        f"Provenance of the runtime by {BUILDER} is missing.",
    ]
    await refused(house, acme, "A bill of materials of the release is missing")
    await add(house, cyclonedx(components=PARTS))
    await add(house, vulns(CVE, at=now()))
    await add(house, slsa(), About.RUNTIME, RUNTIME)
    await refused(house, acme, "Vulnerabilities of the release: CVE-1 (critical).")
    await add(house, vulns(at=now()))
    await deploy(house, acme)
    (made,) = await house.services.registry.list_deployments(INSTALLER, acme, ASK)
    assert made.runtime == RUNTIME
    log = await house.services.audit.of_platform(INSTALLER, ASK)
    assert {entry.detail.get("form") for entry in log if entry.action == "evidence.add" and entry.outcome == "allowed"} >= {
        "cyclonedx", "vulns", "slsa",
    }  # fmt: skip
    found, runtime, image = await house.services.evidence.list(INSTALLER, None, None, ASK)
    assert (len(found), runtime, image) == (4, RUNTIME, IMAGE)


async def test_forged_replayed_or_unnamed_evidence_is_refused_and_recorded(house: House) -> None:
    await ready(house)
    for envelope in (
        signed(vulns(), SUBJECT.digest, STRANGER),
        signed(vulns(), OTHER),
        b"{}",
        signed(vulns(), SUBJECT.digest)[:-9],
    ):
        with pytest.raises(Refused) as no:
            await add(house, envelope)
        assert (no.value.refusal.kind, no.value.refusal.param) == (RefusalKind.INVALID, "envelope")
    once = signed(vulns(at=now()), SUBJECT.digest)
    await add(house, once)
    envelope = json.loads(once)
    other = {"sig": envelope["signatures"][0]["sig"], "keyid": "another"}
    for again in (
        once,
        json.dumps(envelope, indent=1).encode(),
        json.dumps(envelope | {"signatures": [other]}).encode(),
    ):
        with pytest.raises(
            Refused
        ) as no:  # in another envelope too: else whoever has one could fill all the room there is
            await add(house, again)
        assert no.value.refusal.kind is RefusalKind.CONFLICT
    with pytest.raises(Refused) as no:  # a key that is named for the installation speaks of nothing else
        await add(house, vulns(), About.IMAGE, IMAGE)
    log = await house.services.audit.of_platform(INSTALLER, ASK)
    assert len([entry for entry in log if entry.action == "evidence.add" and entry.outcome == "refused"]) >= 5
    with pytest.raises(Refused) as no:
        await add(house, vulns(), About.RELEASE, OTHER)
    assert no.value.refusal.kind is RefusalKind.HIDDEN


async def test_rows_that_are_changed_moved_or_whose_key_is_named_no_more_count_for_nothing(house: House) -> None:
    acme = await ready(house, DEMANDS[0])
    bill, scan = await add(house, cyclonedx(components=PARTS)), await add(house, vulns(at=now()))
    assert await lacking(house) == []
    verify = house.services.evidence.verify
    assert (await verify(INSTALLER, bill.id, None, ASK)).holds
    await alter(
        house,
        """UPDATE registry.outside_evidence SET sealed = (SELECT sealed FROM registry.outside_evidence WHERE id = $1)
           WHERE id = $2""",
        scan.id, bill.id,
    )  # fmt: skip
    moved = await verify(INSTALLER, bill.id, None, ASK)
    assert (moved.holds, moved.because) == (
        False, "Its document does not open: it was changed, or moved here from elsewhere.",
    )  # fmt: skip
    await alter(house, "UPDATE registry.outside_evidence SET seal = $2 WHERE id = $1", scan.id, b"{}")
    assert await lacking(house) == ["A scan of the release is missing, signed by a key that counts."]
    await refused(house, acme, "A scan of the release is missing")
    await demand(house, 1, {"environments": ["dev"], "evidence": [DEMANDS[0] | {"keys": [STRANGER.public.pem()]}]})
    assert "A bill of materials of the release is missing, signed by a key that counts." in await lacking(house)
    with pytest.raises(Refused):
        await verify(INSTALLER, scan.id, None, ASK)


async def test_a_dry_run_says_who_would_lose(house: House) -> None:
    acme = await listed(house)
    await approve(house, ONE)
    await deploy(house, acme)
    document = {"rules": [{"environments": ["dev"], "evidence": [DEMANDS[1]]}]}
    tried = await house.services.rehearsal.run(INSTALLER, acme, "approval", Level.OWN, document, ASK)
    assert [(each.what, each.change) for each in tried.data] == [("deployed in dev: m-dev", "loses")]
    assert f"Provenance of the runtime by {BUILDER} is missing." in tried.data[0].after["lacks"]


async def test_a_tenant_reads_and_adds_what_is_its_own_and_nothing_else(house: House) -> None:
    acme = await ready(house, DEMANDS[0])
    ours = await add(house, vulns(at=now()))
    admin = Principal(role=Role.TENANT_ADMIN, name="admin", credential=KeyId(""), tenant=acme)
    evidence = house.services.evidence
    assert (await evidence.list(admin, acme, None, ASK))[0] == []
    with pytest.raises(Refused) as no:
        await evidence.verify(admin, ours.id, acme, ASK)
    assert no.value.refusal.kind is RefusalKind.HIDDEN
    with pytest.raises(Refused) as no:  # the release is the installation's, not the tenant's own
        await evidence.add(admin, About.RELEASE, SUBJECT.digest, signed(vulns(), SUBJECT.digest), acme, ASK)
    assert no.value.refusal.kind is RefusalKind.HIDDEN
    with pytest.raises(Refused):
        await evidence.add(admin, About.RELEASE, SUBJECT.digest, signed(vulns(), SUBJECT.digest), None, ASK)
    approver = Principal(role=Role.APPROVER, name="one", credential=KeyId(""))
    assert len((await evidence.list(approver, None, SUBJECT.digest, ASK))[0]) == 1
    with pytest.raises(Refused):
        await evidence.add(approver, About.RELEASE, SUBJECT.digest, signed(vulns(), SUBJECT.digest), None, ASK)


async def test_where_there_is_room_for_no_more_the_oldest_superseded_piece_goes_and_never_what_counts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ready(house, DEMANDS[0])
    monkeypatch.setattr(evidence_service, "MOST_KEPT", 3)
    at = SystemClock().now()
    days = [rfc3339(at - timedelta(days=each)) for each in (4, 3, 2, 1)]
    bill = await add(house, cyclonedx(days[0], components=PARTS))
    first = await add(house, vulns(CVE, at=days[0]))
    await add(house, vulns(CVE, at=days[1]))
    await add(house, vulns(CVE, at=days[2]))
    newest = await add(house, vulns(at=days[3]))
    found, _, _ = await house.services.evidence.list(INSTALLER, None, SUBJECT.digest, ASK)
    assert len(found) == 3
    assert {bill.id, newest.id} <= {each.id for each in found}
    assert first.id not in {each.id for each in found}
    assert await lacking(house) == []
    log = await house.services.audit.of_platform(INSTALLER, ASK)
    assert [entry.detail["removed"] for entry in log if "removed" in entry.detail][-1] == str(first.id)
    # An older scan than what is there takes nobody's place: with no room, it is not taken.
    await add(house, cyclonedx(days[1], vulnerabilities=[]))
    with pytest.raises(Refused) as no:
        await add(house, cyclonedx(days[0], vulnerabilities=[], version="1.5"))
    assert no.value.refusal.kind is RefusalKind.CONFLICT
    assert "none has been superseded" in no.value.refusal.tell
    assert await lacking(house) == []
    # Nor does the newest go for anybody else: not for a statement that got into the control process, nor for the superuser.
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="the newest evidence"):
        await alter(
            house,
            """DELETE FROM registry.outside_evidence e WHERE made_at =
                   (SELECT max(made_at) FROM registry.outside_evidence n WHERE n.subject_digest = e.subject_digest)""",
        )


async def test_a_piece_that_is_another_or_whose_key_is_named_no_more_does_not_hold(house: House) -> None:
    """Sealed by the right keys for the right piece, as who has the control process could: it is not what was taken in."""
    await ready(house, DEMANDS[0])
    evidence, bill = house.services.evidence, await add(house, cyclonedx(components=PARTS))
    connection = await asyncpg.connect(**house.database.admin.arguments())
    kept = await connection.fetchval("SELECT sealed FROM registry.outside_evidence WHERE id = $1", bill.id)
    await connection.close()
    other = signed(cyclonedx(components=PARTS, at="2026-05-29T00:00:00Z"), SUBJECT.digest)
    put = "UPDATE registry.outside_evidence SET sealed = $2 WHERE id = $1"
    keys = await evidence._vault.keys(Scope(PLATFORM, Use.EVIDENCE))
    await alter(house, put, bill.id, keys.seal(other, str(bill.id)))
    verified = await evidence.verify(INSTALLER, bill.id, None, ASK)
    assert (verified.holds, verified.because) == (False, "Its document is another than the one that was taken in.")
    await alter(house, put, bill.id, kept)
    assert (await evidence.verify(INSTALLER, bill.id, None, ASK)).holds
    await demand(house, 1, {"environments": ["dev"], "evidence": [DEMANDS[0] | {"keys": [STRANGER.public.pem()]}]})
    verified = await evidence.verify(INSTALLER, bill.id, None, ASK)
    assert (verified.holds, verified.because) == (False, "Its key is not named any more by the rules about approvals.")


@contextmanager
def says(what: str) -> Generator[None]:
    with pytest.raises(Refused) as no:
        yield
    assert what in no.value.refusal.tell


async def test_nothing_is_taken_in_beyond_its_bound_for_no_tenant_or_while_it_is_not_known_who_counts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = await ready(house)
    evidence, envelope = house.services.evidence, signed(slsa(), RUNTIME)
    with says("leave the tenant out"):
        await evidence.add(INSTALLER, About.RUNTIME, RUNTIME, envelope, acme, ASK)
    await add(house, cyclonedx(components=PARTS))
    with monkeypatch.context() as patched:
        patched.setattr("strongroom.registry.evidence.service.MOST_KEPT", 1)
        with says("as many as are kept"):
            await add(house, vulns(at=now()))
    await alter(house, "UPDATE rules.document SET seal = $1 WHERE kind = 'approval'", b"{}")
    with says("cannot be told"):
        await add(house, vulns(at=now()))
