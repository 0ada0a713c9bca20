"""Where on the server what belongs to a tenant stands, and whose login reaches it.

- in a namespace of the tenant's own, `t-ID`, by the installation's login; or
- in its business unit's namespace, `units/NAME`, by the login of that unit, which reaches no other; or
- where the server has no namespaces, under names of the tenant's own beside the others'.

Always true here:
- which unit a tenant is of is said once, before it has keys, and stands in the installation's own namespace;
- the installation's login has no way into a unit's namespace, and a unit's has none out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from strongroom.kernel.ids import TenantId
from strongroom.vault.keystore import KeysDestroyed, VaultUnavailable, is_unit
from strongroom.vault.openbao.client import AppRole, CasMissedError, Client, Document

_Shape = TypeVar("_Shape")


class _Tenant(msgspec.Struct, frozen=True):
    unit: str = ""


class _KeptTenant(msgspec.Struct, frozen=True):
    data: _Tenant


@dataclass(frozen=True, slots=True)
class Place:
    """A tenant's place: `inside` is the namespace below that of `client`, `name` the tenant's name there."""

    client: Client
    inside: str
    name: str
    unit: str = ""

    async def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Document | None:
        """Ask there; as `Client.ask`."""
        return await self.client.ask(method, path, body, inside=self.inside)


class Units:
    """The logins of business units: a directory with a directory for each, that holds `role-id` and `secret-id`."""

    def __init__(self, directory: Path | None, connect: Callable[[str, AppRole], Client]) -> None:
        """Use `directory`; `connect` makes a client of a namespace and a login. Nothing is read yet."""
        self._directory: Final = directory
        self._connect: Final = connect
        self._clients: Final[dict[str, Client]] = {}

    def client(self, unit: str) -> Client:
        """Return the client of one unit.

        Raises:
            VaultUnavailable: when there is no login for it, saying where to put one.
        """
        if unit not in self._clients:
            if self._directory is None or not is_unit(unit):
                raise VaultUnavailable(f"no logins of business units are set up ({unit}); set `vault.units_directory`")
            home = self._directory / unit
            try:
                role = (home / "role-id").read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise VaultUnavailable(
                    f"the business unit {unit} has no login ({type(error).__name__}): put role-id and secret-id into {home}"
                ) from None
            self._clients[unit] = self._connect(f"units/{unit}", AppRole(role, home / "secret-id"))
        return self._clients[unit]

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.close()


class Places:
    """Finds tenants' places. What was found stays: a tenant does not move."""

    def __init__(self, client: Client, kv: str, units: Units | None, *, namespaces: bool) -> None:
        self._client: Final = client
        self._kv: Final = kv
        self._units: Final = units
        self._namespaces: Final = namespaces
        self._known: Final[dict[TenantId, Place]] = {}

    async def of(self, tenant: TenantId) -> Place:
        """Return where a tenant's keys stand, or would."""
        if tenant not in self._known:
            unit = await self.unit_of(tenant)
            place = self._place(tenant, unit or "")
            if unit is None:
                return place
            self._known[tenant] = place
        return self._known[tenant]

    async def unit_of(self, tenant: TenantId) -> str | None:
        """Return of which unit a tenant is, reachable or not; empty: of none; None: nothing is written down of it."""
        if tenant in self._known:
            return self._known[tenant].unit
        found = await self._client.ask("GET", f"{self._kv}/data/tenants/{name_of(tenant)}")
        return None if found is None else as_shape(found, _KeptTenant).data.unit

    async def note(self, tenant: TenantId, unit: str = "") -> None:
        """Write down that there is a tenant, and of which unit; what was said first counts."""
        said = {"is": "tenant", **({"unit": unit} if unit else {})}
        body = {"options": {"cas": 0}, "data": said}
        try:
            await self._client.ask("POST", f"{self._kv}/data/tenants/{name_of(tenant)}", body)
        except CasMissedError:
            return

    async def open_unit(self, unit: str) -> Place:
        """Return a unit's own place, when tenants may be put there.

        Raises:
            KeysDestroyed: when it was dissolved.
            VaultUnavailable: when there is no login for it, or no namespaces.
        """
        if not self._namespaces:
            raise VaultUnavailable("business units need a server with namespaces, and `vault.separation` says `names`")
        if await self._client.ask("GET", f"{self._kv}/data/units/{unit}") is not None:
            raise KeysDestroyed(f"the business unit {unit} was dissolved; its name is not used again")
        return self.unit(unit)

    def unit(self, unit: str) -> Place:
        """Return a unit's place."""
        if self._units is None:
            raise VaultUnavailable("no logins of business units are set up; set `vault.units_directory`")
        return Place(self._units.client(unit), "", "", unit)

    def has_own_namespace(self, place: Place) -> bool:
        """Whether the namespace is this one tenant's."""
        return self._namespaces and not place.unit

    async def exists(self, place: Place) -> bool:
        """Whether there is such a namespace already."""
        if not self.has_own_namespace(place):
            return True
        return await self._client.ask("GET", f"sys/namespaces/{place.name}") is not None

    def _place(self, tenant: TenantId, unit: str) -> Place:
        name = name_of(tenant)
        if unit:
            return Place(self.unit(unit).client, "", name, unit)
        return Place(self._client, name if self._namespaces else "", name)


def name_of(tenant: TenantId) -> str:
    """Return what a tenant is called on the server."""
    return f"t-{tenant}"


def as_shape(document: object, shape: type[_Shape]) -> _Shape:
    """Return a document in its shape.

    Raises:
        VaultUnavailable: when it has another.
    """
    try:
        return msgspec.convert(document, shape)
    except msgspec.ValidationError as error:
        raise VaultUnavailable(f"OpenBao's answer cannot be read: {error}") from None
