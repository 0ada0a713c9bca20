"""Answers that a workload asked to have kept, so that a later request may go on from them.

Always true here:
- an answer is kept only when the request said so, for a bounded time, and sealed under the tenant's own keys, or the key of
  the person whom the request named: the database holds no text of it, and nobody has any once those keys are destroyed;
- it is found by the tenant (row security and the statement), environment and workload that had it kept (the statement
  and the seal's own context), and by nobody else: whoever else asks gets the answer for what is missing;
- it is kept before the caller is told that it is;
- what a tenant and a workload may have kept is bounded (`quota.py`), and so are the connections that one tenant takes:
  half of them, and its turn, so that another's finished answer finds one;
- how many are read again is counted and bounded (`rules.exports`), each before it is opened;
- how large a conversation is, is known before it is taken apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, TypeAlias

import msgspec

from strongroom.gateway import quota
from strongroom.gateway.exchange.asks import Message
from strongroom.gateway.limits.fair import WAIT_S, Turns
from strongroom.gateway.quota import Quota
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import Surface
from strongroom.rules.exports import Exports, taker_of
from strongroom.rules.taking import TAKE, counts_of, over
from strongroom.store import Cabinet, StoreError
from strongroom.store.tx import KeptTx
from strongroom.vault import (
    KeysDestroyed,
    Purpose,
    PurposeKeys,
    Scope,
    SealBroken,
    Use,
    Vault,
    VaultUnavailable,
    is_under_keyring,
    unseal,
)
from strongroom.wire import ClientError

_ID: Final = re.compile(r"resp_[0-9a-f]{32}")
_FIND: Final = """
    SELECT sealed, subject FROM gateway.response
    WHERE tenant_id = $1 AND id = $2 AND environment = $3 AND workload_id = $4 AND expires_at > now()
        AND octets <= $5
"""
_DROP: Final = "DELETE FROM gateway.response WHERE tenant_id = $1 AND id = $2 AND environment = $3 AND workload_id = $4"
_ERASE: Final = "DELETE FROM gateway.response"  # the row policy lets go of what has ended, and of nothing else
_ERASE_EVERY_S: Final = 600.0
_MAX_BYTES: Final = 2**20
_MAX_SEALED: Final = _MAX_BYTES + 1024  # as the table has it: what sealing adds is less
_SEATS: Final = 4  # the cabinet's connections
_MAX_WAITING, _MAX_WAITING_EACH = 256, 32  # each holds an answer meanwhile

Connect: TypeAlias = Callable[[], Awaitable[Cabinet]]


class Kept(msgspec.Struct, frozen=True):
    """A kept answer.

    Attributes:
        document: as the caller was told it.
        messages: the conversation that it ends, its own turn included.
        tokens: what tokens in it stand for, sealed once more (`token_keys.py`).
    """

    document: msgspec.Raw
    messages: tuple[Message, ...]
    tokens: bytes = b""


class Conversation(msgspec.Struct, frozen=True):
    """What a request goes on from. `octets`: how large it was as it was kept, in bytes."""

    messages: tuple[Message, ...]
    octets: int
    tokens: bytes = b""


class _Found(msgspec.Struct, frozen=True):
    """A kept answer that is not taken apart yet."""

    document: msgspec.Raw
    messages: msgspec.Raw
    tokens: bytes = b""


@dataclass(frozen=True, slots=True)
class _Whose:
    """Who had an answer kept."""

    tenant: TenantId
    environment: Environment
    workload: str

    def scope(self, subject: str) -> Scope:
        return Scope(self.tenant, Use.KEPT_RESPONSE, self.environment, subject)


class Responses:
    """Keeps answers and finds them. One event loop."""

    def __init__(
        self,
        connect: Connect,
        vault: Vault,
        clock: Clock,
        *,
        before: PurposeKeys | None = None,
        days: int = 30,
        bounds: Quota | None = None,
    ) -> None:
        self._connect = connect
        self._vault = vault
        self._before = before  # what answers were kept under before tenants had keys of their own
        self._clock = clock
        self._days = days
        self._cabinet: Cabinet | None = None
        self._bounds = (bounds or Quota()).bounds
        self._turns = Turns(_SEATS, most=_SEATS // 2, max_waiting=_MAX_WAITING, max_waiting_each=_MAX_WAITING_EACH)
        self._found = msgspec.json.Decoder(_Found)
        self._messages = msgspec.json.Decoder(tuple[Message, ...])

    async def keep(self, who: Principal, response: str, kept: Kept, subject: str = "") -> Refusal | None:
        """Keep an answer; a refusal means that it is not kept. `subject`: the pseudonym of whom it is about, if it says."""
        whose = _whose(who)
        plain = msgspec.json.encode(kept)
        if whose is None or who.tenant is None or len(plain) > _MAX_BYTES:
            return _too_large()
        try:
            sealed = (await self._vault.keys(whose.scope(subject))).seal(plain, whose.workload, response)
        except (VaultUnavailable, KeysDestroyed) as error:
            return _no_keys(error)
        ends = self._clock.now() + timedelta(days=self._days)
        row = (who.tenant, response, whose.environment, who.workload, ends, sealed, *self._bounds, subject or None)
        try:
            async with self._turn(who.tenant), (await self._open()).of(who.tenant) as tx:
                await tx.execute(quota.LOCK, who.tenant)
                tag = await tx.execute(quota.INSERT, *row)
        except (StoreError, ClientError):
            return _away()
        return None if tag == "INSERT 0 1" else quota.full()

    async def room(self, who: Principal) -> Refusal | None:
        """Return the no to having anything more kept: before a model is asked for what could not be. `keep` decides."""
        if who.tenant is None:
            return missing()
        try:
            async with self._turn(who.tenant), (await self._open()).of(who.tenant) as tx:
                left = await tx.fetchval(quota.ROOM, who.tenant, who.workload, *self._bounds)
        except (StoreError, ClientError):
            return _away()
        return None if left else quota.full()

    async def document(self, who: Principal, response: str, terms: Exports) -> bytes | Refusal:
        """Return a kept answer of the caller's own workload, as it was told; `terms`: how many it may take."""
        try:
            found = await self._find(who, response, terms)
        except Refused as no:
            return no.refusal
        return found if isinstance(found, Refusal) else bytes(found.document)

    async def conversation(self, who: Principal, response: str) -> Conversation | Refusal:
        """Return the conversation that a kept answer of the caller's own workload ends."""
        found = await self._find(who, response)
        if isinstance(found, Refusal):
            return found
        try:
            return Conversation(self._messages.decode(found.messages), len(memoryview(found.messages)), found.tokens)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # as in `_find`
            return missing()

    async def _find(self, who: Principal, response: str, terms: Exports | None = None) -> _Found | Refusal:
        whose = _whose(who)
        if whose is None or who.tenant is None or _ID.fullmatch(response) is None:
            return missing()
        row = (who.tenant, response, whose.environment, who.workload, _MAX_SEALED)
        try:
            async with self._turn(who.tenant), (await self._open()).of(who.tenant) as tx:
                found = await tx.fetchrow(_FIND, *row)
                if found is not None and terms is not None:
                    await self._take(tx, who, len(found["sealed"]), terms)
        except (StoreError, ClientError):
            return _away()
        if found is None:
            return missing()
        try:
            plain = await self._unsealed(whose, response, bytes(found["sealed"]), found["subject"] or "")
            return self._found.decode(plain)
        except VaultUnavailable as error:
            return _no_keys(error)
        # Moved between rows, under a key that is gone, or of a version that wrote it otherwise: to the caller it is not there.
        except (SealBroken, KeysDestroyed, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return missing()

    async def _take(self, tx: KeptTx, who: Principal, octets: int, terms: Exports) -> None:
        """Count an answer that is handed over, as the control process counts what it hands over.

        Raises:
            Refused: when it is too much; the transaction is undone, and the count with it.
        """
        surface, taker, now = Surface.RESPONSES, taker_of(who), self._clock.now()
        counts = counts_of(await tx.fetchval(TAKE, taker, surface.value, now, 1, octets))
        no = over(terms, surface, taker, counts, 1, octets, now)
        if no is not None:
            raise Refused(no)

    async def _unsealed(self, whose: _Whose, response: str, sealed: bytes, subject: str) -> bytes:
        if is_under_keyring(sealed) and self._before is not None:
            context = str(whose.tenant), whose.environment, whose.workload, response
            return unseal(self._before, Purpose.KEPT_RESPONSE, sealed, *context)
        return await self._vault.open(whose.scope(subject), sealed, whose.workload, response)

    async def drop(self, who: Principal, response: str) -> Refusal | None:
        """Drop a kept answer of the caller's own workload; a refusal means that there is none, or that it is there yet."""
        whose = _whose(who)
        if whose is None or who.tenant is None or _ID.fullmatch(response) is None:
            return missing()
        try:
            async with self._turn(who.tenant), (await self._open()).of(who.tenant) as tx:
                tag = await tx.execute(_DROP, who.tenant, response, whose.environment, who.workload)
        except (StoreError, ClientError):
            return _away()
        return None if tag == "DELETE 1" else missing()

    async def run(self) -> None:
        """Let go of what has ended, every ten minutes, until cancelled."""
        try:
            while True:
                with contextlib.suppress(StoreError, ClientError):
                    async with self._turn(None), (await self._open()).of_nobody() as tx:
                        await tx.execute(_ERASE)
                await asyncio.sleep(_ERASE_EVERY_S)
        finally:
            if self._cabinet is not None:
                await self._cabinet.close()

    @asynccontextmanager
    async def _turn(self, party: Hashable) -> AsyncGenerator[None]:
        """Hold one of the connections for `party`, once it is its turn; raise `ClientError` when that takes too long."""
        if not self._turns.take(party):
            await self._turns.wait(party, WAIT_S)
        try:
            yield
        finally:
            self._turns.give_back(party)

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
    return _Whose(who.tenant, who.environment, str(who.workload))


def _away() -> Refusal:
    tell = "Responses cannot be kept or found at the moment. Try again shortly."
    return Refusal(kind=RefusalKind.UNAVAILABLE, reason="the database does not answer", tell=tell)


def _no_keys(error: Exception) -> Refusal:
    """Say no without the vault: to the caller as when the database is away, to the operator why."""
    return replace(_away(), reason=f"the vault: {error}", audited=True)


def _too_large() -> Refusal:
    tell = "This conversation is too large to be kept."
    return Refusal(kind=RefusalKind.TOO_LARGE, reason=tell, tell=tell, param="store")
