"""`strongroom redact`: a file without what points to a person or opens something. No server."""

# ruff: noqa: PLC0415 - detectors come late: `--help` must not wait for them

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import msgspec
from cyclopts import Parameter

from strongroom.cli import output
from strongroom.cli.datafiles import STANDARD, Work, counted, key_from, kinds_from, meter, opened, plan_of, there
from strongroom.cli.failures import FAILED, OK, UNDETERMINED, usage

if TYPE_CHECKING:
    from strongroom.app.redaction import Report

EPILOGUE = """
Examples:
  strongroom redact ticket.txt
  journalctl -u shop | strongroom redact - > clean.log
  strongroom redact users.csv --output clean.csv --action tokenise --key-file redact.key
  strongroom redact chat.jsonl --types email,phone,credit_card --report report.json --output clean.jsonl
  strongroom redact letters.txt --types all --ner --output clean.txt
  strongroom redact src.txt --types secrets --check        # finds only; exit code 1 if there are any

The form is known by the name's ending: .json, .jsonl, .ndjson, .csv, .tsv, .parquet; anything else is text.
Types are names, or groups: default, all, personal, secrets. `strongroom redact --list-types` lists them.

Exit codes: 0 done (with --check: nothing found), 1 failed (with --check: something found), 2 wrong usage,
3 done, but the file holds columns that could not be looked into.
"""

Format: TypeAlias = Annotated[
    Literal["auto", "text", "json", "jsonl", "csv", "parquet"],
    Parameter(help="What the file is, where its name does not say."),
]
Types: TypeAlias = Annotated[str, Parameter(help="Types or groups of them, comma-separated.")]
KeyFile: TypeAlias = Annotated[
    Path | None,
    Parameter(
        help="File with at least 16 random bytes: the same key gives the same tokens and made-up values in each run."
    ),
]
Jobs: TypeAlias = Annotated[
    int, Parameter(help="Processes at work; 0 takes as many as there are processors, at most 8.")
]
Confidence: TypeAlias = Annotated[float, Parameter(help="Findings that are less sure than this stay, from 0 to 1.")]
Names: TypeAlias = Annotated[bool, Parameter(help="Whether to look for names of people by the lexicon.")]
Ner: TypeAlias = Annotated[
    bool,
    Parameter(
        negative="",
        help="Have a model of names read along (`strongroom[ner]`): it finds more names, places and streets, at some 15,000 characters a second and core.",
    ),
]
Keep: TypeAlias = Annotated[
    list[str] | None, Parameter(help="Column of bytes in a Parquet file that may pass unread; may be repeated.")
]
Header: TypeAlias = Annotated[bool, Parameter(help="Whether a CSV file's first record names its columns.")]


def redact(
    file: Annotated[
        Path | None, Parameter(help="The file; `-` reads standard input.", allow_leading_hyphen=True)
    ] = None,
    /,
    *,
    output_file: Annotated[
        Path | None, Parameter(name=("--output", "-o"), help="Where to write; standard output otherwise.")
    ] = None,
    format: Format = "auto",  # noqa: A002 - the option's name
    action: Annotated[
        Literal["mask", "partial", "remove", "tokenise", "synthetic"], Parameter(help="What becomes of what is found.")
    ] = "mask",
    types: Types = "default",
    confidence: Confidence = 0.5,
    names: Names = True,
    ner: Ner = False,
    key_file: KeyFile = None,
    jobs: Jobs = 0,
    header: Header = True,
    keep: Keep = None,
    report: Annotated[Path | None, Parameter(help="Where to write the report, as JSON: counts, never content.")] = None,
    check: Annotated[
        bool, Parameter(negative="", help="Find only: write nothing, and end with 1 if there is anything.")
    ] = False,
    list_types: Annotated[bool, Parameter(negative="", help="List the types, and end.")] = False,
    json: Annotated[
        bool,
        Parameter(
            negative="", help="Print one JSON object: the report, and the text unless --output or --check is given."
        ),
    ] = False,
) -> int:
    """Write a file without personal data and secrets: each finding is masked, replaced by a token or made up.

    Args:
        file: the file.
        output_file: where to write.
        format: what the file is.
        action: what becomes of what is found.
        types: types to look for.
        confidence: how sure a finding must be.
        names: whether to look for names.
        ner: whether a model of names reads along.
        key_file: key of tokens and made-up values.
        jobs: processes.
        header: whether a CSV file names its columns.
        keep: columns that may pass unread.
        report: where the report goes.
        check: only find.
        list_types: list the types.
        json: print JSON.
    """
    if list_types:
        return _list(json=json)
    if file is None:
        raise usage("Which file?", "Name one, or `-` for standard input.")
    if str(file).startswith("-") and str(file) != STANDARD:
        raise usage(f"Unknown option: {file}.", "See `strongroom redact --help`; a file of that name is ./FILE.")
    from strongroom.app.redaction.plan import Format as Form
    from strongroom.app.redaction.plan import format_of

    form = Form(format) if format != "auto" else format_of(None if str(file) == STANDARD else file)
    plan = plan_of(kinds_from(types), action, key_from(key_file), confidence, names=names, header=header, ner=ner)
    work = Work(plan, form, jobs or min(os.cpu_count() or 1, 8), frozenset(keep or ()))
    if output_file is not None and not check and output_file.exists() and file.exists() and output_file.samefile(file):
        raise usage("The output is the input.", "Write to another file, and move it there when you have looked at it.")
    with opened(file) as (source, size), meter(size, quiet=json) as progress:
        if check:
            done, text = work.run(source, None, progress), None
        elif output_file is not None:
            done, text = work.write(source, output_file, progress, named=sorted(work.kept)), None
        elif json:
            done, text = work.held(source, progress)
        else:
            done, text = work.run(source, sys.stdout.buffer, progress), None
            sys.stdout.buffer.flush()
    there(sorted(work.kept), done.fields)
    _tell(done, report, text, json=json)
    if check and done.total:
        return FAILED
    return UNDETERMINED if done.unchecked else OK


def _tell(done: Report, where: Path | None, text: str | None, *, json: bool) -> None:
    if where is not None:
        where.write_bytes(msgspec.json.format(msgspec.json.encode(done)) + b"\n")
    if json:
        shown = msgspec.to_builtins(done)
        output.raw(msgspec.json.encode(shown if text is None else {"text": text, **shown}))
        return
    output.note(counted(done))


def _list(*, json: bool) -> int:
    from strongroom.privacy import DEFAULT_KINDS, KINDS

    rows = [
        {
            "type": kind.name,
            "class": kind.classification.value,
            "default": kind.name in DEFAULT_KINDS,
            "region": kind.region,
            "is": kind.says,
        }
        for kind in KINDS.values()
    ]
    if json:
        output.raw(msgspec.json.encode({"data": rows}))
    else:
        output.listing(rows, ("type", "class", "default", "region", "is"), empty="No types.")
    return OK
