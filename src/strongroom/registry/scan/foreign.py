"""Formats that are refused, told apart so that the reason can be given; and second formats in a file of an admitted one.

Always true here: nothing is admitted on what is found here, and looking is bounded; a reader of zip looks for the end of
a file, one of pickle at its start, one of tar at a header's checksum, and so does this.
"""

from __future__ import annotations

import struct
from typing import Final

from strongroom.registry.scan import pickles
from strongroom.registry.scan.limits import MIB
from strongroom.registry.scan.tape import Tape

_HDF5: Final = b"\x89HDF\r\n\x1a\n"
HEADS: Final[tuple[tuple[bytes, str, str], ...]] = (
    (b"PK\x03\x04", "zip", "a zip archive"),
    (b"PK\x05\x06", "zip", "an empty zip archive"),
    (b"PK\x07\x08", "zip", "a part of a zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "7z", "a 7z archive"),
    (b"Rar!\x1a\x07", "rar", "a RAR archive"),
    (b"\x1f\x8b", "gzip", "a gzip stream"),
    (b"BZh", "bzip2", "a bzip2 stream"),
    (b"\xfd7zXZ\x00", "xz", "an xz stream"),
    (b"\x28\xb5\x2f\xfd", "zstd", "a Zstandard stream"),
    (b"\x04\x22\x4d\x18", "lz4", "an LZ4 stream"),
    (b"\x5d\x00\x00", "lzma", "an LZMA stream"),
    (b"LZIP", "lzip", "an lzip stream"),
    (b"\xff\x06\x00\x00sNaPpY", "snappy", "a Snappy stream"),
    (b"\x1f\x9d", "compress", "a compressed stream"),
    (b"!<arch>\n", "ar", "an ar archive"),
    (b"\x93NUMPY", "numpy", "a NumPy array"),
    (_HDF5, "hdf5", "an HDF5 file, as Keras writes it: layers in it may hold code"),
    (b"\x7fELF", "program", "a program or library (ELF)"),
    (b"MZ", "program", "a program or library (PE)"),
    (b"\xca\xfe\xba\xbe", "program", "a program or class (Mach-O or Java)"),
    (b"\xcf\xfa\xed\xfe", "program", "a program or library (Mach-O)"),
    (b"\xce\xfa\xed\xfe", "program", "a program or library (Mach-O)"),
    (b"\x00asm", "program", "a program (WebAssembly)"),
    (b"SQLite format 3\x00", "database", "a database"),
    (b"PAR1", "table", "a Parquet table"),
    (b"ARROW1", "table", "an Arrow table"),
    (b"Obj\x01", "table", "an Avro file"),
    (b"%PDF-", "document", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "picture", "a picture"),
    (b"\xff\xd8\xff", "picture", "a picture"),
    (b"GIF8", "picture", "a picture"),
    (b"RIFF", "media", "a sound, a film or a picture"),
    (b"OggS", "media", "a sound"),
    (b"ggml", "ggml", "a file of ggml's, from before GGUF"),
    (b"lmgg", "ggml", "a file of ggml's, from before GGUF"),
    (b"fmgg", "ggml", "a file of ggml's, from before GGUF"),
    (b"tjgg", "ggml", "a file of ggml's, from before GGUF"),
    (b"FUGG", "ggml", "a GGUF file for big-endian machines"),
    (b"\x78\x01", "zlib", "a zlib stream"),
    (b"\x78\x5e", "zlib", "a zlib stream"),
    (b"\x78\x9c", "zlib", "a zlib stream"),
    (b"\x78\xda", "zlib", "a zlib stream"),
    (b"ZF0x", "zlib", "a file of joblib's"),
    (b"bvx", "lzfse", "an LZFSE stream"),
    (b"ORTM", "ort", "a model in ONNX Runtime's own format"),
)
"""How what is refused begins, its name, and what to call it."""
_AT_FOUR: Final = ((b"TFL3", "a TensorFlow Lite model"), (b"ORTM", "a model in ONNX Runtime's own format"))
_PYC_MAGIC_END: Final = b"\r\n"
_PROTOCOLS: Final = frozenset({1, 2, 3, 4, 5})

_ENOUGH: Final = 3
"""Opcodes that a text is not by chance."""
_EOCD: Final = b"PK\x05\x06"
_TAIL: Final = (1 << 16) + 22
_TAR_AT, _TAR_BLOCK, _SUM_AT, _SUM_END = 257, 512, 148, 156
_ISO_AT: Final = 32769


def refused_head(head: bytes) -> tuple[str, str] | None:
    """Return (name, what it is) of a refused format that begins so."""
    for magic, name, what in HEADS:
        if head.startswith(magic):
            return name, what
    for magic, what in _AT_FOUR:
        if head[4:8] == magic:
            return "model", what
    if head[2:4] == _PYC_MAGIC_END and len(head) > 16 and head[0] and head[0] not in b"PK":  # noqa: PLR2004 - a pyc's header
        return "code", "compiled Python code"
    if is_tar(head):
        return "tar", "a tar archive"
    if head[:1] == b"\x80" and len(head) > 1 and head[1] in _PROTOCOLS:
        return "pickle", "a pickle"
    return None


def is_tar(head: bytes) -> bool:
    """Whether a tar header begins here: its checksum tells."""
    if len(head) < _TAR_BLOCK:
        return False
    try:
        said = int(head[_SUM_AT:_SUM_END].split(b"\0")[0].strip() or b"-1", 8)
    except ValueError:
        return False
    rest = head[:_SUM_AT] + 8 * b" " + head[_SUM_END:_TAR_BLOCK]
    total = sum(rest)
    signed = total - 256 * sum(each > 127 for each in rest)  # noqa: PLR2004 - old writers summed signed bytes
    return said in {total, signed} and said > 8 * 0x20


def second_format(tape: Tape, *, text: bool) -> list[tuple[str, int]]:
    """Return what else a file of an admitted format is, and where.

    Args:
        tape: the file; its bytes are looked at beside the parse.
        text: whether it is text, in which only what can be text is looked for.
    """
    found: list[tuple[str, int]] = []
    step = pickles.trace(tape.look, tape.size)
    if step.acts or (step.stopped and step.imports):
        found.append(("a pickle that runs code", 0))
    elif step.stopped and step.steps >= _ENOUGH and not tape.look(step.at, _ENOUGH).strip():
        found.append(("a pickle, to its last byte", 0))
    if is_tar(tape.look(0, _TAR_BLOCK)):
        found.append(("a tar archive", 0))
    at = zip_end(tape)
    if at is not None:
        found.append(("a zip archive", at))
    if text:
        return found
    head = tape.look(0, MIB)
    for magic, what in ((b"7z\xbc\xaf\x27\x1c", "a 7z archive"), (b"Rar!\x1a\x07", "a RAR archive")):
        if (at := head.find(magic)) >= 0:
            found.append((what, at))
    if (at := head[:1024].find(b"%PDF-")) >= 0:
        found.append(("a PDF document", at))
    if head[_ISO_AT : _ISO_AT + 5] == b"CD001":
        found.append(("a disk image", _ISO_AT))
    found += [("an HDF5 file", at) for at in (512, 1024, 2048) if head[at : at + 8] == _HDF5]
    return found


def zip_end(tape: Tape) -> int | None:
    """Return where a zip archive's end record is, if a reader of zip would find one at the end of this file."""
    start = max(0, tape.size - _TAIL)
    tail = tape.look(start, _TAIL)
    at = tail.rfind(_EOCD)
    while at >= 0:
        record = tail[at : at + 22]
        if len(record) == 22 and _leads_to_members(tape, start + at, record):  # noqa: PLR2004 - the record's length
            return start + at
        at = tail.rfind(_EOCD, 0, at)
    return None


def _leads_to_members(tape: Tape, at: int, record: bytes) -> bool:
    disk, _, _, entries, size, offset, comment = struct.unpack("<4H2LH", record[4:22])
    if size == 0xFFFFFFFF or offset == 0xFFFFFFFF or entries == 0xFFFF:  # noqa: PLR2004 - zip64 says the figures elsewhere
        return at >= 20 and tape.look(at - 20, 4) == b"PK\x06\x07"  # noqa: PLR2004 - the locator's length
    if not entries:
        return not size and not disk and at + 22 + comment == tape.size
    return size <= at and b"PK\x01\x02" in {tape.look(at - size, 4), tape.look(min(offset, tape.size), 4)}
