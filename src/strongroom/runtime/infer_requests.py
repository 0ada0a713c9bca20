"""What an inference request may ask: Open Inference Protocol v2, typed and bounded (no I/O).

Always true here: what is handed to a model has exactly the inputs it takes, each of its datatype and shape, all of as
many rows; a refusal names a field and what the model takes, never a value that was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from strongroom.runtime.errors import invalid
from strongroom.runtime.tensors import TensorSpec, decode

MAX_ROWS: Final = 1024
"""Of one request: some milliseconds of a small model's time, which is what the next caller waits."""

_Length = Annotated[int, Meta(ge=0, le=1 << 31)]


class _Input(msgspec.Struct, kw_only=True):
    name: Annotated[str, Meta(max_length=256)]
    shape: Annotated[list[_Length], Meta(min_length=1, max_length=8)]
    datatype: Annotated[str, Meta(max_length=16)]
    data: msgspec.Raw


class _Output(msgspec.Struct, kw_only=True):
    name: Annotated[str, Meta(max_length=256)]


class _InferRequest(msgspec.Struct, kw_only=True):
    """POST /v2/models/{model}/infer. Free-form `parameters` are not read: no model here has any."""

    inputs: Annotated[list[_Input], Meta(min_length=1, max_length=256)]
    outputs: Annotated[list[_Output], Meta(max_length=256)] | None = None
    id: Annotated[str, Meta(max_length=256)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One input's values, flat and row by row."""

    spec: TensorSpec
    shape: tuple[int, ...]
    values: list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """A request that the model can answer.

    Attributes:
        id: the caller's own name for it, told back.
        inputs: every input of the model.
        outputs: the names of those that are wanted, in the order asked for.
        rows: how many there are.
    """

    id: str | None
    inputs: tuple[Given, ...]
    outputs: tuple[str, ...]
    rows: int


def read(body: bytes, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Inference:
    """Return what is asked of a model with these inputs and outputs.

    Raises:
        ProblemError: a 400 that names the field.
    """
    try:
        request = msgspec.json.decode(body, type=_InferRequest)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        raise invalid(f"{message}.", param=place.rstrip("`").lstrip(".") or None) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise invalid("The body is not valid JSON.") from None
    given = _all_given(request.inputs, inputs)
    rows = {each.shape[0] for each in given}
    if len(rows) > 1:
        raise invalid("All inputs have as many rows.", param="inputs")
    return Inference(id=request.id, inputs=given, outputs=_wanted(request.outputs, outputs), rows=rows.pop())


def _all_given(sent: list[_Input], inputs: Sequence[TensorSpec]) -> tuple[Given, ...]:
    known = {spec.name: spec for spec in inputs}
    found: dict[str, Given] = {}
    for place, each in enumerate(sent):
        spec = known.get(each.name)
        if spec is None:
            raise invalid(f"This model takes: {', '.join(known)}.", param=f"inputs[{place}].name")
        if each.name in found:
            raise invalid("An input is given once.", param=f"inputs[{place}].name")
        found[each.name] = _one(each, spec, f"inputs[{place}]")
    missing = [name for name in known if name not in found]
    if missing:
        raise invalid(f"Missing input: {', '.join(missing)}.", param="inputs")
    return tuple(found[name] for name in known)


def _one(sent: _Input, spec: TensorSpec, place: str) -> Given:
    if sent.datatype != spec.datatype:
        raise invalid(f"Input {spec.name} is of datatype {spec.datatype}.", param=f"{place}.datatype")
    shape = tuple(sent.shape)
    if not spec.takes(shape):
        raise invalid(f"Input {spec.name} has the shape {list(spec.shape)}.", param=f"{place}.shape")
    if not 1 <= shape[0] <= MAX_ROWS:
        raise invalid(f"A request has 1 to {MAX_ROWS} rows.", param=f"{place}.shape")
    if 0 in shape:
        raise invalid("The data do not fill the shape exactly.", param=f"{place}.shape")
    values = decode(bytes(sent.data), spec.datatype, shape, param=f"{place}.data")
    return Given(spec=spec, shape=shape, values=values)


def _wanted(asked: list[_Output] | None, outputs: Sequence[TensorSpec]) -> tuple[str, ...]:
    known = [spec.name for spec in outputs]
    if not asked:
        return tuple(known)
    for place, each in enumerate(asked):
        if each.name not in known:
            raise invalid(f"This model gives: {', '.join(known)}.", param=f"outputs[{place}].name")
    names = [each.name for each in asked]
    if len(set(names)) != len(names):
        raise invalid("An output is named once.", param="outputs")
    return tuple(names)
