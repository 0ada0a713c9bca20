"""A release's documents say what holds of it, to whom it may be said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import msgspec
import pytest

from strongroom.app.seed import INSTALLER
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask
from strongroom.registry.admission.testing import APPROVERS, admitted, digest_of, release_of
from strongroom.registry.bills.cyclonedx import ml_bom
from strongroom.registry.bills.schema import validate

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

ASK = Ask()


async def sql(house: House, text: str, *values: object) -> None:
    """Write as the database's owner could."""
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        await connection.execute(text, *values)
    finally:
        await connection.close()


async def test_a_document_says_what_holds_and_nothing_for_another_tenant(house: House) -> None:
    services = house.services
    releases = [release_of("m")]
    await admitted(services.registry, services.admission, services.channels, services.accounts, INSTALLER, releases)
    acme, globex = await house.tenant("acme"), await house.tenant("globex")
    approver = Principal(role=Role.APPROVER, name=APPROVERS[0], credential=KeyId(""))
    await services.admission.approve(
        approver, "m", "1", Environment.DEV, tenant=acme, days=9, reason="for acme alone", ask=ASK
    )
    found = await services.bills.describe(INSTALLER, "m", "1", None, ASK)
    validate(msgspec.json.encode(ml_bom(found)).decode())
    assert (found.digest, found.author, len(found.signers)) == (digest_of("m"), "somebody", 1)
    assert found.scan is not None
    assert (found.scan.passed, found.scan.current) == (True, True)
    assert [each.may_serve for each in found.standing] == [True, True, True]
    assert {each.environment for each in found.channels} == set(Environment)
    assert {each.approver for each in found.approvals} == set(APPROVERS)
    # The approval for one tenant is known to it alone, and why is in no document.
    for tenant, count in ((None, 0), (globex, 0), (acme, 1)):
        seen = await services.bills.describe(INSTALLER, "m", "1", tenant, ASK)
        assert sum(each.for_one_tenant for each in seen.approvals) == count
        assert "for acme alone" not in msgspec.json.encode(seen).decode()
    # A row by hand, or one that was edited, is nothing.
    await sql(house, "UPDATE registry.evidence SET statement = convert_to('{}', 'UTF8') WHERE kind <> 'manifest'")
    bare = await services.bills.describe(INSTALLER, "m", "1", None, ASK)
    assert (bare.scan, bare.signers, bare.approvals, bare.author, bare.risk) == (None, (), (), None, None)
    validate(msgspec.json.encode(ml_bom(bare)).decode())
    with pytest.raises(Refused) as error:
        await services.bills.describe(INSTALLER, "m", "2", None, ASK)
    assert error.value.refusal.kind is RefusalKind.HIDDEN
