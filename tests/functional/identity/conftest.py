"""A house: identity and its neighbours over a real database and its feed, without a port."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from strongroom.app.seed import INSTALLER
from strongroom.app.services import Services
from strongroom.app.testing import joined
from strongroom.kernel.ids import Name, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Ask
from strongroom.store.testing import TestDatabase
from strongroom.vault import PurposeKeys

DEV = Environment.DEV
ASK = Ask()
HERE = "127.0.0.1"
RUNTIME = f"sha256:{'e' * 64}"
IMAGE = f"sha256:{'1' * 64}"


@dataclass
class House:
    services: Services
    database: TestDatabase
    keys: PurposeKeys = field(repr=False)
    content: Path

    async def tenant(self, name: str) -> TenantId:
        return TenantId((await self.services.identity.create_tenant(INSTALLER, Name(name), ASK)).id)

    async def workload(self, tenant: TenantId, environment: Environment = DEV) -> None:
        await self.services.identity.create_workload(
            INSTALLER, tenant, environment=environment, name=Name("w"), role=Role.INFERENCE, owner="team", ask=ASK
        )

    async def key(self, tenant: TenantId, environment: Environment = DEV, **more: Any) -> Any:
        made = await self.services.identity.create_key(
            INSTALLER, tenant, environment=environment, workload=Name("w"), ask=ASK, **more
        )
        await self.known()
        return made

    async def known(self) -> None:
        assert await self.services.follower.refresh(5.0)

    def who(self, secret: str, peer: str = HERE) -> Principal | None:
        found = self.services.directory.authenticate(secret, peer)
        return found if isinstance(found, Principal) else None


@pytest.fixture
async def house(database: TestDatabase, tmp_path: Path) -> AsyncGenerator[House]:
    content = tmp_path / "content"
    async with joined(database, tmp_path, content=content, look=lambda: RUNTIME, image=IMAGE) as made:
        yield House(made.services, database, made.keys, content)
