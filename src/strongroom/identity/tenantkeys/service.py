"""Rotating and destroying tenants' keys, through the gate.

Always true here: the entry is committed before the keystore is asked. What that does cannot be undone, and it may take longer than
a transaction may stand idle; so nothing is done to keys that stands in no log, and an entry may stand there of what then failed.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import msgspec

from strongroom.identity import tables
from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.vault import Condition, KeysDestroyed, Keystore, NoUnits, VaultUnavailable

MOST: Final = 250


class TenantKeyState(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of one tenant; `tenant` is null for the installation's own. `pending`: not re-wrapped yet.

    `business_unit`: in whose namespace it stands; null: in its own place.
    """

    tenant: UUID | None
    destroyed: bool
    version: int
    uses: int
    pending: bool
    business_unit: str | None = None


class VaultState(msgspec.Struct, frozen=True, kw_only=True):
    """How the keystore is. `pending` counts the tenants whose keys still hang from an older version."""

    kind: str
    detail: str
    pending: int
    tenants: list[TenantKeyState]


class Rewrapped(msgspec.Struct, frozen=True):
    """How many tenants' keys are still to be re-wrapped."""

    left: int


class Dissolved(msgspec.Struct, frozen=True):
    """How many tenants had been put into a business unit that is dissolved."""

    tenants: int


class TenantKeys:
    """Manages the keys of tenants."""

    def __init__(self, gate: Gate, keystore: Keystore) -> None:
        self._gate: Final = gate
        self._keystore: Final = keystore

    async def state(self, who: Principal, ask: Ask) -> VaultState:
        """Return what is held, without any key."""
        async with self._gate.permit_platform(who, Action.VAULT_READ, _VAULT, ask):
            pass  # permitted and recorded; asking the keystore takes its own time, and needs no transaction
        with _told():
            return _state(await self._keystore.condition())

    async def turn(self, who: Principal, ask: Ask) -> None:
        """Add a version of what tenants' keys hang from; `rewrap` brings them under it."""
        async with self._gate.permit_platform(who, Action.VAULT_ROTATE, _VAULT, ask):
            pass
        with _told():
            await self._keystore.turn()

    async def rewrap(self, who: Principal, most: int, ask: Ask) -> Rewrapped:
        """Bring up to `most` tenants' keys under the newest version."""
        async with self._gate.permit_platform(who, Action.VAULT_ROTATE, _VAULT, ask):
            pass
        with _told():
            return Rewrapped(await self._keystore.rewrap(most))

    async def renew(self, who: Principal, tenant: TenantId, ask: Ask) -> None:
        """Give a tenant a new key, and new data keys under it."""
        async with self._gate.permit(who, Action.TENANT_RENEW_KEYS, _tenant(tenant), ask):
            pass
        with _told():
            await self._keystore.renew(tenant)

    async def settle(self, tenant: TenantId, unit: str) -> None:
        """Put a tenant that is being made into a business unit's namespace.

        Raises:
            Refused: INVALID when the keystore has no units; UNAVAILABLE when it has no login for this one, or is away; CONFLICT
                when it was dissolved.
        """
        with _told():
            await self._keystore.settle(tenant, unit)

    async def dissolve(self, who: Principal, unit: str, ask: Ask) -> Dissolved:
        """End a business unit: destroy the keys of all its tenants, for good, and take no more of them.

        Raises:
            Refused: CONFLICT while a tenant of it lives; INVALID when the keystore has none; UNAVAILABLE when it is away.
        """
        resource = Resource(kind=Kind.VAULT, id=unit)
        async with self._gate.permit_platform(who, Action.VAULT_DISSOLVE, resource, ask) as tx:
            living = [each.name for each in await tables.tenants(tx) if each.business_unit == unit]
            if living:
                tell = f"Tenants of {unit} live: {', '.join(living[:5])}. Shred them first."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
        with _told():
            return Dissolved(await self._keystore.dissolve(unit))

    async def shred(self, who: Principal, tenant: TenantId, ask: Ask) -> None:
        """Destroy a tenant's keys: what they sealed is unreadable, in every copy, for good."""
        async with self._gate.permit(who, Action.TENANT_SHRED, _tenant(tenant), ask):
            pass
        with _told():
            await self._keystore.destroy(tenant)

    async def check(self) -> str:
        """Return a few words on the keystore, for `doctor`; raise `VaultUnavailable` when it cannot be used."""
        return await self._keystore.check()


_VAULT: Final = Resource(kind=Kind.VAULT)


def _tenant(tenant: TenantId) -> Resource:
    return Resource(kind=Kind.TENANT, id=str(tenant), tenant=tenant)


@contextmanager
def _told() -> Generator[None]:
    """Turn what the keystore says into an answer. Whoever gets here may rotate keys, and may know why it does not work."""
    try:
        yield
    except NoUnits as error:
        raise Refused(invalid(_sentence(error), param="business_unit")) from None
    except VaultUnavailable as error:
        raise Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=str(error), tell=_sentence(error))) from None
    except KeysDestroyed as error:
        raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=str(error), tell=_sentence(error))) from None


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _state(found: Condition) -> VaultState:
    return VaultState(
        kind=found.kind,
        detail=found.detail,
        pending=sum(each.pending for each in found.holdings),
        tenants=[
            TenantKeyState(
                tenant=None if each.tenant == PLATFORM else each.tenant,
                destroyed=each.destroyed,
                version=each.version,
                uses=each.uses,
                pending=each.pending,
                business_unit=each.unit or None,
            )
            for each in found.holdings
        ],
    )
