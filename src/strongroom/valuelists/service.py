"""Adding values to lists, and removing lists. Each method asks the gate first and does its work inside the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import EVERY, Action, Ask, Gate, Kind, Resource
from strongroom.privacy.custom import entry, words_of
from strongroom.store import Conflict, feed
from strongroom.valuelists import tables
from strongroom.valuelists.book import LIST, hashes_in, key_of
from strongroom.valuelists.model import MOST_LISTS, MOST_VALUES, ListDocument, ValueList, objection
from strongroom.vault import KeysDestroyed, Scope, Use, Vault, VaultUnavailable


class ValueLists:
    """Lists of tenants."""

    def __init__(self, gate: Gate, vault: Vault, clock: Clock) -> None:
        self._gate: Final = gate
        self._vault: Final = vault
        self._clock: Final = clock

    async def add(self, who: Principal, tenant: TenantId, name: str, values: Sequence[str], ask: Ask) -> ValueList:
        """Add values to a list, made by its first ones; what is on it already is left out. The log is told how many.

        Raises:
            Refused: INVALID for a value that cannot be on a list, told by its number; CONFLICT for too many; UNAVAILABLE
                without the vault.
        """
        noted = replace(ask, detail={**ask.detail, "values": str(len(values))})
        try:
            async with self._gate.permit(who, Action.LIST_ADD, _resource(tenant, name), noted) as tx:
                for number, value in enumerate(values, 1):
                    if (why := objection(value)) is not None:
                        raise Refused(invalid(f"Value {number} {why}. Nothing was added.", param="values"))
                lists = await tables.every(tx)
                if len(lists) >= MOST_LISTS and all(each.name != name for each in lists):
                    raise _conflict(f"A tenant has {MOST_LISTS} lists at most.")
                key = key_of(await self._vault.keys(Scope(tenant, Use.VALUE_LIST)), name)
                parts = await tables.parts(tx, name)
                there = {each for _, packed in parts for each in hashes_in(packed)}
                fresh = sorted({entry(key, value) for value in values} - there)  # in no order of what was sent
                if len(there) + len(fresh) > MOST_VALUES:
                    raise _conflict(f"A list has {MOST_VALUES:,} values at most.")
                if fresh:
                    part = 1 + max((number for number, _ in parts), default=0)
                    words = max(len(words_of(value)) for value in values)
                    await tables.insert(tx, name, part, fresh, words, self._clock.now(), str(who))
                    document = ListDocument(name, b"".join(fresh), words)
                    await feed.publish(tx, LIST, f"{name}.{part}", msgspec.json.encode(document))
                return next(each for each in await tables.every(tx) if each.name == name)
        except Conflict:
            raise _conflict("Somebody else adds to this list at the moment. Add again.") from None
        except (VaultUnavailable, KeysDestroyed) as error:
            tell = "The key of the list cannot be had at the moment. Nothing was added; try again."
            raise Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=f"value list: {error}", tell=tell)) from None

    async def every(self, who: Principal, tenant: TenantId, ask: Ask) -> list[ValueList]:
        """Return a tenant's lists: how much is on each, never what."""
        async with self._gate.permit(who, Action.LIST_LIST, _resource(tenant, EVERY), ask) as tx:
            return await tables.every(tx)

    async def remove(self, who: Principal, tenant: TenantId, name: str, ask: Ask) -> None:
        """Remove a list: its rows are gone, and gateways forget it within a second.

        Raises:
            Refused: HIDDEN when there is none.
        """
        async with self._gate.permit(who, Action.LIST_DELETE, _resource(tenant, name), ask) as tx:
            gone = await tables.remove(tx, name)
            if not gone:
                raise Refused(hidden("no such list"))
            for each, part in gone:
                await feed.withdraw(tx, LIST, f"{each}.{part}")

    async def remove_all(self, who: Principal, tenant: TenantId, ask: Ask) -> None:
        """Remove the lists of a tenant, as its deletion does."""
        async with self._gate.permit(who, Action.LIST_DELETE, _resource(tenant, EVERY), ask) as tx:
            for each, part in await tables.remove(tx, None):
                await feed.withdraw(tx, LIST, f"{each}.{part}")


def _resource(tenant: TenantId, id_: str) -> Resource:
    return Resource(kind=Kind.LIST, id=id_.replace("_", "-"), tenant=tenant)


def _conflict(tell: str) -> Refused:
    return Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
