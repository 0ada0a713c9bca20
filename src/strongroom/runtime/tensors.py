"""Tensors as Open Inference Protocol v2 writes them in JSON: typed, flat or nested, row by row (no I/O, no numpy).

Always true here:
- data are decoded as the one type that the model takes: a number is never read from a text, nor an integer from a fraction;
- every value fits its datatype, and their number is what the shape says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from strongroom.runtime.errors import ProblemError, invalid

MAX_TEXT: Final = 4096
"""Characters of one text in a BYTES tensor."""

_MAX_RANK: Final = 8
_MAX_FP32: Final = 3.4028234663852886e38
_MAX_UINT64: Final = (1 << 64) - 1
_BLANK: Final = b" \t\r\n"


def _integer(bits: int, *, signed: bool) -> Any:
    if not signed and bits == 64:  # noqa: PLR2004 - more than a bound of msgspec can say; `_fits` looks again
        return Annotated[int, Meta(ge=0)]
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return Annotated[int, Meta(ge=low, le=high)]


DATATYPES: Final[dict[str, Any]] = {
    "BOOL": bool,
    "FP32": float,
    "FP64": float,
    "BYTES": Annotated[str, Meta(max_length=MAX_TEXT)],
    **{f"INT{bits}": _integer(bits, signed=True) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": _integer(bits, signed=False) for bits in (8, 16, 32, 64)},
}
"""The protocol's names, and what an element of each is in JSON. FP16 and BF16 cannot be told in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """A tensor that a model takes or gives.

    Attributes:
        name: as the model calls it.
        datatype: one of `DATATYPES`.
        shape: -1 stands for any length; the first is the number of rows.
        columns: what the values of a row mean, where the model says so.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    columns: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return it as a model's metadata tells it."""
        about = {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}
        return {**about, "parameters": {"columns": list(self.columns)}} if self.columns else about

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Return whether a tensor of this shape can be given."""
        return len(shape) == len(self.shape) and all(
            wanted in {-1, got} for wanted, got in zip(self.shape, shape, strict=True)
        )


def decode(raw: bytes, datatype: str, shape: tuple[int, ...], *, param: str) -> list[Any]:
    """Return a tensor's values, flat and row by row.

    Args:
        raw: the JSON of `data`: an array of values, or of arrays as deep as the shape.
        datatype: one of `DATATYPES`.
        shape: lengths, each at least 1.
        param: how the field is called in a refusal.

    Raises:
        ProblemError: a 400 that names the field, never a value.
    """
    nested = raw.lstrip(_BLANK)[1:].lstrip(_BLANK).startswith(b"[") and len(shape) in range(2, _MAX_RANK + 1)
    wanted: Any = DATATYPES[datatype]
    for _ in shape if nested else shape[:1]:
        wanted = list[wanted]
    try:
        values: list[Any] = msgspec.json.decode(raw, type=wanted)
    except msgspec.ValidationError as error:
        raise invalid(f"{datatype} data: {_said(error)}.", param=param) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise invalid("The body is not valid JSON.") from None
    for length, width in pairwise(shape) if nested else ():
        values = _joined(values, length, width, param)
    if len(values) != math.prod(shape):
        raise _miscounted(param)
    if not _fits(values, datatype):
        raise invalid(f"A value does not fit {datatype}.", param=param)
    return values


def _joined(values: list[list[Any]], length: int, width: int, param: str) -> list[Any]:
    """Join one level. Ragged arrays are refused although their total may be right."""
    if len(values) % length or any(len(row) != width for row in values):
        raise _miscounted(param)
    return [value for row in values for value in row]


def _fits(values: list[Any], datatype: str) -> bool:
    if datatype == "FP32":
        return all(-_MAX_FP32 <= value <= _MAX_FP32 for value in values)
    if datatype == "UINT64":
        return all(value <= _MAX_UINT64 for value in values)
    return True


def _miscounted(param: str) -> ProblemError:
    return invalid("The data do not fill the shape exactly.", param=param)


def _said(error: msgspec.ValidationError) -> str:
    """Return what msgspec says without the place: it counts inside `data`, and the field is named already."""
    return str(error).partition(" - at `$")[0]
