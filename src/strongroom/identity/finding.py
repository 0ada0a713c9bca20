"""From what a request names to whose it is, without telling what exists.

Always true here:
- a tenant that is missing and one that is not the caller's are asked for at the gate in the same way, recorded in the
  same way and refused in the same words, so that neither the answer nor its time tells them apart;
- a caller who belongs to a tenant has a key looked up there and nowhere else, whether or not it exists elsewhere.
"""

from __future__ import annotations

from typing import Final

from strongroom.identity.accounts import Accounts
from strongroom.identity.directory import Directory, parse_tenant
from strongroom.identity.model import AccountToken, Key
from strongroom.identity.revoking import Before, at_once
from strongroom.identity.service import Identity
from strongroom.kernel.ids import PLATFORM, KeyId, TenantId, new_uuid, parse_key_id
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refused, hidden
from strongroom.policy import Ask


class Finder:
    """Finds tenants by name or id, and credentials by their id."""

    def __init__(self, directory: Directory, identity: Identity, accounts: Accounts) -> None:
        self._directory: Final = directory
        self._identity: Final = identity
        self._accounts: Final = accounts

    async def tenant(self, who: Principal, text: str, ask: Ask) -> TenantId:
        """Return the living tenant that `text` names. Whether it is the caller's to touch is the gate's to say.

        Raises:
            Refused: hidden.
        """
        found = self._directory.find_tenant(text)
        if found is None:
            await self._identity.show_tenant(who, TenantId(new_uuid()), ask)
            raise AssertionError("a tenant was found under a new id")
        return found

    def name_of(self, tenant: TenantId) -> str:
        """Return what a living tenant is called; empty for one that has ended."""
        return self._directory.tenant_name(tenant) or ""

    async def tenant_to_end(self, who: Principal, text: str, ask: Ask) -> TenantId:
        """Return the tenant that `text` names, or for the installation's own people one that has ended, by its id.

        A deletion that a fault cut short is so finished by asking for it again.

        Raises:
            Refused: hidden.
        """
        if who.tenant is None and self._directory.find_tenant(text) is None:
            gone = parse_tenant(text)
            if gone is not None and gone != PLATFORM:
                return gone
        return await self.tenant(who, text, ask)

    async def show_key(self, who: Principal, text: str, tenant: str, ask: Ask) -> Key:
        """Return what may be known of one key of the workloads of `tenant`."""
        place = await self.tenant(who, tenant, ask)
        return await self._identity.show_key(who, place, _key_id(text), ask)

    async def revoke_key(self, who: Principal, text: str, tenant: str, reason: str, ask: Ask) -> Key:
        """End one key of the workloads of `tenant`."""
        place = await self.tenant(who, tenant, ask)
        return await self._identity.revoke_key(who, place, _key_id(text), reason, ask)

    async def show_credential(self, who: Principal, text: str, tenant: str | None, ask: Ask) -> Key | AccountToken:
        """Return what may be known of a credential, a workload's or an account's."""
        key_id = _key_id(text)
        place = await self._place(who, key_id, tenant, ask)
        if place is None:
            return await self._accounts.show_token(who, key_id, ask)
        return await self._identity.show_key(who, place, key_id, ask)

    async def revoke_credential(
        self, who: Principal, text: str, tenant: str | None, reason: str, ask: Ask, *, first: Before = at_once
    ) -> Key | AccountToken:
        """End a credential at once, a workload's or an account's; `first` as for `Identity.revoke_key`."""
        key_id = _key_id(text)
        place = await self._place(who, key_id, tenant, ask)
        if place is None:
            return await self._accounts.revoke_token(who, key_id, reason, ask, first=first)
        return await self._identity.revoke_key(who, place, key_id, reason, ask, first=first)

    async def workload_key(self, who: Principal, text: str, tenant: str | None, ask: Ask) -> tuple[TenantId, Key]:
        """Return a workload's key by its id, and whose it is.

        Raises:
            Refused: hidden, for an account's token too: it asks no model.
        """
        key_id = _key_id(text)
        place = await self._place(who, key_id, tenant, ask)
        if place is None:
            raise Refused(hidden("no workload's key"))
        return place, await self._identity.show_key(who, place, key_id, ask)

    async def key_of_workload(self, who: Principal, text: str, tenant: str | None, ask: Ask) -> tuple[TenantId, KeyId]:
        """Return whose key an id means, without reading it: whether there is one, and for whom, is the gate's to say.

        Raises:
            Refused: hidden, for an account's token too.
        """
        key_id = _key_id(text)
        place = await self._place(who, key_id, tenant, ask)
        if place is None:
            await self._accounts.show_token(who, key_id, ask)  # recorded, and refused to whoever may not know of it
            raise Refused(hidden("no workload's key"))
        return place, key_id

    async def _place(self, who: Principal, key_id: KeyId, tenant: str | None, ask: Ask) -> TenantId | None:
        if tenant is not None:
            return await self.tenant(who, tenant, ask)
        if who.tenant is not None:
            return who.tenant
        holder = self._directory.holder(key_id)
        return holder.tenant if holder is not None and holder.role.is_placed else None


def _key_id(text: str) -> KeyId:
    key_id = parse_key_id(text)
    if key_id is None:
        raise Refused(hidden("not a key's id"))
    return key_id
