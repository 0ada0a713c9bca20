"""What who brings a release says that it was trained on: checked before a byte is sent, written down when it is admitted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from strongroom.kernel.refusal import Refused, invalid
from strongroom.registry.datasets import Datasets, State
from strongroom.registry.lineage import tables
from strongroom.registry.lineage.recording import link
from strongroom.store import TenantTx

LINKABLE: Final = frozenset({State.ADMITTED, State.WITHDRAWN})
"""What a data set must be, or have been, for something to be said to be trained on it."""


class Claims:
    """Takes what people say of a release that they bring. It stays their word."""

    def __init__(self, datasets: Datasets) -> None:
        self._datasets: Final = datasets

    async def checked(self, tx: TenantTx, datasets: Iterable[str], run: UUID | None) -> tuple[str, ...]:
        """Return the nodes that are meant: for whoever is inside a permit already.

        Args:
            tx: in the tenant whose they are.
            datasets: each as NAME@VERSION, or a digest.
            run: that the release came out of.

        Raises:
            Refused: INVALID for a data set or run that there is not, or a set that never was admitted.
        """
        wanted = tuple(dict.fromkeys(datasets))
        found = list[str]()
        known: dict[str, tuple[str, State]] = {}
        if wanted:
            for kept, standing in await self._datasets.standings(tx):
                known |= dict.fromkeys((kept.digest, f"{kept.name}@{kept.version}"), (kept.digest, standing.state))
        for each in wanted:
            if each not in known:
                raise Refused(invalid(f"There is no data set {each}: `strongroom dataset list`.", param="trained_on"))
            digest, state = known[each]
            if state not in LINKABLE:
                tell = f"{each} is not admitted: nothing is trained on it. An approver says yes first."
                raise Refused(invalid(tell, param="trained_on"))
            found.append(f"dataset:{digest}")
        if run is not None:
            if await tables.run_of(tx, run) is None:
                tell = f"There is no run {run}: tell of it first (strongroom lineage import)."
                raise Refused(invalid(tell, param="run"))
            found.append(f"run:{run}")
        return tuple(found)


async def say(tx: TenantTx, sources: Iterable[str], release: str, *, by: str, at: datetime) -> None:
    """Write down what `checked` returned of a release, by its digest, as the word of who brought it."""
    for each in sources:
        await link(tx, each, f"release:{release}", by=by, at=at, observed=False, reason="said when it was brought")
