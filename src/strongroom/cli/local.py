"""Commands about this machine: `up`, `doctor`, `config explain`, `backup`, `restore`. They import the app room late."""

# ruff: noqa: PLC0415 - the app room brings everything with it: `--help` and the online commands must not wait for that

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from cyclopts import App, Parameter, validators

from strongroom.cli import output
from strongroom.cli.calls import get, place
from strongroom.cli.failures import FAILED, OK, UNDETERMINED, Failure, usage
from strongroom.cli.progress import over_bytes
from strongroom.cli.session import HERE, Home, Json, Session, find_home

LOCAL: Final = "This machine"
"""The heading that these commands stand under."""
CONFIG: Final = App(name="config", group=LOCAL, help_epilogue="", help="Look at the settings.")
Port = Annotated[int | None, Parameter(validator=validators.Number(gte=0, lte=65535))]


def up(
    *,
    home: Home = None,
    port: Annotated[
        Port, Parameter(help="The gateway's port [default: the setting, 8400].", show_default=False)
    ] = None,
    control_port: Annotated[
        Port, Parameter(help="The control API's and console's port [default: the setting, 8401].", show_default=False)
    ] = None,
    demo: Annotated[bool, Parameter(negative="", help="Seed two tenants with keys and models to try.")] = False,
    operator_token_file: Annotated[
        Path | None,
        Parameter(help="Where to write the first operator's token when there is no terminal to show it on."),
    ] = None,
    approver_token_file: Annotated[
        Path | None,
        Parameter(help="When every approver's token is lost: give the approver `approver` a new one, written there."),
    ] = None,
) -> int:
    """Start everything on this machine and serve in the foreground until Ctrl-C or SIGTERM."""
    from strongroom.app.options import Options
    from strongroom.app.up import run

    return run(
        Options(
            home=find_home(home),
            port=port,
            control_port=control_port,
            demo=demo,
            operator_token_file=operator_token_file,
            approver_token_file=approver_token_file,
        )
    )


def doctor(
    *,
    offline: Annotated[
        bool, Parameter(negative="", help="Look from outside only; do not ask the control API.")
    ] = False,
    session: Session = HERE,
) -> int:
    """Check this installation: database, roles, row policies, workers, sandbox, clock, disk.

    Looks from outside at what lies in the home, and asks the control API what it sees from inside. Exit code 0 when all
    is well, 1 when something failed, 3 when something could not be determined, which is never read as well.

    Args:
        offline: do not ask the control API.
        session: where the installation is, and how to ask.
    """
    from strongroom.app import doctor as app_doctor

    checks: list[dict[str, Any]] = msgspec.to_builtins(app_doctor.run(session.where))
    if not offline:
        checks += _from_inside(session)
    if session.json:
        output.raw(msgspec.json.encode({"data": checks}))
    else:
        output.listing(checks, ("name", "status", "detail", "fix"), empty="Nothing was looked at.")
    found = {check["status"] for check in checks}
    if "failed" in found:
        return FAILED
    return UNDETERMINED if "undetermined" in found or not checks else OK


def _from_inside(session: Session) -> list[dict[str, Any]]:
    try:
        found = get(session, place("doctor"))["data"]
    except Failure as failure:
        return [{"name": "control API", "status": "undetermined", "detail": failure.said, "fix": failure.then}]
    return [check | {"name": f"control: {check['name']}"} for check in found]


@CONFIG.command(name="explain")
def explain(
    *,
    home: Home = None,
    json: Json = False,
) -> None:
    """List every setting with its value and where that came from: default, file, environment or command line."""
    from strongroom.app.settings import SettingsError, load

    try:
        rows: list[dict[str, Any]] = [msgspec.to_builtins(each) for each in load(find_home(home)).explain()]
    except SettingsError as error:
        raise usage(f"{error}.") from None
    if json:
        output.raw(msgspec.json.encode({"data": rows}))
    else:
        output.listing(rows, ("name", "value", "source", "description"), empty="There is no setting.")


WithoutContent: TypeAlias = Annotated[
    bool, Parameter(negative="", help="Without releases, data sets and training files: the database alone.")
]


def backup(archive: Path, /, *, without_content: WithoutContent = False, home: Home = None, json: Json = False) -> None:
    """Write a backup of the database and of the sealed content to a file, mode 0600. The installation may run meanwhile.

    The keyring is not in it: keep a copy of HOME/secrets apart, under its own rule.

    Args:
        archive: the file to write; it must not exist yet.
        without_content: leave out releases, data sets and training files.
        home: the installation's home.
        json: print the manifest as JSON.
    """
    from strongroom.app import backup as app_backup

    with over_bytes(quiet=json) as moved:
        manifest = _tried(lambda: app_backup.backup(find_home(home), archive, content=not without_content, moved=moved))
    _told(manifest, f"The backup stands in {archive}; keep HOME/secrets apart from it.", json=json)


def restore(
    archive: Path,
    /,
    *,
    replace: Annotated[
        bool,
        Parameter(negative="", help="Restore over what is there; without it, an existing database is not touched."),
    ] = False,
    keep_keys: Annotated[
        bool,
        Parameter(
            negative="",
            help="Let keys count again as the backup remembers them, those that were revoked since included.",
        ),
    ] = False,
    foreign_archive: Annotated[
        bool,
        Parameter(
            negative="",
            help="Take an archive that this home's keyring did not seal. What is in it is executed as the database's "
            "administrator: only for an archive whose maker you trust with everything.",
        ),
    ] = False,
    without_content: WithoutContent = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Bring the database and the content back from a backup. The installation must be stopped, and every credential ends.

    Args:
        archive: what `strongroom backup` wrote.
        replace: restore over what is there.
        keep_keys: let credentials count again; only for who is certain that none was revoked since.
        foreign_archive: take an archive that was made elsewhere, and execute what is in it.
        without_content: leave the content that is there alone.
        home: the installation's home.
        json: print the manifest as JSON.
    """
    from strongroom.app import backup as app_backup

    with over_bytes(quiet=json) as moved:
        manifest = _tried(
            lambda: app_backup.restore(
                find_home(home),
                archive,
                replace=replace,
                keep_keys=keep_keys,
                foreign=foreign_archive,
                content=not without_content,
                moved=moved,
            )
        )
    said = "Restored." if keep_keys else "Restored. Every credential in it has ended: issue new ones."
    _told(manifest, said, json=json)


def _tried(work: Any) -> Any:
    from strongroom.app.refusals import CannotStart
    from strongroom.app.settings import SettingsError
    from strongroom.store import StoreError

    try:
        return work()
    except CannotStart as error:
        raise Failure(str(error), code=error.code) from None
    except (StoreError, SettingsError) as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"{error.filename or 'A file'}: {error.strerror or error}.") from None


def _told(manifest: Any, said: str, *, json: bool) -> None:
    if json:
        output.raw(msgspec.json.encode(manifest))
    else:
        output.record(msgspec.to_builtins(manifest))
        output.note(said)
