"""A release whose publisher must have signed it is deployed with that signature alone; every other one is refused and recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.functional.identity.test_approval_policy import demand, lacking
from tests.functional.identity.test_judged_again import Judge
from tests.functional.identity.test_outside_evidence import KEY as SCANS
from tests.functional.identity.test_outside_evidence import add as scanned
from tests.functional.identity.test_release_admission import (
    ONE,
    SUBJECT,
    alter,
    approve,
    deploy,
    listed,
    refused,
)
from tests.unit.registry.evidence_samples import vulns

from strongroom.app.seed import INSTALLER
from strongroom.kernel.clock import SystemClock, rfc3339
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask
from strongroom.registry.admission.testing import manifest_of
from strongroom.registry.channels.model import RevokedKind
from strongroom.registry.evidence import service
from strongroom.registry.evidence.model import MOST_SIGNATURES, About
from strongroom.registry.oms import SigningKey
from strongroom.registry.oms.keys import fingerprint
from strongroom.registry.oms.service import sign_files
from strongroom.vault.signing import pem_of

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

ASK = Ask()
KEY, STRANGER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
DEMAND: dict[str, Any] = {"signed_as": "acme/{name}-{version}", "keys": [pem_of(KEY.public_key())]}
FILES = manifest_of("m").digests
MISSING = "The signature of its publisher is missing, as acme/m-1 by the key that is named."


def bundle(name: str = "acme/m-1", files: dict[str, str] = FILES, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    return sign_files(name, files, SigningKey(key))[0]


async def add(house: House, signed: bytes, who: Principal = INSTALLER, about: About = About.RELEASE) -> Any:
    return await house.services.evidence.add(who, about, SUBJECT.digest, signed, None, ASK)


async def ready(house: House, *demands: dict[str, Any]) -> Any:
    acme = await listed(house)
    await approve(house, ONE)
    await demand(house, 0, {"environments": ["dev"], "publishers": list(demands or [DEMAND])})
    return acme


async def not_taken(house: House, signed: bytes, said: str, **more: Any) -> None:
    with pytest.raises(Refused) as no:
        await add(house, signed, **more)
    assert no.value.refusal.kind is RefusalKind.INVALID
    assert said in str(no.value.refusal.tell)


async def test_a_deployment_waits_for_the_publishers_signature_and_no_other_is_taken_in(house: House) -> None:
    acme = await ready(house)
    assert await lacking(house) == [MISSING]
    await refused(house, acme, MISSING)
    await not_taken(house, bundle(key=STRANGER), "no key that is trusted has signed it")
    await not_taken(house, bundle("m@1"), "is demanded")
    await not_taken(house, bundle(files={"other.bin": "a" * 64}), "other files")
    await not_taken(house, b'{"dsseEnvelope": {}}', "no signature of a model")
    await not_taken(house, bundle(), "of a release", about=About.RUNTIME)
    log = [each for each in await house.services.audit.of_platform(INSTALLER, ASK) if each.action == "evidence.add"]
    assert [each.outcome.value for each in log].count("refused") == 5
    assert await lacking(house) == [MISSING]
    piece = await add(house, bundle())
    assert (piece.form, piece.tool, piece.signer) == ("oms", "acme/m-1", fingerprint(KEY.public_key()))
    assert await lacking(house) == []
    await deploy(house, acme)
    shown = await house.services.admission.show(INSTALLER, "m", "1", None, ASK)
    said = [each.because for each in shown.standing[0].reasons if each.demand == "publisher"]
    assert said == [f"Its publisher has signed it as acme/m-1: key {fingerprint(KEY.public_key())}."]


async def test_a_signature_counts_anew_each_time_by_todays_rules(house: House) -> None:
    acme = await ready(house)
    piece = await add(house, bundle())
    evidence = house.services.evidence
    assert (await evidence.verify(INSTALLER, piece.id, None, ASK)).holds
    await demand(house, 1, {"environments": ["dev"], "publishers": [DEMAND | {"until": "2026-01-01"}]})
    await refused(house, acme, "counts no more since 2026-01-01")
    assert not (await evidence.verify(INSTALLER, piece.id, None, ASK)).holds
    await demand(
        house, 2, {"environments": ["dev"], "publishers": [DEMAND | {"keys": [pem_of(STRANGER.public_key())]}]}
    )
    await refused(house, acme, "no key that is trusted has signed it")
    await demand(house, 3, {"environments": ["dev"], "publishers": [DEMAND | {"signed_as": "{name}"}]})
    await refused(house, acme, "is demanded")
    await demand(house, 4, {"environments": ["dev"], "publishers": [DEMAND]})
    assert await lacking(house) == []
    await house.services.channels.holds.revoke(
        INSTALLER, RevokedKind.SIGNER, fingerprint(KEY.public_key()), "it was copied", ASK
    )
    await refused(house, acme, "its signer was revoked")


async def test_what_serves_is_stopped_once_its_publishers_signature_has_not_counted_for_the_rules_grace(
    house: House,
) -> None:
    acme = await ready(house)
    await add(house, bundle())
    await deploy(house, acme)
    judge = Judge(house)
    rule = {"name": "theirs", "environments": ["dev"], "publishers": [DEMAND]}
    stops = rule | {"while_serving": "stop", "grace_hours": 2}
    await demand(house, 1, stops)
    assert await judge.state(acme) == ""
    await house.services.channels.holds.revoke(
        INSTALLER, RevokedKind.SIGNER, fingerprint(KEY.public_key()), "it was copied", ASK
    )
    assert [await judge.state(acme, hours) for hours in (0, 1.9, 2.1)] == ["told", "told", "stopped"]
    shown = await house.services.admission.show(INSTALLER, "m", "1", None, ASK)
    assert "its signer was revoked" in shown.serving[0].said
    await demand(house, 2, rule)
    assert await judge.state(acme, 2.1) == "told", "a rule that only tells stops nothing"
    new = DEMAND | {"keys": [pem_of(STRANGER.public_key())]}
    await demand(house, 3, stops | {"publishers": [new], "grace_hours": 0})
    assert await judge.state(acme, 2.1) == "stopped"
    await add(house, bundle(key=STRANGER))
    assert await judge.state(acme, 2.1) == ""


async def test_where_there_is_room_for_no_more_evidence_the_publishers_signature_stays(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await listed(house)
    await approve(house, ONE)
    scans = {"about": "release", "scanned_days": 7, "keys": [SCANS]}
    await demand(house, 0, {"environments": ["dev"], "publishers": [DEMAND], "evidence": [scans]})
    await add(house, bundle())
    monkeypatch.setattr(service, "MOST_KEPT", 2)
    for days in (1, 0):
        await scanned(house, vulns(at=rfc3339(SystemClock().now() - timedelta(days=days))))
        assert await lacking(house) == []
    with pytest.raises(Refused) as no:
        await scanned(house, vulns(at=rfc3339(SystemClock().now()), uri="pkg:x/another"))
    assert no.value.refusal.kind is RefusalKind.CONFLICT
    assert await lacking(house) == []


async def test_rows_that_somebody_wrote_moved_or_changed_do_not_help(house: House) -> None:
    acme = await ready(house)
    piece = await add(house, bundle())
    where = "UPDATE registry.outside_evidence SET"
    await alter(house, f"{where} subject_digest = $1 WHERE id = $2", f"sha256:{'0' * 64}", piece.id)
    await refused(house, acme, MISSING)
    await alter(house, f"{where} subject_digest = $1 WHERE id = $2", SUBJECT.digest, piece.id)
    assert await lacking(house) == []
    await alter(house, f"{where} seal = set_byte(seal, 200, get_byte(seal, 200) # 1) WHERE id = $1", piece.id)
    await refused(house, acme, MISSING)


async def test_each_demand_is_met_by_itself_and_another_publishers_does_not_stand_in(house: House) -> None:
    other = DEMAND | {"keys": [pem_of(STRANGER.public_key())], "signed_as": "{name}"}
    await ready(house, DEMAND, other, DEMAND | {"releases": ["another"], "signed_as": "never"})
    await add(house, bundle())
    (said,) = await lacking(house)
    assert said.startswith(
        "The signature of its publisher is missing, as m by the key that is named. Not taken: no key"
    )
    await add(house, bundle("m", key=STRANGER))
    assert await lacking(house) == []


async def test_no_more_signatures_are_kept_than_are_read_with_each_judgement(house: House) -> None:
    await ready(house)
    for _ in range(MOST_SIGNATURES):
        await add(house, bundle())  # each is another: ECDSA takes a fresh number
    with pytest.raises(Refused) as no:
        await add(house, bundle())
    assert no.value.refusal.kind is RefusalKind.CONFLICT


async def test_who_may_not_take_in_evidence_takes_in_no_signature(house: House) -> None:
    acme = await ready(house)
    for who in (
        Principal(role=Role.APPROVER, name="one", credential=KeyId("")),
        Principal(role=Role.TENANT_ADMIN, name="admin", credential=KeyId(""), tenant=acme),
        Principal(role=Role.AUDITOR, name="auditor", credential=KeyId("")),
    ):
        with pytest.raises(Refused):
            await add(house, bundle(), who)
    assert await lacking(house) == [MISSING]
