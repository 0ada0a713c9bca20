"""The two engines, and tenants' namespaces, made where they are missing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from strongroom.vault.keystore import VaultUnavailable
from strongroom.vault.openbao.client import Client
from strongroom.vault.openbao.places import Place

_TRIES, _PAUSE_S = 50, 0.1


class Engines:
    """Makes what the keystore stands on."""

    def __init__(self, client: Client, kv: str, transit: str) -> None:
        self._client: Final = client
        self._kv: Final = kv
        self._transit: Final = transit

    async def base(self) -> None:
        """Make the engines in the client's own namespace."""
        await self.mount(Place(self._client, "", ""))

    async def mount(self, place: Place) -> None:
        """Make the two engines where they are missing."""
        engines: dict[str, tuple[str, dict[str, object]]] = {
            self._kv: ("config", {"type": "kv", "options": {"version": "2"}}),
            self._transit: ("cache-config", {"type": "transit"}),
        }
        await mounted(place, engines)

    async def namespace(self, name: str) -> None:
        """Make a tenant's namespace where it is missing; another machine may be making it at this moment."""
        for _ in range(_TRIES):
            if await self._client.ask("GET", f"sys/namespaces/{name}") is not None:
                return
            try:
                await self._client.ask("POST", f"sys/namespaces/{name}", {})
            except VaultUnavailable as error:
                if "being created" not in str(error):
                    raise
                await asyncio.sleep(_PAUSE_S)  # the server tells nobody when it has done so
            else:
                return
        raise VaultUnavailable(f"OpenBao is still making or deleting the namespace {name}; try again")


async def mounted(place: Place, engines: Mapping[str, tuple[str, dict[str, object]]]) -> None:
    """Make engines where they are missing; an operator may have made them, and then we need not be allowed to.

    Args:
        place: where.
        engines: by their mounts: what to ask below one to see whether it is there, and what to make it of.
    """
    asked = [f"{mount}/{path}" for mount, (path, _) in engines.items()]
    if all([await _answers(place, path) for path in asked]):
        return
    for mount, (_, body) in engines.items():
        try:
            await place.ask("POST", f"sys/mounts/{mount}", body)
        except VaultUnavailable as error:
            if "path is already in use" not in str(error):
                raise
    await _answers(place, asked[0])


async def _answers(place: Place, path: str) -> bool:
    """Whether an engine is there. One that was mounted a moment ago may still be making itself ready: that is awaited."""
    for _ in range(_TRIES):
        try:
            return await place.ask("GET", path) is not None
        except VaultUnavailable as error:
            if "brief period" not in str(error):
                raise
            await asyncio.sleep(_PAUSE_S)  # the server tells nobody when it has done so
    raise VaultUnavailable("OpenBao is still making an engine ready; try again")
