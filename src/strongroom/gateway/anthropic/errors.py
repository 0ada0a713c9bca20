"""How a no reads in the Anthropic dialect. The one place where this dialect renders one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec

from strongroom.gateway.limits.headers import retry_fields
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.wire import Headers

_JSON: Final = (b"content-type", b"application/json")
_EVENT_STREAM: Final = (b"content-type", b"text/event-stream; charset=utf-8")
_NO_STORE: Final = (b"cache-control", b"no-store")

BY_KIND: Final[dict[RefusalKind, tuple[int, str]]] = {
    # kind: status, type
    RefusalKind.INVALID: (400, "invalid_request_error"),
    RefusalKind.UNAUTHENTICATED: (401, "authentication_error"),
    RefusalKind.FORBIDDEN: (403, "permission_error"),
    RefusalKind.HIDDEN: (404, "not_found_error"),
    RefusalKind.CONFLICT: (409, "invalid_request_error"),
    RefusalKind.TOO_LARGE: (413, "request_too_large"),
    RefusalKind.LIMITED: (429, "rate_limit_error"),
    RefusalKind.UNAVAILABLE: (503, "overloaded_error"),
    RefusalKind.UPSTREAM: (502, "api_error"),
}


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    message: str


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    type: str = "error"
    error: _Error
    request_id: str


def headers_for(request_id: str, *, stream: bool = False) -> list[tuple[bytes, bytes]]:
    """Return the fields that every answer has: Anthropic's name for the request's id, and everybody's."""
    name = request_id.encode()
    return [_EVENT_STREAM if stream else _JSON, (b"request-id", name), (b"x-request-id", name), _NO_STORE]


def body_of(refusal: Refusal, request_id: str) -> bytes:
    """Return `refusal` as an error body. Only `tell` is in it, with the field where it does not name it itself."""
    tell = refusal.tell
    if refusal.param is not None and f"`{refusal.param}`" not in tell:
        tell = f"{refusal.param}: {tell}"
    return _encode(BY_KIND[refusal.kind][1], tell, request_id)


def render(refusal: Refusal, request_id: str) -> tuple[int, Headers, bytes]:
    """Return (status, headers, body) for `refusal`."""
    headers = headers_for(request_id)
    if refusal.kind is RefusalKind.UNAUTHENTICATED:
        headers.extend(refusal.fields or [(b"www-authenticate", b'Bearer realm="strongroom"')])
    elif refusal.kind is RefusalKind.UNAVAILABLE:
        headers.append((b"retry-after", b"1"))
    elif refusal.kind is RefusalKind.LIMITED:
        headers.extend(retry_fields(refusal))
    return BY_KIND[refusal.kind][0], headers, body_of(refusal, request_id)


def render_status(status: int, message: str, request_id: str, *, allow: str = "") -> tuple[Headers, bytes]:
    """Return (headers, body) where no endpoint answers; `allow`: the method that a 405 must name."""
    headers = headers_for(request_id)
    if allow:
        headers.append((b"allow", allow.encode()))  # RFC 9110 §15.5.6
    kind = "not_found_error" if status == HTTPStatus.NOT_FOUND else "invalid_request_error"
    return headers, _encode(kind, message, request_id)


def _encode(kind: str, message: str, request_id: str) -> bytes:
    return msgspec.json.encode(_Envelope(error=_Error(type=kind, message=message), request_id=request_id))
