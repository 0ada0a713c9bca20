"""`strongroom deidentify`: a data set's derivative without people in it, and the record of how it was made. No server."""

# ruff: noqa: PLC0415 - detectors come late: `--help` must not wait for them

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter

from strongroom.cli import output
from strongroom.cli.datafiles import Work, counted, key_from, kinds_from, meter, opened, plan_of, there
from strongroom.cli.failures import OK, UNDETERMINED, Failure, usage
from strongroom.cli.redact import Confidence, Header, Jobs, Keep, KeyFile, Names, Ner, Types

if TYPE_CHECKING:
    from strongroom.app.redaction import Plan
    from strongroom.app.redaction.plan import FieldRule
    from strongroom.app.redaction.transformation import FileRecord

EPILOGUE = """
Examples:
  strongroom deidentify customers.csv --output customers.safe.csv
  strongroom deidentify export/ --output safe/ --synthetic --key-file dataset.key
  strongroom deidentify people.parquet --output safe.parquet --field name=synthetic:person --field notes=drop

DATASET is a file or a folder of files (.csv, .tsv, .json, .jsonl, .ndjson, .parquet, .txt). Beside the output lies
the record of the transformation (OUTPUT.transformation.json, or transformation.json in a folder): digests of both
sides, types, action, fields and counts, and nothing of the content.

--field NAME=ACTION[:TYPE] treats a column or member as a whole: keep, drop, mask, partial, remove, tokenise, synthetic.

Exit codes: 0 done, 1 failed (nothing is left behind), 2 wrong usage, as a field that is nowhere in the data, 3 done, but columns could not be looked into.
"""
_SUFFIXES = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".txt"})


def deidentify(
    dataset: Annotated[Path, Parameter(help="A file, or a folder of files.")],
    /,
    *,
    output_path: Annotated[
        Path, Parameter(name=("--output", "-o"), help="The derivative: a file for a file, a folder for a folder.")
    ],
    action: Annotated[
        Literal["mask", "partial", "remove", "tokenise", "synthetic"], Parameter(help="What becomes of what is found.")
    ] = "tokenise",
    synthetic: Annotated[
        bool, Parameter(negative="", help="Short for --action synthetic: made-up values of the same type.")
    ] = False,
    field: Annotated[
        list[str] | None, Parameter(help="NAME=ACTION[:TYPE] for a field as a whole; may be repeated.")
    ] = None,
    types: Types = "default",
    confidence: Confidence = 0.5,
    names: Names = True,
    ner: Ner = False,
    locale: Annotated[str, Parameter(help="Whose made-up names and places, as Faker knows them.")] = "en_US",
    key_file: KeyFile = None,
    jobs: Jobs = 0,
    header: Header = True,
    keep: Keep = None,
    json: Annotated[bool, Parameter(negative="", help="Print the record of the transformation.")] = False,
) -> int:
    """Make a derivative of a data set in which nobody is named, and record how it was made.

    Args:
        dataset: what to de-identify.
        output_path: where the derivative goes.
        action: what becomes of what is found.
        synthetic: make values up.
        field: fields that are treated as a whole.
        types: types to look for.
        confidence: how sure a finding must be.
        names: whether to look for names.
        ner: whether a model of names reads along.
        locale: of made-up values.
        key_file: key of tokens and made-up values.
        jobs: processes.
        header: whether a CSV file names its columns.
        keep: columns that may pass unread.
        json: print JSON.
    """
    from strongroom.app.redaction.transformation import SUFFIX, transformation

    plan = plan_of(
        kinds_from(types),
        "synthetic" if synthetic else action,
        key_from(key_file),
        confidence,
        names=names,
        ner=ner,
        header=header,
        locale=locale,
        fields=_fields(field or ()),
    )
    pairs, record = _pairs(dataset, output_path, SUFFIX)
    kept = frozenset(keep or ())
    done = [_one(plan, source, target, jobs, kept, quiet=json) for source, target in pairs]
    try:
        there([*plan.fields, *sorted(kept)], {name for each in done for name in each.report.fields})
    except Failure:
        for _, target in pairs:
            target.unlink(missing_ok=True)
        raise
    written = transformation(plan, done)
    record.write_bytes(msgspec.json.format(msgspec.json.encode(written)) + b"\n")
    if json:
        output.raw(msgspec.json.encode(written))
    else:
        for each in done:
            output.note(f"{each.output.name}: {counted(each.report)}")
        output.note(f"How it was made: {record}")
    return UNDETERMINED if any(each.report.unchecked for each in done) else OK


def _one(plan: Plan, source: Path, target: Path, jobs: int, kept: frozenset[str], *, quiet: bool) -> FileRecord:
    from strongroom.app.redaction.plan import format_of
    from strongroom.app.redaction.transformation import FileRecord, side

    work = Work(plan, format_of(source), jobs or min(os.cpu_count() or 1, 8), kept)
    with opened(source) as (stream, size), meter(size, quiet=quiet) as progress:
        report = work.write(stream, target, progress)
    return FileRecord(side(source), side(target), report)


def _pairs(dataset: Path, output_path: Path, suffix: str) -> tuple[list[tuple[Path, Path]], Path]:
    """Return what is read and written, and where the record goes."""
    if not dataset.exists():
        raise usage(f"{dataset} does not exist.")
    if output_path.exists() and output_path.resolve() == dataset.resolve():
        raise usage("The output is the input.", "Name another place: the original is what the record refers to.")
    if dataset.is_file():
        if output_path.is_dir():
            raise usage(f"{output_path} is a folder, and the data set a file.", "Name a file.")
        return [(dataset, output_path)], output_path.with_name(output_path.name + suffix)
    files = sorted(path for path in dataset.rglob("*") if path.is_file())
    unknown = [path.name for path in files if path.suffix.lower() not in _SUFFIXES]
    if unknown:
        raise usage(
            f"The folder holds what cannot be looked into: {', '.join(unknown[:5])}.",
            "Take it out, or name files one by one.",
        )
    if not files:
        raise usage(f"{dataset} holds no files.")
    if output_path.is_file() or dataset.resolve() in output_path.resolve().parents:
        raise usage(f"{output_path} cannot be the output's folder.", "Name one outside the data set.")
    pairs = [(path, output_path / path.relative_to(dataset)) for path in files]
    for _, target in pairs:
        target.parent.mkdir(parents=True, exist_ok=True)
    return pairs, output_path / suffix.removeprefix(".")


def _fields(given: Sequence[str]) -> dict[str, FieldRule]:
    from strongroom.app.redaction.plan import FIELD_ACTIONS, FieldRule
    from strongroom.privacy import CUSTOM, KINDS

    fields: dict[str, FieldRule] = {}
    for each in given:
        name, _, rule = each.partition("=")
        action, _, kind = rule.partition(":")
        if not name or action not in FIELD_ACTIONS:
            raise usage(f"--field {each}: not NAME=ACTION[:TYPE].", f"Actions: {', '.join(FIELD_ACTIONS)}.")
        if kind and kind not in KINDS:
            raise usage(f"--field {each}: there is no type {kind!r}.", "`strongroom redact --list-types` lists them.")
        fields[name] = FieldRule(action, kind or CUSTOM + name)
    return fields
