"""What a job trains with: a file that a workload uploaded, or an admitted data set that this workload may read.

Always true here:
- a data set is asked for three times by the job's own workload: when the job is asked for, when it is read, and before what
  was made of it is delivered; a grant that was revoked, or a set that was withdrawn meanwhile, ends the job;
- it is read a second time before that: what has lost rows since, for somebody in it was erased, makes no model;
- what is read of a data set goes through the same look as a file before anything is trained with it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import msgspec

from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refused, hidden
from strongroom.policy import Kind, Resource
from strongroom.registry.datasets import Datasets
from strongroom.registry.datasets.desk import resource_of
from strongroom.registry.datasets.model import Manifest
from strongroom.store import TenantTx
from strongroom.training import table, tables
from strongroom.training.files import TrainingFiles
from strongroom.training.looking import Blocked
from strongroom.training.model import MOST_BYTES, TrainingFile
from strongroom.training.places import Place
from strongroom.training.pool import Failed
from strongroom.training.table import BadTable


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """What a job trains with, as it was found: of the two one.

    Attributes:
        file: an uploaded file.
        dataset: a data set.
    """

    file: TrainingFile | None = None
    dataset: Manifest | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        if self.file is not None:
            return self.file.name
        return "" if self.dataset is None else f"{self.dataset.name}@{self.dataset.version}"

    @property
    def rows(self) -> int:
        """How many rows it has."""
        if self.file is not None:
            return self.file.rows
        return 0 if self.dataset is None else self.dataset.taken

    @property
    def digest(self) -> str:
        """SHA-256 in hex: of the file as it was sent, or of the data set's manifest."""
        if self.file is not None:
            return self.file.sha256
        return "" if self.dataset is None else self.dataset.digest.removeprefix("sha256:")

    @property
    def label(self) -> str | None:
        """The column that its contract says to be the label."""
        return None if self.dataset is None else self.dataset.label


class Inputs:
    """Finds what jobs train with, and reads it for them."""

    def __init__(self, files: TrainingFiles, datasets: Datasets) -> None:
        self._files = files
        self._datasets = datasets

    async def found(self, tx: TenantTx, environment: Environment, which: UUID | str, workload: UUID | None) -> Input:
        """Return what a job trains with, if it may now.

        Args:
            tx: in the tenant whose it is.
            environment: in which it is to be used.
            which: a file's id, or NAME@VERSION of a data set.
            workload: that asks for it.

        Raises:
            Refused: hidden for what there is not, FORBIDDEN for a data set that the workload may not train with there.
        """
        if isinstance(which, UUID):
            file = await tables.file(tx, environment, which)
            if file is None:
                raise Refused(hidden(f"no training file {which} in {environment}"))
            return Input(file=file)
        if workload is None:
            raise Refused(hidden("a data set asked for by no workload"))
        name, _, version = which.partition("@")
        digest = await self._datasets.digest_of(tx, name, version)
        return Input(dataset=await self._datasets.demand(tx, digest, environment, workload))

    async def content(self, who: Principal, place: Place, found: Input) -> tuple[bytes, dict[str, str]]:
        """Return a table to train with, and what is to be said of where it came from.

        Raises:
            Failed: for a data set that is no table, or holds what the tenant's rules let into no training.
            Broken: when it is not what was kept.
            VaultUnavailable: when the keystore cannot be asked.
        """
        if found.file is not None:
            said = {"dataset": f"sha256:{found.file.sha256}", "dataset_kept": f"sha256:{found.file.kept_sha256}"}
            return await self._files.content(place.tenant, found.file), said
        if found.dataset is None:
            raise Failed("gone", "What it was to train with is gone.")
        rows = await self._datasets.rows(place.tenant, found.dataset)
        try:
            found_rows, _, _ = await self._files.looked_at(who, rows)
        except BadTable as bad:
            raise Failed("no_table", f"{found.name} cannot be trained with: {bad}") from None
        except Blocked as blocked:
            raise Failed("blocked", f"{found.name} cannot be trained with: {blocked}") from None
        data = await asyncio.to_thread(table.write, found_rows)
        if len(data) > MOST_BYTES:
            raise Failed("too_large", f"{found.name} is more than the {MOST_BYTES >> 20} MiB that a job trains with.")
        return data, {"dataset": found.dataset.digest, "dataset_called": found.name}


def about(place: Place, which: UUID | str) -> Resource:
    """Return what a job reads, as a matter for the policy and the log."""
    if isinstance(which, UUID):
        return replace(place.file(which), kind=Kind.DATASET)
    name, _, version = which.partition("@")
    return resource_of(place.tenant, place.environment, name, version)
