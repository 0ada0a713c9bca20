"""However many workers start at once, as after an upgrade, each is answered: they share the few connections that there are to ask by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from strongroom.app.judging import Judges, Judging
from strongroom.kernel.principal import Environment
from strongroom.runtime.digests import Artefact, Format, parse_digest
from strongroom.runtime.spec import Kind, WorkerSpec
from strongroom.store import Unavailable

FILE = Artefact(name="model.gguf", digest=parse_digest("0" * 64), path=Path("/nonexistent"), format=Format.GGUF, size=1)
MOST = 3
"""Connections that there are, one of which the loop itself takes."""


class Asked:
    """Stands for a gate whose database is slow: it turns away whom it has no connection for."""

    def __init__(self) -> None:
        self.now = 1  # the loop judges meanwhile
        self.answered = 0

    @asynccontextmanager
    async def permit_platform(self, *_: object) -> AsyncGenerator[None]:
        if self.now >= MOST:
            raise Unavailable("no connection within two seconds")
        self.now += 1
        try:
            for _turn in range(20):
                await asyncio.sleep(0)
            self.answered += 1
            yield
        finally:
            self.now -= 1


async def test_workers_that_start_at_once_are_all_asked_for(tmp_path: Path, monkeypatch: Any) -> None:
    async def yes(*_: object, **__: object) -> str:
        return ""

    async def nothing() -> str:
        return ""

    monkeypatch.setattr("strongroom.app.judging.demand_start", yes)
    gate, said = Asked(), list[str]()
    evidence = SimpleNamespace(runtime=nothing)
    judges = Judges(
        gate=cast("Any", gate),
        admission=cast("Any", None),
        evidence=cast("Any", evidence),
        believed_s=60.0,
        tell=said.append,
    )
    loop = Judging(judges)
    gates = [
        loop.gate_of(
            WorkerSpec(
                name=f"m-{number}.dev", model="m", kind=Kind.CHAT, artefacts=(FILE,), environment=Environment.DEV,
                socket_path=tmp_path / f"{number}.sock",
            )
        )
        for number in range(9)
    ]  # fmt: skip
    barred = await asyncio.gather(*(each() for each in gates if each is not None))
    assert (barred, gate.answered, said) == ([None] * 9, 9, [])
