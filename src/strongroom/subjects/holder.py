"""What a room says of data of people that it keeps, so that it can be shown and erased.

Always true here:
- a holder finds by the pseudonym alone, within one tenant's transaction;
- what it erases was there at `before` or earlier: what came later is of a person who came back;
- its `method` says in words what erasing does, for the certificate; what it does not do is for `leaves` to say, of one with files.

A room with a new table of personal data writes one of these, and adds it to `HOLDERS` (`registry.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from strongroom.kernel.ids import TenantId
from strongroom.registry.content.doubt import Doubt
from strongroom.registry.content.people import File, Whose
from strongroom.store import TenantTx
from strongroom.vault import Vault


class Holder(Protocol):
    """Where data of people stands."""

    @property
    def name(self) -> str:
        """What people call the place."""
        ...

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that it answers for."""
        ...

    @property
    def method(self) -> str:
        """What erasing does there, as a clause."""
        ...

    async def count(self, tx: TenantTx, subject: str, before: datetime | None = None) -> int:
        """Return how many things there are of a subject, or were there at `before`."""
        ...

    async def export(self, tx: TenantTx, subject: str, vault: Vault) -> Sequence[dict[str, Any]]:
        """Return what there is of a subject, readable: plain values for JSON."""
        ...

    async def erase(self, tx: TenantTx, subject: str, before: datetime) -> int:
        """Erase what there was of a subject at `before`, and return how many things that were.

        Raises:
            Unfit: when something holds it: the database asks by itself.
        """
        ...


@runtime_checkable
class FilesHolder(Holder, Protocol):
    """Where data of people stands in files beside the database."""

    @property
    def doubt(self) -> Doubt:
        """Which of the files may have no row."""
        ...

    async def leaves(self, tx: TenantTx, subject: str) -> Sequence[str]:
        """Say what was made of a subject's data and stays, in sentences for the certificate: asked before it is erased."""
        ...

    async def files(self, tx: TenantTx) -> Sequence[File]:
        """Return the files that there are, to be searched."""
        ...

    async def whose(self, tenant: TenantId, files: Sequence[File], subjects: Collection[str]) -> list[Whose]:
        """Return in which of some files rows of some people stand, whatever the database says."""
        ...

    async def link(self, tx: TenantTx, found: Sequence[Whose], at: Mapping[str, datetime]) -> None:
        """Say again whose rows stand in files, and since when."""
        ...

    async def search(
        self, tenant: TenantId, files: Sequence[File], needles: Sequence[str]
    ) -> list[tuple[str, int]] | None:
        """Return in which of some files something of a person is left, and in how many rows; None: it took too long."""
        ...
