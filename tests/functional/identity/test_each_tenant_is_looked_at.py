"""What is looked at by the hour is looked at for every tenant, whatever another's look fails with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from strongroom.app.duties import for_each_tenant
from strongroom.kernel.refusal import Refused, hidden

if TYPE_CHECKING:
    import pytest
    from tests.functional.identity.conftest import House

    from strongroom.kernel.ids import TenantId
    from strongroom.store import TenantTx


async def test_a_tenant_that_cannot_be_looked_at_keeps_no_other_from_it(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    names = {await house.tenant(name): name for name in ("acme", "globex", "initech")}
    fails = {"acme": Refused(hidden("it has just ended")), "globex": ValueError("what a customer wrote")}
    looked_at: list[str] = []

    async def look(tenant: TenantId) -> None:
        if names[tenant] in fails:
            raise fails[names[tenant]]
        await house.services.flows.watch(tenant)
        looked_at.append(names[tenant])

    await for_each_tenant(house.services, "flows", look)
    assert looked_at == ["initech"]
    told = [record.getMessage() for record in caplog.records if record.name.endswith("duties")]
    assert [each.split()[3] for each in told] == ["Refused", "ValueError"]
    assert "customer" not in caplog.text


async def test_a_look_at_one_tenant_that_takes_its_time_holds_up_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, globex = await house.tenant("acme"), await house.tenant("globex")
    flows, begun, goes_on = house.services.flows, asyncio.Event(), asyncio.Event()
    look = flows._look

    async def looking(tx: TenantTx) -> None:
        if tx.tenant == acme:
            begun.set()
            await goes_on.wait()
        await look(tx)

    monkeypatch.setattr(flows, "_look", looking)
    slow = asyncio.create_task(flows.watch(acme))
    async with asyncio.timeout(30):
        await begun.wait()
        await flows.watch(globex)
    assert not slow.done()
    goes_on.set()
    await slow
