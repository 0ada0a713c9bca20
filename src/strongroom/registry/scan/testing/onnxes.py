"""ONNX that hides something, and archives: bad, each in one way."""

from __future__ import annotations

import struct
import tarfile
import zlib
from collections.abc import Iterator
from typing import Final

from strongroom.registry.scan.testing.build import (
    ARCHITECTURE,
    WRAPPINGS,
    blob,
    call,
    external,
    gguf,
    graph,
    member,
    node,
    number,
    onnx,
    onnx_tensor,
    sentencepiece,
    tarred,
    varint,
    zipped,
)
from strongroom.registry.scan.testing.samples import Sample, one

_FLOAT, _UINT8, _INT64, _STRING = 1, 2, 7, 8
_BYTES: Final = b"\xff\xfe\x01" + bytes(range(200, 256))
_CLAIMED: Final = {
    "python": ("modeling_evil.py", b"import os\nos.system('id')\n"),
    "python-as-data": ("w.bin", b"import os\nos.system('id')\n"),
    "library": ("evil.so", b"\x7fELF" + bytes(60)),
    "library-as-data": ("w.data", b"\x7fELF" + bytes(60)),
    "script": ("setup.sh", b"#!/bin/sh\nid\n"),
    "script-without-ending": ("setup", b"#!/bin/sh\nid\n"),
    "template": ("chat_template.jinja", b"{{ ''.__class__.__mro__[1].__subclasses__() }}"),
    "template-not-text": ("chat_template.jinja", b"\x01{{ ''.__class__ }}"),
    "gzip": ("model.joblib", WRAPPINGS["gzip"](call("posix", "system", "id"))),
    "zlib": ("model.pkl", zlib.compress(call("posix", "system", "id"))),
    "hdf5": ("w.h5", b"\x89HDF\r\n\x1a\n" + bytes(60)),
    "numpy": ("w.npy", b"\x93NUMPY\x01\x00" + bytes(60)),
    "html": ("index.html", b"<script>alert(1)</script>"),
    "yaml": ("hyperparams.yaml", b"!!python/object/apply:os.system ['id']\n"),
    "code-name": ("conftest.py", _BYTES),
    "pickle-name": ("w.pkl", _BYTES),
    "graph-name": ("saved_model.pb", _BYTES),
}
"""What a model may not have admitted by saying that it is its tensors' data."""


def onnx_files() -> Iterator[Sample]:
    """Yield ONNX models."""
    evil = node("Run", "evil.ops")
    hidden = blob(1, "body") + blob(6, graph([evil])) + number(20, 5)
    deep = graph([node("Identity")])
    for _ in range(80):
        deep = graph([node("If", "", blob(5, blob(1, "then_branch") + blob(6, deep) + number(20, 5)))])
    function = blob(1, "F") + blob(10, "mine") + blob(7, evil) + blob(9, number(2, 1))
    raw = blob(9, b"\0" * 8)
    files = {
        "unknown-domain": onnx(graph([evil])),
        "domain-imported": onnx(graph([node("Identity")]), domains=("", "evil.ops")),
        "in-a-subgraph": onnx(graph([node("Loop", "", blob(5, hidden))])),
        "in-a-list-of-graphs": onnx(graph([node("X", "", blob(5, blob(1, "g") + blob(11, graph([evil]))))])),
        "in-a-function": onnx(graph([node("F", "mine")]), blob(25, function), domains=("", "mine")),
        "in-training": onnx(graph([node("Identity")]), blob(20, blob(2, graph([evil])))),
        "python-op": onnx(graph([node("PythonOp", "com.microsoft")]), domains=("", "com.microsoft")),
        "pyop": onnx(graph([node("PyOp", "ai.onnx.contrib")])),
        "ep-context": onnx(graph([node("EPContext", "com.microsoft")])),
        "function-shadows": onnx(graph([node("Relu")]), blob(25, blob(1, "Relu") + blob(7, node("Identity")))),
        "deep": onnx(deep),
        "external-up": onnx(graph([], [onnx_tensor([2], _FLOAT, external("../../etc/passwd"))])),
        "external-absolute": onnx(graph([], [onnx_tensor([2], _FLOAT, external("/etc/passwd"))])),
        "external-backslash": onnx(graph([], [onnx_tensor([2], _FLOAT, external("..\\secrets"))])),
        "external-drive": onnx(graph([], [onnx_tensor([2], _FLOAT, external("C:secrets"))])),
        "external-memory": onnx(graph([], [onnx_tensor([2], _FLOAT, external("*/_ORT_MEM_ADDR_/*", 140737488355328, 8))])),
        "external-empty": onnx(graph([], [onnx_tensor([2], _FLOAT, external(""))])),
        "external-missing": onnx(graph([], [onnx_tensor([2], _FLOAT, external("not-there.bin", 0, 8))])),
        "external-offset-negative": onnx(graph([], [onnx_tensor([2], _FLOAT, external("w.bin", "-8", 8))])),
        "external-offset-overflow": onnx(graph([], [onnx_tensor([2], _FLOAT, external("w.bin", (1 << 63) - 4, 8))])),
        "external-length-wrong": onnx(graph([], [onnx_tensor([2], _FLOAT, external("w.bin", 0, 1000))])),
        "external-basepath": onnx(graph([], [onnx_tensor([2], _FLOAT, external("w.bin", 0, 8, basepath="/etc"))])),
        "external-unknown-entry": onnx(graph([], [onnx_tensor([2], _FLOAT, external("w.bin", 0, 8, url="http://x"))])),
        "external-twice": onnx(graph([], [onnx_tensor([2], _FLOAT, external("w.bin", 0, 8), blob(13, blob(1, "location") + blob(2, "v.bin")))])),
        "external-and-raw": onnx(graph([], [onnx_tensor([2], _FLOAT, raw, external("w.bin", 0, 8))])),
        "external-in-attribute": onnx(graph([node("Constant", "", blob(5, blob(1, "value") + blob(5, onnx_tensor([2], _FLOAT, external("/etc/shadow"))) + number(20, 4)))])),
        "external-in-sparse": onnx(graph([], [], blob(15, blob(1, onnx_tensor([2], _FLOAT, external("../x"))) + number(3, 2)))),
        "raw-too-short": onnx(graph([], [onnx_tensor([4], _FLOAT, raw)])),
        "raw-too-long": onnx(graph([], [onnx_tensor([1], _FLOAT, raw)])),
        "raw-and-typed": onnx(graph([], [onnx_tensor([2], _FLOAT, raw, blob(4, struct.pack("<2f", 0, 0)))])),
        "raw-of-text": onnx(graph([], [onnx_tensor([2], _STRING, raw)])),
        "no-data": onnx(graph([], [onnx_tensor([2], _FLOAT)])),
        "dims-overflow": onnx(graph([], [onnx_tensor([1 << 32, 1 << 32], _FLOAT, raw)])),
        "dims-negative": onnx(graph([], [onnx_tensor([-2], _FLOAT, raw)])),
        "type-unknown": onnx(graph([], [onnx_tensor([2], 99, raw)])),
        "typed-wrong-field": onnx(graph([], [onnx_tensor([2], _INT64, blob(4, struct.pack("<2f", 0, 0)))])),
        "two-graphs": onnx(graph([node("Identity")]), blob(7, graph([evil]))),
        "two-operators": onnx(graph([node("Identity", "", blob(4, "Run"))])),
        "unknown-field": onnx(graph([node("Identity")]), blob(77, b"hidden")),
        "unknown-field-inside": onnx(graph([node("Identity", "", blob(77, b"hidden"))])),
        "group": onnx(graph([node("Identity")]), varint(7 << 3 | 3)),
        "no-graph": number(1, 9) + blob(8, number(2, 17)),
        "no-operator-set": number(1, 9) + blob(7, graph([node("Identity")])),
        "node-without-operator": onnx(graph([blob(1, "x")])),
        "length-beyond": onnx(graph([node("Identity")])) + varint(14 << 3 | 2) + varint(1 << 40),
        "varint-endless": b"\x08" + b"\xff" * 20,
        "trailing-zip": onnx(graph([node("Identity")])) + zipped([("a", b"b")]),
        "cut": onnx(graph([node("Identity")], [onnx_tensor([2], _FLOAT, raw)]))[:-3],
    }  # fmt: skip
    for name, data in files.items():
        yield one("onnx", name, "model.onnx", data)
    sound = onnx_tensor([2], _FLOAT, external("w.bin", 0, 8))
    yield Sample("onnx-data-too-short", "onnx", {"model.onnx": onnx(graph([], [sound])), "w.bin": b"\xff" * 7})
    yield Sample("onnx-data-hidden", "onnx", {"model.onnx": onnx(graph([], [sound])), "w.bin": b"\xff" * 8 + b"hidden"})
    late = onnx_tensor([2], _FLOAT, external("w.bin", 4096, 8))
    yield Sample("onnx-data-gap", "onnx", {"model.onnx": onnx(graph([], [late])), "w.bin": b"h" * 4096 + b"\xff" * 8})
    overlapping = [sound, onnx_tensor([2], _FLOAT, external("w.bin", 4, 8), name="v")]
    yield Sample("onnx-data-overlap", "onnx", {"model.onnx": onnx(graph([], overlapping)), "w.bin": b"\xff" * 12})
    same = [sound, onnx_tensor([2], _FLOAT, external("w.bin", 0, 8), name="v")]
    yield Sample("onnx-data-same-range", "onnx", {"model.onnx": onnx(graph([], same)), "w.bin": b"\xff" * 8})
    other = [sound, onnx_tensor([8], _UINT8, external("w.bin", 0, 8), name="v")]
    yield Sample("onnx-data-of-two-types", "onnx", {"model.onnx": onnx(graph([], other)), "w.bin": b"\xff" * 8})
    inner = node("Constant", "", blob(5, blob(1, "value") + blob(5, sound) + number(20, 4)))
    yield Sample("onnx-data-same-range-inside", "onnx", {"m.onnx": onnx(graph([inner], [sound])), "w.bin": b"\xff" * 8})
    unnamed = {"model.onnx": onnx(graph([], [sound])), "w.bin": b"\xff" * 8, "more.bin": b"\xfe" * 8}
    yield Sample("onnx-data-nobody-names", "onnx", unnamed)
    of_gguf = gguf([ARCHITECTURE])
    held = onnx_tensor([len(of_gguf)], _UINT8, external("w.bin", 0, len(of_gguf)))
    yield Sample("onnx-data-gguf", "onnx", {"model.onnx": onnx(graph([], [held])), "w.bin": of_gguf})
    far = onnx_tensor([2], _FLOAT, external("w.bin", 8, 8))
    yield Sample("onnx-data-beyond-the-end", "onnx", {"model.onnx": onnx(graph([], [far])), "w.bin": b"\xff" * 8})
    within = onnx_tensor([2], _FLOAT, external("sub/../w.bin", 0, 8))
    yield Sample("onnx-data-up-and-down", "onnx", {"model.onnx": onnx(graph([], [within])), "w.bin": b"\xff" * 8})
    itself = onnx_tensor([2], _FLOAT, external("model.onnx", 0, 8))
    yield one("onnx", "data-in-the-model-itself", "model.onnx", onnx(graph([], [itself])))
    for what, (name, data) in _CLAIMED.items():
        held = onnx_tensor([len(data)], _UINT8, external(name, 0, len(data)))
        model = "model.onnx" if len(what) % 2 else "z.model"  # read before the data, and after it
        yield Sample(f"onnx-claims-{what}", "onnx", {model: onnx(graph([], [held])), name: data})
    act = call("posix", "system", "id")
    held = onnx_tensor([len(act)], 2, external("w.bin", 0, len(act)))
    yield Sample("onnx-data-pickle", "onnx", {"model.onnx": onnx(graph([], [held])), "w.bin": act})
    yield Sample(
        "onnx-data-link",
        "onnx",
        {"model.onnx": onnx(graph([], [sound]))},
        lambda place: (place / "w.bin").symlink_to("/etc/hostname"),
    )


def tokenizers() -> Iterator[Sample]:
    """Yield broken SentencePiece models."""
    yield one("sentencepiece", "unknown-field", "tokenizer.model", sentencepiece() + blob(99, b"hidden"))
    yield one("sentencepiece", "cut", "tokenizer.model", sentencepiece()[:-4])
    yield one("sentencepiece", "trailing", "tokenizer.model", sentencepiece() + call("posix", "system", "id"))
    yield one("sentencepiece", "piece-without-text", "tokenizer.model", sentencepiece() + blob(1, number(3, 1)))


_ZEROS: Final = b"\0" * (1 << 20)


def archives() -> Iterator[Sample]:
    """Yield archives, each with something besides being one."""
    corrupt = bytearray(zipped([("a.txt", b"hello world")]))
    corrupt[corrupt.index(b"hello")] ^= 0xFF
    lying = zipped([("model.safetensors", b"x" * 64)]).replace(b"model.safetensors", b"../../evil.sh.txt")
    encrypted = bytearray(zipped([("a.txt", b"hello")]))
    encrypted[6] |= 1
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    files = {
        "zip-slip": zipped([("../../etc/cron.d/x", b"hello")]),
        "zip-slip-absolute": zipped([("/etc/cron.d/x", b"hello")]),
        "zip-slip-in-both-headers": lying,
        "zip-duplicate": zipped([("a", b"one"), ("a", b"two")]),
        "zip-duplicate-by-case": zipped([("a", b"one"), ("A", b"two")]),
        "zip-bomb": zipped([("a", _ZEROS * 8)], stored=False),
        "zip-bad-crc": bytes(corrupt),
        "zip-encrypted": bytes(encrypted),
        "zip-plain": zipped([("model.safetensors", b"\x02\0\0\0\0\0\0\0{}")]),
        "zip-cut": zipped([("a", b"hello")])[:-10],
        "zip-many": zipped([(str(each), b"") for each in range(10_001)]),
        "gzip-bomb": WRAPPINGS["gzip"](_ZEROS * 16),
        "bzip2-bomb": WRAPPINGS["bz2"](_ZEROS * 16),
        "xz-bomb": WRAPPINGS["xz"](_ZEROS * 16),
        "gzip-text": WRAPPINGS["gzip"](b"hello"),
        "gzip-cut": WRAPPINGS["gzip"](b"hello" * 100)[:-12],
        "tar-slip": tarred([(member("../../etc/passwd"), b"x")]),
        "tar-link": tarred([(member("a", tarfile.SYMTYPE, "/etc/passwd"), b"")]),
        "tar-hard-link": tarred([(member("a", tarfile.LNKTYPE, "../../etc/passwd"), b"")]),
        "tar-device": tarred([(member("a", tarfile.CHRTYPE), b"")]),
        "tar-pipe": tarred([(member("a", tarfile.FIFOTYPE), b"")]),
        "tar-duplicate": tarred([(member("a"), b"one"), (member("a"), b"two")]),
        "tar-plain": tarred([(member("model.safetensors"), b"x")]),
        "tar-in-gzip": WRAPPINGS["gzip"](tarred([(member("a"), b"x")])),
        "rar": b"Rar!\x1a\x07\x01\x00" + b"\0" * 32,
        "zstd": b"\x28\xb5\x2f\xfd\x04\x00" + b"\0" * 16,
        "lz4": b"\x04\x22\x4d\x18\x64\x40\xa7" + b"\0" * 16,
    }  # fmt: skip
    for name, data in files.items():
        yield one("archive", name, ("model.zip", "model.safetensors", "model.bin")[len(name) % 3], data)
