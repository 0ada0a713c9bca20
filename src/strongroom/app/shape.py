"""What an installation must be before it serves, and what production mode asks for beyond."""

from __future__ import annotations

import os
from collections.abc import Callable

from strongroom.app.refusals import USAGE, CannotStart
from strongroom.app.settings import Settings
from strongroom.runtime.sandbox import SandboxReport, State
from strongroom.store import Dsn
from strongroom.store.lint import lint


def refuse(settings: Settings, sandbox: SandboxReport, *, demo: bool) -> None:
    """Refuse to start in a shape that the settings rule out.

    Raises:
        CannotStart: with everything that is missing, not only the first of it.
    """
    missing = faults(settings, sandbox, demo=demo)
    if missing:
        listed = "\n".join(f"  - {each}" for each in missing)
        raise CannotStart(f"this is no shape to start in:\n{listed}", USAGE)


def faults(settings: Settings, sandbox: SandboxReport, *, demo: bool) -> list[str]:
    """Return what is missing, a sentence each, with the way to mend it."""
    found: list[str] = []
    if settings.production:
        if demo:
            found.append("demo accounts and keys are refused in production mode; leave out --demo")
        if settings.database.url is None:
            found.append("the embedded database is for trying out; set database.url to your own PostgreSQL")
        if os.geteuid() != 0:
            found.append("all processes would share one uid; start as root, each then runs under its own")
    if settings.full_sandbox:
        found.extend(
            f'sandbox: {measure.sentence} (or set workers.sandbox = "best")'
            for measure in sandbox.measures
            if measure.state is not State.ACTIVE
        )
    return found


async def shape_of_database(admin: Dsn, settings: Settings, tell: Callable[[str], None]) -> None:
    """Look whether the database keeps what row security rests on: production refuses what does not, others are told.

    Args:
        admin: a superuser's login to the database, migrated.
        settings: whether it is production.
        tell: is told of each finding.

    Raises:
        CannotStart: in production, with everything that was found.
        Unavailable: when the database does not answer.
    """
    findings = await lint(admin)
    if findings and settings.production:
        listed = "\n".join(f"  - {finding}" for finding in findings)
        raise CannotStart(f"the database does not keep its promises:\n{listed}")
    for finding in findings:
        tell(f"warning: the database: {finding}")
