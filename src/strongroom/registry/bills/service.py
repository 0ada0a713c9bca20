"""What can be asked of a release's documents."""

from __future__ import annotations

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refused, hidden
from strongroom.policy import Ask
from strongroom.registry import tables as registry_tables
from strongroom.registry.admission import Admission
from strongroom.registry.bills.facts import described
from strongroom.registry.bills.model import Described
from strongroom.registry.evaluations import Counting
from strongroom.store import TenantTx


class Bills:
    """Describes releases."""

    def __init__(self, admission: Admission, evaluations: Counting) -> None:
        """Take who reads evidence and evaluations."""
        self._admission = admission
        self._evaluations = evaluations

    async def describe(self, who: Principal, name: str, version: str, tenant: TenantId | None, ask: Ask) -> Described:
        """Return what is known of a release, and may be by who asks.

        Raises:
            Refused: hidden for a release that there is not, or that is another tenant's own.
        """
        whose = tenant or who.tenant
        async with self._admission.reading(who, name, version, tenant, ask) as tx:
            found = await self._admission.named(tx, name, version, whose)
            listed = await registry_tables.releases(tx, found.owner)
            owner = found.owner
            release = next(
                (each for each in listed if each.digest == found.subject.digest and each.tenant == owner), None
            )
            if release is None:
                raise Refused(hidden(f"no release {name}@{version}"))
            evaluations = await self._evaluations.passing(tx, found.subject.digest) if isinstance(tx, TenantTx) else ()
            case = await self._admission.case(tx, found)
            return described(case, release, evaluations, None if whose is None else str(whose))
