"""`strongroom key scan`: asks no server and needs none."""

from __future__ import annotations

import os
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from cyclopts import Parameter

from strongroom.cli import output
from strongroom.cli.custody import ENDPOINT, KEY
from strongroom.cli.failures import FAILED, OK, UNDETERMINED, usage

if TYPE_CHECKING:
    from strongroom.leaks import Options, Report

EPILOGUE: Final = """
Examples:
  strongroom key scan .
  strongroom key scan image.tar --json
  git diff --cached | strongroom key scan -
  strongroom key scan src --sarif leaks.sarif --baseline known-leaks.json

Exit codes: 0 nothing found, 1 a key was found, 2 wrong usage, 3 something could not be read (and nothing was found).
"""
_COLUMNS: Final = ("path", "line", "rule", "kind", "shown", "where", "fingerprint")
_CONFIG: Final = ".strongroom-scan.toml"


class _Baseline(msgspec.Struct, forbid_unknown_fields=True):
    """Fingerprints that were known at some time."""

    fingerprints: list[str]


@KEY.command(name="scan", help_epilogue=EPILOGUE)
def scan(
    *paths: Annotated[str, Parameter(help="Files and folders; `-` is standard input.", allow_leading_hyphen=True)],
    config: Annotated[
        Path | None,
        Parameter(help=f"TOML file with `exclude`, `allow` and `patterns` [default: ./{_CONFIG}, if it is there]."),
    ] = None,
    exclude: Annotated[
        tuple[str, ...], Parameter(negative="", help="Glob of paths that are not read; may be repeated.")
    ] = (),
    pattern: Annotated[
        tuple[str, ...], Parameter(negative="", help="A pattern of your own, as NAME=RE2; may be repeated.")
    ] = (),
    baseline: Annotated[Path | None, Parameter(help="File of hits that are known; they are not told again.")] = None,
    write_baseline: Annotated[
        Path | None, Parameter(help="Write what is found as a baseline, and end with 0; it holds no secret.")
    ] = None,
    sarif: Annotated[
        Path | None, Parameter(help="Write the report as SARIF 2.1.0, for code hosts and editors.")
    ] = None,
    jobs: Annotated[
        int | None, Parameter(help="Processes side by side; as many as there are processors if not given.")
    ] = None,
    json: Annotated[bool, Parameter(negative="", help="Print the report as JSON and nothing else.")] = False,
) -> int:
    """Find keys where none should be: Strongroom's by their checksum, and those of some hundred providers by their shape.

    Trees, archives (zip, tar, gz, bz2, xz) and images' layers, notebooks with their outputs, logs. No key is printed whole.
    A line that says `strongroom:allow` passes.

    Args:
        paths: what to scan.
        config: a file of options.
        exclude: what not to read.
        pattern: patterns of your own.
        baseline: what is known.
        write_baseline: where to write what is found.
        sarif: where to write the report as SARIF.
        jobs: how many processes.
        json: print JSON.
    """
    from strongroom.leaks import Detector, scan  # noqa: PLC0415 - `--help` must not wait for a hundred patterns
    from strongroom.leaks.scan import processors, scan_bytes  # noqa: PLC0415 - as above

    if not paths:
        raise usage("There is nothing to scan.", "Name files or folders, or `-` for standard input.")
    for path in paths:
        if path != "-" and not os.path.lexists(path):
            raise usage(f"There is no {path}.", "Name files or folders that are there, or `-` for standard input.")
    options = _options(config, exclude, pattern, baseline)
    try:
        Detector(dict(options.patterns))
    except ValueError as error:
        raise usage(str(error), "A pattern is written in RE2's syntax: no look-around, no back-references.") from None
    if "-" in paths:
        if len(paths) > 1:
            raise usage("Standard input is scanned alone.")
        report = scan_bytes("-", sys.stdin.buffer.read(), options)
    else:
        report = scan([Path(path) for path in paths], options, jobs=jobs or processors(), progress=_meter())
    if sarif is not None:
        _write(sarif, _sarif(report))
    if write_baseline is not None:
        _write(write_baseline, msgspec.json.encode(_Baseline(sorted({hit.fingerprint for hit in report.hits}))))
        output.note(f"{len(report.hits)} hits are written to {write_baseline}.")
        return OK
    return _told(report, json=json)


def _told(report: Report, *, json: bool) -> int:
    if json:
        output.raw(msgspec.json.encode(report))
    else:
        rows = [msgspec.to_builtins(hit) for hit in report.hits]
        if rows:
            output.listing(rows, _COLUMNS, empty="")
        for each in report.unreadable:
            output.note(f"{each.path}: not read: {each.why}")
        rate = report.bytes / 1e6 / report.seconds if report.seconds else 0.0
        output.note(
            f"{len(report.hits)} found, {report.allowed} let pass, in {report.files} files, {report.bytes / 1e6:.1f} MB"
            f" ({rate:.0f} MB/s)."
        )
        if report.hits:
            output.note("Revoke or rotate what was found before you remove it: whoever saw it has it.")
    if report.hits:
        return FAILED
    return UNDETERMINED if report.unreadable else OK


def _options(config: Path | None, exclude: tuple[str, ...], pattern: tuple[str, ...], baseline: Path | None) -> Options:
    from strongroom.leaks import Options  # noqa: PLC0415 - see above

    found = config or (Path(_CONFIG) if Path(_CONFIG).is_file() else None)
    options = Options()
    if found is not None:
        try:
            options = msgspec.convert(tomllib.loads(found.read_text(encoding="utf-8")), Options)
        except (OSError, ValueError) as error:  # of the file, of TOML, of its shape
            raise usage(f"{found}: {_why(error)}") from None
    own: dict[str, str] = {}
    for each in pattern:
        name, _, source = each.partition("=")
        if not name or not source:
            raise usage("--pattern takes NAME=RE2.")
        own[name] = source
    known: list[str] = []
    if baseline is not None:
        try:
            known = msgspec.json.decode(baseline.read_bytes(), type=_Baseline).fingerprints
        except (OSError, msgspec.MsgspecError) as error:
            raise usage(f"{baseline}: {_why(error)}") from None
    return Options(
        exclude=(*options.exclude, *exclude),
        allow=(*options.allow, *known),
        patterns={**options.patterns, **own},
    )


def _why(error: Exception) -> str:
    return (error.strerror or "it cannot be read") if isinstance(error, OSError) else str(error)


def _sarif(report: Report) -> bytes:
    from strongroom.leaks import sarif  # noqa: PLC0415 - who does not ask for it does not wait

    return msgspec.json.format(msgspec.json.encode(sarif.document(report, version("strongroom"))))


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content + b"\n")
    except OSError as error:
        raise usage(f"{path} cannot be written: {error.strerror}.") from None


def _meter() -> Meter | None:
    return Meter() if sys.stderr.isatty() else None


class Meter:
    """Says at a terminal how much was read, ten times a second at most."""

    def __init__(self) -> None:
        self._said = 0

    def __call__(self, files: int, size: int) -> None:
        """Say it."""
        step = size >> 23
        if step != self._said:
            self._said = step
            print(f"\r{files} files, {size / 1e6:.0f} MB", end="", file=sys.stderr, flush=True)


__all__ = ["ENDPOINT", "KEY", "scan"]
