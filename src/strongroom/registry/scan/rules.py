"""Every rule by its name, what it is about, and the digest of them all with their limits."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from strongroom.registry.scan import foreign, gguf, onnx, safetensors, template, text
from strongroom.registry.scan.limits import LIMITS

RULES: Final = {
    "alignment": "Data must be aligned as the file says.",
    "archive": "A release names its files singly; archives and compressed streams are refused.",
    "array-length": "Arrays are bounded, and lie within the file.",
    "bomb": "What unpacks to far more than it is is refused.",
    "changed": "A file that changes while it is read cannot be judged.",
    "code": "No release brings code along, nor names code for a loader to run.",
    "collision": "Two names that a file system may take for one are refused.",
    "confusion": "A name may not promise another format than the file is of.",
    "crash": "The scanner's process ended without a verdict.",
    "dimensions": "A tensor's dimensions are bounded in number.",
    "dtype": "A tensor is of a known type.",
    "duplicate-key": "A key comes once: two readers would take two values.",
    "duplicate-member": "An archive names each member once.",
    "embedded": "A tensor's data may not be another format.",
    "empty": "An empty file, or directory, is of no format.",
    "encoding": "Text is UTF-8 without control characters.",
    "external-data": "ONNX data outside lies in a plainly named file of the same directory.",
    "external-nested": "Data outside is that of the model's own graph, where a worker here is to load it.",
    "file-type": "A release holds files and directories: no links, pipes, sockets or devices.",
    "format": "Only safetensors, GGUF, ONNX, JSON, plain text and tokenizer files are admitted.",
    "graph": "An ONNX graph is bounded, and each node names its operator.",
    "hard-link": "A file may not be a hard link to one outside of the release.",
    "header": "A header has the structure that its format says.",
    "header-size": "A header is bounded.",
    "hidden-text": "Text has no character that is not shown or that turns its order around.",
    "hole": "Every byte of the data belongs to a tensor, or is zeros that align.",
    "json": "JSON is written as RFC 8259 says, strictly.",
    "json-depth": "JSON nests to a bounded depth.",
    "json-size": "JSON is bounded.",
    "key": "A key is printable.",
    "markup": "XML, HTML and the like are not plain text.",
    "missing-field": "What a format demands is there.",
    "missing-scanner": "A scanner that was asked for is not installed.",
    "name": "A file's name is plain: no hidden or control characters, normalised, not empty, nothing of Git's.",
    "nested-array": "GGUF arrays do not nest.",
    "number": "A number is whole, and not negative.",
    "offsets": "A tensor ends after it begins.",
    "operator": "No ONNX operator runs a program, loads a file or takes another's place.",
    "operator-domain": "ONNX operators are of known domains, or functions of the same file.",
    "overflow": "No product or sum is larger than can be counted.",
    "overlap": "No two tensors share bytes.",
    "padding": "What aligns is zeros.",
    "pickle": "Pickles are programs for whoever reads them; they are refused in every wrapping.",
    "plugin": "A scanner that was plugged in found this.",
    "plugin-failed": "A scanner that was plugged in failed.",
    "polyglot": "A file is of one format to every reader.",
    "protobuf": "Protocol buffers are written as the schema says, strictly.",
    "slip": "No archive leads out of where it is unpacked.",
    "split": "A model is one file, not a part of several.",
    "string-length": "Texts are bounded.",
    "template": "Chat templates do what is on a list, and nothing else.",
    "tensor-count": "The number of tensors is bounded.",
    "tensor-name": "Each tensor has a name of its own.",
    "tensor-size": "A tensor is as long as its type and shape say.",
    "text-size": "Text is bounded.",
    "timeout": "The scanner did not come to an end in time.",
    "trailing-bytes": "Nothing follows the last tensor.",
    "truncated": "The file is as long as it says.",
    "unknown": "What is not recognised is refused.",
    "unknown-field": "A format's fields are known.",
    "unreadable": "A file that cannot be read cannot be judged.",
    "value": "A value is one that its type has.",
    "value-type": "A value is of a known type.",
    "version": "A format's version is known.",
}
"""Rule -> what it demands."""


def ruleset_digest() -> str:
    """Return the SHA-256 of what decides: rules, limits and lists, as canonical JSON."""
    decisive = {
        "rules": RULES,
        "limits": LIMITS,
        "safetensors": safetensors.BITS,
        "gguf": {str(kind): shape for kind, shape in gguf.TYPES.items()},
        "onnx": {"domains": sorted(onnx.DOMAINS), "runs-code": sorted(onnx.RUNS_CODE)},
        "template": {
            name: sorted(getattr(template, name.upper()))
            for name in ("calls", "filters", "internal", "mapped", "methods", "never", "tests")
        },
        "code": sorted(text.CODE),
        "refused": [[magic.hex(), name] for magic, name, _ in foreign.HEADS],
    }
    return hashlib.sha256(msgspec.json.encode(decisive, order="deterministic")).hexdigest()
