"""The corpus that the scanner is held against: artefacts built from bytes, bad and sound; nothing here is ever loaded.

Always true here: samples are made, never kept: a checkout holds no harmful file. What a bad one would call is named and
not called.
"""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.registry.scan.testing import formats, onnxes, pickles, templates, trees
from strongroom.registry.scan.testing.good import good
from strongroom.registry.scan.testing.samples import Sample

__all__ = ["Sample", "bad", "good"]


def bad() -> Iterator[Sample]:
    """Yield every bad sample."""
    yield from pickles.pickles()
    yield from pickles.wrapped()
    yield from pickles.code()
    yield from formats.safetensors_files()
    yield from formats.gguf_files()
    yield from formats.json_files()
    yield from formats.polyglots()
    yield from onnxes.onnx_files()
    yield from onnxes.tokenizers()
    yield from onnxes.archives()
    yield from templates.bad()
    yield from trees.trees()
