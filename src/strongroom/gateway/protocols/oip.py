"""Open Inference Protocol v2 over REST, as Triton and KServe speak it: tensors in, tensors out.

Always true here:
- tensors travel as JSON, flat and row-major; the binary extension is never asked for, and never taken;
- an output is what its shape says: as many values, of its datatype's kind, no NaN and no infinity (JSON has none);
- what an engine adds in `parameters` has no name in an answer, and goes no further.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec

from strongroom.gateway.exchange.answers import Answer, Prediction, Usage
from strongroom.gateway.exchange.asks import Ask, InferAsk, Tensor
from strongroom.gateway.exchange.ports import Outgoing, StreamReader
from strongroom.gateway.protocols import provider_noes
from strongroom.kernel.refusal import Refusal, invalid

_FIELDS: Final = ((b"content-type", b"application/json"), (b"accept-encoding", b"identity"))
_INTEGERS: Final = frozenset({"INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"})
_FLOATS: Final = frozenset({"FP16", "FP32", "FP64", "BF16"})
_MAX_RANK: Final = 16
_MAX_VALUES: Final = 16 * 2**20
_Size = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class _Output(msgspec.Struct, frozen=True):
    name: str
    shape: Annotated[list[_Size], msgspec.Meta(max_length=_MAX_RANK)]
    datatype: str
    data: list[Any]


class _Answer(msgspec.Struct, frozen=True):
    outputs: list[_Output]


_ANSWER: Final = msgspec.json.Decoder(_Answer)


class Oip:
    """An engine behind `/v2/models/NAME/infer`."""

    def cannot(self, ask: Ask) -> Refusal | None:
        """Return why this protocol has no words for `ask`."""
        if not isinstance(ask, InferAsk):
            return invalid("The model behind this name does not serve this endpoint.", param="model")
        for index, tensor in enumerate(ask.inputs):
            if tensor.datatype not in _INTEGERS | _FLOATS | {"BOOL", "BYTES"}:
                return invalid("This datatype is not one of the protocol's.", param=f"inputs[{index}].datatype")
        return None

    def outgoing(self, ask: Ask, model: str) -> Outgoing:
        """Write `ask`. `model` may be `NAME` or `NAME/versions/N`."""
        if not isinstance(ask, InferAsk):
            raise TypeError("an ask that this protocol has no words for")
        body: dict[str, Any] = {"inputs": [_tensor(tensor) for tensor in ask.inputs]}
        if ask.outputs:
            body["outputs"] = [{"name": name} for name in ask.outputs]
        if ask.id:
            body["id"] = ask.id
        return Outgoing(f"/v2/models/{_path(model)}/infer", _FIELDS, msgspec.json.encode(body))

    def whole(self, ask: Ask, body: bytes) -> Answer:
        """Decode a whole answer."""
        if not isinstance(ask, InferAsk):
            raise TypeError("an ask that this protocol has no words for")
        outputs = tuple(_output(output) for output in _ANSWER.decode(body).outputs)
        names = [output.name for output in outputs]
        if len(set(names)) != len(names) or (ask.outputs and set(names) != set(ask.outputs)):
            raise ValueError("other outputs than were asked for")
        rows = ask.inputs[0].shape[0] if ask.inputs and ask.inputs[0].shape else 1
        told = outputs[0].shape[0] if outputs and outputs[0].shape else 1
        return Prediction(outputs=outputs, usage=Usage(input_tokens=rows, output_tokens=told))

    def reader(self, ask: Ask) -> StreamReader:
        """Never: this protocol has no streams, and an `InferAsk` asks for none.

        Raises:
            TypeError: always.
        """
        del ask
        raise TypeError("this protocol has no streams")

    def no(self, status: int, body: bytes) -> Refusal:
        """Return what an answer other than 200 means; the engine's words stay here."""
        del body
        return provider_noes.meaning(status)


def _path(model: str) -> str:
    name, between, version = model.partition("/versions/")
    return quote(name, safe="") + (f"/versions/{quote(version, safe='')}" if between else "")


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "shape": tensor.shape, "datatype": tensor.datatype, "data": tensor.data}


def _output(output: _Output) -> Tensor:
    data = output.data
    count = math.prod(output.shape)
    if count > _MAX_VALUES or len(data) != count:
        raise ValueError("an output that is not what its shape says")
    if not _of_kind(output.datatype, data):
        raise ValueError("an output that is not of its datatype")
    return Tensor(name=output.name, shape=tuple(output.shape), datatype=output.datatype, data=data)


def _of_kind(datatype: str, data: list[Any]) -> bool:
    if datatype in _FLOATS:
        return all(type(each) in {float, int} and math.isfinite(each) for each in data)
    if datatype in _INTEGERS:
        return all(type(each) is int for each in data)
    if datatype == "BOOL":
        return all(type(each) is bool for each in data)
    return datatype == "BYTES" and all(type(each) is str for each in data)
