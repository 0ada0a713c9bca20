"""For tests: rules of retention one by one, as versions of the one document that holds."""

from __future__ import annotations

from typing import Any

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.policy import Action, Ask, Kind, Resource
from strongroom.retention import tables
from strongroom.retention.model import RECORDS, RuleClass
from strongroom.retention.service import Retention
from strongroom.rules import Level, Rules
from strongroom.rules.retention import RETENTION


async def keep(
    retention: Retention,
    who: Principal,
    tenant: TenantId | None,
    days: int,
    reason: str,
    ask: Ask,
    class_: RuleClass = RECORDS,
    smallest: int | None = None,
) -> None:
    """Put a document in force in which rows of a class of a tenant, or (None) of all others, are kept for so many days."""
    parts: Any = retention
    rules = Rules(parts._gate, parts._clock)  # noqa: SLF001 - a test
    where = Resource(kind=Kind.AUDIT_LOG, id="retention", tenant=None)
    async with parts._gate.permit_platform(who, Action.RETENTION_READ, where, ask) as tx:  # noqa: SLF001 - a test
        names, there = dict(await tables.tenants(tx)), await tables.rules(tx)
    lines = {(each.tenant, each.class_): (each.days, each.smallest) for each in there}
    lines[tenant, class_.value] = (days, smallest)
    said = [
        {name: kept}
        | ({} if least is None else {"smallest": least})
        | ({} if whose is None else {"tenants": [names[TenantId(whose)]]})
        for (whose, name), (kept, least) in lines.items()
    ]
    found = await rules.in_force(who, None, ask, RETENTION.name)
    last = max((each.version for each in found), default=0)
    document = {"rules": said}
    await rules.write(
        who, None, RETENTION.name, Level.DEFAULT, document, expected=last, reason=reason, ask=ask
    )  # fmt: skip
