"""`strongroom logs`: what the processes of this machine said, masked as it was written."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from cyclopts import Parameter, validators

from strongroom.cli.durations import seconds
from strongroom.cli.failures import Failure, usage
from strongroom.cli.session import Home, Json, find_home

_OVERLAP: Final = 200  # lines; what comes while what is there is read, is both
EPILOGUE: Final = """
Examples:
  strongroom logs --level warning
  strongroom logs --process gateway-1 --since 10m
  strongroom logs --follow --json | jq .text
"""


def logs(
    *,
    process: Annotated[
        tuple[str, ...], Parameter(help="Whose lines, such as `gateway-1`; may be given more than once.")
    ] = (),
    since: Annotated[str | None, Parameter(help="From when on: `10m`, `2h`, or a moment with a zone.")] = None,
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Parameter(help="What matters as much, or more.")
    ] = "debug",
    lines: Annotated[
        int | None,
        Parameter(name=("--lines", "-n"), validator=validators.Number(gte=0), help="At most so many, the newest."),
    ] = 200,
    follow: Annotated[
        bool, Parameter(name=("--follow", "-f"), negative="", help="Go on with what is said from now on, until Ctrl-C.")
    ] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Read what the processes of this machine said, in the order of time; personal data and secrets are masked in it.

    Args:
        process: whose lines.
        since: from when on.
        level: the least that matters.
        lines: at most so many.
        follow: go on.
        home: the installation's home.
        json: one JSON object a line.
    """
    # The app room brings much with it: `--help` must not wait for that.
    from strongroom.app.logs import reading  # noqa: PLC0415 - see above
    from strongroom.app.logs.model import Level, Line, human  # noqa: PLC0415 - see above

    directory = find_home(home) / "logs"
    known = _names(directory)
    for name in process:
        if name not in known:
            raise usage(f"There is no log of `{name}`; there are {', '.join(known) or 'none'}.")
    wanted = reading.Wanted(processes=process, since=_since(since), level=Level(level), last=lines)

    def show(line: Line) -> None:
        text = msgspec.json.encode(line).decode() if json else human(line)
        sys.stdout.write(f"{text}\n")

    try:
        coming = reading.follow(directory, wanted) if follow else iter(())  # from before what is there is read
        there = reading.read(directory, wanted)
        for line in there:
            show(line)
        sys.stdout.flush()
        for line in coming:
            if line not in there[-_OVERLAP:]:
                show(line)
                sys.stdout.flush()
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise Failure(f"{error.filename or directory}: {error.strerror or error}.") from None


def _names(directory: Path) -> list[str]:
    from strongroom.app.logs.reading import there  # noqa: PLC0415 - see above

    try:
        return there(directory)
    except OSError as error:
        raise Failure(f"{directory}: {error.strerror or error}.") from None


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    if text[-1:] in {"s", "m", "h", "d"}:
        return datetime.now(UTC) - timedelta(seconds=seconds(text, "--since"))
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise usage("--since takes an age or a moment with a zone.", "Write it like 10m, 2h or 2026-01-31T12:00:00Z.")
    return at
