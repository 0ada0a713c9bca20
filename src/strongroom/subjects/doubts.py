"""Files with rows of people whose own row never came, or went before them, as of a process that was killed."""

from __future__ import annotations

from collections.abc import Iterable

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refused
from strongroom.policy import Action, Ask, Gate
from strongroom.subjects.holder import FilesHolder, Holder
from strongroom.subjects.service import resource


async def destroyed(
    gate: Gate, holders: Iterable[Holder], who: Principal, ask: Ask, only: TenantId | None = None
) -> int:
    """Destroy such files, of all tenants or of one; return how many."""
    gone = 0
    for holder in (each for each in holders if isinstance(each, FilesHolder)):
        for tenant in holder.doubt.tenants() if only is None else [only]:
            if not (in_doubt := holder.doubt.of(tenant)):
                continue
            try:
                async with gate.permit(who, Action.SUBJECT_READ, resource(tenant), ask) as tx:
                    named = {each.path for each in await holder.files(tx)}
            except Refused:
                continue  # it has ended, and its directory with it
            gone += holder.doubt.settle(tenant, in_doubt, named)
    return gone
