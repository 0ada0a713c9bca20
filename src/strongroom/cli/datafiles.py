"""What the commands on files share: opening, keys, types, progress, and how a run ends."""

# ruff: noqa: PLC0415 - detectors come late: `--help` must not wait for them

from __future__ import annotations

import io
import secrets
import sys
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from strongroom.cli.failures import Failure, usage

if TYPE_CHECKING:
    from strongroom.app.redaction import Format, Plan, Report
    from strongroom.app.redaction.plan import FieldRule

STANDARD: Final = "-"
_KEY_BYTES: Final = 16
_SHORTEST: Final = 4 << 20  # bytes: below, a run is over before a bar would be read


class Work(NamedTuple):
    """A plan, and what it is to be run on."""

    plan: Plan
    form: Format
    jobs: int
    kept: frozenset[str]

    def run(self, source: BinaryIO, target: BinaryIO | None, progress: Callable[[int], None]) -> Report:
        """Rewrite a stream, or only count; what goes wrong ends the command."""
        from strongroom.app.redaction import Trouble, redact

        try:
            return redact(self.plan, self.form, source, target, jobs=self.jobs, progress=progress, kept=self.kept)
        except Trouble as trouble:
            raise Failure(str(trouble), trouble.then) from None

    def write(
        self, source: BinaryIO, path: Path, progress: Callable[[int], None], *, named: Collection[str] = ()
    ) -> Report:
        """Write a file, whole or not at all: not if it lacks a field that was `named`."""
        from strongroom.app.redaction import Trouble
        from strongroom.app.redaction.run import written_whole

        try:
            with written_whole(path) as target:
                done = self.run(source, target, progress)
                there(named, done.fields)
                return done
        except Trouble as trouble:
            raise Failure(str(trouble), trouble.then) from None

    def held(self, source: BinaryIO, progress: Callable[[int], None]) -> tuple[Report, str]:
        """Return the report and the text, for one JSON object."""
        from strongroom.app.redaction import Format

        if self.form is Format.PARQUET:
            raise usage("Parquet is no text that JSON could hold.", "Add --output FILE.")
        held = io.BytesIO()
        done = self.run(source, held, progress)
        return done, held.getvalue().decode("utf-8", "replace")


def there(named: Collection[str], found: Collection[str]) -> None:
    """Refuse fields that were named and are nowhere: who misspells one believes it treated."""
    missing = [name for name in named if name not in found]
    if missing:
        raise usage(
            f"There is no field {', '.join(map(repr, missing))} in the data.",
            "Is it spelt as in the file? Nothing was written. Fields within others are named by their path: user.name.",
        )


@contextmanager
def opened(file: Path) -> Generator[tuple[BinaryIO, int], None, None]:
    """Give a file's bytes, and their number where it is known."""
    if str(file) == STANDARD:
        yield sys.stdin.buffer, 0
        return
    try:
        source = file.open("rb")
    except OSError as error:
        raise usage(f"{file} cannot be read: {error.strerror}.") from None
    with source:
        yield source, file.stat().st_size


def kinds_from(types: str) -> frozenset[str]:
    """Return the types that a list of names and groups comes to."""
    from strongroom.app.redaction.plan import GROUPS
    from strongroom.privacy import KINDS

    found: set[str] = set()
    for name in filter(None, (part.strip() for part in types.split(","))):
        if name in GROUPS:
            found |= GROUPS[name]
        elif name.lower() in KINDS:
            found.add(name.lower())
        else:
            raise usage(
                f"There is no type {name!r}.",
                "`strongroom redact --list-types` lists them; groups: " + ", ".join(GROUPS) + ".",
            )
    if not found:
        raise usage("No types to look for.", "`strongroom redact --list-types` lists them.")
    return frozenset(found)


def key_from(path: Path | None) -> bytes:
    """Return the key in a file, or one for this run alone."""
    if path is None:
        return secrets.token_bytes(32)
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise usage(
            f"The key {path} cannot be read: {error.strerror}.", "Make one: head -c 32 /dev/urandom | base64 > KEYFILE"
        ) from None
    if len(key) < _KEY_BYTES:
        raise usage(
            f"The key in {path} is shorter than 16 bytes.", "Make one: head -c 32 /dev/urandom | base64 > KEYFILE"
        )
    return key


def plan_of(
    kinds: frozenset[str],
    action: str,
    key: bytes,
    least: float,
    *,
    names: bool,
    header: bool,
    locale: str = "en_US",
    fields: Mapping[str, FieldRule] | None = None,
    ner: bool = False,
) -> Plan:
    """Return the plan that a command's options come to."""
    from strongroom.app.redaction import Plan

    if not 0 <= least <= 1:
        raise usage("Confidence is a number from 0 to 1.")
    return Plan(kinds, action, key, least, names, locale, fields or {}, header, ner)


@contextmanager
def meter(size: int, *, quiet: bool) -> Generator[Callable[[int], None], None, None]:
    """Show on a terminal how far a long run has come."""
    if quiet or size < _SHORTEST or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns: Iterable[Any] = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=size)
        yield lambda done: bar.advance(task, done)


def counted(done: Report) -> str:
    """Return a report in one or two lines, for a person."""
    unit = {"text": "lines", "csv": "records", "jsonl": "records", "json": "document", "parquet": "rows"}[done.format]
    found = ", ".join(f"{kind} {number}" for kind, number in sorted(done.found.items(), key=lambda each: -each[1]))
    said = f"{done.records} {unit}, {done.characters} characters, {done.seconds:.1f} s: {found or 'nothing found'}."
    if done.unchecked:
        said += f"\nNot looked into: {', '.join(done.unchecked)}."
    return said
