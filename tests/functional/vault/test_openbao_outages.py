"""A real OpenBao that is killed, and sealed, while it is asked: nothing opens beyond its lease, all of it comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final
from uuid import UUID

import pytest

from strongroom.gateway.provider_secrets import ProviderSecrets
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.providers import Engine, ProviderDocument, ProviderKind
from strongroom.providers.secrets import SCOPE, filed_as, seal_secret
from strongroom.vault import LEASE_S, Scope, Use, Vault, VaultUnavailable, reference
from strongroom.vault.openbao import AppRole, OpenBaoKeystore
from strongroom.vault.openbao.testing import Bao

WORKERS: Final = 6
WHERE: Final = (1, ProviderKind.OPENAI, "https://models.example")


class Skipping:
    """The machine's clock, and what a test lets pass beside it."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self.skipped = 0.0

    def now(self) -> datetime:
        return self._clock.now()

    def boottime(self) -> float:
        return self._clock.boottime() + self.skipped


class Load:
    """Callers that seal for tenants of their own without a pause, and what they were told is sealed."""

    def __init__(self, keystore: OpenBaoKeystore) -> None:
        self.keystore = keystore
        self.acknowledged: list[tuple[Scope, int, bytes]] = []
        self.refused = 0
        self.turns = 0
        self._turned = asyncio.Condition()

    async def caller(self) -> None:
        """Seal for new tenants, each by a process that remembers nothing: every turn asks the server."""
        while True:
            scope = Scope(TenantId(new_uuid()), Use.KEPT_RESPONSE)
            try:
                sealed = (await Vault(self.keystore, SystemClock()).keys(scope)).seal(b"said", "x")
                version = await self.keystore.put_secret(scope.tenant, scope.use, "x", sealed)
            except VaultUnavailable:
                self.refused += 1
                await asyncio.sleep(0.05)
            else:
                self.acknowledged.append((scope, version, sealed))
            self.turns += 1
            async with self._turned:
                self._turned.notify_all()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something holds of the load."""
        async with asyncio.timeout(120), self._turned:
            await self._turned.wait_for(true)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        callers = [asyncio.create_task(self.caller()) for _ in range(WORKERS)]
        try:
            yield
        finally:
            for each in callers:
                each.cancel()
            await asyncio.gather(*callers, return_exceptions=True)


def registered() -> tuple[UUID, ProviderDocument]:
    document = ProviderDocument(
        name="outside", kind=WHERE[1], engine=Engine.OTHER, base_url=WHERE[2], ca=None, secret=reference(1),
        secret_version=WHERE[0], open_to=None, region=None, agreement=None, assessed_on=None, assessed_until=None,
    )  # fmt: skip
    return new_uuid(), document


@pytest.mark.parametrize("way", ["killed", "sealed"])
async def test_under_load_it_fails_closed_within_a_lease_and_comes_back_with_everything(
    bao: Bao, login: AppRole, way: str
) -> None:
    client, clock = bao.client(login), Skipping()
    keystore = OpenBaoKeystore(client, SystemClock())
    vault, (provider, document) = Vault(keystore, clock), registered()
    sealed = seal_secret(await vault.keys(SCOPE), "sk-1", provider, *WHERE)
    assert await vault.filing.put(SCOPE, filed_as(provider), sealed) == 1
    secrets, load = ProviderSecrets(vault, clock), Load(keystore)
    assert await secrets.renew([(provider, document)])
    strike: dict[str, Callable[[], Awaitable[None]]] = {
        "killed": lambda: asyncio.to_thread(bao.kill),
        "sealed": bao.seal,
    }

    async with load.running():
        await load.until(lambda: len(load.acknowledged) >= WORKERS)
        await strike[way]()
        struck = load.turns
        await load.until(lambda: load.turns >= struck + 3 * WORKERS)  # what was under way has ended, either way
        before = len(load.acknowledged)
        struck = load.turns
        await load.until(lambda: load.turns >= struck + WORKERS)
        assert len(load.acknowledged) == before, "nothing is sealed by a server that is away"

        assert secrets.held(provider, document) is not None, "a lease that was had is one"
        clock.skipped += LEASE_S
        await secrets.fetch(provider, document)
        assert not await secrets.renew([(provider, document)])
        assert secrets.held(provider, document) is None, "and no secret is used beyond it"
        with pytest.raises(VaultUnavailable):
            await vault.open(SCOPE, sealed, "x")

        if way == "sealed":
            bao.stop()
        await bao.start()  # it unseals itself; nobody tells us
        keeping = asyncio.create_task(secrets.keep(lambda: [(provider, document)]))
        await load.until(lambda: len(load.acknowledged) >= before + WORKERS)
        async with asyncio.timeout(120):
            while (secret := secrets.held(provider, document)) is None:  # noqa: ASYNC110 - `keep` tells nobody
                await asyncio.sleep(0.05)
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        assert secret.reveal() == b"sk-1"

    assert load.refused
    for scope, version, said in load.acknowledged:  # whatever anybody was told is sealed still opens
        assert await keystore.secret(scope.tenant, scope.use, "x", version) == said
        assert await Vault(keystore, SystemClock()).open(scope, said, "x") == b"said"
    await client.close()


async def test_what_is_away_is_named_and_so_is_what_to_do(bao: Bao, login: AppRole) -> None:
    client = bao.client(login)
    keystore = OpenBaoKeystore(client, SystemClock())
    await bao.seal()
    for attempt in (keystore.check, lambda: keystore.open(TenantId(new_uuid()), Use.KEPT_RESPONSE)):
        with pytest.raises(VaultUnavailable, match="unseal it"):
            await attempt()
    bao.stop()
    with pytest.raises(VaultUnavailable, match=r"does not answer.*start it"):
        await keystore.open(TenantId(new_uuid()), Use.KEPT_RESPONSE)
    await client.close()
