"""How a no reads in the OpenAI dialect. The one place where this dialect renders one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec

from strongroom.gateway.limits.headers import retry_fields
from strongroom.kernel.ids import new_uuid
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.wire import Headers

_JSON: Final = (b"content-type", b"application/json")
_EVENT_STREAM: Final = (b"content-type", b"text/event-stream; charset=utf-8")
_NO_STORE: Final = (b"cache-control", b"no-store")

_BY_KIND: Final[dict[RefusalKind, tuple[int, str, str]]] = {
    # kind: status, type, code
    RefusalKind.INVALID: (400, "invalid_request_error", "invalid_request"),
    RefusalKind.UNAUTHENTICATED: (401, "authentication_error", "invalid_api_key"),
    RefusalKind.FORBIDDEN: (403, "permission_error", "not_allowed"),
    RefusalKind.HIDDEN: (404, "invalid_request_error", "not_found"),
    RefusalKind.CONFLICT: (409, "invalid_request_error", "conflict"),
    RefusalKind.TOO_LARGE: (413, "invalid_request_error", "request_too_large"),
    RefusalKind.LIMITED: (429, "rate_limit_error", "rate_limit_exceeded"),
    RefusalKind.UNAVAILABLE: (503, "server_error", "unavailable"),
    RefusalKind.UPSTREAM: (502, "server_error", "model_failed"),
}
_BAD_REQUEST: Final = ("invalid_request_error", "bad_request")
_BY_STATUS: Final = {
    404: ("invalid_request_error", "not_found"),
    405: ("invalid_request_error", "method_not_allowed"),
    408: ("invalid_request_error", "request_timeout"),
    413: ("invalid_request_error", "request_too_large"),
}


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    type: str
    param: str | None
    code: str
    request_id: str


class _Envelope(msgspec.Struct, frozen=True):
    error: _Error


def headers_for(request_id: str, *, stream: bool = False) -> list[tuple[bytes, bytes]]:
    """Return the fields that every answer has."""
    return [_EVENT_STREAM if stream else _JSON, (b"x-request-id", request_id.encode()), _NO_STORE]


def status_of(refusal: Refusal) -> int:
    """Return the HTTP status that `refusal` has in this dialect."""
    return _BY_KIND[refusal.kind][0]


def body_of(refusal: Refusal, request_id: str) -> bytes:
    """Return `refusal` as an error body. Only `tell` and `param` are in it: `reason` is for the operator."""
    _, kind, code = _BY_KIND[refusal.kind]
    return _encode(refusal.tell, kind, refusal.param, refusal.code or code, request_id)


def error_of(refusal: Refusal, request_id: str) -> dict[str, str | None]:
    """Return what `body_of` says, without its envelope."""
    _, kind, code = _BY_KIND[refusal.kind]
    return {
        "message": refusal.tell,
        "type": kind,
        "param": refusal.param,
        "code": refusal.code or code,
        "request_id": request_id,
    }


def render(refusal: Refusal, request_id: str) -> tuple[int, Headers, bytes]:
    """Return (status, headers, body) for `refusal`."""
    headers = headers_for(request_id)
    if refusal.kind is RefusalKind.UNAUTHENTICATED:
        headers.extend(refusal.fields or [(b"www-authenticate", b'Bearer realm="strongroom"')])
    elif refusal.kind is RefusalKind.UNAVAILABLE:
        headers.append((b"retry-after", b"1"))
    elif refusal.kind is RefusalKind.LIMITED:
        headers.extend(retry_fields(refusal))
    return status_of(refusal), headers, body_of(refusal, request_id)


def render_status(status: int, message: str, request_id: str, *, allow: str = "") -> tuple[Headers, bytes]:
    """Return (headers, body) for a failure of the protocol itself; `allow`: the method that a 405 must name."""
    fallback = ("server_error", "server_error") if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _BAD_REQUEST
    kind, code = _BY_STATUS.get(status, fallback)
    headers = headers_for(request_id)
    if allow:
        headers.append((b"allow", allow.encode()))  # RFC 9110 §15.5.6
    return headers, _encode(message, kind, None, code, request_id)


def render_protocol_error(status: int, message: str) -> tuple[Headers, bytes]:
    """Return (headers, body) for a request that the wire itself refused; it never became one with an id."""
    return render_status(status, message, f"req_{new_uuid().hex}")


def _encode(message: str, kind: str, param: str | None, code: str, request_id: str) -> bytes:
    return msgspec.json.encode(
        _Envelope(_Error(message=message, type=kind, param=param, code=code, request_id=request_id))
    )
