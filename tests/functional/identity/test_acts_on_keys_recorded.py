"""What is done to tenants' keys stands in a log before it is done: a keystore may take longer than a transaction may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import asyncpg

from strongroom.app.seed import INSTALLER
from strongroom.policy import Ask

if TYPE_CHECKING:
    import pytest
    from tests.functional.identity.conftest import House


async def test_each_act_is_recorded_by_the_time_the_keystore_is_asked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, keys = await house.tenant("acme"), house.services.tenant_keys
    keystore = keys._keystore
    recorded: dict[str, bool] = {}

    async def entries(action: str) -> int:
        connection = await asyncpg.connect(**house.database.admin.arguments())
        try:
            found: int = await connection.fetchval(
                """select (select count(*) from audit.platform_entry where action = $1)
                        + (select count(*) from audit.entry where action = $1)""",
                action,
            )
        finally:
            await connection.close()
        return found

    def watched(name: str, action: str) -> None:
        act: Callable[..., Awaitable[Any]] = getattr(keystore, name)

        async def asked(*arguments: Any) -> Any:
            recorded[name] = await entries(action) > before
            return await act(*arguments)

        monkeypatch.setattr(keystore, name, asked)

    for name, action, do in (
        ("turn", "vault.rotate", lambda: keys.turn(INSTALLER, Ask())),
        ("rewrap", "vault.rotate", lambda: keys.rewrap(INSTALLER, 10, Ask())),
        ("renew", "tenant.renew_keys", lambda: keys.renew(INSTALLER, acme, Ask())),
        ("destroy", "tenant.shred", lambda: keys.shred(INSTALLER, acme, Ask())),
    ):
        before = await entries(action)
        watched(name, action)
        await do()
    assert recorded == {"turn": True, "rewrap": True, "renew": True, "destroy": True}
