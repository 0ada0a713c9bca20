"""The pages for when there is no page. One answer for what is missing and for what is not the caller's to see."""

from __future__ import annotations

from typing import Final

from strongroom.console.visit import STATUS, Answer, Visit
from strongroom.kernel.refusal import Refusal, RefusalKind, hidden

MISSING: Final = hidden("no such page")
DATABASE_AWAY: Final = Refusal(
    kind=RefusalKind.UNAVAILABLE,
    reason="the database does not answer",
    tell="The database does not answer. Nothing was changed. This page comes back by itself when it does.",
)
FAULT: Final = Refusal(
    kind=RefusalKind.UNAVAILABLE,
    reason="a fault",
    tell="Something broke while this page was made. It is in the server's log under the request id below.",
)

_TITLES: Final = {
    400: "That could not be read",
    403: "Not permitted",
    404: "Not here",
    409: "That does not fit what is there",
    500: "Something broke",
    503: "Not available right now",
}


def page(visit: Visit, refusal: Refusal, *, status: int | None = None) -> Answer:
    """Return the page that says `refusal`; of its two texts only the caller's."""
    code = STATUS[refusal.kind] if status is None else status
    waits = code == STATUS[RefusalKind.UNAVAILABLE]
    return visit.render(
        "error.html",
        status=code,
        code=code,
        title=_TITLES.get(code, "That did not work"),
        tell=refusal.tell,
        waits=waits,
    )
