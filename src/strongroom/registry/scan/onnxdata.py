"""Data of ONNX tensors in a file of its own: bytes that only the model's ranges give a meaning to.

Always true of a file that passes: an ONNX model of the same directory has claimed it, the claims lie within it, none
half over another, and what no tensor has is zeros that align.
"""

from __future__ import annotations

from strongroom.registry.scan.limits import LIMITS
from strongroom.registry.scan.model import Claim
from strongroom.registry.scan.tape import Malformed, Tape


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
