"""Filed secrets on OpenBao: documents of KV v2 at t-ID/filed/USE/NAME, whose versions are the server's own."""

from __future__ import annotations

import base64
from typing import Final

import msgspec

from strongroom.vault.keystore import KeysDestroyed
from strongroom.vault.openbao.places import Place, as_shape


class _Sealed(msgspec.Struct, frozen=True):
    sealed: str


class _Kept(msgspec.Struct, frozen=True):
    data: _Sealed


class _Written(msgspec.Struct, frozen=True):
    version: int


class _Version(msgspec.Struct, frozen=True):
    destroyed: bool = False


class _Metadata(msgspec.Struct, frozen=True):
    versions: dict[str, _Version]


class _Names(msgspec.Struct, frozen=True):
    keys: list[str] = []


class FiledDocuments:
    """The documents of all tenants, each in its tenant's place."""

    def __init__(self, kv: str) -> None:
        self._kv: Final = kv

    async def put(self, place: Place, use: str, name: str, sealed: bytes) -> int:
        """Add a version, and return its number."""
        body = {"data": {"sealed": base64.b64encode(sealed).decode("ascii")}}
        found = await place.ask("POST", self._path("data", place, use, name), body)
        return as_shape(found, _Written).version

    async def get(self, place: Place, use: str, name: str, version: int) -> bytes:
        """Return one version; `KeysDestroyed` when it is not there any more."""
        found = await place.ask("GET", f"{self._path('data', place, use, name)}?version={version}")
        if found is None:
            raise KeysDestroyed("this version of a secret was destroyed, or never filed")
        return base64.b64decode(as_shape(found, _Kept).data.sealed)

    async def drop(self, place: Place, use: str, name: str, before: int | None) -> None:
        """Destroy the versions below `before`; None: all of them, with what tells that they were."""
        path = self._path("metadata", place, use, name)
        if before is None:
            await place.ask("DELETE", path)
            return
        found = await place.ask("GET", path)
        versions = {} if found is None else as_shape(found, _Metadata).versions
        old = sorted(int(n) for n, version in versions.items() if int(n) < before and not version.destroyed)
        if old:
            await place.ask("POST", self._path("destroy", place, use, name), {"versions": old})

    async def drop_all(self, place: Place) -> None:
        """Delete every document of a tenant whose keys are gone."""
        for use in await self._names(place, f"{self._kv}/metadata/{place.name}/filed"):
            for name in await self._names(place, f"{self._kv}/metadata/{place.name}/filed/{use.rstrip('/')}"):
                await self.drop(place, use.rstrip("/"), name, None)

    async def _names(self, place: Place, path: str) -> list[str]:
        found = await place.ask("LIST", path)
        return [] if found is None else as_shape(found, _Names).keys

    def _path(self, what: str, place: Place, use: str, name: str) -> str:
        return f"{self._kv}/{what}/{place.name}/filed/{use}/{name}"
