"""`strongroom training …`."""

from __future__ import annotations

from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.showing import listed

TRAINING: Final = App(
    name="training",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom training list --tenant initech
  strongroom training show ftjob-0193…c4 --tenant initech
  strongroom training cancel ftjob-0193…c4 --tenant initech

Jobs are begun by workloads whose role is training, with any client of OpenAI's fine-tuning API at https://CONTROL/v1.
""",
    help="See and cancel training jobs.",
)
_COLUMNS: Final = ("job", "environment", "workload", "trainer", "file", "release", "status", "created_at", "message")
_Whose = Annotated[str, Parameter(help="The tenant's name or id.")]


@TRAINING.command(name="list", help_epilogue="")
def list_jobs(*, tenant: _Whose, session: Session = HERE) -> None:
    """List a tenant's newest training jobs, in all its environments.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "training", "jobs"))
    listed(session, body, _COLUMNS, empty="There is no training job.")


@TRAINING.command(name="show", help_epilogue="")
def show(job: str, /, *, tenant: _Whose, session: Session = HERE) -> None:
    """Show a training job: who asked for it, what it was trained with, what came of it, and what a private run spent.

    Args:
        job: its id, `ftjob-…`.
        tenant: whose.
        session: how to ask.
    """
    _told(session, ask(session, "GET", place("tenants", tenant, "training", "jobs", job)))


@TRAINING.command(name="cancel", help_epilogue="")
def cancel(job: str, /, *, tenant: _Whose, session: Session = HERE) -> None:
    """Cancel a training job that waits or runs. Its credential ends with it, and its file stays.

    Args:
        job: its id.
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "POST", place("tenants", tenant, "training", "jobs", job, "cancel"))
    _told(session, body)


def _told(session: Session, body: bytes) -> None:
    if session.json:
        output.raw(body)
        return
    told: dict[str, Any] = decoded(body)
    figures: dict[str, Any] = told.pop("figures", {})
    output.record(told | figures)
