"""Whose tokens are exchanged for a tenant's workloads, what was given out lately, and ending a rule."""

from __future__ import annotations

from uuid import UUID

from strongroom.console import place
from strongroom.console.commands import command
from strongroom.console.visit import Answer, Visit
from strongroom.kernel.refusal import Refused, hidden
from strongroom.policy import Action, Kind, Resource

_LATEST = 20


async def listing(visit: Visit) -> Answer:
    """List a tenant's federation rules, ended ones included, and the latest tokens."""
    where = await place.of(visit, "federation")
    federation, who, tenant = visit.parts.federation, visit.who, where.tenant
    rules = await federation.list(who, tenant, visit.ask())
    tokens = await federation.tokens(who, tenant, visit.ask())
    return visit.render(
        "federation.html",
        place=where,
        rules=[each for each in rules if where.shows(each.environment)],
        tokens=[each for each in tokens if where.shows(each.environment)][:_LATEST],
        may_end=visit.may(Action.FEDERATION_DELETE, Resource(kind=Kind.FEDERATION, tenant=tenant)),
    )


async def end(visit: Visit) -> Answer:
    """End a rule, and every token under it."""
    where = await place.of(visit, "federation")
    try:
        rule = UUID(visit.params["rule"])
    except ValueError:
        raise Refused(hidden("not a rule's id")) from None
    await visit.parts.federation.end(visit.who, where.tenant, rule, "ended in the console", visit.ask())
    said = f"Rule {rule} has ended, and with it every token that was given out under it."
    return visit.done(f"{where.base}/federation", said, command("federation", "delete", str(rule), tenant=where.name))
