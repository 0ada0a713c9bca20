"""Keys of subjects on OpenBao: documents in KV v2, wrapped by a data key of their tenant.

t-ID/subjects/SUBJECT/USE    a wrapped key (in the tenant's namespace, where it has one)
erased/t-ID/SUBJECT          that a subject was erased, and when (in the client's own namespace)
"""

from __future__ import annotations

import base64
from typing import Final, TypeVar

import msgspec

from strongroom.kernel.ids import TenantId
from strongroom.vault.box import SealBroken
from strongroom.vault.keystore import Material, Use, VaultUnavailable
from strongroom.vault.openbao.client import CasMissedError, Client
from strongroom.vault.subjects import checked, made, none_there, opened

_Shape = TypeVar("_Shape")


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
    """Subjects' documents. `place` is the tenant's name there, `inside` its namespace or nothing."""

    def __init__(self, client: Client, kv: str) -> None:
        self._client: Final = client
        self._kv: Final = kv

    async def open(
        self, tenant: TenantId, inside: str, wrapping: Material, subject: str, use: Use, *, make: bool
    ) -> Material:
        """Return a subject's key, made when there is none and `make`; `KeysDestroyed` when there is none."""
        place = f"t-{tenant}"
        wrapped = await self.key(place, inside, subject, use)
        if wrapped is None and make:
            await self.put(place, inside, subject, use, made(wrapping, tenant, subject, use))
            wrapped = await self.key(place, inside, subject, use)
        if wrapped is None:
            raise none_there()
        try:
            return opened(wrapping, tenant, subject, use, wrapped)
        except SealBroken:
            raise VaultUnavailable("OpenBao holds a subject's key that does not open under its tenant's") from None

    async def key(self, place: str, inside: str, subject: str, use: str) -> bytes | None:
        """Return a wrapped key, if there is one."""
        found = await self._client.ask("GET", self._path("data", place, subject, use), inside=inside)
        return None if found is None else base64.b64decode(_as(found, _KeptKey).data.wrapped)

    async def put(self, place: str, inside: str, subject: str, use: str, wrapped: bytes) -> None:
        """Keep a wrapped key, unless another process was first: then that one counts."""
        body = {"options": {"cas": 0}, "data": {"wrapped": base64.b64encode(wrapped).decode("ascii")}}
        try:
            await self._client.ask("POST", self._path("data", place, subject, use), body, inside=inside)
        except CasMissedError:
            return

    async def destroy(self, place: str, inside: str, subject: str, now: float) -> list[str]:
        """Mark a subject as erased, delete its keys with all their versions, and return their uses."""
        mark = {"data": {"erased_at": str(now)}}
        await self._client.ask("POST", f"{self._kv}/data/erased/{place}/{checked(subject)}", mark)
        found = await self._client.ask("LIST", self._path("metadata", place, subject, ""), inside=inside)
        uses = sorted([] if found is None else _as(found, _Names).keys)
        for use in uses:
            await self._client.ask("DELETE", self._path("metadata", place, subject, use), inside=inside)
        return uses

    async def erased(self, place: str) -> dict[str, float]:
        """Return when each subject was erased last."""
        found = await self._client.ask("LIST", f"{self._kv}/metadata/erased/{place}")
        marks: dict[str, float] = {}
        for subject in [] if found is None else _as(found, _Names).keys:
            kept = await self._client.ask("GET", f"{self._kv}/data/erased/{place}/{subject}")
            if kept is not None:
                marks[subject] = float(_as(kept, _KeptMark).data.erased_at)
        return marks

    async def drop(self, place: str, inside: str) -> None:
        """Delete the keys of every subject of a tenant whose own keys are gone."""
        found = await self._client.ask("LIST", f"{self._kv}/metadata/{place}/subjects", inside=inside)
        for subject in [] if found is None else _as(found, _Names).keys:
            uses = await self._client.ask("LIST", f"{self._kv}/metadata/{place}/subjects/{subject}", inside=inside)
            for use in [] if uses is None else _as(uses, _Names).keys:
                path = f"{self._kv}/metadata/{place}/subjects/{subject.rstrip('/')}/{use}"
                await self._client.ask("DELETE", path, inside=inside)

    def _path(self, what: str, place: str, subject: str, use: str) -> str:
        return f"{self._kv}/{what}/{place}/subjects/{checked(subject)}/{use}".rstrip("/")


def _as(document: object, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.convert(document, shape)
    except msgspec.ValidationError as error:
        raise VaultUnavailable(f"OpenBao's answer cannot be read: {error}") from None
