"""`POST /oauth2/token`, as OAuth writes it (RFC 6749 §5): the exchange of tokens (RFC 8693 §2), and command lines' sign-in.

A command line asks for its sign-in first (RFC 9126, RFC 8628), and finds where in the server's metadata (RFC 8414).

Always true here:
- there is no guard: what is shown is the credential, and of a command line the proof of its key;
- a parameter that is not known, or stands there twice, refuses the request (RFC 6749 §3.2);
- an error says whether the *form* is wrong; of what is wrong with a token it never says more than that it was refused.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec

from strongroom.identity import problems
from strongroom.identity.federation.exchange import ACCESS_TOKEN, GRANT, Exchange, Issued, Wanted
from strongroom.identity.http import peer_of, shown_of
from strongroom.identity.people.backchannel import BackChannel
from strongroom.identity.people.commandline import CLIENT, PAGE, WORD_PAGE, CommandLines, SignedIn, lives
from strongroom.identity.people.wishes import NotYet
from strongroom.kernel.principal import Proof
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden
from strongroom.policy import Ask
from strongroom.signatures.jose import MAX_BYTES
from strongroom.signatures.proofnonces import FIELD

TheExchange: TypeAlias = NamedDependency[Exchange]
TheBackChannel: TypeAlias = NamedDependency[BackChannel]
TheCommandLines: TypeAlias = NamedDependency[CommandLines]
PATH: Final = "/oauth2/token"
WISH: Final = "/oauth2/par"
DEVICE: Final = "/oauth2/device_authorization"
LOGOUT: Final = "/oauth2/backchannel-logout"
METADATA: Final = "/.well-known/oauth-authorization-server"
REQUEST: Final = "urn:ietf:params:oauth:request_uri:"
CODE_GRANT: Final = "authorization_code"
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"

_FORM: Final = "application/x-www-form-urlencoded"
_EXCHANGE: Final = ("grant_type", "subject_token", "subject_token_type", "audience")
_WISH: Final = ("client_id", "response_type", "redirect_uri", "code_challenge", "code_challenge_method", "state")
_NEEDED: Final = {
    GRANT: _EXCHANGE,
    CODE_GRANT: ("grant_type", "client_id", "code", "redirect_uri", "code_verifier"),
    DEVICE_GRANT: ("grant_type", "client_id", "device_code"),
}
"""What a form holds, by its grant."""
_MAY: Final = {GRANT: frozenset({"requested_token_type"})}
_NO_STORE: Final = {"cache-control": "no-store", "pragma": "no-cache"}
_MAX_FORM: Final = MAX_BYTES + 4096


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A new access token (RFC 8693 §2.2.1)."""

    access_token: str
    token_type: str
    expires_in: int
    issued_token_type: str | msgspec.UnsetType = msgspec.UNSET

    def __repr__(self) -> str:
        """Show no token."""
        return "TokenAnswer()"


class WishAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser is to be sent to the console with (RFC 9126 §2.2)."""

    request_uri: str
    expires_in: int


class DeviceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a person types, and where (RFC 8628 §3.2)."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: int
    interval: int

    def __repr__(self) -> str:
        """Show no code."""
        return "DeviceAnswer()"


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How many credentials of a person ended."""

    ended: int


class Metadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a command line is signed in, and how (RFC 8414 §2)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    pushed_authorization_request_endpoint: str
    device_authorization_endpoint: str | None = None
    require_pushed_authorization_requests: bool = False
    response_types_supported: tuple[str, ...] = ()
    grant_types_supported: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] = ()
    token_endpoint_auth_methods_supported: tuple[str, ...] = ()
    dpop_signing_alg_values_supported: tuple[str, ...] = ()
    authorization_response_iss_parameter_supported: bool = False


class TokenError(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is none (RFC 6749 §5.2). `request_id` finds the reason in the audit log, for whoever may read it."""

    error: str
    error_description: str
    request_id: str


class _BadForm(Exception):  # noqa: N818 - it is an answer
    def __init__(self, error: str, said: str) -> None:
        super().__init__(said)
        self.error = error


_WRONG: Final = {400: ResponseSpec(data_container=TokenError, description="Not given", generate_examples=False)}
_KIND: Final = "DPoP"
_WAITING: Final = frozenset({NotYet.PENDING, NotYet.SLOW_DOWN})


@get(
    METADATA,
    summary="Where command lines are signed in",
    tags=["sign-in"],
    responses={404: problems.READ[404]},
    sync_to_thread=False,
)
def show_metadata(command_lines: TheCommandLines) -> Metadata:
    """Return where a command line is signed in. Where nobody signs on with a provider there is no such place."""
    url = command_lines.url
    if url is None:
        raise Refused(hidden("nobody signs on with a provider"))
    devices = command_lines.devices
    return Metadata(
        issuer=url,
        authorization_endpoint=url + PAGE,
        token_endpoint=url + PATH,
        pushed_authorization_request_endpoint=url + WISH,
        device_authorization_endpoint=url + DEVICE if devices else None,
        require_pushed_authorization_requests=True,
        response_types_supported=("code",),
        grant_types_supported=(CODE_GRANT, GRANT, *((DEVICE_GRANT,) if devices else ())),
        code_challenge_methods_supported=("S256",),
        token_endpoint_auth_methods_supported=("none",),
        dpop_signing_alg_values_supported=("EdDSA", "ES256"),
        authorization_response_iss_parameter_supported=True,
    )


@post(WISH, status_code=201, summary="Ask for a command line's sign-in", tags=["sign-in"], responses=_WRONG)
async def push_wish(
    request: Request[Any, Any, Any], command_lines: TheCommandLines
) -> Response[WishAnswer | TokenError]:
    """Keep what a command line asks for until a person says yes to it in a browser (RFC 9126). It shows proof of its key."""
    ask = problems.ask_of(request)
    try:
        form = _client(_form(request, await request.body(), _WISH))
        wish = command_lines.wish(form, shown_of(request), peer_of(request))
    except (_BadForm, Refused) as error:
        return _no(error, ask)
    return Response(
        WishAnswer(request_uri=REQUEST + wish.id, expires_in=lives()[0]), headers=_NO_STORE, status_code=201
    )


@post(DEVICE, status_code=200, summary="Ask for a device code", tags=["sign-in"], responses=_WRONG)
async def push_device(
    request: Request[Any, Any, Any], command_lines: TheCommandLines
) -> Response[DeviceAnswer | TokenError]:
    """Give a command line without a browser a code to ask again by, and a word for a person to type (RFC 8628)."""
    ask = problems.ask_of(request)
    try:
        _client(_form(request, await request.body(), ("client_id",)))
        wish, code = command_lines.device_wish(shown_of(request), peer_of(request))
    except (_BadForm, Refused) as error:
        return _no(error, ask)
    lasts, interval = lives()
    told = DeviceAnswer(
        device_code=code,
        user_code=f"{wish.word[:4]}-{wish.word[4:]}",
        verification_uri=f"{command_lines.url}{WORD_PAGE}",
        expires_in=lasts,
        interval=interval,
    )
    return Response(told, headers=_NO_STORE)


@post(PATH, status_code=200, summary="Get a token", tags=["federation", "sign-in"], responses=_WRONG)
async def exchange_token(
    request: Request[Any, Any, Any], exchange: TheExchange, command_lines: TheCommandLines
) -> Response[TokenAnswer | TokenError]:
    """Give a token for another issuer's (RFC 8693), or for a code that a person's yes to a command line brought.

    For an exchange the form has `grant_type`, `subject_token`, `subject_token_type` and `audience`, which is the rule's id.
    """
    ask = problems.ask_of(request)
    try:
        form = _granted(request, await request.body())
        if form["grant_type"] != GRANT:
            signed_in = await command_lines.redeem(_client(form), shown_of(request), peer_of(request), ask)
            return _signed_in(signed_in, ask)
        issued = await exchange.exchange(_wanted(form, peer_of(request)), shown_of(request), ask)
    except Exception as error:  # noqa: BLE001 - a fault is raised on, there
        return _no(error, ask)
    return Response(_answer(issued), headers=_NO_STORE)


def _granted(request: Request[Any, Any, Any], body: bytes) -> dict[str, str]:
    """Return the form of a grant that is known.

    Raises:
        _BadForm: for everything else.
    """
    form = _pairs(request, body)
    grant = form.get("grant_type", GRANT)
    if grant not in _NEEDED:
        raise _BadForm("unsupported_grant_type", f"The grant types here are {', '.join(_NEEDED)}.")
    form = _form(request, body, _NEEDED[grant], _MAY.get(grant, frozenset()))
    if form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise _BadForm("invalid_request", "Ask for an access token.")
    return form


def _client(form: dict[str, str]) -> dict[str, str]:
    if form["client_id"] != CLIENT:
        raise _BadForm("invalid_client", f"The one client here is {CLIENT}.")
    return form


def _form(
    request: Request[Any, Any, Any], body: bytes, needed: tuple[str, ...], may: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Return a form that has what is needed and nothing else.

    Raises:
        _BadForm: for everything else.
    """
    form = _pairs(request, body)
    missing = [name for name in needed if not form.get(name)]
    if missing:
        raise _BadForm("invalid_request", f"The form has no {missing[0]}.")
    if not form.keys() <= {*needed, *may}:
        raise _BadForm("invalid_request", f"The form may hold {', '.join(sorted({*needed, *may}))}.")
    return form


def _pairs(request: Request[Any, Any, Any], body: bytes) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise _BadForm("invalid_request", f"Send the form as `content-type: {_FORM}`.")
    if len(body) > _MAX_FORM or request.query_params:
        raise _BadForm("invalid_request", "The form is too long, or parameters stand in the address.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=16)
    except (UnicodeDecodeError, ValueError):
        raise _BadForm("invalid_request", "The form cannot be read.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise _BadForm("invalid_request", "A parameter stands there twice.")
    return form


def _wanted(form: dict[str, str], peer: str) -> Wanted:
    return Wanted(
        rule=form["audience"],
        subject_token=form["subject_token"],
        subject_token_type=form["subject_token_type"],
        peer=peer,
    )


def _answer(issued: Issued) -> TokenAnswer:
    bound = issued.confirmation is not None and issued.confirmation.proof is Proof.DPOP
    return TokenAnswer(
        access_token=issued.text,
        issued_token_type=ACCESS_TOKEN,
        token_type="DPoP" if bound else "Bearer",
        expires_in=issued.lives_s,
    )


def _signed_in(found: SignedIn | NotYet, ask: Ask) -> Response[TokenAnswer | TokenError]:
    if isinstance(found, NotYet):
        return _error(400, str(found), "There is no token yet." if found in _WAITING else "There will be none.", ask)
    told = TokenAnswer(access_token=found.text, token_type=_KIND, expires_in=found.lives_s)
    return Response(told, headers=_NO_STORE)


def _no(error: Exception, ask: Ask) -> Response[Any]:
    """Return the answer for what was raised; a fault is raised on."""
    if isinstance(error, _BadForm):
        return _error(400, error.error, str(error), ask)
    refusal = error.refusal if isinstance(error, Refused) else problems.refusal_of(error)
    if refusal is None:
        raise error
    return _refused(refusal, ask)


def _refused(refusal: Refusal, ask: Ask) -> Response[TokenAnswer | TokenError]:
    if refusal.kind is RefusalKind.UNAVAILABLE:
        return _error(503, "temporarily_unavailable", refusal.tell, ask)
    said = _error(400, refusal.code or "invalid_request", refusal.tell, ask)
    said.headers |= {name.decode(): value.decode("latin-1") for name, value in refusal.fields if name == FIELD}
    return said


def _error(status: int, error: str, said: str, ask: Ask) -> Response[TokenAnswer | TokenError]:
    told = TokenError(error=error, error_description=said, request_id=ask.request_id)
    more = {"retry-after": "1"} if status == 503 else {}  # noqa: PLR2004 - RFC 9110 §15.6.4
    return Response(told, status_code=status, headers=_NO_STORE | more)


@post(LOGOUT, status_code=200, summary="Somebody has signed out", tags=["sign-in"], responses=_WRONG)
async def log_out(request: Request[Any, Any, Any], back_channel: TheBackChannel) -> Response[Ended | TokenError]:
    """Take the provider's word that somebody has signed out there (OpenID Connect Back-Channel Logout 1.0)."""
    ask = problems.ask_of(request)
    try:
        ended = await back_channel.log_out(_form(request, await request.body(), ("logout_token",))["logout_token"], ask)
    except Exception as error:  # noqa: BLE001 - a fault is raised on, there
        return _no(error, ask)
    return Response(Ended(ended=ended), headers=_NO_STORE)


ROUTES: Final = (log_out, show_metadata, push_wish, push_device, exchange_token)
