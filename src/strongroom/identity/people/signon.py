"""Signing on with a provider: authorization code with PKCE (OpenID Connect Core §3.1, RFC 7636), in numbered steps.

1. `begin` makes state, nonce and verifier, and remembers them for ten minutes, for the browser that holds the other half.
2. The browser comes back with a code: `finish` spends the state (once), and wants the same browser and the same issuer
   (RFC 9207).
3. The code is exchanged at the provider's token endpoint, with the verifier and, where there is one, the client's secret.
4. The ID token is checked: signature by the provider's keys, issuer, audience, authorised party, nonce, times; where fresh
   proof was asked for, that it is fresh (`auth_time`).
5. The first mapping that fits says what the person is; their tenant lives.
6. A credential that nobody can present is published, with an end; the session hangs on that.

Whoever fails learns nothing of why; the reason is for the log.
"""

from __future__ import annotations

import base64
import hmac
import math
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlencode

from strongroom.identity import publish
from strongroom.identity.federation.issuers import Issuers, NoKeys, Source
from strongroom.identity.people.model import Mapping, first_fitting, name_of
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId, TenantId, new_key_id
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden
from strongroom.policy import FRESH_S, Action, Ask, Gate, Kind, Resource
from strongroom.signatures.jose import PLAIN_TYPES, SKEW_S, BadToken, check_times, load_object, moment, read

CALLBACK: Final = "/sign-in/sso/callback"

_PENDING_S: Final = 600.0
_MOST_PENDING: Final = 1024
_MOST_PENDING_OF_ONE: Final = 256  # a network behind one address, or a proxy, is many people
_KNOWN_WITHIN_S: Final = 5.0
_MAX_AGE_S: Final = 600
_BYTES: Final = 32
DESK: Final = Principal(role=Role.OPERATOR, name="single-sign-on", credential=KeyId(""))
"""The installation itself, when it lets somebody in by its settings: no credential stands for it."""


Remember: TypeAlias = Callable[[KeyId, str, str, Mapping], None]
"""Takes a sign-on, its refresh token, whom it is about and by which mapping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Where people sign on, and what they then are.

    Attributes:
        issuer: its name, as its tokens say it.
        client_id: what Strongroom is called there.
        client_secret: its secret there; None for a public client.
        public_url: where browsers reach the console, without a path.
        mappings: which claims make somebody what, the first that fits.
        session_s: how long a session lasts at most.
        ca: authorities (PEM) to trust for the provider instead of the system's.
        recheck_s: how often it is asked again whether people are still who they were; 0: never.
        devices: whether command lines without a browser are signed in by a word that a person types.
    """

    issuer: str
    client_id: str
    client_secret: str | None
    public_url: str
    mappings: Sequence[Mapping]
    session_s: float
    ca: str | None = None
    devices: bool = False
    recheck_s: float = 0.0

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Provider({self.issuer})"

    @property
    def redirect_uri(self) -> str:
        """Where it sends browsers back to."""
        return self.public_url.rstrip("/") + CALLBACK


@dataclass(frozen=True, slots=True, repr=False)
class _Pending:
    browser: bytes
    nonce: str
    verifier: str
    after: str
    fresh: bool
    began: float
    peer: str
    before: tuple[KeyId, ...]


@dataclass(frozen=True, slots=True)
class SignedOn:
    """Somebody who has signed on.

    Attributes:
        credential: what their session hangs on.
        after: where they wanted to go.
        proven_s: how many seconds ago they proved who they are; None: nobody knows.
        before: what the session of the same browser hung on, when they began.
    """

    credential: KeyId
    after: str
    proven_s: float | None
    before: tuple[KeyId, ...] = ()


class SignOn:
    """Signs people on by one provider. One event loop."""

    def __init__(
        self,
        provider: Provider,
        issuers: Issuers,
        gate: Gate,
        find_tenant: Callable[[str], TenantId | None],
        refresh: Callable[[float], Awaitable[bool]],
        clock: Clock,
        still: Callable[[KeyId, str], Principal | Refusal] | None = None,
    ) -> None:
        self.provider: Final = provider
        self._issuers: Final = issuers
        self._gate: Final = gate
        self._find_tenant: Final = find_tenant
        self._refresh: Final = refresh
        self._clock: Final = clock
        self._still: Final = still or _unknown
        self.remember: Remember = _forget
        """Takes what a new sign-on is asked about again with."""
        self._pending: Final[OrderedDict[bytes, _Pending]] = OrderedDict()

    async def begin(
        self, after: str, *, peer: str, fresh: bool = False, before: tuple[KeyId, ...] = ()
    ) -> tuple[str, str]:
        """Return where to send the browser at address `peer`, and the secret that it must bring back in a cookie.

        `before`: what its session hangs on now, if it has one.

        Raises:
            Refused: UNAVAILABLE when the provider cannot be asked.
        """
        try:
            found = await self._issuers.configuration(self._source())
        except NoKeys as error:
            raise _unavailable(str(error)) from None
        where = found.get("authorization_endpoint")
        if not isinstance(where, str) or not where.startswith(("https://", "http://")):
            raise _unavailable("the provider names no place to sign on")
        state, browser, nonce, verifier = (secrets.token_urlsafe(_BYTES) for _ in range(4))
        now = self._clock.boottime()
        own = [key for key, each in self._pending.items() if each.peer == peer]
        for key in own[: max(0, len(own) - _MOST_PENDING_OF_ONE + 1)]:  # its own, before anybody else's
            del self._pending[key]
        while self._pending and (
            len(self._pending) >= _MOST_PENDING or next(iter(self._pending.values())).began < now - _PENDING_S
        ):
            self._pending.popitem(last=False)
        self._pending[_hashed(state)] = _Pending(_hashed(browser), nonce, verifier, after, fresh, now, peer, before)
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self.provider.redirect_uri,
            "scope": "openid profile email offline_access" if self.provider.recheck_s else "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(_hashed(verifier)).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        if fresh:
            asked |= {"prompt": "login", "max_age": "0"}
        return f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}", browser

    async def finish(self, said: dict[str, str], browser: str, ask: Ask) -> SignedOn:
        """Return who has come back from the provider.

        Args:
            said: the parameters that the browser brought.
            browser: what its cookie holds.
            ask: what goes into the audit entry.

        Raises:
            Refused: UNAUTHENTICATED whatever is wrong, UNAVAILABLE when it cannot be known now.
        """
        pending = self._pending.pop(_hashed(said.get("state", "")), None)
        if pending is None or self._clock.boottime() - pending.began > _PENDING_S:
            raise _refused("no sign-on was begun with this state, or it was finished, or it is too long ago")
        if not hmac.compare_digest(_hashed(browser), pending.browser):
            raise _refused("the sign-on was begun by another browser")
        if said.get("iss", self.provider.issuer) != self.provider.issuer:
            raise _refused("the answer is of another issuer")
        if "error" in said or not said.get("code"):
            raise _refused("the provider let nobody in")
        try:
            claims, proven_s, refresh = await self._claims(said["code"], pending)
        except (BadToken, NoKeys) as error:
            raise _refused(str(error)) from None
        credential, mapping = await self._let_in(claims, ask, proven_s, again=refresh != "")
        await self.known()  # the session that hangs on it is looked up in this process next
        if refresh:  # not before: whoever asks again forgets what does not count, and this would not yet
            self.remember(credential, refresh, claims["sub"], mapping)
        return SignedOn(credential, pending.after, proven_s, pending.before)

    async def _claims(self, code: str, pending: _Pending) -> tuple[dict[str, Any], float | None, str]:
        """Do steps 3 and 4; return how long ago they proved who they are, too, and what is asked again with."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.provider.redirect_uri,
            "code_verifier": pending.verifier,
        }
        claims, refresh = await self._asked(form)
        return claims, self._check(claims, pending), refresh

    async def refreshed(self, refresh: str, subject: str) -> tuple[dict[str, Any], str]:
        """Return what the provider says of a person now (OpenID Connect Core §12), and what it is asked next with.

        Raises:
            Refusing: when it no longer stands by the sign-on.
            BadToken: when what it says is not to be believed, or about somebody else.
            NoKeys: when it cannot be asked.
        """
        claims, following = await self._asked({"grant_type": "refresh_token", "refresh_token": refresh})
        check_times(claims, self._clock.now().timestamp(), _MAX_AGE_S)
        if claims.get("sub") != subject:
            raise BadToken("the ID token is about somebody else")
        return claims, following or refresh

    async def _asked(self, form: dict[str, str]) -> tuple[dict[str, Any], str]:
        """Return what a verified ID token says, and the refresh token, if there is one."""
        provider = self.provider
        endpoint = (await self._issuers.configuration(self._source())).get("token_endpoint")
        if not isinstance(endpoint, str):
            raise NoKeys("the provider names no token endpoint")
        form = form | {"client_id": provider.client_id}
        headers = [(b"content-type", b"application/x-www-form-urlencoded")]
        if provider.client_secret is not None:  # RFC 6749 §2.3.1
            pair = f"{quote(provider.client_id, safe='')}:{quote(provider.client_secret, safe='')}"
            headers.append((b"authorization", b"Basic " + base64.b64encode(pair.encode())))
        content = await self._issuers.ask("POST", endpoint, provider.ca, tuple(headers), urlencode(form).encode())
        answer = load_object(content, "token answer")
        text, refresh = answer.get("id_token"), answer.get("refresh_token")
        if not isinstance(text, str):
            raise BadToken("the provider gave no ID token")
        claims = await self.said(text)
        return claims, refresh if isinstance(refresh, str) else ""

    async def said(self, text: str, types: Collection[str] = PLAIN_TYPES) -> dict[str, Any]:
        """Return the claims of a token that the provider made for this client; its times are still to be checked.

        Raises:
            BadToken: when it is not the provider's, or not for this client.
            NoKeys: when the provider's keys cannot be had.
        """
        provider = self.provider
        token = read(text, types=types)
        claims = dict(token.claims)
        if claims.get("iss") != provider.issuer:
            raise BadToken("the token is of another issuer")
        keys = (await self._issuers.configuration(self._source())).get("jwks_uri")
        if not isinstance(keys, str):
            raise NoKeys("the provider names no keys")
        if not await self._issuers.verified(Source(provider.issuer, keys_url=keys, ca=provider.ca), token):
            raise BadToken("the token's signature is wrong")
        if claims.get("aud") not in (provider.client_id, [provider.client_id]) or (
            claims.get("azp", provider.client_id) != provider.client_id
        ):
            raise BadToken("the token is for somebody else")
        return claims

    def subject_of(self, claims: dict[str, Any]) -> str:
        """Return the digest that stands for who a token is about."""
        return sha256(f"{self.provider.issuer}\0{claims['sub']}".encode()).hexdigest()

    def _check(self, claims: dict[str, Any], pending: _Pending) -> float | None:
        now = self._clock.now().timestamp()
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), pending.nonce.encode()):
            raise BadToken("the ID token was made for another sign-on")
        check_times(claims, now, _MAX_AGE_S)
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise BadToken("the ID token is about nobody")
        proven = moment(claims, "auth_time")
        if proven is not None and proven > now + SKEW_S:
            raise BadToken("the proof is of the future")
        if not pending.fresh:  # whoever may leave the wish out gains nothing by it
            return None if proven is None else max(0.0, now - proven)
        if proven is None or proven < now - FRESH_S:
            raise BadToken("fresh proof was asked for, and the provider's is old")
        return max(0.0, now - proven)  # its age counts: what was let do is not fresh for twice as long

    async def _let_in(
        self, claims: dict[str, Any], ask: Ask, proven_s: float | None, *, again: bool
    ) -> tuple[KeyId, Mapping]:
        """Do steps 5 and 6; `again`: whether the provider can be asked about them again."""
        now = self._clock.now()
        mapping = first_fitting(self.provider.mappings, claims, now)
        if mapping is None:
            raise _refused("no mapping fits what the provider says of this person")
        tenant = None if mapping.tenant is None else self._find_tenant(mapping.tenant)
        if mapping.tenant is not None and tenant is None:
            raise _refused(f"the mapping's tenant {mapping.tenant} is gone")
        again_s = self.provider.recheck_s  # whom nobody can be asked about again is not let in for longer
        ends = now + timedelta(seconds=min(self.provider.session_s, again_s if again_s and not again else math.inf))
        ends = ends if mapping.until is None else min(ends, mapping.until)
        digest = self.subject_of(claims)
        credential, name = new_key_id(), name_of(claims, digest)
        detail = {**ask.detail, "role": str(mapping.role), "name": name, "subject": digest[:32], "until": _said(ends)}
        resource = Resource(kind=Kind.KEY, id=credential)
        told = Ask(request_id=ask.request_id, detail=detail)
        async with self._gate.permit_platform(DESK, Action.KEY_CREATE, resource, told) as tx:
            await publish.people_gone(tx, now.timestamp())
            await publish.person(
                tx,
                credential,
                mapping.role,
                name,
                tenant,
                at=now.timestamp(),
                expires_at=ends.timestamp(),
                proven_at=None if proven_s is None else now.timestamp() - proven_s,
                subject=digest[:32],
            )
        return credential, mapping

    async def end(self, sign_on: KeyId, ask: Ask) -> None:
        """End a sign-on, and with it the command lines that were signed in from it.

        Raises:
            Unavailable: when that cannot be written down, and so was not done.
        """
        resource = Resource(kind=Kind.KEY, id=sign_on)
        async with self._gate.permit_platform(DESK, Action.KEY_REVOKE, resource, ask) as tx:
            await publish.sign_on_gone(tx, sign_on)
        await self.known()

    async def end_all(self, ask: Ask) -> None:
        """End every sign-on, and what came of them; raises as `end`."""
        async with self._gate.permit_platform(DESK, Action.KEY_REVOKE, Resource(kind=Kind.KEY), ask) as tx:
            await publish.people_gone(tx, math.inf)
        await self.known()

    def still(self, sign_on: KeyId) -> Principal | Refusal:
        """Return whose a sign-on is, if it counts still."""
        return self._still(sign_on, "")

    async def known(self) -> None:
        """Wait until this process has seen what was told last."""
        await self._refresh(_KNOWN_WITHIN_S)

    def _source(self) -> Source:
        return Source(self.provider.issuer, ca=self.provider.ca)


def _unknown(sign_on: KeyId, peer: str) -> Refusal:
    del peer
    return hidden(f"nobody looks whether {sign_on} counts")


def _forget(sign_on: KeyId, refresh: str, subject: str, mapping: Mapping) -> None:
    del sign_on, refresh, subject, mapping


def _said(moment_: datetime) -> str:
    return moment_.isoformat(timespec="seconds")


def _hashed(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogateescape")).digest()


def _refused(reason: str) -> Refused:
    tell = "You could not be signed in."
    return Refused(Refusal(kind=RefusalKind.UNAUTHENTICATED, reason=f"single sign-on: {reason}", tell=tell))


def _unavailable(reason: str) -> Refused:
    tell = "The sign-in service of your organisation cannot be reached at the moment. Try again shortly."
    return Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=f"single sign-on: {reason}", tell=tell))
