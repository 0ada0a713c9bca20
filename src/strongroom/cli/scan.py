"""`strongroom scan`: whether files are what a model's release may hold. Needs no server, no settings and no network."""

# ruff: noqa: PLC0415 - the scanner comes late: `--help` must not wait for it

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from cyclopts import Parameter, validators

from strongroom.cli import output
from strongroom.cli.failures import FAILED, OK, UNDETERMINED, Failure, usage
from strongroom.cli.progress import over_bytes
from strongroom.cli.session import Json
from strongroom.cli.signing import read

if TYPE_CHECKING:
    from strongroom.registry.scan import Finding, Report
    from strongroom.signatures import SecretKey

_CODES: Final = {"clean": OK, "refused": FAILED, "undetermined": UNDETERMINED}
_MARKS: Final = {"clean": "ok", "refused": "REFUSED", "undetermined": "UNDETERMINED"}
_SHOWN: Final = 50
_MIB: Final = 1 << 20

EPILOGUE: Final = """
Examples:
  strongroom scan ./my-model
  strongroom scan model.safetensors --json
  strongroom scan ./my-model --sarif --output scan.sarif
  strongroom scan ./my-model --key scanner.pem --statement verdict.dsse.json

Exit codes: 0 clean, 1 refused (unknown and broken files too), 2 wrong usage,
3 undetermined (unreadable, changed meanwhile, or the scanner itself failed or took too long).
"""


def scan(
    path: Path,
    /,
    *,
    json: Json = False,
    sarif: Annotated[bool, Parameter(negative="", help="Print the report as SARIF 2.1.0.")] = False,
    out: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="Write the report there instead of standard output.")
    ] = None,
    key: Annotated[
        Path | None, Parameter(help="File with a private key (PEM; Ed25519 or P-256) to sign the verdict with.")
    ] = None,
    statement: Annotated[
        Path | None, Parameter(help="Where to write the signed verdict: an in-toto statement in a DSSE envelope.")
    ] = None,
    require: Annotated[
        list[str] | None,
        Parameter(name="--require-scanner", negative="", help="A plug-in that must have looked; repeat for more."),
    ] = None,
    timeout: Annotated[
        float, Parameter(validator=validators.Number(gt=0), help="Seconds for one file, besides 1 for each 10 MiB.")
    ] = 60.0,
    memory: Annotated[
        int,
        Parameter(name="--memory-mib", validator=validators.Number(gte=128), help="Memory of the scanner's process."),
    ] = 512,
    quiet: Annotated[bool, Parameter(negative="", help="Show no progress.")] = False,
) -> int:
    """Look at a model's files, without loading anything: what is not of an admitted format, whole and alone, is refused.

    Admitted are safetensors, GGUF, ONNX, JSON, plain text and tokenizer files, by their content and never by their
    name. The files are parsed in a process that can reach neither files nor network.

    Args:
        path: a file or a directory; links are not followed.
        json: print the report as JSON.
        sarif: print the report as SARIF.
        out: where to write the report.
        key: the key to sign the verdict with.
        statement: where to write the signed verdict.
        require: plug-ins that must have looked.
        timeout: seconds for one file.
        memory: MiB for the scanner's process.
        quiet: show no progress.
    """
    if json and sarif:
        raise usage("A report is JSON or SARIF, not both.")
    if (key is None) != (statement is None):
        raise usage("To sign the verdict, say both --key and --statement.")
    signer = None if key is None else signing_key(key)
    report = _report(path, timeout=timeout, memory=memory, wanted=require or [], quiet=quiet)
    if signer is not None and statement is not None:
        from strongroom.registry.scan import signed

        _write(statement, signed(report, signer))
    with _to(out):
        _show(report, json=json, sarif=sarif)
    return _CODES[report.verdict]


def signing_key(path: Path) -> SecretKey:
    """Return the private key in a file, to sign a result with.

    Raises:
        Failure: when there is none.
    """
    from strongroom.signatures import BadKey, SecretKey

    try:
        return SecretKey.read(read(path).decode("ascii", "replace"))
    except BadKey as error:
        raise usage(f"The key in {path} cannot be used: {error}.") from None


def _report(path: Path, *, timeout: float, memory: int, wanted: list[str], quiet: bool) -> Report:
    from strongroom.kernel.clock import SystemClock
    from strongroom.registry.scan import CannotScan, Limits, Unscannable
    from strongroom.registry.scan import scan as look

    if not os.path.lexists(path):
        raise usage(f"There is nothing at {path}.")
    limits = Limits(memory_bytes=memory * _MIB, seconds=timeout)
    try:
        with over_bytes(quiet=quiet) as progress:
            return look(path, clock=SystemClock(), limits=limits, wanted=wanted, progress=progress)
    except (Unscannable, CannotScan) as error:
        raise Failure(f"Undetermined: {error}.", code=UNDETERMINED) from None


def _show(report: Report, *, json: bool, sarif: bool) -> None:
    if json:
        output.raw(msgspec.json.encode(report))
        return
    if sarif:
        from strongroom.registry.scan import sarif as as_sarif

        output.raw(msgspec.json.encode(as_sarif(report)))
        return
    for finding in report.findings:
        _say(report.path, finding)
    shown = [each for each in report.files if each.findings or len(report.files) <= _SHOWN]
    for each in shown:
        print(f"{_MARKS[each.verdict]:<12}  {each.kind:<13}  {_size(each.size):>9}  {output.text(each.path)}")
        for finding in each.findings:
            _say("", finding)
        for template in each.templates:
            print(f"{'':<14}chat template {output.text(template.name)}: sha256:{template.sha256}")
    _sum(report)


def _say(where: str, finding: Finding) -> None:
    place = "" if finding.offset is None else f" (at byte {finding.offset})"
    by = f" [{finding.scanner}]" if finding.scanner else ""
    print(f"{'':<14}{finding.rule}: {output.text(finding.message)}{place}{by}" + (f" {where}" if where else ""))


def _sum(report: Report) -> None:
    totals = report.totals
    lacks = [each for each in report.sandbox if each.startswith("no ")]
    if lacks:
        output.note(f"The scanner's process was confined less than it could be: {', '.join(lacks)}.")
    words = {"clean": "Clean.", "refused": "Refused.", "undetermined": "Undetermined."}
    output.note(
        f"{words[report.verdict]} {totals.files} {'file' if totals.files == 1 else 'files'}, "
        f"{_size(totals.bytes)}: {totals.clean} clean, "
        f"{totals.refused} refused, {totals.undetermined} undetermined, in {report.seconds:.1f} s."
    )


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":  # noqa: PLR2004 - the next unit's size
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError(count)


@contextmanager
def _to(out: Path | None) -> Generator[None]:
    if out is None:
        yield
        return
    try:
        with out.open("w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
            yield
    except OSError as error:
        raise Failure(f"{out}: {error.strerror}.", code=UNDETERMINED) from None


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data + b"\n")
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}; the verdict is not kept.", code=UNDETERMINED) from None
