"""Keys of subjects on OpenBao: documents in KV v2, wrapped by a data key of their tenant.

t-ID/subjects/SUBJECT/USE    a wrapped key (in the tenant's namespace, where it has one)
erased/t-ID/SUBJECT          that a subject was erased, and when (in the client's own namespace)
"""

from __future__ import annotations

import base64
from typing import Final

import msgspec

from strongroom.kernel.ids import TenantId
from strongroom.vault.box import SealBroken
from strongroom.vault.keystore import Material, Use, VaultUnavailable
from strongroom.vault.openbao.client import CasMissedError, Client
from strongroom.vault.openbao.places import Place, as_shape
from strongroom.vault.subjects import checked, made, none_there, opened


class _Key(msgspec.Struct, frozen=True):
    wrapped: str


class _KeptKey(msgspec.Struct, frozen=True):
    data: _Key


class _Mark(msgspec.Struct, frozen=True):
    erased_at: str


class _KeptMark(msgspec.Struct, frozen=True):
    data: _Mark


class _Names(msgspec.Struct, frozen=True):
    keys: list[str] = []


class SubjectDocuments:
    """Subjects' documents, each in its tenant's place; the marks of the erased stand in the client's own namespace."""

    def __init__(self, client: Client, kv: str) -> None:
        self._client: Final = client
        self._kv: Final = kv

    async def open(
        self, place: Place, tenant: TenantId, wrapping: Material, subject: str, use: Use, *, make: bool
    ) -> Material:
        """Return a subject's key, made when there is none and `make`; `KeysDestroyed` when there is none."""
        wrapped = await self.key(place, subject, use)
        if wrapped is None and make:
            await self.put(place, subject, use, made(wrapping, tenant, subject, use))
            wrapped = await self.key(place, subject, use)
        if wrapped is None:
            raise none_there()
        try:
            return opened(wrapping, tenant, subject, use, wrapped)
        except SealBroken:
            raise VaultUnavailable("OpenBao holds a subject's key that does not open under its tenant's") from None

    async def key(self, place: Place, subject: str, use: str) -> bytes | None:
        """Return a wrapped key, if there is one."""
        found = await place.ask("GET", self._path("data", place, subject, use))
        return None if found is None else base64.b64decode(as_shape(found, _KeptKey).data.wrapped)

    async def put(self, place: Place, subject: str, use: str, wrapped: bytes) -> None:
        """Keep a wrapped key, unless another process was first: then that one counts."""
        body = {"options": {"cas": 0}, "data": {"wrapped": base64.b64encode(wrapped).decode("ascii")}}
        try:
            await place.ask("POST", self._path("data", place, subject, use), body)
        except CasMissedError:
            return

    async def destroy(self, place: Place, subject: str, now: float) -> list[str]:
        """Mark a subject as erased, delete its keys with all their versions, and return their uses."""
        mark = {"data": {"erased_at": str(now)}}
        await self._client.ask("POST", f"{self._kv}/data/erased/{place.name}/{checked(subject)}", mark)
        found = await place.ask("LIST", self._path("metadata", place, subject, ""))
        uses = sorted([] if found is None else as_shape(found, _Names).keys)
        for use in uses:
            await place.ask("DELETE", self._path("metadata", place, subject, use))
        return uses

    async def erased(self, place: str) -> dict[str, float]:
        """Return when each subject was erased last."""
        found = await self._client.ask("LIST", f"{self._kv}/metadata/erased/{place}")
        marks: dict[str, float] = {}
        for subject in [] if found is None else as_shape(found, _Names).keys:
            kept = await self._client.ask("GET", f"{self._kv}/data/erased/{place}/{subject}")
            if kept is not None:
                marks[subject] = float(as_shape(kept, _KeptMark).data.erased_at)
        return marks

    async def drop(self, place: Place) -> None:
        """Delete the keys of every subject of a tenant whose own keys are gone."""
        found = await place.ask("LIST", f"{self._kv}/metadata/{place.name}/subjects")
        for subject in [] if found is None else as_shape(found, _Names).keys:
            uses = await place.ask("LIST", f"{self._kv}/metadata/{place.name}/subjects/{subject}")
            for use in [] if uses is None else as_shape(uses, _Names).keys:
                path = f"{self._kv}/metadata/{place.name}/subjects/{subject.rstrip('/')}/{use}"
                await place.ask("DELETE", path)

    def _path(self, what: str, place: Place, subject: str, use: str) -> str:
        return f"{self._kv}/{what}/{place.name}/subjects/{checked(subject)}/{use}".rstrip("/")
