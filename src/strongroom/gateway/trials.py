"""Asking providers how they are, shortly before callers are let through to them again: a small question, and nobody's data in it.

Always true here:
- only a provider that requests may go to is asked: registered, assessed, open to that tenant; and only while it is left alone
  after failures: of one that works, what requests find is newer than any question of ours;
- the question carries the provider's own credential and nothing else, and goes the way that requests go: resolved, checked,
  pinned, bounded in time;
- a bad answer, or none, keeps it left alone for longer, so no caller's request is spent on finding out; a good one lets the
  trial by a caller go ahead and no more: what answers a question may still fail requests;
- one that said when to come back is not asked before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from http import HTTPStatus
from typing import Final
from uuid import UUID

from strongroom.gateway.breaker import Breaker
from strongroom.gateway.outside import Line, Outside
from strongroom.gateway.protocols.provider_noes import BUSY, OURS
from strongroom.providers import ProviderKind
from strongroom.wire import ClientError

_EVERY_S: Final = 0.5
_LEAD_S: Final = 2.0
_TIMEOUT_S: Final = 5.0
_MAX_ANSWER_BYTES: Final = 4 * 2**20
_QUESTIONS: Final[dict[ProviderKind, tuple[str, tuple[tuple[bytes, bytes], ...]]]] = {
    # Which models there are, or whether it is ready: free of charge, and as light as a question gets there.
    ProviderKind.OPENAI: ("/v1/models", ()),
    ProviderKind.ANTHROPIC: ("/v1/models", ((b"anthropic-version", b"2023-06-01"),)),
    ProviderKind.OIP: ("/v2/health/ready", ()),
}
_log: Final = logging.getLogger(__name__)


class Trials:
    """Asks for one gateway process. `run` is the one task that does."""

    def __init__(self, outside: Outside, *, every_s: float = _EVERY_S, lead_s: float = _LEAD_S) -> None:
        """Ask nothing yet.

        Args:
            outside: the providers.
            every_s: seconds between rounds.
            lead_s: how long before its time is over a provider is asked.
        """
        self._outside: Final = outside
        self._every_s: Final = every_s
        self._lead_s: Final = lead_s

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.go_round()
            except Exception as error:  # noqa: BLE001 - without this task nobody would ask any more
                _log.error("providers: %s", type(error).__name__)

    async def go_round(self) -> None:
        """Ask each provider that callers will soon be let through to, all at once."""
        now = time.monotonic()
        due: dict[UUID, tuple[Line, list[tuple[Breaker, int]]]] = {}
        for provider, line, breaker in self._outside.ailing():
            era = breaker.question(now, self._lead_s)
            if era is not None:
                due.setdefault(provider, (line, []))[1].append((breaker, era))
        await asyncio.gather(*(_ask(line, breakers) for line, breakers in due.values()))


async def _ask(line: Line, breakers: list[tuple[Breaker, int]]) -> None:
    """Ask once, for all tenants that it failed: the question is none of theirs."""
    try:
        unwell = _is_unwell(await _status(line))
    except (ClientError, ValueError):
        unwell = True
    if unwell:
        now = time.monotonic()
        for breaker, era in breakers:
            breaker.unwell(era, now)


async def _status(line: Line) -> int:
    path, fields = _QUESTIONS[line.document.kind]
    headers = fields if line.credential is None else (*fields, line.credential.field)
    async with line.pool.request("GET", line.path + path, headers, timeout_s=_TIMEOUT_S) as response:
        await response.read(_MAX_ANSWER_BYTES)
        return response.status


def _is_unwell(status: int) -> bool:
    """Whether requests would fail, too. Another 4xx is a no to this very question, and tells nothing of requests."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in BUSY | OURS
