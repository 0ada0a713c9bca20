"""`strongroom support …`: what leaves for a ticket or a chat, masked, listed and searched before it does."""

# ruff: noqa: PLC0415 - the app room and the detectors come late: `--help` must not wait for them

from __future__ import annotations

import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter, validators

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import Failure, usage
from strongroom.cli.local import LOCAL
from strongroom.cli.session import HERE, Session

if TYPE_CHECKING:
    from strongroom.app.support.pack import Masker, Part

SUPPORT: Final = App(
    name="support",
    group=LOCAL,
    help="Put together what support needs, without content, and mask what a ticket or a chat holds.",
    help_epilogue="""
Examples:
  strongroom support bundle --dry-run
  strongroom support bundle --output bundle.tar.gz --canary-file canaries.txt
  strongroom support redact chat.jsonl --output clean.jsonl --canary-file canaries.txt
""",
)
Canaries = Annotated[
    Path | None,
    Parameter(help="File with texts that were planted, one a line: where one of them is found, nothing is written."),
]
_LOG_LINES: Final = 500
_RECORDS: Final = 200
_COLUMNS: Final = ("name", "octets", "masked", "why", "missing")


@SUPPORT.command(name="bundle", help_epilogue="")
def bundle(
    *,
    output_file: Annotated[
        Path | None, Parameter(name=("--output", "-o"), help="Where to write it (.tar.gz); it must not exist yet.")
    ] = None,
    dry_run: Annotated[bool, Parameter(negative="", help="Say what would be inside, and write nothing.")] = False,
    part: Annotated[str | None, Parameter(help="With --dry-run: show this part as it would leave.")] = None,
    since_hours: Annotated[
        int, Parameter(name="--hours", validator=validators.Number(gte=1, lte=720), help="How far back logs go.")
    ] = 24,
    canary_file: Canaries = None,
    session: Session = HERE,
) -> None:
    """Put together what support needs: doctor, versions, settings, logs, metrics, figures of records, what was refused.

    No content is in it. Every text passes the detectors, tenants and accounts lose their names, and each part is searched for the
    canaries that you name and for keys that work; where one is found, nothing is written. What could not be had is listed.

    Args:
        output_file: where to write.
        dry_run: only say.
        part: show one.
        since_hours: of the logs.
        canary_file: what must not be in it.
        session: how to ask.
    """
    from strongroom.app.support import pack

    if (output_file is None) != dry_run:
        raise usage("Say where to write it with --output, or look at it first with --dry-run.")
    tenants, names = _names(session)
    parts = list(_parts(session, pack.Masker(names=names), tenants, since_hours))
    canaries = _canaries(canary_file)
    _search(parts, canaries)
    said = pack.manifest(parts, made_at=datetime.now(UTC), version=version("strongroom"), searched_for=len(canaries))
    if dry_run and part is not None:
        found = next((each for each in parts if each.name == part), None)
        if found is None:
            raise usage(f"There is no part {part}.", f"There are {', '.join(each.name for each in parts)}.")
        sys.stdout.write(found.content.decode())
        return
    if output_file is not None:
        try:
            pack.archive(parts, said, output_file)
        except FileExistsError:
            raise usage(f"{output_file} is there already.") from None
        except OSError as error:
            raise Failure(f"{output_file}: {error.strerror or error}.") from None
    if session.json:
        output.raw(msgspec.json.encode(said))
    else:
        rows = [msgspec.to_builtins(each) for each in said.parts]
        output.listing(rows, _COLUMNS, empty="Nothing is inside.")
        output.note(
            "Nothing was written."
            if output_file is None
            else f"Written to {output_file}. Look through it before it leaves."
        )


@SUPPORT.command(name="redact", help_epilogue="")
def redact(
    file: Annotated[
        Path, Parameter(help="The export of a ticket or a chat; `-` reads standard input.", allow_leading_hyphen=True)
    ],
    /,
    *,
    output_file: Annotated[
        Path | None, Parameter(name=("--output", "-o"), help="Where to write; its manifest goes beside it.")
    ] = None,
    dry_run: Annotated[bool, Parameter(negative="", help="Say what would be masked, and write nothing.")] = False,
    canary_file: Canaries = None,
    session: Session = HERE,
) -> None:
    """Mask an export of a ticket or a chat (text, JSON, JSONL, CSV), list what was masked, and search the result.

    Args:
        file: the export.
        output_file: where to write.
        dry_run: only say.
        canary_file: what must not be in it.
        session: for --json.
    """
    from strongroom.app.redaction.plan import Format, format_of
    from strongroom.app.support import pack
    from strongroom.cli.datafiles import STANDARD, Work, key_from, kinds_from, meter, opened, plan_of

    if (output_file is None) != dry_run:
        raise usage("Say where to write it with --output, or look at it first with --dry-run.")
    form = Format.TEXT if str(file) == STANDARD else format_of(file)
    if form is Format.PARQUET:
        raise usage("A ticket or a chat is text, JSON, JSONL or CSV.", "For Parquet there is `strongroom redact`.")
    work = Work(
        plan_of(kinds_from("default"), "mask", key_from(None), 0.5, names=True, header=True), form, 1, frozenset()
    )
    with opened(file) as (source, size), meter(size, quiet=True) as progress:
        done, text = work.held(source, progress)
    clean = pack.Part(name=file.name, why="an export, masked", content=(text or "").encode(), masked=done.found)
    canaries = _canaries(canary_file)
    _search([clean], canaries)
    said = pack.manifest([clean], made_at=datetime.now(UTC), version=version("strongroom"), searched_for=len(canaries))
    if output_file is not None:
        beside = output_file.with_name(f"{output_file.name}.manifest.json")
        for path, content in ((output_file, clean.content), (beside, msgspec.json.encode(said))):
            try:
                path.touch(0o600, exist_ok=False)
                path.write_bytes(content)
            except FileExistsError:
                raise usage(f"{path} is there already.") from None
            except OSError as error:
                raise Failure(f"{path}: {error.strerror or error}.") from None
    if session.json:
        output.raw(msgspec.json.encode(said))
    else:
        output.listing([msgspec.to_builtins(each) for each in said.parts], _COLUMNS, empty="Nothing.")


def _canaries(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise usage(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}.") from None
    return [line for line in lines if line]


def _search(parts: list[Part], canaries: list[str]) -> None:
    from strongroom.app.support.pack import Found, search

    try:
        search(parts, canaries)
    except Found as found:
        raise Failure(str(found), "Find out how it came there: it should not have been said.") from None
    except ValueError as error:
        raise usage(f"--canary-file: {error}.") from None


def _names(session: Session) -> tuple[list[str] | None, list[str]]:
    """Return the names of the tenants, and all names that do not leave: theirs and the accounts'. None where nobody answers."""
    try:
        tenants = [str(each["name"]) for each in get(session, place("tenants"))["data"]]
        accounts = [str(each["name"]) for each in get(session, place("accounts"))["data"]]
    except Failure:
        return None, []
    return tenants, [*tenants, *accounts]


def _parts(session: Session, masker: Masker, tenants: list[str] | None, hours: int) -> Iterator[Part]:
    yield masker.document("versions.json", "which program, where", _versions())
    yield _tried(
        "doctor.json", "what is well and what is not", lambda each, why: masker.document(each, why, _doctor(session))
    )
    yield _tried(
        "settings.json",
        "the settings in force; they hold no secret",
        lambda each, why: masker.document(each, why, _settings(session)),
    )
    yield from _logs(session, masker, hours)
    yield _tried(
        "metrics.txt", "the figures of all processes", lambda each, why: masker.text(each, why, _metrics(session))
    )
    yield _tried(
        "records.json",
        "how many requests ended how",
        lambda each, why: masker.document(each, why, _records(session, tenants)),
    )
    yield _tried(
        "refusals.json",
        "what was refused of late, and why",
        lambda each, why: masker.document(each, why, _refusals(session)),
    )


def _tried(name: str, why: str, make: Callable[[str, str], Part]) -> Part:
    from strongroom.app.support.pack import Part

    try:
        return make(name, why)
    except Failure as failure:
        return Part(name=name, why=why, missing=failure.said)
    except OSError as error:
        return Part(name=name, why=why, missing=str(error.strerror or type(error).__name__))


def _versions() -> dict[str, str]:
    return {
        "strongroom": version("strongroom"),
        "python": platform.python_version(),
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
    }


def _doctor(session: Session) -> list[dict[str, Any]]:
    from strongroom.app import doctor

    checks: list[dict[str, Any]] = msgspec.to_builtins(doctor.run(session.where))
    try:
        return [
            *checks,
            *({**each, "name": f"control: {each['name']}"} for each in get(session, place("doctor"))["data"]),
        ]
    except Failure as failure:
        return [*checks, {"name": "control API", "status": "undetermined", "detail": failure.said}]


def _settings(session: Session) -> list[dict[str, Any]]:
    from strongroom.app.settings import SettingsError, load

    try:
        explained = [msgspec.to_builtins(each) for each in load(session.where).explain()]
        # What a setting means is this program's own text, in which a name that is also a word of ours would be masked.
        return [{name: each[name] for name in each if name != "description"} for each in explained]
    except SettingsError as error:
        raise Failure(str(error)) from None


def _logs(session: Session, masker: Masker, hours: int) -> Iterator[Part]:
    from strongroom.app.logs import reading

    directory, since = session.where / "logs", datetime.now(UTC) - timedelta(hours=hours)
    try:
        names = reading.there(directory)
    except OSError:
        names = []
    if not names:
        from strongroom.app.support.pack import Part

        yield Part(
            name="logs", why="what the processes said", missing="there are no logs here, or they may not be read"
        )
    for name in names:
        wanted = reading.Wanted(processes=(name,), since=since, last=_LOG_LINES)

        def made(each: str, why: str, wanted: reading.Wanted = wanted) -> Part:
            return masker.lines(each, why, reading.read(directory, wanted))

        yield _tried(f"logs/{name}.jsonl", f"the last lines of {name}", made)


def _metrics(session: Session) -> str:
    return ask(session, "GET", "/metrics").decode()


def _records(session: Session, tenants: list[str] | None) -> list[dict[str, Any]]:
    """Return how many of the newest records of all tenants ended how: no tenant, no key, no id among them."""
    if tenants is None:
        raise Failure("The tenants could not be listed.")
    counts: Counter[tuple[str, str, str, str, str]] = Counter()
    for tenant in tenants:
        for each in get(session, place("tenants", tenant, "records", limit=_RECORDS, purpose="support-bundle"))["data"]:
            counts[
                each["environment"], each["operation"], each["outcome"], str(each["status"]), each["refusal"] or ""
            ] += 1
    fields = ("environment", "operation", "outcome", "status", "refusal")
    return [dict(zip(fields, key, strict=True)) | {"requests": number} for key, number in counts.most_common()]


def _refusals(session: Session) -> list[dict[str, Any]]:
    """Return what the installation's log says was refused of late: what, why and under which id, and not whom."""
    found: list[dict[str, Any]] = get(session, place("audit", limit=_RECORDS))["data"]
    kept = ("at", "action", "outcome", "reason", "request_id")
    return [{name: each.get(name) for name in kept} for each in found if each.get("outcome") != "allowed"]
