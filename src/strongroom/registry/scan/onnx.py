"""ONNX: every graph, subgraph, function, attribute and tensor, on the raw protobuf (onnx.proto, IR versions 3 to 13).

Always true of a file that passes:
- nothing in it is unknown to `onnx.proto`, and nothing that may come once comes twice;
- each operator is of a domain that is known, or is a function that the file itself defines and that was walked too;
- no operator runs a program of its own or loads a file: those of ONNX Runtime's that do are named here;
- each tensor is as long as its type and dimensions say; data outside lies in a file of the same directory, named plainly,
  in a range that the directory's scan checks.
"""

from __future__ import annotations

import re
from typing import Final

from strongroom.registry.scan.jsonread import shown
from strongroom.registry.scan.limits import LIMITS
from strongroom.registry.scan.looks import Looks
from strongroom.registry.scan.model import Claim, Level
from strongroom.registry.scan.protobuf import F, Field, Message, walk
from strongroom.registry.scan.tape import Malformed, Tape


def _one(message: str) -> Field:
    return Field(F.ONE, message)


def _many(message: str) -> Field:
    return Field(F.MANY, message)


_INT, _INTS, _COUNT, _TEXT, _TEXTS = (Field(each) for each in (F.INT, F.INTS, F.COUNT, F.TEXT, F.TEXTS))
_BLOB, _BLOBS, _FIXED32, _FIXED64 = (Field(each) for each in (F.BLOB, F.BLOBS, F.FIXED32, F.FIXED64))
_ENTRY: Final = _many("StringStringEntryProto")

SCHEMA: Final = {
    "ModelProto": {
        1: _INT, 2: _TEXT, 3: _TEXT, 4: _TEXT, 5: _INT, 6: _TEXT, 7: _one("GraphProto"), 8: _many("OperatorSetIdProto"),
        14: _ENTRY, 20: _many("TrainingInfoProto"), 25: _many("FunctionProto"), 26: _many("DeviceConfigurationProto"),
    },
    "OperatorSetIdProto": {1: _TEXT, 2: _INT},
    "StringStringEntryProto": {1: _TEXT, 2: _TEXT},
    "DeviceConfigurationProto": {1: _TEXT, 2: _INT, 3: _TEXTS},
    "TrainingInfoProto": {1: _one("GraphProto"), 2: _one("GraphProto"), 3: _ENTRY, 4: _ENTRY},
    "GraphProto": {
        1: _many("NodeProto"), 2: _TEXT, 5: _many("TensorProto"), 10: _TEXT, 11: _many("ValueInfoProto"),
        12: _many("ValueInfoProto"), 13: _many("ValueInfoProto"), 14: _many("TensorAnnotation"),
        15: _many("SparseTensorProto"), 16: _ENTRY,
    },
    "TensorAnnotation": {1: _TEXT, 2: _ENTRY},
    "NodeProto": {
        1: _TEXTS, 2: _TEXTS, 3: _TEXT, 4: _TEXT, 5: _many("AttributeProto"), 6: _TEXT, 7: _TEXT, 8: _TEXT, 9: _ENTRY,
        10: _many("NodeDeviceConfigurationProto"),
    },
    "NodeDeviceConfigurationProto": {1: _TEXT, 2: _many("ShardingSpecProto"), 3: _INT},
    "ShardingSpecProto": {
        1: _TEXT, 2: _INTS, 3: _many("IntIntListEntryProto"), 4: _many("ShardedDimProto"),
    },
    "IntIntListEntryProto": {1: _INT, 2: _INTS},
    "ShardedDimProto": {1: _INT, 2: _many("SimpleShardedDimProto")},
    "SimpleShardedDimProto": {1: _INT, 2: _TEXT, 3: _INT},
    "AttributeProto": {
        1: _TEXT, 2: _FIXED32, 3: _INT, 4: _BLOB, 5: _one("TensorProto"), 6: _one("GraphProto"), 7: _FIXED32,
        8: _COUNT, 9: _BLOBS, 10: _many("TensorProto"), 11: _many("GraphProto"), 13: _TEXT, 14: _one("TypeProto"),
        15: _many("TypeProto"), 20: _INT, 21: _TEXT, 22: _one("SparseTensorProto"), 23: _many("SparseTensorProto"),
    },
    "TensorProto": {
        1: _INTS, 2: _INT, 4: _FIXED32, 5: _COUNT, 6: _BLOBS, 7: _COUNT, 8: _TEXT, 9: _BLOB, 10: _FIXED64, 11: _COUNT,
        12: _TEXT, 13: _ENTRY, 14: _INT, 16: _ENTRY,
    },
    "SparseTensorProto": {1: _one("TensorProto"), 2: _one("TensorProto"), 3: _INTS},
    "ValueInfoProto": {1: _TEXT, 2: _one("TypeProto"), 3: _TEXT, 4: _ENTRY},
    "TypeProto": {
        1: _one("TypeProto.Tensor"), 4: _one("TypeProto.Sequence"), 5: _one("TypeProto.Map"), 6: _TEXT,
        8: _one("TypeProto.Tensor"), 9: _one("TypeProto.Sequence"),
    },
    "TypeProto.Tensor": {1: _INT, 2: _one("TensorShapeProto")},
    "TypeProto.Sequence": {1: _one("TypeProto")},
    "TypeProto.Map": {1: _INT, 2: _one("TypeProto")},
    "TensorShapeProto": {1: _many("TensorShapeProto.Dimension")},
    "TensorShapeProto.Dimension": {1: _INT, 2: _TEXT, 3: _TEXT},
    "FunctionProto": {
        1: _TEXT, 4: _TEXTS, 5: _TEXTS, 6: _TEXTS, 7: _many("NodeProto"), 8: _TEXT, 9: _many("OperatorSetIdProto"),
        10: _TEXT, 11: _many("AttributeProto"), 12: _many("ValueInfoProto"), 13: _TEXT, 14: _ENTRY,
    },
}  # fmt: skip

DOMAINS: Final = frozenset({
    "", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft",
    "com.microsoft.nchwc", "com.ms.internal.nhwc",
})  # fmt: skip
"""Operator domains that a runtime knows without loading anything."""
RUNS_CODE: Final = frozenset({
    "PythonOp", "PythonOpGrad", "PyOp", "PyCustomOp", "TritonOp", "ATen", "ATenOp", "EPContext", "Snpe", "ExternalOp",
    "CustomOp", "OpenVINOOp",
})  # fmt: skip
"""Operators that run a program of their own or load a file."""
BITS: Final = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
    17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2,
}  # fmt: skip
"""Each data type's width; 8 is text."""
NESTED: Final = "external-nested"
"""The rule that notes tensors outside which are not those of the model's own graph: sound, and not served here."""
_STRINGS: Final = 8
_EXTERNAL: Final = 1
_DATA: Final = (4, 5, 6, 7, 9, 10, 11)
_FIELD_OF: Final = {1: 4, 14: 4, 11: 10, 15: 10, 7: 7, 12: 11, 13: 11}
_COMPLEX: Final = frozenset({14, 15})
_INT32: Final = 5
_MOST: Final = (1 << 63) - 1
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_ENTRIES: Final = frozenset({"location", "offset", "length", "checksum", "basepath"})
_PLAIN: Final = re.compile(r"[^/\\:*?\x00-\x1f]+(?:/[^/\\:*?\x00-\x1f]+)*")
_DIRECT: Final = frozenset({0x08, 0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72})
"""Tags that a ModelProto can begin with."""


def recognised(head: bytes) -> bool:
    """Whether a file that begins so can be a ModelProto; only the whole parse tells."""
    return len(head) > 1 and (head[0] in _DIRECT or head[:2] in {b"\xa2\x01", b"\xca\x01", b"\xd2\x01"})


def parse(tape: Tape, looks: Looks) -> tuple[Claim, ...]:
    """Read a whole file; return what it says of other files.

    Raises:
        Malformed: at the first thing that is not as it must be.
    """
    if tape.size > LIMITS.onnx_bytes:
        raise Malformed("protobuf", f"A message of {tape.size} bytes is larger than protobuf allows.")
    graph = _Onnx(looks)
    model = walk(tape, SCHEMA, "ModelProto", graph.ended)
    graph.close(model)
    return tuple(graph.claims)


class _Onnx:
    def __init__(self, looks: Looks) -> None:
        self.claims: list[Claim] = []
        self._looks = looks
        self._functions: set[tuple[str, str]] = set()
        self._used: dict[tuple[str, str], int] = {}
        self._imported: dict[str, int] = {}
        self._outside: dict[str, str] = {}
        self._taken: set[tuple[str, int]] = set()
        self._nested = False
        self._nodes = 0

    def ended(self, message: Message) -> None:
        """Look at a message whose parts have all been looked at."""
        match message.kind:
            case "NodeProto":
                self._node(message)
            case "TensorProto":
                self._tensor(message)
            case "StringStringEntryProto":
                self._entry(message)
            case "OperatorSetIdProto":
                self._imported.setdefault(message.texts.get(1, ""), message.at)
            case "FunctionProto":
                self._function(message)
            case _:
                pass

    def close(self, model: Message) -> None:
        """Look at the whole."""
        for number, name in ((1, "an IR version"), (7, "a graph"), (8, "an operator set")):
            if number not in model.seen:
                raise Malformed("missing-field", f"A model lacks {name}.", 0)
        own = {domain for domain, _ in self._functions}
        for domain, at in self._imported.items():
            if domain not in DOMAINS | own:
                self._looks.add("operator-domain", f"The operators of {shown(domain)} are not known.", at)
        for (domain, name), at in self._used.items():
            if (domain, name) not in self._functions and domain not in DOMAINS:
                self._looks.add("operator-domain", f"The operator {shown(name)} of {shown(domain)} is not known.", at)

    def _node(self, message: Message) -> None:
        self._nodes += 1
        name, domain = message.texts.get(4, ""), message.texts.get(7, "")
        if not name or self._nodes > LIMITS.onnx_nodes:
            raise Malformed("graph", "A node has no operator, or there are more than any model may have.", message.at)
        if name in RUNS_CODE:
            self._looks.add("operator", f"The operator {shown(name)} runs a program or loads a file.", message.at)
        self._used.setdefault((domain, name), message.at)

    def _function(self, message: Message) -> None:
        name, domain = message.texts.get(1, ""), message.texts.get(10, "")
        if domain in DOMAINS:
            told = f"The function {shown(name)} takes the place of an operator that the runtime knows."
            self._looks.add("operator", told, message.at)
        if (domain, name) in self._functions and not message.texts.get(13):
            self._looks.add("operator", f"The function {shown(name)} is defined twice.", message.at)
        self._functions.add((domain, name))

    def _entry(self, message: Message) -> None:
        key, value = message.texts.get(1, ""), message.texts.get(2, "")
        if message.up is not None and message.up.kind == "TensorProto" and self._is_external(message):
            if key not in _ENTRIES or key in self._outside:
                raise Malformed("external-data", f"A tensor outside has an entry {shown(key)}.", message.at)
            self._outside[key] = value
        else:
            self._looks.text(key, value)

    def _is_external(self, message: Message) -> bool:
        # Field 16 holds entries, too; they are told apart by which field of the tensor was begun last.
        assert message.up is not None  # noqa: S101 - the caller has looked
        return message.up.last == 13  # noqa: PLR2004 - external_data

    # -- tensors ------------------------------------------------------------------------------------------------

    def _tensor(self, message: Message) -> None:  # noqa: C901 - one demand a line
        outside, self._outside = self._outside, {}
        dims = message.lists.get(1, [])
        kind = message.ints.get(2, 0)
        if kind != _STRINGS and kind not in BITS:
            raise Malformed("dtype", f"A tensor is of an unknown type {kind}.", message.at)
        if len(dims) > LIMITS.dimensions * 4:
            raise Malformed("dimensions", f"A tensor has {len(dims)} dimensions.", message.at)
        elements = 1
        for each in dims:
            elements *= each
            if each > _MOST or elements * BITS.get(kind, 8) > _MOST:
                raise Malformed(
                    "overflow", "A tensor's dimensions are negative, or more than can be counted.", message.at
                )
        size = (elements * BITS.get(kind, 8) + 7) // 8
        external = message.ints.get(14, 0)
        present = [number for number in _DATA if number in message.seen]
        if external not in {0, _EXTERNAL} or (external != _EXTERNAL and outside):
            raise Malformed("external-data", "A tensor says two things of where its data is.", message.at)
        if external == _EXTERNAL:
            if present or kind == _STRINGS:
                raise Malformed("external-data", "A tensor's data is both inside and outside.", message.at)
            self._claim(outside, size, message.at)
            self._placed(message)
        elif len(present) > 1:
            raise Malformed("tensor-size", "A tensor's data is written twice.", message.at)
        elif present:
            self._inside(message, present[0], kind, elements, size)
        elif elements:
            raise Malformed("tensor-size", "A tensor has no data.", message.at)

    def _inside(self, message: Message, number: int, kind: int, elements: int, size: int) -> None:
        found = message.counts.get(number, 0)
        if number == 9:  # noqa: PLR2004 - raw_data
            fits = kind != _STRINGS and found == size
        elif kind == _STRINGS:
            fits = number == 6 and found == elements  # noqa: PLR2004 - string_data
        elif number == _FIELD_OF.get(kind, _INT32):
            wanted = elements * (2 if kind in _COMPLEX else 1)
            packed = (elements * BITS[kind] + 7) // 8 if BITS[kind] < 8 else wanted  # noqa: PLR2004 - parts of a byte
            fits = found in {wanted, packed}
        else:
            fits = False
        if not fits:
            raise Malformed("tensor-size", "A tensor's data is not as long as its type and dimensions say.", message.at)

    def _claim(self, outside: dict[str, str], size: int, at: int) -> None:
        place = outside.get("location", "")
        parts = place.split("/")
        if not _PLAIN.fullmatch(place) or any(part.startswith(".") for part in parts) or outside.get("basepath"):
            raise Malformed("external-data", f"A tensor's data is outside of the directory, at {shown(place)}.", at)
        numbers = [outside.get("offset", "0"), outside.get("length", str(size))]
        if not all(_NUMBER.fullmatch(each) for each in numbers):
            raise Malformed("external-data", "An offset or length of a tensor outside is no number.", at)
        offset, length = map(int, numbers)
        if offset + length > _MOST:
            raise Malformed("overflow", "An offset of a tensor outside is larger than can be counted.", at)
        if length != size:
            raise Malformed("tensor-size", "A tensor outside is not as long as its type and dimensions say.", at)
        if len(self.claims) >= LIMITS.onnx_claims:
            raise Malformed("external-data", f"More than {LIMITS.onnx_claims} tensors are outside.", at)
        if length and (place, offset) in self._taken:
            # Each tensor is memory of its own once it is loaded: a small file could be any amount of it.
            raise Malformed(
                "overlap", f"Two tensors have the data at {offset} of {shown(place)}: write it for each.", at
            )
        if length:
            self._taken.add((place, offset))
        self.claims.append(Claim(place, offset, length))

    def _placed(self, message: Message) -> None:
        """Note what no worker here can load: its runtime takes from memory what the model's own graph holds, and only that."""
        graph = message.up
        own = (
            graph is not None and graph.kind == "GraphProto" and graph.up is not None and graph.up.kind == "ModelProto"
        )
        if not own and not self._nested:
            self._nested = True
            self._looks.add(
                NESTED, "Data of an inner graph, a node or a function lies outside.", message.at, Level.NOTE
            )
