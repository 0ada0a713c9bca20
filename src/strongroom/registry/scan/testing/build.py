"""Files of each format, written byte by byte: sound ones, and the ways to make them otherwise."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
_FORMS: Final = {
    U8: "<B",
    I8: "<b",
    U16: "<H",
    I16: "<h",
    U32: "<I",
    I32: "<i",
    F32: "<f",
    BOOL: "<B",
    U64: "<Q",
    I64: "<q",
    F64: "<d",
}

# -- safetensors --------------------------------------------------------------------------------------------------


def safetensors(header: Mapping[str, Any] | str | bytes, data: bytes = b"", *, length: int | None = None) -> bytes:
    """Return a file of that header and data; the header's length is told truly unless it is given."""
    if not isinstance(header, bytes):
        header = (header if isinstance(header, str) else json.dumps(header, separators=(",", ":"))).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(begin: int, end: int, dtype: str = "U8", shape: Sequence[int] | None = None) -> dict[str, Any]:
    """Return a tensor's entry; of bytes, unless it is said otherwise."""
    return {"dtype": dtype, "shape": list(shape) if shape is not None else [end - begin], "data_offsets": [begin, end]}


# -- GGUF ---------------------------------------------------------------------------------------------------------


def text(value: str | bytes) -> bytes:
    """Return a text as GGUF writes it."""
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(raw)) + raw


def pair(key: str | bytes, kind: int, value: Any) -> bytes:
    """Return a key and its value."""
    written = text(value) if kind == STRING else value if isinstance(value, bytes) else struct.pack(_FORMS[kind], value)
    return text(key) + struct.pack("<I", kind) + written


def array(key: str, kind: int, values: Sequence[Any], *, count: int | None = None) -> bytes:
    """Return a key and an array; its length is told truly unless it is given."""
    body = b"".join(text(each) if kind == STRING else struct.pack(_FORMS[kind], each) for each in values)
    return text(key) + struct.pack("<IIQ", ARRAY, kind, len(values) if count is None else count) + body


def info(name: str | bytes, shape: Sequence[int], kind: int, offset: int, *, dimensions: int | None = None) -> bytes:
    """Return what a GGUF says of a tensor."""
    count = len(shape) if dimensions is None else dimensions
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", count, *shape, kind, offset)


ARCHITECTURE: Final = pair("general.architecture", STRING, "llama")


def gguf(
    pairs: Sequence[bytes] = (ARCHITECTURE,),
    infos: Sequence[bytes] = (),
    data: bytes = b"",
    *,
    version: int = 3,
    tensors: int | None = None,
    keys: int | None = None,
    alignment: int = 32,
) -> bytes:
    """Return a file of those pairs, tensors and data; the counts are told truly unless they are given."""
    counts = len(infos) if tensors is None else tensors, len(pairs) if keys is None else keys
    head = b"GGUF" + struct.pack("<IQQ", version, *counts) + b"".join(pairs) + b"".join(infos)
    return head + b"\0" * (-len(head) % alignment if infos else 0) + data


# -- protocol buffers ---------------------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    """Return a varint; negative values as sixty-four bits."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value >> 7:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """Return a field that holds a varint."""
    return varint(field << 3) + varint(value)


def blob(field: int, value: bytes | str) -> bytes:
    """Return a field that holds bytes, a text or a message."""
    raw = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def node(operator: str, domain: str = "", *more: bytes) -> bytes:
    """Return a NodeProto of one input and output."""
    return blob(1, "x") + blob(2, "y") + blob(4, operator) + (blob(7, domain) if domain else b"") + b"".join(more)


def onnx_tensor(dims: Sequence[int], kind: int, *data: bytes, name: str = "w") -> bytes:
    """Return a TensorProto."""
    return b"".join(number(1, each) for each in dims) + number(2, kind) + blob(8, name) + b"".join(data)


def external(location: str, offset: int | str | None = None, length: int | str | None = None, **more: str) -> bytes:
    """Return what a TensorProto says of data that lies outside."""
    entries = {"location": location, "offset": offset, "length": length, **more}
    said = (blob(13, blob(1, key) + blob(2, str(value))) for key, value in entries.items() if value is not None)
    return b"".join(said) + number(14, 1)


def graph(nodes: Sequence[bytes] = (), tensors: Sequence[bytes] = (), *more: bytes) -> bytes:
    """Return a GraphProto."""
    return (
        b"".join(blob(1, each) for each in nodes)
        + blob(2, "g")
        + b"".join(blob(5, each) for each in tensors)
        + b"".join(more)
    )


def onnx(of: bytes, *more: bytes, domains: Sequence[str] = ("",), version: int = 9) -> bytes:
    """Return a ModelProto of a graph."""
    sets = b"".join(blob(8, (blob(1, each) if each else b"") + number(2, 17)) for each in domains)
    return number(1, version) + blob(2, "strongroom") + blob(7, of) + sets + b"".join(more)


def sentencepiece(pieces: Sequence[str] = ("<unk>", "<s>", "</s>", "a"), *more: bytes) -> bytes:
    """Return a tokenizer's model."""
    written = b"".join(blob(1, blob(1, each) + b"\x15" + struct.pack("<f", -1.0) + number(3, 1)) for each in pieces)
    return written + blob(2, number(4, len(pieces))) + blob(3, blob(1, "identity")) + b"".join(more)


# -- archives -----------------------------------------------------------------------------------------------------


def zipped(members: Sequence[tuple[str, bytes]], *, stored: bool = True) -> bytes:
    """Return a zip archive; two members may have one name."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as archive:
        warnings.simplefilter("ignore")  # of two members by one name, which are wanted
        for name, data in members:
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return out.getvalue()


def tarred(members: Sequence[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """Return a tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    """Return a tar member's header."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, to
    return made


WRAPPINGS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
    "zlib": zlib.compress,
}
"""How joblib and others wrap what they write."""


# -- pickles: opcodes, put down one by one; nothing here is ever read by a pickle reader --------------------------


def call(module: str, name: str, argument: str, protocol: int = 2) -> bytes:
    """Return a pickle that would call `module.name(argument)`."""
    if protocol == 0:
        return f"c{module}\n{name}\n(S'{argument}'\ntR.".encode()
    if protocol < 4:  # noqa: PLR2004 - the first with short texts
        raw = argument.encode()
        head = b"\x80" + bytes([protocol]) if protocol > 1 else b""
        return head + f"c{module}\n{name}\n".encode() + b"(X" + struct.pack("<I", len(raw)) + raw + b"tR."
    short = [b"\x8c" + bytes([len(each)]) + each.encode() for each in (module, name, argument)]
    body = short[0] + short[1] + b"\x93" + short[2] + b"\x85R."
    return b"\x80" + bytes([protocol]) + b"\x95" + struct.pack("<Q", len(body)) + body
