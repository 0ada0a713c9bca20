"""Inference requests of the Open Inference Protocol v2, typed and bounded."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

import msgspec

from strongroom.gateway.exchange.asks import InferAsk, Tensor
from strongroom.gateway.exchange.decode import decode
from strongroom.gateway.exchange.ports import Decoded
from strongroom.kernel.refusal import Refusal, invalid
from strongroom.runtime import tensors
from strongroom.runtime.errors import ProblemError

Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Parameters: TypeAlias = dict[str, Any]


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request part: unknown fields are errors."""


class Input(_Strict, frozen=True, kw_only=True):
    """A tensor that is given. `data` is decoded once its datatype is known."""

    name: Name
    shape: Annotated[list[Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]], msgspec.Meta(min_length=1, max_length=8)]
    datatype: Annotated[str, msgspec.Meta(max_length=16)]
    data: msgspec.Raw
    parameters: Parameters | None = None


class Output(_Strict, frozen=True, kw_only=True):
    """A tensor that is wanted."""

    name: Name
    parameters: Parameters | None = None


class InferRequest(_Strict, frozen=True, kw_only=True):
    """`POST /v2/models/{model}/infer`."""

    id: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    inputs: Annotated[list[Input], msgspec.Meta(min_length=1, max_length=256)]
    outputs: Annotated[list[Output], msgspec.Meta(max_length=256)] | None = None
    parameters: Parameters | None = None


_INFER: Final = msgspec.json.Decoder(InferRequest)
_HARMLESS: Final[Parameters] = {"binary_data": False, "binary_data_output": False}
_NAMES: Final[dict[str, str]] = {}


def read(body: bytes, model: str) -> Decoded | Refusal:
    """Return what is asked of `model`."""
    asked = decode(_INFER, body)
    if isinstance(asked, Refusal):
        return asked
    no = _parameters(asked) or _twice(asked)
    if no is not None:
        return no
    inputs: list[Tensor] = []
    for place, given in enumerate(asked.inputs):
        tensor = _tensor(given, f"inputs[{place}]")
        if isinstance(tensor, Refusal):
            return tensor
        inputs.append(tensor)
    names = tuple(output.name for output in asked.outputs or ())
    return Decoded(ask=InferAsk(model=model, inputs=tuple(inputs), outputs=names, id=asked.id or ""), names=_NAMES)


def _tensor(given: Input, place: str) -> Tensor | Refusal:
    if given.datatype not in tensors.DATATYPES:
        tell = f"A datatype is one of {', '.join(tensors.DATATYPES)}."
        return invalid(tell, param=f"{place}.datatype")
    shape = tuple(given.shape)
    try:
        data = tensors.decode(bytes(given.data), given.datatype, shape, param=f"{place}.data")
    except ProblemError as error:
        return invalid(error.problem.message, param=error.problem.param)
    return Tensor(name=given.name, shape=shape, datatype=given.datatype, data=data)


def _parameters(asked: InferRequest) -> Refusal | None:
    parts = [("", asked.parameters)]
    parts += [(f"inputs[{place}].", given.parameters) for place, given in enumerate(asked.inputs)]
    parts += [(f"outputs[{place}].", wanted.parameters) for place, wanted in enumerate(asked.outputs or ())]
    for place, parameters in parts:
        for name, value in (parameters or {}).items():
            if name not in _HARMLESS or value is not _HARMLESS[name]:
                tell = "No parameters are taken here, and tensors are written in JSON."
                return invalid(tell, param=f"{place}parameters")
    return None


def _twice(asked: InferRequest) -> Refusal | None:
    for param, parts in (("inputs", asked.inputs), ("outputs", asked.outputs or [])):
        if len({part.name for part in parts}) < len(parts):
            return invalid(f"Two of `{param}` have the same name.", param=param)
    return None
