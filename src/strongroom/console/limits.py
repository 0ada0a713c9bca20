"""What a tenant has used of its limits, and what was taken out of its stores, with a bar for each."""

from __future__ import annotations

from typing import Final

from strongroom.console import place
from strongroom.console.visit import Answer, Visit
from strongroom.rules.exports import Measure as Taking
from strongroom.rules.limits import Measure
from strongroom.rules.taken import Taken
from strongroom.rules.usage import Used

WORDS: Final = {
    Measure.REQUESTS: "requests in a burst",
    Measure.CONCURRENCY: "requests under way",
    Measure.TOKENS: "tokens a minute",
    Measure.TOKENS_DAY: "tokens a day",
    Measure.COST_DAY: "cost a day, millionths",
    Measure.QUERIES: "queries ever",
}
TAKING: Final = {
    Taking.ROWS_HOUR: "rows an hour",
    Taking.ROWS_DAY: "rows a day",
    Taking.BYTES_HOUR: "bytes an hour",
    Taking.BYTES_DAY: "bytes a day",
    Taking.TIMES_HOUR: "times an hour",
    Taking.TIMES_DAY: "times a day",
}
_FULL: Final = 100


async def usage(visit: Visit) -> Answer:
    """Show what is used of each limit, and who has taken out how much."""
    where = await place.of(visit, "limits")
    found = await visit.parts.usage.of_tenant(visit.who, where.tenant, visit.ask())
    taken = await visit.parts.taken.of_tenant(visit.who, where.tenant, visit.ask())
    return visit.render(
        "limits.html",
        place=where,
        used=[(each, WORDS[each.measure], percent(each)) for each in found],
        taken=[(each, TAKING[each.measure], percent(each)) for each in taken],
    )


def percent(used: Used | Taken) -> int:
    """Return how much of a limit is used, in whole percent; what is used at all is never 0, what is left never 100."""
    if used.used >= used.limit:
        return _FULL
    return min(_FULL - 1, max(1, _FULL * used.used // used.limit)) if used.used else 0
