"""What is in an archive or a compressed stream, to say why it is refused. No release is one: its files are named singly.

Always true here: an archive is refused whatever is found in it; members are listed, and a bounded part of them is read,
never written anywhere.
"""

from __future__ import annotations

import bz2
import io
import lzma
import os
import re
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Final

from strongroom.registry.scan import foreign, pickles
from strongroom.registry.scan.jsonread import shown
from strongroom.registry.scan.limits import LIMITS, MIB
from strongroom.registry.scan.looks import Looks
from strongroom.registry.scan.tape import Tape

_PICKLES: Final = frozenset({".pkl", ".pickle", ".p", ".joblib", ".pt", ".pth", ".bin", ".ckpt", ".dill", ".npy"})
_MEMLIMIT: Final = 64 * MIB
_PIECE: Final = 64 << 10
_OBJECTS: Final = re.compile(rb"'descr'\s*:\s*(?:'[|=<>]?O|\[[^\]]*'[|=<>]?O)")


def look(tape: Tape, looks: Looks, name: str) -> None:
    """Say what more there is to say of a refused file that is, or holds, others."""
    try:
        if name == "zip":
            _zip(tape, looks)
        elif name == "tar":
            with io.FileIO(os.dup(tape.descriptor)) as file, tarfile.open(fileobj=file, mode="r:") as archive:
                _tar(archive, looks)
        elif name in _STREAMS:
            _stream(tape, looks, _STREAMS[name]())
        elif name == "pickle":
            _pickle(pickles.trace(tape.look, tape.size), looks)
        elif name == "numpy":
            _numpy(tape.look(0, _PIECE), looks)
    except (OSError, ValueError, EOFError, LookupError, NotImplementedError, RuntimeError, zlib.error, lzma.LZMAError,
            zipfile.BadZipFile, tarfile.TarError) as error:  # fmt: skip
        looks.add("archive", f"It is broken, too: {shown(str(error) or type(error).__name__)}.")


_Stream = Callable[[bytes, int], bytes]
"""Unpacks more of a stream: bytes in, and at most so many out."""
_STREAMS: Final[dict[str, Callable[[], _Stream]]] = {
    "gzip": lambda: zlib.decompressobj(31).decompress,
    "zlib": lambda: zlib.decompressobj(15).decompress,
    "bzip2": lambda: bz2.BZ2Decompressor().decompress,
    "xz": lambda: lzma.LZMADecompressor(memlimit=_MEMLIMIT).decompress,
    "lzma": lambda: lzma.LZMADecompressor(memlimit=_MEMLIMIT).decompress,
}


def _pickle(step: pickles.Trace, looks: Looks, of: str = "") -> None:
    named = ", ".join(shown(each, 60) for each in step.imports[:4])
    if step.acts or step.imports:
        looks.add("pickle", f"A pickle{of} runs code when it is read" + (f": it imports {named}." if named else "."))
    elif step.stopped:
        looks.add("pickle", f"A pickle{of} is a program for the one who reads it, whatever this one does.")


def _numpy(head: bytes, looks: Looks, of: str = "") -> None:
    if _OBJECTS.search(head[:4096]):
        looks.add("pickle", f"A NumPy array{of} of Python objects is a pickle.")


def _content(head: bytes, looks: Looks, of: str) -> None:
    """Look at how something inside begins."""
    if head.startswith(b"\x93NUMPY"):
        _numpy(head, looks, of)
    elif (found := foreign.refused_head(head)) is not None and found[0] != "pickle":
        looks.add("archive", f"What is{of} is {found[1]}.")
    else:
        step = pickles.trace_bytes(head)
        if step.acts or step.imports or (step.stopped and head[:1] == b"\x80"):
            _pickle(step, looks, of)


def _stream(tape: Tape, looks: Looks, stream: _Stream) -> None:
    given, made, head = 0, 0, b""
    while given < tape.size and made < LIMITS.archive_looked_at:
        data = tape.look(given, _PIECE)
        given += len(data)
        out = stream(data, LIMITS.archive_looked_at)
        made += len(out)
        head = head or out[:_PIECE]
        if not data:
            break
    if given and made // given > LIMITS.archive_ratio:
        looks.add("bomb", f"It unpacks to more than {LIMITS.archive_ratio} times its size.")
    _content(head, looks, " inside")


# -- members ------------------------------------------------------------------------------------------------------


def _names(names: Iterable[str], looks: Looks) -> None:
    seen: set[str] = set()
    for name in names:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", name) or "\0" in name:
            looks.add("slip", f"A member {shown(name)} leads out of where it is unpacked.")
        folded = unicodedata.normalize("NFC", name).casefold()
        if folded in seen:
            looks.add("duplicate-member", f"Two members are called {shown(name)}.")
        seen.add(folded)


def _zip(tape: Tape, looks: Looks) -> None:
    with io.FileIO(os.dup(tape.descriptor)) as file, zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len(members) > LIMITS.archive_members:
            looks.add("bomb", f"It has {len(members)} members.")
            return
        names = [member.orig_filename for member in members]
        _names(names, looks)
        _made_by(frozenset(names), looks)
        declared = sum(member.file_size for member in members)
        packed = sum(member.compress_size for member in members)
        if declared > LIMITS.archive_ratio * max(packed, 1) or packed > tape.size:
            looks.add("bomb", f"It unpacks to {declared} bytes from {packed}.")
            return
        budget = LIMITS.archive_looked_at
        for member in members:
            if member.flag_bits & 1:
                looks.add("archive", f"The member {shown(member.filename)} is encrypted: nobody can look at it.")
                continue
            if (member.external_attr >> 28) == 0xA:  # noqa: PLR2004 - S_IFLNK
                looks.add("slip", f"The member {shown(member.filename)} is a symbolic link.")
            with archive.open(member) as inside:
                data = inside.read(min(budget, member.file_size) + 1)
            budget -= min(budget, len(data))
            if PurePosixPath(member.filename).suffix.lower() in _PICKLES or data[:1] == b"\x80" or budget:
                _content(data, looks, f" in {shown(member.filename)}")
            if not budget:
                return


def _made_by(names: frozenset[str], looks: Looks) -> None:
    last = {PurePosixPath(name).name for name in names}
    if "data.pkl" in last or "constants.pkl" in last:
        what = "TorchScript: it holds code" if any("/code/" in name for name in names) else "PyTorch: it is a pickle"
        looks.add("pickle", f"This is a file of {what}.")
    if {"config.json", "metadata.json"} <= last and any(name.endswith(".h5") for name in last):
        looks.add("code", "This is a file of Keras, whose layers may hold code.")
    if "schema.json" in last:
        looks.add("archive", "This is a file of skops, which is served in dev only, and scanned when it is loaded.")
    if last and all(name.endswith(".npy") for name in last):
        looks.add("archive", "This is a file of NumPy's; arrays in it may be pickles.")


def _tar(archive: tarfile.TarFile, looks: Looks) -> None:
    names: list[str] = []
    for member in archive:
        names.append(member.name)
        if len(names) > LIMITS.archive_members:
            looks.add("bomb", f"It has more than {LIMITS.archive_members} members.")
            break
        if member.issym() or member.islnk():
            looks.add("slip", f"The member {shown(member.name)} is a link to {shown(member.linkname)}.")
        elif member.isdev():
            looks.add("slip", f"The member {shown(member.name)} is a device or a pipe.")
        elif member.isfile() and (inside := archive.extractfile(member)) is not None:
            _content(inside.read(_PIECE), looks, f" in {shown(member.name)}")
    _names(names, looks)
