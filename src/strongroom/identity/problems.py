"""How a no reads on the control API: problem details (RFC 9457). The one place where this dialect renders one.

Always true here:
- a caller is told `tell` and the name of the field at fault, never `reason`, a statement, a path or a class;
- what is missing and what is hidden are one answer, to the byte but for the request id.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final, cast

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from strongroom.kernel.ids import new_uuid
from strongroom.kernel.lines import places
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Ask, BadId
from strongroom.store import Conflict, Full, Unavailable, Unfit

MEDIA_TYPE: Final = "application/problem+json"
ASK: Final = "strongroom.ask"
"""Where the edge of the control API leaves a request's `Ask` in its scope."""

_STATUS: Final = {
    RefusalKind.INVALID: HTTPStatus.BAD_REQUEST,
    RefusalKind.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    RefusalKind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    RefusalKind.HIDDEN: HTTPStatus.NOT_FOUND,
    RefusalKind.CONFLICT: HTTPStatus.CONFLICT,
    RefusalKind.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RefusalKind.LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    RefusalKind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    RefusalKind.UPSTREAM: HTTPStatus.BAD_GATEWAY,
}
_FIELDS: Final = {
    HTTPStatus.UNAUTHORIZED: {"www-authenticate": 'Bearer realm="strongroom"'},
    HTTPStatus.SERVICE_UNAVAILABLE: {"retry-after": "1"},
}
_TELL: Final = {
    HTTPStatus.METHOD_NOT_ALLOWED: "This path has another method.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "Send the body as `content-type: application/json`.",
}
_log = logging.getLogger(__name__)


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was not done. `param` names the field at fault, when it is one."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    param: str | None = None


def _spec(*statuses: HTTPStatus) -> dict[int, ResponseSpec]:
    return {
        int(status): ResponseSpec(
            data_container=Problem, description=status.phrase, media_type=MEDIA_TYPE, generate_examples=False
        )
        for status in statuses
    }


READ: Final = _spec(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
"""What every route that reads may refuse with, for the OpenAPI document."""

WRITE: Final = READ | _spec(HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
"""What every route that changes something may refuse with."""


def status_of(refusal: Refusal) -> HTTPStatus:
    """Return the HTTP status that `refusal` has in this dialect."""
    return _STATUS[refusal.kind]


def problem_of(refusal: Refusal, request_id: str) -> Problem:
    """Return `refusal` as problem details."""
    return _problem(status_of(refusal), refusal.tell, request_id, refusal.param)


def fields_of(status: int) -> dict[str, str]:
    """Return the header fields that go with a refusal of this status."""
    return dict(_FIELDS.get(HTTPStatus(status), {}))


def refusal_of(error: Exception) -> Refusal | None:  # noqa: PLR0911 - one return for each kind
    """Return the refusal that an exception stands for; None for a fault.

    Args:
        error: what left a route. `Refused` carries its own; the store's and the framework's are translated.
    """
    match error:
        case Refused():
            return error.refusal
        case Full():
            tell = "The service's database has no room left on its disk. Whoever runs it must make room."
            return Refusal(kind=RefusalKind.UNAVAILABLE, reason=str(error), tell=tell)
        case Unavailable():
            tell = "The service cannot reach its database at the moment. Try again shortly."
            return Refusal(kind=RefusalKind.UNAVAILABLE, reason=str(error), tell=tell)
        case Conflict():
            tell = "What is there now does not allow this."
            return Refusal(kind=RefusalKind.CONFLICT, reason=str(error), tell=tell)
        case Unfit():
            return replace(invalid("A value of the request is not one that can be kept."), reason=str(error))
        case BadId():
            return hidden(str(error))
        case ValidationException():
            return _invalid_parameter(error)
        case HTTPException(status_code=HTTPStatus.NOT_FOUND):
            return hidden("no such route")
        case HTTPException(status_code=HTTPStatus.BAD_REQUEST):
            return invalid("The request cannot be understood.")
        case _:
            return None


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer for whatever left a route: the exception handler of the whole control API."""
    request_id = ask_of(request).request_id
    refusal = refusal_of(error)
    if refusal is not None:
        said = respond(problem_of(refusal, request_id), refusal.retry_after_s)
        said.headers |= {name.decode(): value.decode("latin-1") for name, value in refusal.fields}
        return said
    if isinstance(error, HTTPException) and error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        status = HTTPStatus(error.status_code)
        return respond(_problem(status, _TELL.get(status, "The request cannot be answered."), request_id))
    # Its text may hold anything, so the log gets where it broke and the caller gets the id that finds it.
    _log.error("fault %s in %s: %s", request_id, request.method, places(type(error), error.__traceback__))
    tell = "Something went wrong here. The request id finds it in the logs."
    return respond(_problem(HTTPStatus.INTERNAL_SERVER_ERROR, tell, request_id))


def respond(problem: Problem, retry_after_s: int | None = None) -> Response[Problem]:
    """Return `problem` as a response; `retry_after_s`: when trying again may help, where that is known."""
    fields = fields_of(problem.status)
    if retry_after_s is not None:
        fields["retry-after"] = str(retry_after_s)
    return Response(problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=fields)


def render_protocol_error(status: int, tell: str) -> tuple[Sequence[tuple[bytes, bytes]], bytes]:
    """Return (header fields, body) for a request that the wire itself refused; it never became one with an id."""
    request_id = f"req_{new_uuid().hex}"
    fields = [(b"content-type", MEDIA_TYPE.encode()), (b"x-request-id", request_id.encode())]
    return fields, msgspec.json.encode(_problem(HTTPStatus(status), tell, request_id))


def ask_of(request: ASGIConnection[Any, Any, Any, Any]) -> Ask:
    """Return what goes into the audit entries of this request."""
    ask = cast("dict[str, Any]", request.scope).get(ASK)
    return ask if isinstance(ask, Ask) else Ask()


def _problem(status: HTTPStatus, tell: str, request_id: str, param: str | None = None) -> Problem:
    return Problem(
        type=f"urn:strongroom:problem:{status.phrase.lower().replace(' ', '-')}",
        title=status.phrase,
        status=int(status),
        detail=tell,
        request_id=request_id,
        param=param,
    )


def _invalid_parameter(error: ValidationException) -> Refusal:
    """Name the parameters at fault. What the framework says of them is kept out: it quotes types and classes."""
    found = cast("list[dict[str, object]]", error.extra) if isinstance(error.extra, list) else []
    names = sorted({str(each.get("key", "")) for each in found} - {""})
    if not names:
        return invalid("A parameter of the request is not valid.")
    return invalid(f"Not valid here: {', '.join(names)}.", param=names[0])
