"""Giving data sets out: to their tenant's administrator, to who may train, and to this installation's own training."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final
from uuid import UUID

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, invalid
from strongroom.policy import Action, Ask, Gate, Surface
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.signed import Approvals
from strongroom.registry.content import ContentStore
from strongroom.registry.datasets import tables
from strongroom.registry.datasets.desk import Desk, broken, resource_of
from strongroom.registry.datasets.model import Manifest
from strongroom.registry.datasets.reading import without_column
from strongroom.store import TenantTx
from strongroom.vault import Vault


class Giving(Desk):
    """Gives rows to who may have them; whom each is about stays here, but in an export."""

    def __init__(
        self, gate: Gate, keys: RegistryKeys, approvals: Approvals, store: ContentStore, vault: Vault, clock: Clock
    ) -> None:
        super().__init__(keys, approvals, store, vault, clock)
        self._gate: Final = gate

    async def export(
        self, who: Principal, tenant: TenantId, name: str, version: str, ask: Ask, *, rejects: bool = False
    ) -> bytes:
        """Return a data set's rows, or its reject file, in the clear; each time it stands in the tenant's log.

        Raises:
            Refused: hidden for one that there is not, CONFLICT for one that is not what was stored.
        """
        asked = replace(ask, detail={**ask.detail, "part": "rejects" if rejects else "rows"})
        async with self._gate.permit(who, Action.DATASET_EXPORT, resource_of(tenant, None, name, version), asked) as tx:
            kept = await self._named(tx, name, version)
            manifest = (await self._standing(tx, kept)).manifest
            if manifest is None:
                raise Refused(broken(kept, "its manifest is another"))
            sha256, rows = (manifest.rejects, manifest.rejected) if rejects else (manifest.rows, manifest.taken)
            return await self._taken(tx, who, rows, await self._opened(tenant, f"{name}@{version}", sha256))

    async def read(self, who: Principal, tenant: TenantId, name: str, version: str, ask: Ask) -> bytes:
        """Return an admitted data set's rows to a training workload that has a grant; each time it stands in the log.

        Raises:
            Refused: hidden for one that there is not, FORBIDDEN without a grant or while it is not admitted.
        """
        what = resource_of(tenant, who.environment, name, version)
        async with self._gate.permit(who, Action.DATASET_READ, what, ask) as tx:
            kept = await self._named(tx, name, version)
            manifest = await self.demand(tx, kept.digest, who.environment, who.workload)
            return await self._taken(tx, who, manifest.taken, await self.rows(tenant, manifest))

    async def _taken(self, tx: TenantTx, who: Principal, rows: int, data: bytes) -> bytes:
        """Return a part of a data set to whoever takes it out, counted in the transaction that permitted it."""
        await self._gate.taken(tx, who, Surface.DATASETS, rows=rows, octets=len(data))
        return data

    async def demand(
        self, tx: TenantTx, digest: str, environment: Environment | None, workload: UUID | None = None
    ) -> Manifest:
        """Return the manifest of a data set that may be used for training now: for whoever is inside a permit already.

        Args:
            tx: in the tenant whose it must be.
            digest: the data set.
            environment: where it is to be used.
            workload: who is to read it; None: whoever asks has looked for itself.

        Raises:
            Refused: INVALID for one that the tenant does not have, FORBIDDEN with every reason that is not met.
        """
        kept = await tables.of_digest(tx, digest)
        if kept is None:
            raise Refused(invalid("There is no such data set.", param="dataset"))
        standing = await self._standing(tx, kept)
        if not standing.usable or standing.manifest is None:
            tell = f"{kept.name}@{kept.version} may not be used. {standing.refusal()}"
            raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
        if kept.environment is not environment:
            tell = f"{kept.name}@{kept.version} is {kept.environment}'s, and is used nowhere else."
            raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
        if workload is not None and not await tables.may_read(tx, digest, workload):
            tell = f"This workload has no grant for {kept.name}@{kept.version}."
            raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
        return standing.manifest

    async def rows(self, tenant: TenantId, manifest: Manifest) -> bytes:
        """Return the rows of a data set whose manifest `demand` returned, as JSON lines, without whom each is about.

        Raises:
            Refused: CONFLICT when they are not what was stored, UNAVAILABLE without a key.
        """
        rows = await self._opened(tenant, f"{manifest.name}@{manifest.version}", manifest.rows)
        if manifest.subject is msgspec.UNSET:
            return rows
        return await asyncio.to_thread(without_column, rows, manifest.subject)
