"""`POST /oauth2/token`: the exchange as OAuth writes it (RFC 6749 §5, RFC 8693 §2).

Always true here:
- it has no guard: the token that is shown is the credential;
- a parameter that is not known, or stands there twice, refuses the request (RFC 6749 §3.2);
- an error says whether the *form* is wrong; of what is wrong with a token it never says more than that it was refused.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec

from strongroom.identity import problems
from strongroom.identity.federation.exchange import ACCESS_TOKEN, GRANT, Exchange, Issued, Wanted
from strongroom.identity.http import peer_of, shown_of
from strongroom.kernel.principal import Proof
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import Ask
from strongroom.signatures.jose import MAX_BYTES

TheExchange: TypeAlias = NamedDependency[Exchange]
PATH: Final = "/oauth2/token"

_FORM: Final = "application/x-www-form-urlencoded"
_NEEDED: Final = ("grant_type", "subject_token", "subject_token_type", "audience")
_KNOWN: Final = frozenset({*_NEEDED, "requested_token_type"})
_NO_STORE: Final = {"cache-control": "no-store", "pragma": "no-cache"}
_MAX_FORM: Final = MAX_BYTES + 4096


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A new access token (RFC 8693 §2.2.1)."""

    access_token: str
    issued_token_type: str
    token_type: str
    expires_in: int

    def __repr__(self) -> str:
        """Show no token."""
        return "TokenAnswer()"


class TokenError(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is none (RFC 6749 §5.2). `request_id` finds the reason in the audit log, for whoever may read it."""

    error: str
    error_description: str
    request_id: str


class _BadForm(Exception):  # noqa: N818 - it is an answer
    def __init__(self, error: str, said: str) -> None:
        super().__init__(said)
        self.error = error


@post(
    PATH,
    include_in_schema=True,
    status_code=200,
    summary="Exchange a token",
    tags=["federation"],
    responses={400: ResponseSpec(data_container=TokenError, description="Not exchanged", generate_examples=False)},
)
async def exchange_token(request: Request[Any, Any, Any], exchange: TheExchange) -> Response[TokenAnswer | TokenError]:
    """Exchange another issuer's token for an access token of the workload that a federation rule names (RFC 8693).

    The form has `grant_type`, `subject_token`, `subject_token_type` and `audience`, which is the rule's id.
    """
    ask = problems.ask_of(request)
    try:
        form = _form(request, await request.body())
        issued = await exchange.exchange(_wanted(form, peer_of(request)), shown_of(request), ask)
    except _BadForm as bad:
        return _error(400, bad.error, str(bad), ask)
    except Exception as error:
        refusal = error.refusal if isinstance(error, Refused) else problems.refusal_of(error)
        if refusal is None:
            raise
        return _refused(refusal, ask)
    return Response(_answer(issued), headers=_NO_STORE)


def _form(request: Request[Any, Any, Any], body: bytes) -> dict[str, str]:
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
    if form.get("grant_type", GRANT) != GRANT:
        raise _BadForm("unsupported_grant_type", f"The one grant type here is {GRANT}.")
    missing = [name for name in _NEEDED if not form.get(name)]
    if missing:
        raise _BadForm("invalid_request", f"The form has no {missing[0]}.")
    if not form.keys() <= _KNOWN or form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise _BadForm(
            "invalid_request", f"The form may hold {', '.join(sorted(_KNOWN))}, and asks for an access token."
        )
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


def _refused(refusal: Refusal, ask: Ask) -> Response[TokenAnswer | TokenError]:
    if refusal.kind is RefusalKind.UNAVAILABLE:
        return _error(503, "temporarily_unavailable", refusal.tell, ask)
    return _error(400, "invalid_request", refusal.tell, ask)


def _error(status: int, error: str, said: str, ask: Ask) -> Response[TokenAnswer | TokenError]:
    told = TokenError(error=error, error_description=said, request_id=ask.request_id)
    more = {"retry-after": "1"} if status == 503 else {}  # noqa: PLR2004 - RFC 9110 §15.6.4
    return Response(told, status_code=status, headers=_NO_STORE | more)


ROUTES: Final = (exchange_token,)
