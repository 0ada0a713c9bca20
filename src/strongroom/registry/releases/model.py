"""Values of releases that people bring, and what their files come to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from strongroom.kernel.ids import parse_name
from strongroom.registry.admission.model import Risk
from strongroom.registry.content.quarantine import Part, Stage, Upload
from strongroom.registry.model import Format, Operation
from strongroom.registry.scan import FileReport, Finding
from strongroom.registry.scan.limits import LIMITS
from strongroom.registry.scan.model import Kind as FileKind
from strongroom.registry.scan.names import collisions, unplain
from strongroom.registry.scan.onnx import NESTED

MOST_FILES: Final = 1000
SERVED_FILES: Final = 64
"""What a worker takes at most: it is told of them in one line of bounded length."""
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}")
_TOKENIZER: Final = "tokenizer.json"
_MOST: Final = {
    ".json": LIMITS.json_bytes,
    ".onnx": LIMITS.onnx_bytes,
    **dict.fromkeys((".txt", ".md", ".rst", ".csv", ".yaml", ".yml", ".toml", ".jinja"), LIMITS.text_bytes),
}
"""What the scanner takes of a format at most, by the name that promises it: more is refused before it is sent."""


class NewRelease(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release to be.

    Attributes:
        name: lower-case letters, digits, `.` and `-`, as every name.
        version: letters, digits and `.+_-`; with the name it means these bytes for good.
        source: where it came from, in words.
        risk: how much may go wrong with it; more people approve a `high` one.
        kind: what it is to be asked for; without it, what its files say.
        format: how its weights are written; without it, what its files say.
        files: every file, by its path in the release.
        tenant: whose own it is to be, by name or id, when an operator brings it; without it, the installation's.
        trained_on: data sets of the tenant's that it was trained on, by NAME@VERSION or digest: who brings it says so.
        run: a training run that was told of before (`lineage import`), out of which it came.
    """

    name: Annotated[str, Meta(min_length=1, max_length=63)]
    version: Annotated[str, Meta(min_length=1, max_length=64)]
    files: Annotated[list[Part], Meta(min_length=1, max_length=MOST_FILES)]
    source: Annotated[str, Meta(max_length=1000)] = ""
    risk: Risk = Risk.STANDARD
    kind: Operation | None = None
    format: Format | None = None
    tenant: Annotated[str, Meta(min_length=1, max_length=63)] | None = None
    trained_on: Annotated[list[Annotated[str, Meta(min_length=3, max_length=130)]], Meta(max_length=100)] = []
    run: UUID | None = None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an upload is.

    Attributes:
        stage: `receiving`, `scanning`, `admitted`, `refused` or `failed`.
        received: bytes taken of each file, in the order in which they were named.
        part_bytes: how many bytes a chunk has, but for a file's last one.
        said: why it is where it stands.
        findings: what the scanner said, when it was refused.
        digest: the release, once admitted.
        scanned: bytes that were looked at so far.
    """

    id: UUID
    name: str
    version: str
    tenant: UUID | None
    author: str
    stage: Stage
    files: tuple[Part, ...]
    received: tuple[int, ...]
    part_bytes: int
    begun_at: datetime
    said: str = ""
    findings: tuple[Finding, ...] = ()
    digest: str = ""
    scanned: int = 0


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a release, hashed again: whether it is what the manifest says, and if not, why."""

    path: str
    size: int
    sound: bool
    because: str = ""


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """Every file of a release, hashed again."""

    digest: str
    sound: bool
    files: tuple[Checked, ...]


class Misfit(ValueError):  # noqa: N818 - a value that says why
    """It cannot be a release as it is told; `param` is the field at fault."""

    def __init__(self, tell: str, param: str) -> None:
        super().__init__(tell)
        self.param = param


def check(new: NewRelease) -> None:
    """Refuse what can be no release, before a byte of it arrives.

    Raises:
        Misfit: saying what is wrong, and where.
    """
    try:
        parse_name(new.name)
    except ValueError as error:
        raise Misfit(f"Not a name: {error}.", "name") from None
    if not _VERSION.fullmatch(new.version):
        raise Misfit(
            "A version is 1 to 64 of letters, digits and `.+_-`, and begins with a letter or digit.", "version"
        )
    if not all(each.isprintable() for each in new.source):
        raise Misfit("A source is one line of text.", "source")
    paths = [each.path for each in new.files]
    for index, part in enumerate(new.files):
        _check_file(index, part)
    for first, second in collisions(paths):
        raise Misfit(f"{first} and {second} are one name to some file systems.", "files")
    if len(set(paths)) != len(paths):
        raise Misfit("Two files have one path.", "files")
    if not sum(each.size for each in new.files):
        raise Misfit("There is not one byte in it.", "files")


def _check_file(index: int, part: Part) -> None:
    if (why := unplain(part.path)) is not None:
        raise Misfit(why, f"files[{index}].path")
    if not 0 <= part.size < 1 << 50:
        raise Misfit("A file has no such size.", f"files[{index}].size")
    suffix = PurePosixPath(part.path).suffix.lower()
    if part.size > _MOST.get(suffix, part.size):
        raise Misfit(f"A {suffix} file has {_MOST[suffix]} bytes at most.", f"files[{index}].size")


def _check_served(files: Sequence[FileReport]) -> None:
    """Refuse what no worker could load, before somebody approves it."""
    if len(files) > SERVED_FILES:
        raise Misfit(
            f"It has {len(files)} files, and a worker takes {SERVED_FILES}: save tensors' data in one file "
            "(onnx.save_model with all_tensors_to_one_file), and leave out what is not needed.",
            "files",
        )
    if any(finding.rule == NESTED for each in files for finding in each.findings):
        raise Misfit(
            "Data of a graph inside a node, of a node's own attribute or of a function lies in another file, and a worker "
            "loads only what the model's own graph has there: save the model as one file, or those tensors in it.",
            "files",
        )


def shape_of(upload: Upload, files: Sequence[FileReport]) -> tuple[Operation, Format]:
    """Return what a release can be asked for and how its weights are written: what its files say, or what was said of it.

    Raises:
        Misfit: when they say something else than was said, or nothing.
    """
    names = {each.path for each in files}
    kinds = Counter(each.kind for each in files)
    found = [each for each in (FileKind.GGUF, FileKind.ONNX, FileKind.SAFETENSORS) if kinds[each]]
    if not found:
        raise Misfit("No file of it holds weights: a release has GGUF, ONNX or safetensors files.", "files")
    if upload.format is not None and upload.format.value not in found:
        raise Misfit(f"Its files are {' and '.join(found)}, not {upload.format}.", "format")
    if len(found) > 1 and upload.format is None:
        raise Misfit(f"It holds {' and '.join(found)} files: say which format is served.", "format")
    written = upload.format or Format(found[0].value)
    if written in {Format.GGUF, Format.ONNX} and kinds[FileKind(written.value)] > 1:
        raise Misfit(
            f"It holds several {written} files; a worker serves one. Bring each as a release of its own.", "files"
        )
    if not all(each.path.endswith(f".{written}") for each in files if each.kind.value == written.value):
        raise Misfit(f"A {written} file is named .{written}: the loader goes by that.", "files")
    if written is not Format.SAFETENSORS:
        _check_served(files)
    if written is Format.ONNX:
        task = Operation.EMBEDDING if _TOKENIZER in names else Operation.INFER
    else:
        task = Operation.CHAT
    if upload.kind is not None and upload.kind is not task and written is not Format.SAFETENSORS:
        hint = f"; an embedding model is ONNX with {_TOKENIZER} beside it" if upload.kind is Operation.EMBEDDING else ""
        raise Misfit(f"Its files are those of a model for {task}, not for {upload.kind}{hint}.", "kind")
    return upload.kind or task, written
