"""The Open Inference Protocol v2 as engines speak it: workers for tabular models, Triton, KServe and others."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from strongroom.gateway.exchange.answers import Answer, Description, Prediction, TensorForm, Usage
from strongroom.gateway.exchange.asks import Ask, DescribeAsk, InferAsk, Tensor
from strongroom.gateway.exchange.ports import Outgoing, StreamReader
from strongroom.gateway.protocols.noes import meaning_of_sentence
from strongroom.kernel.refusal import Refusal, invalid
from strongroom.runtime import tensors
from strongroom.runtime.errors import ProblemError

_JSON: Final = ((b"content-type", b"application/json"),)
_encode: Final = msgspec.json.Encoder().encode
_Length = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
_Name = Annotated[str, msgspec.Meta(max_length=256)]


class _Output(msgspec.Struct, frozen=True):
    name: _Name
    shape: Annotated[list[_Length], msgspec.Meta(max_length=8)]
    datatype: str
    data: msgspec.Raw


class _Inference(msgspec.Struct, frozen=True):
    outputs: list[_Output]


class _Meaning(msgspec.Struct, frozen=True):
    columns: list[str] = []


class _Form(msgspec.Struct, frozen=True):
    name: _Name
    datatype: Annotated[str, msgspec.Meta(max_length=16)]
    shape: Annotated[list[int], msgspec.Meta(max_length=8)]
    parameters: _Meaning | None = None


class _Metadata(msgspec.Struct, frozen=True):
    inputs: list[_Form]
    outputs: list[_Form]
    platform: Annotated[str, msgspec.Meta(max_length=64)] = ""


_INFERENCE: Final = msgspec.json.Decoder(_Inference)
_METADATA: Final = msgspec.json.Decoder(_Metadata)


class OpenInferenceEngine:
    """An engine behind `/v2/models/{model}`."""

    def cannot(self, ask: Ask) -> Refusal | None:
        """Return that only tensors can be said in this protocol."""
        if isinstance(ask, InferAsk | DescribeAsk):
            return None
        return invalid("The model behind this name does not serve this endpoint.", param="model")

    def outgoing(self, ask: Ask, model: str) -> Outgoing:
        """Write `ask`. The caller's own id stays here."""
        if isinstance(ask, DescribeAsk):
            return Outgoing(f"/v2/models/{model}", (), b"", method="GET")
        if not isinstance(ask, InferAsk):
            raise TypeError("an ask that this protocol has no words for")
        body: dict[str, Any] = {"inputs": ask.inputs}
        if ask.outputs:
            body["outputs"] = [{"name": name} for name in ask.outputs]
        return Outgoing(f"/v2/models/{model}/infer", _JSON, _encode(body))

    def whole(self, ask: Ask, body: bytes) -> Answer:
        """Decode a whole answer.

        Raises:
            ValueError: when it is none, or has a tensor that is not what it says.
        """
        if isinstance(ask, DescribeAsk):
            return _description(_METADATA.decode(body))
        if not isinstance(ask, InferAsk):
            raise TypeError("an ask that this protocol has no words for")
        outputs = tuple([_tensor(output) for output in _INFERENCE.decode(body).outputs])
        names = [output.name for output in outputs]
        if len(set(names)) < len(names) or (ask.outputs and set(names) != set(ask.outputs)):
            raise ValueError("not the outputs that were asked for")
        return Prediction(
            outputs=outputs,
            usage=Usage(
                input_tokens=_rows(ask.inputs),
                output_tokens=_rows(outputs),
            ),
        )

    def reader(self, ask: Ask) -> StreamReader:
        """Refuse: nothing streams in this protocol."""
        del ask
        raise TypeError("nothing streams in this protocol")

    def no(self, status: int, body: bytes) -> Refusal:
        """Return what an answer other than 200 means."""
        return meaning_of_sentence(status, body)


def _tensor(output: _Output) -> Tensor:
    if output.datatype not in tensors.DATATYPES:
        raise ValueError("an output of a datatype that JSON has no values for")
    shape = tuple(output.shape)
    try:
        data = tensors.decode(bytes(output.data), output.datatype, shape, param=output.name)
    except ProblemError:
        raise ValueError("an output whose data are not what its shape and datatype say") from None
    return Tensor(name=output.name, shape=shape, datatype=output.datatype, data=data)


def _rows(given: tuple[Tensor, ...]) -> int:
    return max((tensor.shape[0] for tensor in given if tensor.shape), default=0)


def _description(found: _Metadata) -> Description:
    return Description(
        platform=found.platform, inputs=tuple(map(_form, found.inputs)), outputs=tuple(map(_form, found.outputs))
    )


def _form(form: _Form) -> TensorForm:
    columns = () if form.parameters is None else tuple(form.parameters.columns)
    return TensorForm(name=form.name, datatype=form.datatype, shape=tuple(form.shape), columns=columns)
