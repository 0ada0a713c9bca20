"""Lists over a real database: never in the clear in a row, the feed or the log; bounded; gone with their tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strongroom.app.seed import INSTALLER
from strongroom.kernel.ids import KeyId, TenantId
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask
from strongroom.store import migrate

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

ASK = Ask()
VALUES = ["KD-4711-0815", "Projekt Nordlicht", "kd 4711 0815"]


def admin(tenant: TenantId, role: Role = Role.TENANT_ADMIN) -> Principal:
    return Principal(role=role, name="ann", credential=KeyId("1123456789abcdef"), tenant=tenant)


async def test_a_list_holds_hashes_of_its_tenants_key_and_goes_with_it(house: House) -> None:
    lists = house.services.lists
    acme, globex = await house.tenant("acme"), await house.tenant("globex")
    made = await lists.add(admin(acme), acme, "customers", VALUES, ASK)
    assert (made.type, made.values, made.most_words) == ("custom.customers", 2, 3), "one value twice is one"
    assert (await lists.add(admin(acme), acme, "customers", [VALUES[0], "KD-4712"], ASK)).values == 3
    await lists.add(admin(globex), globex, "customers", VALUES, ASK)

    for who, kind in ((admin(globex), RefusalKind.HIDDEN), (admin(acme, Role.TENANT_AUDITOR), RefusalKind.HIDDEN)):
        with pytest.raises(Refused) as caught:
            await lists.add(who, acme, "customers", VALUES, ASK)
        assert caught.value.refusal.kind is kind
    for values in (["abc"], ["KD-4711-0815", "one two three four five six seven"]):
        with pytest.raises(Refused) as caught:
            await lists.add(admin(acme), acme, "customers", values, ASK)
        assert caught.value.refusal.kind is RefusalKind.INVALID
        assert values[-1] not in str(caught.value.refusal)

    async with migrate.administrator(house.database.admin) as connection:
        rows = await connection.fetch("select tenant_id, hashes from rules.value_list order by tenant_id, part")
        said = [
            str(dict(row))
            for table in ("rules.value_list", "feed.entry", "audit.entry", "audit.platform_entry")
            for row in await connection.fetch(f"select * from {table}")  # noqa: S608 - names from above
        ]
    text = "\n".join(said).lower()
    assert "customers" in text, "the control: the rows were read"
    for part in ("4711", "nordlicht"):
        assert part not in text
        assert part.encode().hex() not in text
    ours = {bytes(row["hashes"]) for row in rows if row["tenant_id"] == acme}
    theirs = {bytes(row["hashes"]) for row in rows if row["tenant_id"] == globex}
    assert ours
    assert theirs
    assert not ours & theirs, "one value has another hash at another tenant"

    await lists.remove(admin(acme), acme, "customers", ASK)
    assert await lists.every(admin(acme), acme, ASK) == []
    with pytest.raises(Refused):
        await lists.remove(admin(acme), acme, "customers", ASK)
    await house.services.end_tenant(INSTALLER, globex, ASK)
    async with migrate.administrator(house.database.admin) as connection:
        assert await connection.fetchval("select count(*) from rules.value_list") == 0
        left = await connection.fetchval("select count(*) from feed.entry where kind = 'value-list' and not deleted")
    assert left == 0


async def test_there_is_an_end_to_lists(house: House) -> None:
    lists, acme = house.services.lists, await house.tenant("acme")
    for number in range(8):
        await lists.add(admin(acme), acme, f"list_{number}", ["KD-4711"], ASK)
    with pytest.raises(Refused) as caught:
        await lists.add(admin(acme), acme, "one_more", ["KD-4711"], ASK)
    assert caught.value.refusal.kind is RefusalKind.CONFLICT
