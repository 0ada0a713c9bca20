"""Whether a worker of a release of the installation may start in an environment: for one of the tenants that have deployed it."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.registry.admission import Admission, tables
from strongroom.registry.admission.again import Again, again
from strongroom.store import OperatorTx


async def demand_start(
    tx: OperatorTx,
    admission: Admission,
    digest: str,
    environment: Environment,
    tenants: Sequence[TenantId],
    *,
    lenient: bool,
) -> str:
    """Return what could not be told of a release that may be started; "": everything could.

    Args:
        tx: where to read.
        admission: judges.
        digest: of the release.
        environment: where.
        tenants: who has deployed it there; none: it is started for whoever will.
        lenient: whether what cannot be told is no reason against it, as where it was told a while ago.

    Raises:
        Refused: with what speaks against it, for every one of them.
    """
    found = await tables.subject_of(tx, digest, None)
    if found is None:
        raise _no("It is not started: no release with its digest was admitted.")
    case = await admission.case(tx, found, [environment])
    said = [again(case, environment, None if each is None else str(each)) for each in (*tenants,) or (None,)]
    best = min(said, key=_weight)
    if best.barred or (best.untold and not lenient):
        raise _no(best.barred or best.untold)
    return best.untold


def _weight(said: Again) -> tuple[bool, bool]:
    return bool(said.barred), bool(said.untold)


def _no(why: str) -> Refused:
    return Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=why, tell=why))
