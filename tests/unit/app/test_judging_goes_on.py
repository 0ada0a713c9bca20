"""What judges again what serves goes on whatever one look makes of it, and workers that ask at once wait for one another."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from strongroom.app import judging as module
from strongroom.app.judging import Judges, Judging
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.kernel.principal import Environment
from strongroom.registry import DEPLOYMENT, Operation, RouteDocument
from strongroom.registry.evidence.reader import EvidenceReader
from strongroom.registry.serving.model import Place
from strongroom.runtime.spec import WorkerSpec
from strongroom.store.feed import FeedEntry

MINE = TenantId(new_uuid())
DIGEST = f"sha256:{'1' * 64}"
GENEROUS_S = 20.0


class Again:
    """Counts how often it was asked to judge."""

    def __init__(self) -> None:
        self.looks = 0

    async def look(self, tenant: TenantId, places: Sequence[Place]) -> list[Any]:
        assert (tenant, len(places)) == (MINE, 1)
        self.looks += 1
        return []


class Gate:
    """Has one connection, and lets nobody wait for it."""

    def __init__(self) -> None:
        self.inside = self.asked = 0

    @asynccontextmanager
    async def permit_platform(self, *_: object) -> AsyncGenerator[None]:
        assert not self.inside, "the connection is another's"
        self.inside, self.asked = 1, self.asked + 1
        await asyncio.sleep(0)
        yield
        self.inside = 0


def judging(look: Any = lambda: DIGEST) -> tuple[Judging, Again, list[str], Gate]:
    again, said, gate = Again(), list[str](), Gate()
    evidence = EvidenceReader(cast("Any", None), look, "")
    parts = SimpleNamespace(gate=gate, admission=None, evidence=evidence, believed_s=1.0, tell=said.append)
    parts.rejudging = lambda: again
    made = Judging(cast("Judges", parts), recheck_s=0.01)
    route = RouteDocument(environment=Environment.DEV, name="m", release=DIGEST, kind=Operation.CHAT, created=1)
    entry = FeedEntry(
        tenant=MINE, kind=DEPLOYMENT, id=str(new_uuid()), body=msgspec.json.encode(route), version=1, deleted=False
    )
    made.apply([entry], full=True)
    return made, again, said, gate


@pytest.mark.parametrize("fault", [ValueError("a record"), TypeError("of no package"), OSError("away")])
async def test_an_installation_that_cannot_be_looked_at_is_one_that_cannot_be_told_and_what_serves_is_judged(
    fault: Exception,
) -> None:
    def look() -> str:
        raise fault

    made, again, _, _ = judging(look)
    assert await made._judges.evidence.runtime() == ""
    await turns(made, 3)
    assert again.looks >= 3


async def test_a_fault_of_a_look_at_the_installation_ends_no_judging(monkeypatch: pytest.MonkeyPatch) -> None:
    made, again, said, _ = judging()

    async def fails() -> str:
        raise RuntimeError

    monkeypatch.setattr(made._judges.evidence, "runtime", fails)
    monkeypatch.setattr(module, "_RETRY_S", 0.01)
    await turns(made, 3)
    assert again.looks >= 3
    assert "what the installation is could not be looked at (RuntimeError); again soon" in said


async def test_at_a_start_the_installation_is_looked_at_once() -> None:
    looks: list[int] = []

    def look() -> str:
        looks.append(1)
        return DIGEST

    made, _, _, _ = judging(look)
    await made._turn()
    assert len(looks) == 1


async def test_workers_that_start_at_once_wait_for_one_another_and_not_for_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, _, _, gate = judging()

    async def demand_start(*_: object, **__: object) -> str:
        await asyncio.sleep(0)
        return ""

    monkeypatch.setattr(module, "demand_start", demand_start)
    specs = [
        cast("WorkerSpec", SimpleNamespace(name=str(each), digest="1" * 64, environment=Environment.DEV, model="m"))
        for each in range(9)
    ]
    assert set(await asyncio.gather(*(made._ask(each, lenient=False) for each in specs))) == {""}
    assert gate.asked == len(specs)


async def turns(made: Judging, number: int) -> None:
    """Run until it has turned that often."""
    task = asyncio.create_task(made.run())
    try:
        async with asyncio.timeout(GENEROUS_S):
            await made.turned(number - 1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
