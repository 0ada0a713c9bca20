"""safetensors, GGUF and JSON that are not what they say: bad, each in one way."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Final

from strongroom.registry.scan.testing.build import (
    ARCHITECTURE,
    ARRAY,
    BOOL,
    F32,
    STRING,
    U16,
    U32,
    array,
    call,
    gguf,
    info,
    pair,
    safetensors,
    tensor,
    text,
    zipped,
)
from strongroom.registry.scan.testing.samples import Sample, one

_HUGE: Final = (1 << 64) - 1


def safetensors_files() -> Iterator[Sample]:
    """Yield broken safetensors."""
    sound = safetensors({"a": tensor(0, 4)}, b"\0" * 4)
    both = '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}}'
    files = {
        "header-too-long": safetensors("{}", length=1 << 40),
        "header-beyond-file": safetensors("{}", length=100),
        "header-huge": struct.pack("<Q", (1 << 25) + 1) + b"{" + b" " * 64,
        "header-length-wraps": struct.pack("<Q", _HUGE) + b"{}",
        "header-no-object": safetensors("[{}]"),
        "header-not-utf8": safetensors(b'{"\xff":1}'),
        "header-cut": safetensors('{"a":'),
        "header-two-values": safetensors("{}{}"),
        "header-trailing-comma": safetensors('{"__metadata__":{"a":"b",}}'),
        "header-nul-padded": safetensors(b"{}" + b"\0" * 6),
        "header-nests": safetensors('{"a":' * 100 + "1" + "}" * 100),
        "duplicate-tensor": safetensors(both, b"\0" * 6),
        "duplicate-field": safetensors('{"a":{"dtype":"U8","dtype":"F32","shape":[4],"data_offsets":[0,4]}}', b"\0" * 4),
        "duplicate-metadata": safetensors('{"__metadata__":{"a":"b"},"__metadata__":{"a":"c"}}'),
        "duplicate-by-escape": safetensors('{"__metadata__":{"a":"b","\\u0061":"c"}}'),
        "overlap": safetensors({"a": tensor(0, 4), "b": tensor(2, 6)}, b"\0" * 6),
        "same-range": safetensors({"a": tensor(0, 4), "b": tensor(0, 4)}, b"\0" * 4),
        "hole": safetensors({"a": tensor(0, 4), "b": tensor(8, 12)}, b"\0" * 12),
        "hole-at-start": safetensors({"a": tensor(4, 8)}, b"\0" * 8),
        "trailing": safetensors({"a": tensor(0, 4)}, b"\0" * 5),
        "only-trailing": safetensors({}, b"hidden"),
        "truncated": sound[:-1],
        "offsets-reversed": safetensors({"a": {"dtype": "U8", "shape": [4], "data_offsets": [4, 0]}}, b"\0" * 4),
        "offsets-negative": safetensors({"a": {"dtype": "U8", "shape": [4], "data_offsets": [-4, 0]}}, b"\0" * 4),
        "offsets-float": safetensors('{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4.0]}}', b"\0" * 4),
        "offsets-huge": safetensors('{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,18446744073709551616]}}', b"\0" * 4),
        "offsets-three": safetensors({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4, 8]}}, b"\0" * 8),
        "shape-wrong": safetensors({"a": tensor(0, 4, "F32", [2])}, b"\0" * 4),
        "shape-overflow": safetensors({"a": tensor(0, 0, "U8", [1 << 32, 1 << 32])}),
        "shape-negative": safetensors({"a": tensor(0, 4, "U8", [-4])}, b"\0" * 4),
        "shape-many": safetensors({"a": tensor(0, 1, "U8", [1] * 200)}, b"\0"),
        "shape-boolean": safetensors('{"a":{"dtype":"U8","shape":[true],"data_offsets":[0,1]}}', b"\0"),
        "dtype-unknown": safetensors({"a": tensor(0, 4, "O")}, b"\0" * 4),
        "dtype-missing": safetensors('{"a":{"shape":[4],"data_offsets":[0,4]}}', b"\0" * 4),
        "field-unknown": safetensors('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"loader":"x"}}'),
        "half-a-byte": safetensors({"a": tensor(0, 2, "F4", [3])}, b"\0" * 2),
        "metadata-number": safetensors('{"__metadata__":{"a":1}}'),
        "metadata-nested": safetensors('{"__metadata__":{"a":{"b":"c"}}}'),
        "metadata-template": safetensors({"__metadata__": {"chat_template": "{{ ''.__class__ }}"}}),
        "surrogate": safetensors('{"\\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
        "name-empty": safetensors({"": tensor(0, 0)}),
        "name-long": safetensors({"a" * 5000: tensor(0, 0)}),
        "elf-in-tensor": safetensors({"a": tensor(0, 64)}, b"\x7fELF\x02\x01\x01" + b"\0" * 57),
    }  # fmt: skip
    for name, data in files.items():
        yield one("safetensors", name, "model.safetensors", data)
    yield one("safetensors", "tiny", "model.safetensors", b"\x02\0\0\0\0\0\0")
    yield one("safetensors", "renamed-gguf", "model.safetensors", gguf())


def polyglots() -> Iterator[Sample]:
    """Yield files of two formats."""
    archive = zipped([("archive/data.pkl", call("posix", "system", "id"))])
    size = len(archive)
    yield one("polyglot", "safetensors-zip", "model.safetensors", safetensors({"a": tensor(0, size)}, archive))
    appended = safetensors({"a": tensor(0, 4)}, b"\0" * 4) + archive
    yield one("polyglot", "safetensors-zip-appended", "model.safetensors", appended)
    padded = b"\0" * 8 + archive
    yield one("polyglot", "safetensors-zip-behind-zeros", "model.bin", safetensors({"a": tensor(0, size + 8)}, padded))
    commented = archive[:-2] + struct.pack("<H", 64) + b"c" * 64
    yield one(
        "polyglot", "safetensors-zip-comment", "m.safetensors", safetensors({"a": tensor(0, len(commented))}, commented)
    )
    blocks = -size % 4
    weights = archive.rjust(size + blocks, b"\0")
    yield one("polyglot", "gguf-zip", "model.gguf", gguf(infos=[info("a", [len(weights)], 24, 0)], data=weights))
    yield one("polyglot", "gguf-zip-appended", "model.gguf", gguf() + archive)
    yield one("polyglot", "gguf-tar", "model.gguf", _gguf_tar())
    yield one("polyglot", "safetensors-pickle", "model.safetensors", _safetensors_pickle())
    yield one("polyglot", "text-pickle", "vocab.txt", b"cposix\nsystem\n(S'id'\ntR.\nhello\nworld\n")
    yield one("polyglot", "json-zip", "config.json", b'{"a": "b"}' + archive)
    seven = b"\0" * 64 + b"7z\xbc\xaf\x27\x1c\x00\x04" + b"\0" * 24
    yield one("polyglot", "safetensors-7z", "m.safetensors", safetensors({"a": tensor(0, len(seven))}, seven))
    yield one("confusion", "gguf-as-onnx", "model.onnx", gguf())
    yield one("confusion", "json-as-gguf", "model.gguf", b'{"a": 1}')
    yield one("confusion", "text-as-safetensors", "model.safetensors", b"hello\n")


def _gguf_tar() -> bytes:
    """A tar header whose file name begins as a GGUF does: the checksum stands in a text of the metadata."""
    head = bytearray(gguf([pair("general.description", STRING, " " * 700), ARCHITECTURE]))
    at = head.index(b" " * 700)
    assert at < 100  # noqa: S101, PLR2004 - the header's fields lie in the text
    head[100:148] = b"0000644 0000000 0000000 00000000000 00000000000 "
    head[148:156] = b" " * 8
    head[156:157] = b"0"
    head[257:265] = b"ustar 00"
    head[148:156] = b"%06o  " % sum(head[:512])
    return bytes(head)


def _safetensors_pickle() -> bytes:
    """A pickle that strides over the header in texts, and acts in the data."""
    act = b"0cposix\nsystem\n(S'id'\ntR."
    # The header's length begins with 0x58: BINUNICODE, of a length that the next four bytes say.
    length = 0x58 + (120 << 8)
    entry = json.dumps({"a": tensor(0, len(act))}, separators=(",", ":"))
    # Opcode U takes one byte of length: strides of 32 to 126 bytes, from the 125th byte of the file to the data.
    body = bytearray((entry[:-1] + ',"__metadata__":{"p":"').encode())
    body += b"x" * (length - len(body) - 3) + b'"}}'
    at = 5 + 120 - 8
    while at < length:
        rest = length - at - 2
        stride = min(126, rest)
        if 0 < rest - stride < 34:  # noqa: PLR2004 - the next stride is printable, too
            stride -= 40
        body[at : at + 2] = b"U" + bytes([stride])
        at += 2 + stride
    return struct.pack("<Q", length) + bytes(body) + act


def gguf_files() -> Iterator[Sample]:
    """Yield broken GGUF."""
    one_info = info("w", [32], 0, 0)
    files = {
        "version-one": gguf(version=1),
        "version-future": gguf(version=4),
        "big-endian": gguf(version=3 << 24),
        "tensor-count": gguf(tensors=1 << 62),
        "pair-count": gguf(keys=1 << 62),
        "pair-count-one-more": gguf(keys=2),
        "key-huge": gguf([struct.pack("<Q", _HUGE) + b"a"]),
        "key-empty": gguf([ARCHITECTURE, pair("", U32, 1)]),
        "key-binary": gguf([ARCHITECTURE, pair(b"a\0b", U32, 1)]),
        "key-long": gguf([ARCHITECTURE, pair("k" * 5000, U32, 1)]),
        "duplicate-key": gguf([ARCHITECTURE, pair("a.b", U32, 1), pair("a.b", U32, 2)]),
        "duplicate-architecture": gguf([ARCHITECTURE, ARCHITECTURE]),
        "no-architecture": gguf([pair("a.b", U32, 1)]),
        "architecture-number": gguf([pair("general.architecture", U32, 1)]),
        "string-huge": gguf([ARCHITECTURE, text("a") + struct.pack("<IQ", STRING, 1 << 60)]),
        "string-not-utf8": gguf([ARCHITECTURE, pair("a", STRING, b"\xff\xfe")]),
        "type-unknown": gguf([ARCHITECTURE, pair("a", 99, b"\0" * 4)]),
        "bool-two": gguf([ARCHITECTURE, pair("a", BOOL, 2)]),
        "array-nested": gguf([ARCHITECTURE, text("a") + struct.pack("<IIQ", ARRAY, ARRAY, 1) + struct.pack("<IQ", U32, 0)]),
        "array-huge": gguf([ARCHITECTURE, array("a", U32, [], count=1 << 61)]),
        "array-beyond-file": gguf([ARCHITECTURE, array("a", F32, [1.0], count=1000)]),
        "array-of-strings-huge": gguf([ARCHITECTURE, array("a", STRING, [], count=1 << 50)]),
        "array-string-huge": gguf([ARCHITECTURE, text("a") + struct.pack("<IIQQ", ARRAY, STRING, 1, 1 << 63)]),
        "array-type-unknown": gguf([ARCHITECTURE, text("a") + struct.pack("<IIQ", ARRAY, 77, 0)]),
        "alignment-zero": gguf([ARCHITECTURE, pair("general.alignment", U32, 0)]),
        "alignment-odd": gguf([ARCHITECTURE, pair("general.alignment", U32, 33)]),
        "alignment-huge": gguf([ARCHITECTURE, pair("general.alignment", U32, 1 << 31)]),
        "alignment-type": gguf([ARCHITECTURE, pair("general.alignment", U16, 32)]),
        "split": gguf([ARCHITECTURE, pair("split.no", U16, 0), pair("split.count", U16, 3)]),
        "dimensions-none": gguf(infos=[info("w", [], 0, 0)]),
        "dimensions-many": gguf(infos=[info("w", [1] * 9, 0, 0)], data=b"\0" * 4),
        "dimensions-count-huge": gguf(infos=[info("w", [32], 0, 0, dimensions=1 << 31)]),
        "dimension-zero": gguf(infos=[info("w", [0], 0, 0)]),
        "dimension-overflow": gguf(infos=[info("w", [1 << 32, 1 << 32], 0, 0)], data=b"\0" * 32),
        "dimension-wraps": gguf(infos=[info("w", [1 << 62, 4], 0, 0)], data=b"\0" * 32),
        "type-of-tensor": gguf(infos=[info("w", [32], 999, 0)], data=b"\0" * 128),
        "type-removed": gguf(infos=[info("w", [32], 4, 0)], data=b"\0" * 128),
        "block-broken": gguf(infos=[info("w", [33], 2, 0)], data=b"\0" * 64),
        "offset-unaligned": gguf(infos=[info("w", [8], 0, 4)], data=b"\0" * 64),
        "offset-beyond": gguf(infos=[info("w", [32], 0, 1 << 40)], data=b"\0" * 128),
        "offset-wraps": gguf(infos=[info("w", [32], 0, _HUGE - 31)], data=b"\0" * 128),
        "tensor-truncated": gguf(infos=[one_info], data=b"\0" * 127),
        "tensors-overlap": gguf(infos=[one_info, info("v", [32], 0, 64)], data=b"\0" * 256),
        "tensors-same": gguf(infos=[one_info, info("v", [32], 0, 0)], data=b"\0" * 128),
        "tensor-twice": gguf(infos=[one_info, info("w", [32], 0, 128)], data=b"\0" * 256),
        "tensor-name-long": gguf(infos=[info("w" * 64, [32], 0, 0)], data=b"\0" * 128),
        "tensor-name-empty": gguf(infos=[info("", [32], 0, 0)], data=b"\0" * 128),
        "hole": gguf(infos=[one_info, info("v", [32], 0, 512)], data=b"\0" * 640),
        "trailing": gguf(infos=[one_info], data=b"\0" * 128 + b"x" * 40),
        "padding-not-zero": gguf(infos=[info("w", [4], 0, 0), info("v", [4], 0, 32)], data=b"\0" * 16 + b"h" * 16 + b"\0" * 16),
        "only-magic": b"GGUF",
        "cut": gguf(infos=[one_info], data=b"\0" * 128)[:40],
        "template-escape": gguf([ARCHITECTURE, pair("tokenizer.chat_template", STRING, "{{ ''.__class__.__mro__ }}")]),
        "template-second": gguf([ARCHITECTURE, pair("tokenizer.chat_template", STRING, "{{ messages }}"), pair("tokenizer.chat_template.tool_use", STRING, "{{ lipsum() }}")]),
        "template-number": gguf([ARCHITECTURE, pair("tokenizer.chat_template", U32, 7)]),
    }  # fmt: skip
    for name, data in files.items():
        yield one("gguf", name, "model.gguf", data)


def json_files() -> Iterator[Sample]:
    """Yield JSON that two readers read two ways, or none."""
    files = {
        "duplicate-key": b'{"a": 1, "a": 2}',
        "deep": b"[" * 5000 + b"]" * 5000,
        "nan": b'{"a": NaN}',
        "comment": b'{"a": 1} // b',
        "bom": b'\xef\xbb\xbf{"a": 1}',
        "utf16": '{"a": 1}'.encode("utf-16"),
        "cut": b'{"a": [1, 2',
        "single-quotes": b"{'a': 1}",
        "leading-zero": b'{"a": 012}',
        "surrogate": b'{"a": "\\ud800"}',
        "control": b'{"a": "b\x01"}',
        "long-number": b'{"a": 1' + b"0" * 5000 + b"}",
    }
    for name, data in files.items():
        yield one("json", name, "config.json", data)
    yield one("text", "binary", "README.md", b"hello\0world")
    yield one("text", "latin-1", "README.txt", b"caf\xe9\n")
    yield one("text", "escape-codes", "README.txt", b"\x1b]0;title\x07 hello\n")
    yield one("unknown", "random", "weights.bin", bytes(range(128, 256)) * 8)
    yield one("unknown", "empty", "weights.bin", b"")
    yield one("unknown", "hdf5", "model.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 504)
    yield one("unknown", "tflite", "model.tflite", b"\x1c\0\0\0TFL3" + b"\0" * 56)
    yield one("unknown", "old-ggml", "model.bin", b"lmgg" + b"\0" * 60)
    yield one("unknown", "savedmodel", "saved_model.pb", b"\x08\x01\x12\x84\x01" + b"\n\x02ab" * 30)
    yield one("unknown", "sqlite", "model.db", b"SQLite format 3\0" + b"\0" * 84)
    yield one("unknown", "picture", "logo.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 25)
