"""Answers that a workload asked to have kept, so that a later request may go on from them.

Always true here:
- an answer is kept only when the request said so, for a bounded time, and sealed: the database holds no text of it;
- it is found by the tenant (row security and the statement), environment and workload that had it kept (the statement
  and the seal's own context), and by nobody else: whoever else asks gets the answer for what is missing;
- it is kept before the caller is told that it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

import msgspec

from strongroom.gateway.exchange.asks import Message
from strongroom.kernel.clock import Clock
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.store import Cabinet, StoreError
from strongroom.vault import Purpose, PurposeKeys, SealBroken, seal, unseal

_ID: Final = re.compile(r"resp_[0-9a-f]{32}")
_INSERT: Final = """
    INSERT INTO gateway.response (tenant_id, id, environment, workload_id, expires_at, sealed)
    VALUES ($1, $2, $3, $4, $5, $6)
"""
_FIND: Final = """
    SELECT sealed FROM gateway.response
    WHERE tenant_id = $1 AND id = $2 AND environment = $3 AND workload_id = $4 AND expires_at > now()
"""
_DROP: Final = "DELETE FROM gateway.response WHERE tenant_id = $1 AND id = $2 AND environment = $3 AND workload_id = $4"
_ERASE: Final = "DELETE FROM gateway.response"  # the row policy lets go of what has ended, and of nothing else
_ERASE_EVERY_S: Final = 600.0
_MAX_BYTES: Final = 16_000_000

Connect: TypeAlias = Callable[[], Awaitable[Cabinet]]


class Kept(msgspec.Struct, frozen=True):
    """A kept answer.

    Attributes:
        document: as the caller was told it.
        messages: the conversation that it ends, its own turn included.
    """

    document: msgspec.Raw
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class _Whose:
    """Who had an answer kept."""

    tenant: str
    environment: str
    workload: str

    def context(self, response: str) -> tuple[str, ...]:
        return self.tenant, self.environment, self.workload, response


class Responses:
    """Keeps answers and finds them. One event loop."""

    def __init__(self, connect: Connect, keys: PurposeKeys, clock: Clock, *, days: int = 30) -> None:
        self._connect = connect
        self._keys = keys
        self._clock = clock
        self._days = days
        self._cabinet: Cabinet | None = None
        self._decoder = msgspec.json.Decoder(Kept)

    async def keep(self, who: Principal, response: str, kept: Kept) -> Refusal | None:
        """Keep an answer; a refusal means that it is not kept."""
        whose = _whose(who)
        plain = msgspec.json.encode(kept)
        if whose is None or who.tenant is None or len(plain) > _MAX_BYTES:
            return _too_large()
        sealed = seal(self._keys, Purpose.KEPT_RESPONSE, plain, *whose.context(response))
        ends = self._clock.now() + timedelta(days=self._days)
        try:
            async with (await self._open()).of(who.tenant) as tx:
                await tx.execute(_INSERT, who.tenant, response, whose.environment, who.workload, ends, sealed)
        except StoreError:
            return _away()
        return None

    async def find(self, who: Principal, response: str) -> Kept | Refusal:
        """Return a kept answer of the caller's own workload."""
        whose = _whose(who)
        if whose is None or who.tenant is None or _ID.fullmatch(response) is None:
            return missing()
        try:
            async with (await self._open()).of(who.tenant) as tx:
                sealed = await tx.fetchval(_FIND, who.tenant, response, whose.environment, who.workload)
        except StoreError:
            return _away()
        if sealed is None:
            return missing()
        try:
            plain = unseal(self._keys, Purpose.KEPT_RESPONSE, bytes(sealed), *whose.context(response))
        except SealBroken:  # moved between rows, or under a key that is gone: to the caller it is not there
            return missing()
        return self._decoder.decode(plain)

    async def drop(self, who: Principal, response: str) -> Refusal | None:
        """Drop a kept answer of the caller's own workload; a refusal means that there is none, or that it is there yet."""
        whose = _whose(who)
        if whose is None or who.tenant is None or _ID.fullmatch(response) is None:
            return missing()
        try:
            async with (await self._open()).of(who.tenant) as tx:
                tag = await tx.execute(_DROP, who.tenant, response, whose.environment, who.workload)
        except StoreError:
            return _away()
        return None if tag == "DELETE 1" else missing()

    async def run(self) -> None:
        """Let go of what has ended, every ten minutes, until cancelled."""
        try:
            while True:
                with contextlib.suppress(StoreError):
                    async with (await self._open()).of_nobody() as tx:
                        await tx.execute(_ERASE)
                await asyncio.sleep(_ERASE_EVERY_S)
        finally:
            if self._cabinet is not None:
                await self._cabinet.close()

    async def _open(self) -> Cabinet:
        if self._cabinet is None:
            self._cabinet = await self._connect()
        return self._cabinet


def missing() -> Refusal:
    """Return the one answer for what is not there and for what is another's."""
    return Refusal(
        kind=RefusalKind.HIDDEN,
        reason="no such kept response of this workload",
        tell="There is no such response, or it is not this workload's.",
        param="response_id",
        code="response_not_found",
    )


def _whose(who: Principal) -> _Whose | None:
    if who.tenant is None or who.environment is None or who.workload is None:
        return None
    return _Whose(str(who.tenant), who.environment, str(who.workload))


def _away() -> Refusal:
    tell = "Responses cannot be kept or found at the moment. Try again shortly."
    return Refusal(kind=RefusalKind.UNAVAILABLE, reason="the database does not answer", tell=tell)


def _too_large() -> Refusal:
    tell = "This conversation is too large to be kept."
    return Refusal(kind=RefusalKind.TOO_LARGE, reason=tell, tell=tell, param="store")
