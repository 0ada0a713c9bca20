"""One real OpenBao for all tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from strongroom.vault.openbao import AppRole
from strongroom.vault.openbao.testing import Bao, openbao

POLICY = Path("docs/how-to/openbao-policy.hcl").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
async def bao(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Bao]:
    async with openbao(tmp_path_factory.mktemp("bao"), POLICY) as server:
        yield server


@pytest.fixture(scope="module")
async def plain_login(bao: Bao) -> AppRole:
    """For mounts of another name, as the policy's own head says."""
    await bao.ask("PUT", "sys/policies/acl/plain", {"policy": POLICY.replace("strongroom-", "plain-")})
    return await bao.role("plain", "plain")


@pytest.fixture(scope="module")
async def login(bao: Bao) -> AppRole:
    return await bao.role("strongroom", "strongroom")
