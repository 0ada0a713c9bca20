"""The keystore on OpenBao's engines.

Documents in KV v2, under the mount `<mount>-kv`:
    tenants/t-ID           that the tenant has keys (in the client's own namespace)
    destroyed/t-ID         that they were destroyed (likewise)
    t-ID/kek               the incarnation that the tenant's key is
    t-ID/deks/USE          wrapped data keys by generation
    t-ID/subjects/…        wrapped keys of subjects (`subjects.py`)
    t-ID/filed/…           sealed secrets, by version (`filed.py`)
    units/NAME             that a business unit was dissolved (in the client's own namespace)
Keys of the transit engine, under `<mount>-transit`: `t-ID`. What belongs to a tenant stands in its place (`places.py`).
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.vault import box
from strongroom.vault.keystore import (
    SETTLES_S,
    Condition,
    Holding,
    KeysDestroyed,
    Material,
    Use,
    VaultUnavailable,
)
from strongroom.vault.openbao.client import CasMissedError, Client, Document
from strongroom.vault.openbao.engines import Engines
from strongroom.vault.openbao.filed import FiledDocuments
from strongroom.vault.openbao.places import Places, Units, as_shape, name_of
from strongroom.vault.openbao.shapes import (
    Dek,
    Deks,
    Item,
    Items,
    Kept,
    KeptIncarnation,
    Names,
    TransitKey,
)
from strongroom.vault.openbao.signing import TransitSigning
from strongroom.vault.openbao.subjects import SubjectDocuments

_BATCH: Final = 120  # requests of more than 1,000 strings are refused, and an item has four
_ACTIVE: Final = 200


class OpenBaoKeystore:
    """Keys of tenants on an OpenBao server."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        *,
        mount: str = "strongroom",
        namespaces: bool = True,
        units: Units | None = None,
    ) -> None:
        """Use the server behind `client`.

        Args:
            client: how to reach it.
            clock: dates generations.
            mount: the first part of both mounts' names.
            namespaces: whether each tenant gets a namespace; else names of its own under the client's.
            units: the logins of business units, if there are any.
        """
        self._client: Final = client
        self._clock: Final = clock
        self._transit: Final = f"{mount}-transit"
        self._kv: Final = f"{mount}-kv"
        self._places: Final = Places(client, self._kv, units, namespaces=namespaces)
        self._engines: Final = Engines(client, self._kv, self._transit)
        self._making: Final = asyncio.Lock()
        self._subjects: Final = SubjectDocuments(client, self._kv)
        self._filed: Final = FiledDocuments(self._kv)
        self.signing: Final = TransitSigning(client, mount)

    async def open(self, tenant: TenantId, use: Use) -> Material:
        """Return the data keys of `tenant` for `use`, making them at the first call."""
        kept = await self._deks(tenant, use)
        if kept is None:
            async with self._making:
                kept = await self._deks(tenant, use)
                if kept is None:
                    await self._make(tenant, use)
                    kept = await self._deks(tenant, use)
        if kept is None:
            raise VaultUnavailable("OpenBao does not give back what it was given to keep")
        plain = await self._unwrapped(tenant, use, kept.data)
        now = self._clock.now().timestamp()
        settled = [int(n) for n, dek in kept.data.generations.items() if now - dek.made_at >= SETTLES_S]
        return Material(kept.data.incarnation, plain, max(settled, default=min(plain)))

    async def open_subject(self, tenant: TenantId, subject: str, use: Use, *, make: bool) -> Material:
        """Return the key of one subject for `use`."""
        wrapping = await self.open(tenant, Use.SUBJECT_KEY)
        return await self._subjects.open(await self._places.of(tenant), tenant, wrapping, subject, use, make=make)

    async def destroy_subject(self, tenant: TenantId, subject: str, at: float | None = None) -> list[str]:
        """Mark a subject as erased and delete its keys."""
        place = await self._places.of(tenant)
        if not await self._places.exists(place):
            raise KeysDestroyed("this tenant's keys were destroyed, or never made")
        when = self._clock.now().timestamp() if at is None else at
        return await self._subjects.destroy(place, subject, when)

    async def erased(self, tenant: TenantId) -> dict[str, float]:
        """Return when each subject was erased last."""
        return await self._subjects.erased(name_of(tenant))

    async def put_secret(self, tenant: TenantId, use: Use, name: str, sealed: bytes) -> int:
        """File a version of a sealed secret."""
        await self._refuse_destroyed(tenant)
        return await self._filed.put(await self._places.of(tenant), use, name, sealed)

    async def secret(self, tenant: TenantId, use: Use, name: str, version: int) -> bytes:
        """Return a version of a filed secret."""
        return await self._filed.get(await self._places.of(tenant), use, name, version)

    async def drop_secret(self, tenant: TenantId, use: Use, name: str, before: int | None) -> None:
        """Destroy versions of a filed secret."""
        await self._filed.drop(await self._places.of(tenant), use, name, before)

    async def settle(self, tenant: TenantId, unit: str) -> None:
        """Put a tenant into a unit's namespace; that the unit's login works is tried before."""
        await self._engines.base()
        await self._engines.mount(await self._places.open_unit(unit))
        await self._places.note(tenant, unit)
        await self._places.open_unit(unit)  # it may have been dissolved meanwhile
        if (await self._places.of(tenant)).unit != unit:
            raise VaultUnavailable("this tenant has keys elsewhere already, and keys do not move")

    async def dissolve(self, unit: str) -> int:
        """Destroy what every tenant of a unit has, and both engines in its namespace; nobody is put there again."""
        place = self._places.unit(unit)
        await self._client.ask("POST", f"{self._kv}/data/units/{unit}", {"data": {"is": "dissolved"}})
        its = [each for each in await self._tenants() if await self._places.unit_of(each) == unit]
        for tenant in its:
            await self.destroy(tenant)
        for mount in (self._transit, self._kv):
            await place.ask("DELETE", f"sys/mounts/{mount}")
        return len(its)

    async def renew(self, tenant: TenantId) -> None:
        """Give `tenant` a new key version and each use a new generation, and bring the older ones under it."""
        if await self._key(tenant) is None:
            return
        await self._on_key(tenant, "rotate", {})
        await self._brought(tenant, grow=True)

    async def turn(self) -> None:
        """Add a version to every tenant's key."""
        await self._of_each(lambda tenant: self._on_key(tenant, "rotate", {}))

    async def rewrap(self, most: int) -> int:
        """Bring up to `most` tenants' data keys under the newest version of the tenant's key."""
        done = left = 0

        async def bring(tenant: TenantId) -> None:
            nonlocal done, left
            key = await self._key(tenant)
            if key is None or key.min_decryption_version >= key.latest_version:
                return
            if done < most:
                await self._brought(tenant, grow=False)
                done += 1
            else:
                left += 1

        await self._of_each(bring)
        return left

    async def destroy(self, tenant: TenantId) -> None:
        """Delete the tenant's key, its documents and its namespace; what says that it was destroyed stays."""
        name, place = name_of(tenant), await self._places.of(tenant)
        mark = {"data": {"destroyed_at": str(self._clock.now().timestamp())}}
        await self._engines.base()
        await self._client.ask("POST", f"{self._kv}/data/destroyed/{name}", mark)
        if await self._places.exists(place):
            if await self._key(tenant) is not None:
                await self._on_key(tenant, "config", {"deletion_allowed": True})
                await place.ask("DELETE", f"{self._transit}/keys/{name}")
            for use in await self._uses(tenant):
                await place.ask("DELETE", f"{self._kv}/metadata/{name}/deks/{use}")
            await place.ask("DELETE", f"{self._kv}/metadata/{name}/kek")
            await self._subjects.drop(place)
            await self._filed.drop_all(place)
            if self._places.has_own_namespace(place):
                await self._client.ask("DELETE", f"sys/namespaces/{name}")
        await self._client.ask("DELETE", f"{self._kv}/metadata/tenants/{name}")

    async def check(self) -> str:
        """Return which server it is; raise `VaultUnavailable` when it cannot be used."""
        status, version = await self._client.health()
        if status != _ACTIVE:
            raise VaultUnavailable(f"OpenBao at {self._client.address} is sealed, standing by or new; unseal it")
        await self._client.ask("LIST", f"{self._kv}/metadata/tenants")
        return f"OpenBao {version} at {self._client.address}"

    async def condition(self) -> Condition:
        """Say what is held."""
        detail = await self.check()
        holdings: list[Holding] = []

        async def hold(tenant: TenantId) -> None:
            key = await self._key(tenant)
            if key is not None:
                behind = key.min_decryption_version < key.latest_version
                uses, unit = len(await self._uses(tenant)), (await self._places.of(tenant)).unit
                holdings.append(
                    Holding(
                        tenant=tenant, destroyed=False, version=key.latest_version, uses=uses, pending=behind, unit=unit
                    )
                )

        try:
            await self._of_each(hold)
        except VaultUnavailable as error:
            detail = f"{detail}; {error}"
        gone = await self._client.ask("LIST", f"{self._kv}/metadata/destroyed")
        holdings.extend(
            Holding(tenant=_tenant(name), destroyed=True, version=0, uses=0, pending=False)
            for name in ([] if gone is None else as_shape(gone, Names).keys)
        )
        return Condition(kind="openbao", detail=detail, holdings=tuple(holdings))

    # --- making

    async def _make(self, tenant: TenantId, use: Use) -> None:
        name, place = name_of(tenant), await self._places.of(tenant)
        await self._engines.base()
        await self._refuse_destroyed(tenant)
        await self._places.note(tenant)
        if place.inside:
            await self._engines.namespace(name)
            await self._engines.mount(place)
        if await self._key(tenant) is None:
            safe = {"type": "aes256-gcm96", "exportable": False, "allow_plaintext_backup": False}
            await place.ask("POST", f"{self._transit}/keys/{name}", safe)
        incarnation = await self._incarnation(tenant)
        dek = Deks(incarnation, {"1": await self._grown(tenant, incarnation, use, "1")})
        await self._write(tenant, use, dek, 0)

    async def _refuse_destroyed(self, tenant: TenantId) -> None:
        if await self._client.ask("GET", f"{self._kv}/data/destroyed/{name_of(tenant)}") is not None:
            raise KeysDestroyed("this tenant's keys were destroyed")

    async def _incarnation(self, tenant: TenantId) -> str:
        path, place = f"{self._kv}/data/{name_of(tenant)}/kek", await self._places.of(tenant)
        try:
            body = {"options": {"cas": 0}, "data": {"incarnation": secrets.token_hex(16)}}
            await place.ask("POST", path, body)
        except CasMissedError:
            pass  # it has one
        found = await place.ask("GET", path)
        if found is None:
            raise VaultUnavailable("OpenBao does not give back what it was given to keep")
        return as_shape(found, KeptIncarnation).data.incarnation

    # --- data keys

    async def _deks(self, tenant: TenantId, use: str) -> Kept | None:
        path = f"{self._kv}/data/{name_of(tenant)}/deks/{use}"
        found = await (await self._places.of(tenant)).ask("GET", path)
        return None if found is None else as_shape(found, Kept)

    async def _write(self, tenant: TenantId, use: str, deks: Deks, version: int) -> None:
        body = {"options": {"cas": version}, "data": msgspec.to_builtins(deks)}
        path = f"{self._kv}/data/{name_of(tenant)}/deks/{use}"
        try:
            await (await self._places.of(tenant)).ask("POST", path, body)
        except CasMissedError:
            return  # another process was first, and its keys count

    async def _grown(self, tenant: TenantId, incarnation: str, use: str, generation: str) -> Dek:
        plain = secrets.token_bytes(box.KEY_BYTES)
        sealed = await self._wrapped(tenant, [(plain, _bound(tenant, incarnation, use, generation))])
        return Dek(self._clock.now().timestamp(), sealed[0])

    async def _brought(self, tenant: TenantId, *, grow: bool) -> None:
        """Wrap every data key of `tenant` anew, then let older versions of its key open nothing more."""
        for use in await self._uses(tenant):
            kept = await self._deks(tenant, use)
            if kept is None:
                continue
            incarnation, plain = kept.data.incarnation, await self._unwrapped(tenant, use, kept.data)
            numbers = sorted(plain)
            wrapped = await self._wrapped(
                tenant, [(plain[n], _bound(tenant, incarnation, use, str(n))) for n in numbers]
            )
            generations = {
                str(n): Dek(kept.data.generations[str(n)].made_at, sealed)
                for n, sealed in zip(numbers, wrapped, strict=True)
            }
            if grow:
                youngest = str(numbers[-1] + 1)
                generations[youngest] = await self._grown(tenant, incarnation, use, youngest)
            await self._write(tenant, use, Deks(incarnation, generations), kept.metadata.version)
        key = await self._key(tenant)
        if key is not None:
            await self._on_key(tenant, "config", {"min_decryption_version": key.latest_version})

    async def _wrapped(self, tenant: TenantId, keys: Sequence[tuple[bytes, bytes]]) -> list[str]:
        items = [{"plaintext": _b64(key), "associated_data": _b64(bound)} for key, bound in keys]
        return [item.ciphertext for item in await self._batched(tenant, "encrypt", items)]

    async def _unwrapped(self, tenant: TenantId, use: str, deks: Deks) -> dict[int, bytes]:
        items = [
            {"ciphertext": dek.sealed, "associated_data": _b64(_bound(tenant, deks.incarnation, use, number))}
            for number, dek in deks.generations.items()
        ]
        opened = await self._batched(tenant, "decrypt", items)
        return {
            int(number): base64.b64decode(item.plaintext) for number, item in zip(deks.generations, opened, strict=True)
        }

    async def _batched(self, tenant: TenantId, verb: str, items: Sequence[dict[str, str]]) -> list[Item]:
        results: list[Item] = []
        for start in range(0, len(items), _BATCH):
            body = {"batch_input": list(items[start : start + _BATCH])}
            path = f"{self._transit}/{verb}/{name_of(tenant)}"
            reply = await (await self._places.of(tenant)).ask("POST", path, body)
            results.extend(as_shape(reply or {}, Items).batch_results)
        if len(results) != len(items) or any(item.error for item in results):
            raise VaultUnavailable(
                "OpenBao does not open a tenant's data keys: their key was changed or replaced there"
            )
        return results

    # --- places

    async def _key(self, tenant: TenantId) -> TransitKey | None:
        path = f"{self._transit}/keys/{name_of(tenant)}"
        found = await (await self._places.of(tenant)).ask("GET", path)
        return None if found is None else as_shape(found, TransitKey)

    async def _on_key(self, tenant: TenantId, what: str, body: Document) -> None:
        path = f"{self._transit}/keys/{name_of(tenant)}/{what}"
        await (await self._places.of(tenant)).ask("POST", path, body)

    async def _of_each(self, act: Callable[[TenantId], Awaitable[None]]) -> None:
        """Do something for every tenant. A unit that took its login away, or sealed its namespace, keeps nobody else from it.

        Raises:
            VaultUnavailable: when the server is away, or, once it is done for all others, for whom it could not be.
        """
        missed: list[str] = []
        for tenant in await self._tenants():
            try:
                await act(tenant)
            except (VaultUnavailable, ValueError) as error:  # what a unit's own people wrote need not be readable
                await self.check()  # it is not the server itself
                missed.append(str(error))
        if missed:
            raise VaultUnavailable(f"{len(missed)} tenants are left out, all others done: {missed[0]}")

    async def _tenants(self) -> list[TenantId]:
        found = await self._client.ask("LIST", f"{self._kv}/metadata/tenants")
        return [_tenant(name) for name in ([] if found is None else as_shape(found, Names).keys)]

    async def _uses(self, tenant: TenantId) -> list[str]:
        path = f"{self._kv}/metadata/{name_of(tenant)}/deks"
        found = await (await self._places.of(tenant)).ask("LIST", path)
        return [] if found is None else as_shape(found, Names).keys


def _tenant(name: str) -> TenantId:
    try:
        return TenantId(UUID(name.removeprefix("t-")))
    except ValueError:
        raise VaultUnavailable(f"OpenBao lists a tenant that is none: {name[:60]}") from None


def _bound(tenant: TenantId, incarnation: str, use: str, generation: str) -> bytes:
    return box.framed("dek", str(tenant), incarnation, use, generation)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
