"""Access tokens by exchange (RFC 8693), renewed before they end."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlencode

from strongroom.client import http
from strongroom.client.subjects import Subject, SubjectUnavailable

GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
PATH: Final = "/oauth2/token"

_RENEW_SHARE: Final = 0.25
_RENEW_S: Final = 60.0
_RETRY_S: Final = 5.0
_OK: Final = 200
_Request = TypeVar("_Request", bound=Any)


class ExchangeRefused(Exception):  # noqa: N818 - said to a person
    """The token was not exchanged. The reason stands in the installation's audit log, under the request id."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token, and when it ends (by `time.monotonic`, which no clock that is set can move)."""

    text: str = field(repr=False)
    ends: float
    lives_s: float
    kind: str = "Bearer"


class Proving(Protocol):
    """Who proves that this program holds a key: `strongroom.signatures.dpop.Prover`."""

    def proof(self, method: str, url: str, *, token: str | None = None, nonce: str | None = None) -> str:
        """Return the value of the field `DPoP` for one request."""
        ...


class TokenSource:
    """Gives an access token that lasts a while yet. Any thread.

    It is what the `openai` client takes as `api_key` (it is called for each request), and its `auth` is what httpx takes.
    """

    def __init__(
        self,
        control: str,
        rule: str,
        subject: Subject,
        *,
        tls: ssl.SSLContext | None = None,
        proof: Proving | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take where to ask.

        Args:
            control: the control port's URL.
            rule: the federation rule's id.
            subject: who says who this program is.
            tls: for authorities of your own, or with a certificate to show; the system's if not given.
            proof: binds tokens to a key; without proof of it they are worth nothing. Use `auth` then.
            clock: seconds that only go on.
        """
        self._url: Final = control.rstrip("/") + PATH
        self._rule: Final = rule
        self._subject: Final = subject
        self._tls: Final = tls
        self._proof: Final = proof
        self._clock: Final = clock
        self._lock: Final = threading.Lock()
        self._held: AccessToken | None = None
        self._nonce: str | None = None
        self._tried = float("-inf")

    def __repr__(self) -> str:
        """Name the rule."""
        return f"TokenSource({self._rule})"

    def __call__(self) -> str:
        """Return the text of a token that counts.

        Raises:
            ExchangeRefused: when there is none and none could be got.
            SubjectUnavailable: as above, for want of a subject token.
            OSError: as above, because nobody answered.
        """
        return self.token().text

    def token(self) -> AccessToken:
        """Return a token that counts; raises as a call does."""
        held = self._held
        if held is not None and not self._due(held):
            return held
        with self._lock:
            held = self._held
            if held is not None and not self._due(held):  # another thread has just got it
                return held
            self._tried = self._clock()
            try:
                self._held = self._exchanged()
            except (ExchangeRefused, SubjectUnavailable, OSError):
                if held is None or held.ends <= self._clock():
                    raise
                return held  # it counts still; the next call but a few tries again
            return self._held

    def auth(self, request: _Request, nonce: str | None = None) -> _Request:
        """Add the token to an httpx request, in place, and return it: `httpx.Client(auth=source.auth)`.

        Where the server wants its nonce in proofs: `httpx.Client(auth=retrying(source.auth))`.
        """
        held = self.token()
        request.headers["authorization"] = f"{held.kind} {held.text}"
        if self._proof is not None:
            request.headers["dpop"] = self._proof.proof(request.method, str(request.url), token=held.text, nonce=nonce)
        return request

    def _due(self, held: AccessToken) -> bool:
        now = self._clock()
        left = held.ends - now
        if left <= 0:
            return True
        return (
            left < max(held.lives_s * _RENEW_SHARE, min(_RENEW_S, held.lives_s / 2)) and now - self._tried >= _RETRY_S
        )

    def _asked(self, fields: dict[str, str], form: bytes) -> tuple[int, dict[str, Any]]:
        """Ask with a proof of its own, with the nonce that the server gave last; keep the one that it gives now."""
        if self._proof is not None:
            fields = fields | {"dpop": self._proof.proof("POST", self._url, nonce=self._nonce)}
        status, said, body = http.answer("POST", self._url, fields, form, tls=self._tls)
        self._nonce = said.get("dpop-nonce", self._nonce)
        return status, body

    def _exchanged(self) -> AccessToken:
        form = {
            "grant_type": GRANT,
            "subject_token": self._subject.token(),
            "subject_token_type": self._subject.kind,
            "audience": self._rule,
        }
        began = self._clock()
        fields = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        status, body = self._asked(fields, urlencode(form).encode())
        if body.get("error") == "use_dpop_nonce":
            status, body = self._asked(fields, urlencode(form).encode())
        text, lives, kind = body.get("access_token"), body.get("expires_in"), body.get("token_type")
        if status != _OK or not isinstance(text, str) or not isinstance(lives, int) or not isinstance(kind, str):
            said, request = body.get("error_description"), body.get("request_id")
            raise ExchangeRefused(f"{said} (request {request})" if said else f"status {status}")
        return AccessToken(text, began + lives, lives, kind)
