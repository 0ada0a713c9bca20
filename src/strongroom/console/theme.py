"""Light, dark, or as the system has it: a cookie, so that it holds without JavaScript and without a flash."""

from __future__ import annotations

from strongroom.console import cookies
from strongroom.console.signin import own_path
from strongroom.console.visit import Answer, Visit


async def choose(visit: Visit) -> Answer:
    """Remember the chosen look."""
    chosen = visit.form.raw("theme")
    return Answer(
        status=303,
        headers={"location": own_path(visit.form.raw("next"))},
        theme=chosen if chosen in cookies.THEMES else "auto",
    )
