"""How clients of the Open Inference Protocol v2 ask and are answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import msgspec

from strongroom.gateway.exchange.answers import Answer, Description, Prediction, TensorForm
from strongroom.gateway.exchange.asks import DescribeAsk, InferAsk
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.gateway.exchange.ports import Decoded, ModelCard, Naming, StreamWriter
from strongroom.gateway.limits.headers import retry_fields
from strongroom.gateway.oip import requests
from strongroom.gateway.openai import errors
from strongroom.gateway.openai.dialect import bearer
from strongroom.kernel.refusal import Refusal, RefusalKind, invalid
from strongroom.wire import Headers, Request

_encode: Final = msgspec.json.Encoder().encode


class OpenInference:
    """The dialect of the Open Inference Protocol."""

    name: ClassVar[str] = "oip"

    def unfit(self, request: Request) -> Refusal | None:
        """Refuse the extension for binary tensors: its body is not JSON alone."""
        if request.header(b"inference-header-content-length") is None:
            return None
        return invalid("Binary tensors are not taken: write them in JSON.", param="inference-header-content-length")

    def credential(self, request: Request) -> str | None:
        """Return the bearer token."""
        return bearer(request)

    def decode(self, endpoint: Endpoint, body: bytes, named: str | None) -> Decoded | Refusal:
        """Return what is asked of the model that the path names."""
        model = named or ""
        if endpoint is Endpoint.DESCRIBE:
            return Decoded(ask=DescribeAsk(model=model), names={})
        return requests.read(body, model)

    def headers(self, request_id: str, *, stream: bool = False) -> Headers:
        """Return the fields of a 200."""
        return errors.headers_for(request_id, stream=stream)

    def whole(self, answer: Answer, naming: Naming) -> bytes:
        """Return the body of a whole answer."""
        if isinstance(answer, Prediction):
            return _encode(_prediction(answer, naming))
        if isinstance(answer, Description):
            return _encode(_description(answer, naming))
        raise TypeError("an answer that no endpoint of this dialect asks for")

    def stream(self, naming: Naming) -> StreamWriter:
        """Refuse: nothing streams in this dialect."""
        del naming
        raise TypeError("nothing streams in this dialect")

    def models(self, cards: Sequence[ModelCard]) -> bytes:
        """Return the names of the models that this key may ask."""
        return _encode([{"name": card.name} for card in cards])

    def model(self, card: ModelCard) -> bytes:
        """Return that a model is ready."""
        return _encode({"name": card.name, "ready": True})

    def refuse(self, refusal: Refusal, request_id: str) -> tuple[int, Headers, bytes]:
        """Return (status, headers, body) of a no: one sentence, with the field where it does not name it itself."""
        headers = errors.headers_for(request_id)
        match refusal.kind:
            case RefusalKind.UNAUTHENTICATED:
                headers.extend(refusal.fields or [(b"www-authenticate", b'Bearer realm="strongroom"')])
            case RefusalKind.UNAVAILABLE:
                headers.append((b"retry-after", b"1"))
            case RefusalKind.LIMITED:
                headers.extend(retry_fields(refusal))
            case _:
                pass
        tell = refusal.tell
        if refusal.param is not None and f"`{refusal.param}`" not in tell:
            tell = f"{refusal.param}: {tell}"
        return errors.status_of(refusal), headers, _encode({"error": tell})

    def no_route(self, status: int, tell: str, request_id: str, *, allow: str = "") -> tuple[int, Headers, bytes]:
        """Return (status, headers, body) for what no endpoint answers."""
        headers = errors.headers_for(request_id)
        if allow:
            headers.append((b"allow", allow.encode()))  # RFC 9110 §15.5.6
        return status, headers, _encode({"error": tell})


def _prediction(answer: Prediction, naming: Naming) -> dict[str, Any]:
    told: dict[str, Any] = {"model_name": naming.model}
    if isinstance(naming.ask, InferAsk) and naming.ask.id:
        told["id"] = naming.ask.id
    if answer.parameters is not None:
        told["parameters"] = answer.parameters
    told["outputs"] = [
        {"name": tensor.name, "shape": tensor.shape, "datatype": tensor.datatype, "data": tensor.data}
        for tensor in answer.outputs
    ]
    return told


def _description(answer: Description, naming: Naming) -> dict[str, Any]:
    return {
        "name": naming.model,
        "versions": [],
        "platform": answer.platform,
        "inputs": [_form(tensor) for tensor in answer.inputs],
        "outputs": [_form(tensor) for tensor in answer.outputs],
    }


def _form(tensor: TensorForm) -> dict[str, Any]:
    told: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
    if tensor.columns:
        told["parameters"] = {"columns": tensor.columns}
    return told
