"""The vault as rooms use it: open data keys, remembered for a minute at most.

Always true here:
- keys are forgotten a minute after they were asked for, whoever still wants them: a keystore that is sealed, cut off or
  was told to destroy a tenant's keys is obeyed within that minute by every process;
- callers at the same time share one question; a question that fails is asked anew by the next caller;
- at most `_MOST` are remembered, the one that was asked for longest ago goes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, TypeAlias

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.vault.envelope import DataKeys, Scope
from strongroom.vault.filing import Filing
from strongroom.vault.keystore import SETTLES_S, KeysDestroyed, Keystore, Material, Use, VaultUnavailable

LIFETIME_S: Final = SETTLES_S
_MOST: Final = 4096
_Place: TypeAlias = tuple[TenantId, Use, str]
_RETRY_S: Final = 1.0
_log: Final = logging.getLogger(__name__)


class Vault:
    """Opens data keys. One event loop."""

    def __init__(self, keystore: Keystore, clock: Clock) -> None:
        self._keystore: Final = keystore
        self._clock: Final = clock
        self._held: OrderedDict[_Place, tuple[float, Material]] = OrderedDict()
        self._asking: dict[tuple[_Place, bool], asyncio.Task[Material]] = {}
        self.filing: Final = Filing(keystore, clock)
        """Secrets that stand with the keystore and not in the database."""

    async def keys(self, scope: Scope) -> DataKeys:
        """Return the keys of `scope`, made at first use.

        Raises:
            VaultUnavailable: when the keystore cannot be asked, with what an operator should do.
            KeysDestroyed: when the tenant's keys are gone for good.
        """
        held = self._remembered(scope)
        return DataKeys(scope, await self._asked(scope) if held is None else held)

    async def open(self, scope: Scope, sealed: bytes, *name: str) -> bytes:
        """Return what was sealed for `scope` and `name`; keys that are older than it are asked for anew.

        Raises:
            SealBroken: when it does not open here.
            VaultUnavailable: as `keys`.
            KeysDestroyed: as `keys`.
        """
        held = self._remembered(scope)
        keys = DataKeys(scope, await self._asked(scope, make=False) if held is None else held)
        if not keys.holds(sealed):
            keys = DataKeys(scope, await self._asked(scope, make=False))
        return keys.unseal(sealed, *name)

    async def erased(self, tenant: TenantId) -> dict[str, float]:
        """Return when each subject of a tenant was erased last, in seconds since 1970.

        Raises:
            VaultUnavailable: when the keystore cannot be asked.
        """
        return await self._keystore.erased(tenant)

    async def again(self, scope: Scope) -> DataKeys:
        """Return the keys of `scope`, asked for now: there may be younger ones than are held; as `keys`."""
        return DataKeys(scope, await self._asked(scope))

    def held(self, scope: Scope) -> DataKeys | None:
        """Return the keys of `scope` when they are in memory: for code that cannot wait (`keep`)."""
        held = self._remembered(scope)
        return None if held is None else DataKeys(scope, held)

    def held_until(self, scope: Scope) -> float:
        """Return until when the keys of `scope` are in memory (CLOCK_BOOTTIME); what they opened is used no longer, either."""
        found = self._held.get((scope.tenant, scope.use, scope.subject))
        return float("-inf") if found is None else found[0] + LIFETIME_S

    def forget(self, tenant: TenantId, subject: str = "") -> None:
        """Forget the keys of `tenant` now, or those of one subject of it."""
        for place in [each for each in self._held if each[0] == tenant and subject in {"", each[2]}]:
            del self._held[place]

    async def keep(self, scopes: Sequence[Scope]) -> None:
        """Keep the keys of `scopes` in memory until cancelled, for `held`; a keystore that is away is asked again."""
        said = False
        while True:
            pause = LIFETIME_S / 3
            try:
                for scope in scopes:
                    await self._asked(scope)
                said = False
            except (VaultUnavailable, KeysDestroyed) as error:
                if not said:
                    _log.error("the vault cannot be used: %s", error)
                said, pause = True, _RETRY_S
            await asyncio.sleep(pause)

    def _remembered(self, scope: Scope) -> Material | None:
        place = scope.tenant, scope.use, scope.subject
        found = self._held.get(place)
        if found is None:
            return None
        if self._clock.boottime() - found[0] > LIFETIME_S:
            del self._held[place]
            return None
        self._held.move_to_end(place)
        return found[1]

    async def _asked(self, scope: Scope, *, make: bool = True) -> Material:
        place = scope.tenant, scope.use, scope.subject
        task = self._asking.get((place, make))
        if task is None:
            task = self._asking[place, make] = asyncio.ensure_future(self._ask(place, make=make))
            task.add_done_callback(lambda done: self._told(done, (place, make)))
        return await asyncio.shield(task)

    def _told(self, done: asyncio.Task[Material], asked: tuple[_Place, bool]) -> None:
        self._asking.pop(asked, None)
        if not done.cancelled():
            done.exception()  # whoever asked may be gone, and is told nothing; that is no fault

    async def _ask(self, place: _Place, *, make: bool) -> Material:
        asked, (tenant, use, subject) = (
            self._clock.boottime(),
            place,
        )  # before the question: an answer is as old as that
        try:
            if subject:  # opening makes no key: one that was destroyed must not seem to be there
                material = await self._keystore.open_subject(tenant, subject, use, make=make)
            else:
                material = await self._keystore.open(tenant, use)
        except (VaultUnavailable, KeysDestroyed) as error:
            if isinstance(error, KeysDestroyed):
                self._held.pop(place, None)
            raise
        self._held[place] = asked, material
        if len(self._held) > _MOST:
            with contextlib.suppress(KeyError):
                self._held.popitem(last=False)
        return material
