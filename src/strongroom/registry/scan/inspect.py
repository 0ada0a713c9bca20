"""One file: what it is, whether all of it is that, and nothing else besides.

1. its first bytes say what it claims to be; no name does;
2. the whole of it is parsed as that, strictly, and hashed in the same pass;
3. what it could be besides, to another reader, is looked for;
4. its name may only take away: code by its name, and a name that promises another admitted format.

Always true here: what is not recognised is refused, and what cannot be read or followed to its end is never clean.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Final

from strongroom.registry.scan import (
    archives,
    foreign,
    gguf,
    jsonfile,
    onnx,
    onnxdata,
    pickles,
    safetensors,
    sentencepiece,
    text,
)
from strongroom.registry.scan.jsonread import shown
from strongroom.registry.scan.limits import KIB
from strongroom.registry.scan.looks import Looks
from strongroom.registry.scan.model import Claim, FileReport, Finding, Kind, Level, verdict_of
from strongroom.registry.scan.tape import Changed, Malformed, Tape

_HEAD: Final = 4 * KIB
_PROMISED: Final = {".safetensors": Kind.SAFETENSORS, ".gguf": Kind.GGUF, ".onnx": Kind.ONNX, ".json": Kind.JSON}
_TEXTUAL: Final = frozenset({Kind.JSON, Kind.TEXT, Kind.TEMPLATE})


class Inspected:
    """A file's report, and what it says of other files."""

    def __init__(self, report: FileReport, claims: tuple[Claim, ...] = ()) -> None:
        self.report = report
        self.claims = claims


def inspect(
    descriptor: int,
    name: str,
    size: int,
    claims: tuple[Claim, ...] = (),
    moved: Callable[[int], None] | None = None,
    more: Callable[[int, str, Kind], tuple[Finding, ...]] | None = None,
) -> Inspected:
    """Return what the file on `descriptor` is.

    Args:
        descriptor: open for reading.
        name: its path in the release.
        size: its size when it was opened.
        claims: ranges of it that an ONNX model says are its tensors' data.
        moved: told how far reading has come.
        more: what else looks at it: the plug-ins.
    """
    tape, looks = Tape(descriptor, size, moved), Looks()
    found = _One(tape, looks, name, claims)
    digests = ("", "")
    try:
        try:
            found.parse()
        except Malformed as fault:
            looks.fault(fault)
        finally:
            digests = tape.finish()
        found.besides()
        if more is not None:
            looks.findings += more(descriptor, name, found.kind)
    except Changed:
        looks.add("changed", "The file changed while it was read.", level=Level.UNDETERMINED)
    except OSError as error:
        looks.add("unreadable", f"It could not be read: {error.strerror}.", level=Level.UNDETERMINED)
    findings = tuple(looks.findings)
    report = FileReport(
        path=name,
        verdict=verdict_of(findings),
        kind=found.kind,
        size=size,
        sha256=digests[0],
        blake3=digests[1],
        findings=findings,
        templates=tuple(looks.templates),
    )
    return Inspected(report, found.claims)


class _One:
    def __init__(self, tape: Tape, looks: Looks, name: str, claims: tuple[Claim, ...]) -> None:
        self.kind = Kind.UNKNOWN
        self.claims: tuple[Claim, ...] = ()
        self._tape, self._looks, self._name = tape, looks, name
        self._claimed = claims

    def parse(self) -> None:
        """Read the whole as what it claims to be."""
        tape, looks = self._tape, self._looks
        head = tape.peek(_HEAD)
        if not tape.size:
            looks.add("empty", "An empty file is of no format.")
        elif gguf.recognised(head):
            self.kind = Kind.GGUF
            gguf.parse(tape, looks)
        elif safetensors.recognised(head):
            self.kind = Kind.SAFETENSORS
            safetensors.parse(tape, looks)
        elif (refused := foreign.refused_head(head)) is not None:
            self._no_data(f"begins as {refused[1]} does", head)
            self._refuse(*refused)
        elif text.maybe(head):
            self._no_data("begins as text does", head)
            self._text(head)
        elif self._claimed:
            self._data()
        elif sentencepiece.recognised(head):
            self.kind = Kind.SENTENCEPIECE
            sentencepiece.parse(tape)
        elif onnx.recognised(head):
            self._onnx()
        else:
            self._unknown()

    def besides(self) -> None:
        """Look for what it is to another reader, and at what its name promises."""
        if self.kind is Kind.UNKNOWN:
            return
        for what, at in foreign.second_format(self._tape, text=self.kind in _TEXTUAL):
            self._looks.add("polyglot", f"This is {what}, too.", at)
        promised = _PROMISED.get(PurePosixPath(self._name).suffix.lower())
        if promised is not None and promised is not self.kind:
            self._looks.add("confusion", f"The name promises {promised}, and this is {self.kind}.")
        elif text.is_code_by_name(self._name) and self.kind not in _TEXTUAL:
            told = f"The name {shown(PurePosixPath(self._name).name)} is one of code, and this is {self.kind}."
            self._looks.add("name", told, level=Level.NOTE)

    def _text(self, head: bytes) -> None:
        if jsonfile.recognised(head, self._name, whole=len(head) == self._tape.size) and not text.is_template_by_name(
            self._name
        ):
            self.kind = Kind.JSON
            if text.is_code_by_name(self._name):
                self._looks.add("code", "A file of this name is code, which no release brings along.")
            jsonfile.parse(self._tape, self._looks, self._name)
            return
        self.kind = Kind.TEXT
        self.kind = text.parse(self._tape, self._looks, self._name)

    def _data(self) -> None:
        """Read what an ONNX model claims: what it is to everybody else was ruled out by its first bytes."""
        self.kind = Kind.ONNX_DATA
        if (why := onnxdata.unfit(self._name)) is not None:
            self._looks.add("external-data", why)
        onnxdata.parse(self._tape, self._claimed)

    def _no_data(self, why: str, head: bytes) -> None:
        """Say of what a model claims that it is something else, and by which bytes: chance can write two of them."""
        if self._claimed:
            told = (
                f"A model says that its tensors' data is in this, which {why}: its first bytes are {head[:8].hex(' ')}."
            )
            self._looks.add("external-data", told, 0)

    def _onnx(self) -> None:
        try:
            self.kind = Kind.ONNX
            self.claims = onnx.parse(self._tape, self._looks)
        except Malformed as fault:
            if fault.rule != "protobuf" or PurePosixPath(self._name).suffix.lower() == ".onnx":
                raise
            self.kind = Kind.UNKNOWN
            self._unknown()

    def _refuse(self, name: str, what: str) -> None:
        rule = "pickle" if name == "pickle" else "archive" if name in _HOLDING else "format"
        self._looks.add(rule, f"This is {what}, which no release may hold.", 0)
        archives.look(self._tape, self._looks, name)

    def _unknown(self) -> None:
        self._looks.add("unknown", "This is of no format that is admitted.", 0)
        step = pickles.trace(self._tape.look, self._tape.size)
        if step.acts or step.imports:
            archives.look(self._tape, self._looks, "pickle")
        if (at := foreign.zip_end(self._tape)) is not None:
            self._looks.add("polyglot", "This is a zip archive to a reader that looks at its end.", at)


_HOLDING: Final = frozenset(
    {
        "zip",
        "7z",
        "rar",
        "gzip",
        "bzip2",
        "xz",
        "zstd",
        "lz4",
        "lzma",
        "lzip",
        "snappy",
        "compress",
        "ar",
        "tar",
        "zlib",
        "lzfse",
    }
)
