"""Data of ONNX tensors in a file of its own: bytes that only the model's ranges give a meaning to.

Always true of a file that passes: an ONNX model of the same directory has claimed it, the claims lie within it, none
half over another, and what no tensor has is zeros that align. A claim admits nothing that is something else: the name
is one that exporters give to data, and no other reader begins to read there (`inspect` asks that first).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final

from strongroom.registry.scan.jsonread import shown
from strongroom.registry.scan.limits import LIMITS
from strongroom.registry.scan.model import Claim
from strongroom.registry.scan.tape import Malformed, Tape

_SUFFIX: Final = re.compile(r"\.(?:data|bin|onnx_data(?:_\d+)?|weights?|bias|running_(?:mean|var))")
"""Endings that exporters write: of one file for all tensors, or of the parameter's name where each has a file. `.pb` is
none of them: it is TensorFlow's name for a graph."""


def unfit(name: str) -> str | None:
    """Return why a file of this name is no tensors' data; None: it may be."""
    suffix = PurePosixPath(name).suffix
    if not suffix or _SUFFIX.fullmatch(suffix.lower()):
        return None
    return (
        f"A model says that its tensors' data is in a file called {shown(suffix)}; data has no ending or one of .data, "
        ".bin, .onnx_data, .weight, .weights, .bias, .running_mean and .running_var: export it under such a name."
    )


def parse(tape: Tape, claims: tuple[Claim, ...]) -> None:
    """Read a whole file against what is claimed of it.

    Raises:
        Malformed: where a claim does not hold, or where bytes belong to no tensor.
    """
    reached = 0
    for offset, length in sorted({(claim.offset, claim.length) for claim in claims}):
        if offset + length > tape.size:
            raise Malformed(
                "external-data", f"A tensor's data ends {offset + length - tape.size} bytes after the file.", offset
            )
        if offset < reached:
            raise Malformed("overlap", f"Two tensors share the bytes at {offset}.", offset)
        _gap(tape, offset - reached)
        tape.skip(length)
        reached = offset + length
    _gap(tape, tape.left)


def _gap(tape: Tape, count: int) -> None:
    if count > LIMITS.onnx_data_gap or not tape.zeros(count):
        raise Malformed("hole", f"No tensor has the {count} bytes at {tape.at}.", tape.at)
