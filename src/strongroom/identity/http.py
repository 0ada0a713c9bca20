"""What every surface of the control port shares: the request's id, who asks, strict bodies, and how an answer leaves.

Always true here:
- the request id is made here and never taken from a client; each answer carries it, refusals included;
- nobody's request reaches a handler of the API before its credential was checked, malformed ones included;
- a body is decoded strictly, by the handler's own type: no field it does not name, no text where a number belongs;
- an answer to a change leaves only after this process has seen the change itself;
- a path has one spelling: no name here needs a percent sign, so one in a path is no path; nor is one with an empty part.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, Protocol, TypeAlias, cast

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.types import Empty

from strongroom.identity import problems
from strongroom.identity.door import Door
from strongroom.identity.possession import Shown
from strongroom.kernel.ids import NAME_RULE, Name, new_uuid, parse_name
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, Refused, hidden, invalid
from strongroom.policy import Ask
from strongroom.signatures import requests
from strongroom.signatures.requests import Claim
from strongroom.wire.asgi import TLS_PEER

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Asgi: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
AnyRequest: TypeAlias = Request[Any, Any, Any]
AnyConnection: TypeAlias = ASGIConnection[Any, Any, Any, Any]
Who: TypeAlias = NamedDependency[Principal]
"""In a handler's signature (`who: Who`): the caller that a guard has let in."""
Asked: TypeAlias = NamedDependency[Ask]
"""In a handler's signature (`ask: Asked`): what goes into the audit entries of this request."""
Guard: TypeAlias = Callable[[AnyConnection, BaseRouteHandler], Awaitable[None]]

_CHANGES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_REFRESH_S: Final = 1.0
_UNSUPPORTED: Final = 415
_FIRST_REFUSED: Final = 400
_A_NAME: Final = f"A name is {NAME_RULE}"
_FORMS: Final = {
    **dict.fromkeys(("name", "workload", "deployment", "source"), _A_NAME),
    "version": "A version is up to 64 letters, digits, dots, pluses and dashes",
    "request": "A request's id is `req_` and 32 digits of 0-9 and a-f, as `x-request-id` of its answer has it",
    "business_unit": "A business unit's name is up to 48 of a-z, 0-9 and '-', starting with a letter or digit",
}
"""What a field's text must look like, in words, by the field's own name."""
_FIELD: Final = re.compile(r"(?:^|field )`([A-Za-z_]{1,64})`")


class Refreshing(Protocol):
    """What the surface needs of the feed's follower."""

    async def refresh(self, within: float) -> bool:
        """Whether everything committed before the call is known here, after waiting at most `within` seconds."""
        ...


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Base of answers with many things: in an object's `data`, since a list at the top could never be added to."""


class Surface:
    """Goes around the whole application, so that what the router itself refuses leaves in the same shape."""

    def __init__(self, inner: Asgi, follower: Refreshing) -> None:
        self._inner: Final = inner
        self._follower: Final = follower

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request through the application."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        ask = Ask(request_id=f"req_{new_uuid().hex}")
        scope[problems.ASK] = ask
        leave = self._leaving(scope, ask, send)
        path: bytes = scope.get("raw_path", b"")
        if b"%" in path or (path.startswith(b"/api/") and (path.endswith(b"/") or b"//" in path)):
            await _refuse_path(ask, leave)
            return
        await self._inner(scope, receive, leave)

    def _leaving(self, scope: Scope, ask: Ask, send: Send) -> Send:
        async def leave(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with_fields(message.get("headers", []), scope["path"], ask.request_id)
                if scope["method"] in _CHANGES and message["status"] < _FIRST_REFUSED:
                    # Whoever was told of a change may ask again at once and must see it.
                    await self._follower.refresh(_REFRESH_S)
            await send(message)

        return leave


def bearer(door: Door) -> Guard:
    """Return the guard of the API: a key in `Authorization: Bearer …`, checked before anything else of the request."""

    async def guard(
        connection: AnyConnection,
        handler: BaseRouteHandler,
    ) -> None:
        del handler
        fields = connection.headers.getall("authorization", [])
        shown = shown_of(connection)
        let_in(connection, await door.admit(_key(fields), peer_of(connection), problems.ask_of(connection), shown))

    return guard


async def strict_body(request: AnyRequest) -> None:
    """Decode the body by the handler's type before the framework does, which takes `"5"` for a number.

    Raises:
        Refused: INVALID, naming the field.
        HTTPException: 413, 415.
    """
    handler: Any = request.route_handler
    _known_query(request, handler.parsed_fn_signature.parameters)
    wanted = handler.parsed_data_field
    if wanted is None:
        return
    if wanted.default is not Empty and not await request.body():
        return  # nothing was said, and that says enough
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(status_code=_UNSUPPORTED)
    body = await request.body()
    try:
        msgspec.json.decode(body, type=wanted.annotation)
    except msgspec.ValidationError as error:
        raise Refused(_invalid_body(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(invalid("The body is not valid JSON.")) from None


def name_of(text: str, param: str = "name") -> Name:
    """Return `text` as a name.

    Raises:
        Refused: INVALID with the rule.
    """
    try:
        return parse_name(text)
    except ValueError as error:
        raise Refused(invalid(f"Not a name: {error}.", param=param)) from None


def noting(ask: Ask, **facts: str) -> Ask:
    """Return `ask` with facts that belong in the audit entry; empty ones are left out.

    Raises:
        Refused: INVALID when the log would not take one, such as a text with a key in it.
    """
    try:
        return replace(ask, detail={**ask.detail, **{name: fact for name, fact in facts.items() if fact}})
    except ValueError as error:
        raise Refused(invalid(f"Not fit for the audit log: {error}.", param=next(iter(facts), None))) from None


def peer_of(connection: AnyConnection) -> str:
    """Return the address of whoever is connected; empty for a unix socket."""
    return connection.client.host if connection.client else ""


def let_in(connection: AnyConnection, who: Principal) -> None:
    """Say who is asking, for the handlers behind a guard. Called by guards alone."""
    connection.scope["user"] = who


def principal_of(request: AnyRequest) -> Principal:
    """Return the caller that a guard has let in; a handler without a guard is a fault."""
    who = request.scope["user"]
    if not isinstance(who, Principal):
        raise TypeError("a handler asked who is asking, and no guard had checked")
    return who


def asked(request: AnyRequest) -> Ask:
    """Return what goes into the audit entries of this request."""
    return problems.ask_of(request)


DEPENDENCIES: Final = {
    "who": Provide(principal_of, sync_to_thread=False),
    "ask": Provide(asked, sync_to_thread=False),
}
"""What every handler may ask for: `who: Who` and `ask: Asked`."""


def shown_of(connection: AnyConnection) -> Shown:
    """Return what a request shows besides its credential, for those that are bound to a key."""
    scope = cast("dict[str, Any]", connection.scope)
    scheme, _, _ = connection.headers.get("authorization", "").partition(" ")
    path: bytes = scope["raw_path"]
    return Shown(
        method=scope["method"],
        url=f"{scope['scheme']}://{connection.headers.get('host', '')}{path.decode('ascii')}",
        scheme=scheme.lower(),
        proofs=tuple(connection.headers.getall("dpop", [])),
        certificate=scope.get(TLS_PEER),
        claim=partial(_claim, connection) if isinstance(connection, Request) else None,
    )


async def _claim(request: AnyRequest) -> Claim | str:
    """Return what the signature of a request claims, its body read, or why there is none that counts."""
    scope = cast("dict[str, Any]", request.scope)
    return requests.claimed(
        scope["method"],
        scope["scheme"],
        scope["raw_path"],
        scope["query_string"],
        scope["headers"],
        await request.body(),
    )


def key_of(connection: AnyConnection) -> str | None:
    """Return the bearer key that a request shows, for a handler that asks by itself who is there."""
    return _key(connection.headers.getall("authorization", []))


def _key(fields: list[str]) -> str | None:
    """Return the bearer key (RFC 6750 §2.1), or the one that comes with a proof (RFC 9449 §7.1). Two `Authorization` fields are none: each part could read another."""
    if len(fields) != 1:
        return None
    scheme, _, presented = fields[0].partition(" ")
    return presented.strip() if scheme.lower() in {"bearer", "dpop"} and presented.strip() else None


def _invalid_body(said: str) -> Refusal:
    """Return what msgspec said of a body, with the field it is about: `… - at `$.days``, or `… field `days` …`."""
    tell, _, place = said.partition(" - at `$.")
    named = _FIELD.search(tell)
    if tell.startswith("Invalid enum value"):  # msgspec quotes it, and what was sent is not said again
        tell = "This value is not one of those allowed"
    if "matching regex" in tell:  # people read rules, not patterns
        tell = _FORMS.get(place.rpartition(".")[2].strip("`"), "This text has not the form of its field")
    return invalid(f"{tell}.", param=place.strip("`") or (named[1] if named else None))


def _known_query(request: AnyRequest, parameters: Any) -> None:
    """Refuse parameters that the handler does not take, and two of one: a typing mistake must not read as a default."""
    given = [name for name, _ in request.query_params.multi_items()]
    unknown = sorted(set(given) - (set(parameters) - set(request.path_params)))
    if unknown:
        raise Refused(invalid("The query has a parameter that is not known here.", param=unknown[0][:64]))
    if len(given) != len(set(given)):
        raise Refused(invalid("The query has a parameter twice."))


def _with_fields(headers: Any, path: str, request_id: str) -> list[tuple[bytes, bytes]]:
    fields = [(bytes(name).lower(), bytes(value)) for name, value in headers]
    names = {name for name, _ in fields}
    fields.append((b"x-request-id", request_id.encode()))
    if b"x-content-type-options" not in names:
        fields.append((b"x-content-type-options", b"nosniff"))
    if path in {"/api", "/metrics"} or path.startswith(("/api/", "/v1/")):
        fields = [field for field in fields if field[0] != b"cache-control"]
        fields.append((b"cache-control", b"no-store"))
    return fields


async def _refuse_path(ask: Ask, send: Send) -> None:
    problem = problems.problem_of(hidden("another spelling of a path"), ask.request_id)
    fields = [(b"content-type", problems.MEDIA_TYPE.encode())]
    await send({"type": "http.response.start", "status": problem.status, "headers": fields})
    await send({"type": "http.response.body", "body": msgspec.json.encode(problem), "more_body": False})
