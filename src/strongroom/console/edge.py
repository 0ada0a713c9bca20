"""From a request to a page and back: the one place where the console meets HTTP.

In this order, each before the next may happen:
1. a POST must come from this very origin, as the browser itself says (Fetch Metadata, Origin);
2. the directory must be fresh, or nobody is anybody: 503;
3. the cookie must name a living session, whose credential must still count;
4. a POST must carry that session's own token;
5. only then is the page asked.
Every answer, the refusals too, leaves with the same headers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlsplit

from litestar import Request, Response, Router, route
from litestar.handlers import HTTPRouteHandler

from strongroom.console import cookies, errors, headers, routes
from strongroom.console.forms import Form, parse
from strongroom.console.routes import Route
from strongroom.console.sessions import Session
from strongroom.console.visit import Answer, Desk, Parts, Visit
from strongroom.identity import problems
from strongroom.identity.http import peer_of
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import FRESH_PROOF
from strongroom.store import Unavailable

_ALIEN: Final = Refusal(
    kind=RefusalKind.FORBIDDEN,
    reason="a form from another origin, or without this session's token",
    tell="This form was not sent from the console, or is from an earlier sign-in. Open the page again and retry.",
)

Missing: TypeAlias = Callable[[Request[Any, Any, Any]], Response[bytes]]

_log: Final = logging.getLogger(__name__)


def pages(parts: Parts) -> list[Router]:
    """Return the console's router. Call it once: the sessions live in what it returns."""
    desk = Desk(parts)
    handlers = [_static(desk), *(_handler(desk, each) for each in routes.ROUTES)]
    return [Router("/", route_handlers=handlers, include_in_schema=False)]


def missing(parts: Parts) -> Missing:
    """Return what answers a browser where there is no page; it knows nobody and no session."""
    desk = Desk(parts)
    return lambda request: _response(desk, errors.page(_visit(desk, request), errors.MISSING))


def _handler(desk: Desk, each: Route) -> HTTPRouteHandler:
    async def answer(request: Request[Any, Any, Any]) -> Response[bytes]:
        visit = _visit(desk, request)
        return _response(desk, await _answered(each, visit, request))

    name = f"console {each.method} {each.path}"
    return route(each.path, http_method=each.method, status_code=200, name=name, include_in_schema=False)(answer)


def _static(desk: Desk) -> HTTPRouteHandler:
    async def answer(request: Request[Any, Any, Any]) -> Response[bytes]:
        asset = desk.assets.find(request.path_params["version"], str(request.path_params["name"]).removeprefix("/"))
        if asset is None:
            visit = _visit(desk, request)
            return _response(desk, errors.page(visit, errors.MISSING))
        return Response(asset.content, media_type=asset.media_type, headers=headers.STATIC)

    path = "/static/{version:str}/{name:path}"
    return route(path, http_method="GET", status_code=200, name="console static", include_in_schema=False)(answer)


def _visit(desk: Desk, request: Request[Any, Any, Any]) -> Visit:
    return Visit(
        desk=desk,
        asked=problems.ask_of(request),
        path=request.scope["path"],
        peer=peer_of(request),
        params={name: str(value) for name, value in request.path_params.items()},
        query={name: value for name, value in request.query_params.items() if isinstance(value, str)},
        form=Form({}),
        theme=cookies.theme(request.cookies),
        cookie=request.cookies.get(cookies.session_name(secure=desk.parts.secure), ""),
        sso=request.cookies.get(cookies.SIGN_ON, ""),
    )


async def _answered(each: Route, visit: Visit, request: Request[Any, Any, Any]) -> Answer:
    """Return the page's answer, or the page that says why there is none."""
    try:
        if each.method == "POST":
            _same_origin(request)
            visit.form = Form(parse(request.headers.get("content-type", ""), await request.body()))
        if each.open:
            return await each.page(visit)
        visit.signed_in = await _signed_in(visit, touch=each.touches)
        if visit.signed_in is None:
            return _to_sign_in(visit, request)
        if each.method == "POST" and not visit.session.owns(visit.form.raw("csrf")):
            raise Refused(_ALIEN)
        return await each.page(visit)
    except Refused as no:
        return _no(each, visit, request, no.refusal)
    except Unavailable:
        return errors.page(visit, errors.DATABASE_AWAY)
    except Exception:  # noqa: BLE001 - rendered once, here; the trace goes to the log
        _log.exception("console: request %s to %s failed", visit.asked.request_id, each.path)
        return errors.page(visit, errors.FAULT, status=500)


def _no(each: Route, visit: Visit, request: Request[Any, Any, Any], refusal: Refusal) -> Answer:
    """Return the page that says no, or the way to prove oneself again where that is what is missing."""
    if refusal.code != FRESH_PROOF or visit.signed_in is None:
        return errors.page(visit, refusal)
    return visit.prove_again(visit.here() if each.method == "GET" else _came_from(request))


def _came_from(request: Request[Any, Any, Any]) -> str:
    """Return the page that a form of ours stood on, as the browser says: to come back to, and nothing hangs on it."""
    came = urlsplit(request.headers.get("referer", ""))
    return f"{came.path}?{came.query}" if came.query else came.path


def _same_origin(request: Request[Any, Any, Any]) -> None:
    """Refuse a POST that the browser does not vouch for.

    Every browser of the last years sends `Origin` with a form, and most `Sec-Fetch-Site`; a page elsewhere can forge
    neither. With neither, it is no browser: scripts have the API.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = f"{request.scope['scheme']}://{request.headers.get('host', '')}"
    if (site is None and origin is None) or site not in {None, "same-origin"} or origin not in {None, own}:
        raise Refused(_ALIEN)


async def _signed_in(visit: Visit, *, touch: bool) -> tuple[Session, Principal] | None:
    """Return whose session the cookie names, if its credential counts at this moment."""
    session = visit.desk.sessions.find(visit.cookie, touch=touch) if visit.cookie else None
    if session is None:
        return None
    try:
        who = await visit.parts.door.readmit(session.credential, visit.peer, visit.ask())
    except Refused as no:
        if no.refusal.kind is RefusalKind.UNAUTHENTICATED:  # not when it cannot be known now
            visit.desk.sessions.end(visit.cookie)
            return None
        raise
    return session, who


def _to_sign_in(visit: Visit, request: Request[Any, Any, Any]) -> Answer:
    taken = "" if visit.cookie else None
    if request.headers.get("hx-request"):  # a part of a page: the whole page must go there
        return Answer(status=401, headers={"hx-redirect": "/sign-in"}, session=taken)
    wanted = visit.here() if request.method == "GET" else "/"
    to = "/sign-in" if wanted == "/" else f"/sign-in?next={quote(wanted, safe='')}"
    return Answer(status=303, headers={"location": to}, session=taken)


def _response(desk: Desk, answer: Answer) -> Response[bytes]:
    secure = desk.parts.secure
    response = Response(
        answer.body,
        status_code=answer.status,
        media_type="text/html; charset=utf-8",
        headers={**headers.PAGE, **answer.headers},
    )
    if answer.session is not None:
        response.cookies.append(cookies.session(answer.session, secure=secure))
    if answer.sso is not None:
        response.cookies.append(cookies.signing_on(answer.sso, secure=secure))
    if answer.theme is not None:
        response.cookies.append(cookies.for_theme(answer.theme, secure=secure))
    return response
