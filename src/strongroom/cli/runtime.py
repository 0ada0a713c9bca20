"""`strongroom runtime bom` and `check`: what this installation consists of. Needs no server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.bills import put_bom
from strongroom.cli.documents import refuse_existing
from strongroom.cli.failures import FAILED, OK, usage
from strongroom.cli.local import LOCAL
from strongroom.cli.options import OutFile
from strongroom.cli.session import Json

if TYPE_CHECKING:
    from strongroom.registry.bills.rebuilt import Rebuilt

RUNTIME: Final = App(
    name="runtime",
    group=LOCAL,
    help_epilogue="""
Examples:
  strongroom runtime bom --lock uv.lock --out runtime.cdx.json
  strongroom runtime check runtime.cdx.json
""",
    help="Say what this installation, in which workers run, consists of, and whether it still does.",
)


@RUNTIME.command(
    name="bom",
    help_epilogue="""
Examples:
  strongroom runtime bom --lock uv.lock --out runtime.cdx.json
""",
)
def bom(
    *,
    lock: Annotated[
        Path | None, Parameter(help="A uv.lock, whose hashes of wheels stand beside each package [default: none].")
    ] = None,
    out: OutFile = None,
) -> None:
    """Write a CycloneDX 1.6 bill of materials of the installation itself: packages by their records, Python, system, kernel.

    Args:
        lock: the lock file that it was installed by.
        out: where to write it.
    """
    from strongroom.confinement.tree import site_packages  # noqa: PLC0415 - `--help` must not wait for it
    from strongroom.kernel.clock import SystemClock  # noqa: PLC0415 - as above
    from strongroom.registry.bills.installed import BadLock, look  # noqa: PLC0415 - as above
    from strongroom.registry.bills.runtime import runtime_bom  # noqa: PLC0415 - as above

    refuse_existing(out)
    try:
        found = look(site_packages(), None if lock is None else _read(lock))
    except BadLock as error:
        raise usage(f"{lock}: {error}", "Name the uv.lock that this was installed by.") from None
    put_bom(msgspec.json.encode(runtime_bom(found, SystemClock().now())), out, of="this installation")
    output.note(f"Its environment is {found.digest}.")


@RUNTIME.command(
    name="check",
    help_epilogue="""
Examples:
  strongroom runtime check runtime.cdx.json
  strongroom runtime check runtime.cdx.json --no-files --json
  strongroom runtime check runtime.cdx.json --lock uv.lock --wheels ./wheels

Exit codes: 0 it is what the bill tells of, 1 it is not, 2 the file is no such bill.
""",
)
def check(
    bill: Path,
    /,
    *,
    files: Annotated[
        bool, Parameter(help="Hash every installed file too, and hold it against its package's record.")
    ] = True,
    lock: Annotated[
        Path | None, Parameter(help="A uv.lock: every package is one that it pins [default: it is not asked].")
    ] = None,
    wheels: Annotated[
        Path | None,
        Parameter(help="Directory of wheels, fetched or built anew: installed files are theirs; needs --lock."),
    ] = None,
    json: Json = False,
) -> int:
    """Hold this installation against a bill that was written of it: what was added, is gone, or has other bytes.

    Args:
        bill: as `runtime bom` wrote it.
        files: hash every file too.
        lock: hold packages against a lock file too.
        wheels: and their files against wheels that the lock file allows, or that were built anew.
        json: print JSON.
    """
    from strongroom.confinement.tree import site_packages  # noqa: PLC0415 - `--help` must not wait for it
    from strongroom.registry.bills.installed import altered, compared, look  # noqa: PLC0415 - as above
    from strongroom.registry.bills.runtime import NotABill, read_bill  # noqa: PLC0415 - as above

    if wheels is not None and lock is None:
        raise usage("Which wheels count stands in a lock file.", "Name it: --lock uv.lock.")
    if wheels is not None and not files:
        raise usage(
            "Wheels are held against records: whether the files are what these say is asked too.",
            "Leave --no-files out.",
        )
    given = [] if wheels is None else _wheels(wheels)
    try:
        before = read_bill(_read(bill))
    except NotABill as error:
        raise usage(f"{bill}: {error}") from None
    places = site_packages()
    now = look(places)
    said = compared(before, now)
    if files:
        said += [f"{each} is not what its package's record says." for each in altered(places)]
    built = None if lock is None else _rebuilt(places, lock, given)
    said += [] if built is None else built.differences
    if json:
        told: dict[str, object] = {"same": not said, "differences": said, "environment": now.digest}
        if built is not None:
            told |= {"rebuilt": built.same, "not_compared": built.untold}
        output.raw(msgspec.json.encode(told))
    else:
        for each in said:
            print(output.text(each))
        if built is not None:
            output.note(
                f"As their wheels: {len(built.same)} packages; without a wheel to compare: {len(built.untold)}."
            )
        output.note("It is NOT what the bill tells of." if said else "It is what the bill tells of.")
    return FAILED if said else OK


def _rebuilt(places: tuple[Path, ...], lock: Path, wheels: list[Path]) -> Rebuilt:
    from strongroom.registry.bills.installed import BadLock  # noqa: PLC0415 - `--help` must not wait for it
    from strongroom.registry.bills.rebuilt import rebuilt  # noqa: PLC0415 - as above

    try:
        return rebuilt(places, _read(lock), wheels)
    except BadLock as error:
        raise usage(f"{lock}: {error}", "Name the uv.lock that this was installed by.") from None


def _wheels(directory: Path) -> list[Path]:
    """Return the wheels in a directory. None at all would compare nothing, and look as if it had."""
    found = sorted(directory.glob("*.whl"))
    if not found:
        raise usage(
            f"There is no wheel in {directory}." if directory.is_dir() else f"{directory} is no directory.",
            "Fetch them: `uv export --frozen --no-emit-project | pip download --require-hashes --no-deps -r /dev/stdin -d "
            f"{directory}`.",
        )
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise usage(f"{path} cannot be read: {error.strerror}.") from None
