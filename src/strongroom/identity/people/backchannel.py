"""The provider says that somebody has signed out there (OpenID Connect Back-Channel Logout 1.0, §2.6), in numbered steps.

1. The logout token is read strictly, and is no ID token: it names the event, and no nonce.
2. It is the provider's, for this client, and was made just now; a key of the provider's made its signature.
3. It was never shown before: else a copy of one could end what its person began later.
4. Everything of that person ends, in the console and at command lines; a provider that names one session of theirs ends
   more than that here, and never less.

Whoever is refused learns that it was refused; the reason is for the log.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from typing import Any, Final

from strongroom.identity import publish
from strongroom.identity.federation.issuers import NoKeys
from strongroom.identity.people.signon import DESK, SignOn
from strongroom.kernel.clock import Clock
from strongroom.kernel.refusal import Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.signatures.jose import PLAIN_TYPES, BadToken, check_times
from strongroom.store import Unavailable

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_TYPES: Final = PLAIN_TYPES | {"logout+jwt"}
_MAX_AGE_S: Final = 120
_MOST: Final = 10_000
_TELL: Final = "The logout token was refused."


class BackChannel:
    """Ends what the provider says is over. One event loop."""

    def __init__(self, signon: SignOn | None, gate: Gate, clock: Clock) -> None:
        self._signon: Final = signon
        self._gate: Final = gate
        self._clock: Final = clock
        self._seen: Final[OrderedDict[str, float]] = OrderedDict()

    async def log_out(self, token: str, ask: Ask) -> int:
        """End what a logout token says; return how many credentials that was.

        Raises:
            Refused: hidden where nobody signs on, INVALID for a token that is not to be believed.
            Unavailable: when that cannot be written down, and so was not done.
        """
        signon = self._signon
        if signon is None:
            raise Refused(hidden("nobody signs on with a provider"))
        try:
            claims = await signon.said(token, _TYPES)
            self._check(claims)
        except (BadToken, NoKeys) as error:
            with contextlib.suppress(Unavailable):  # the answer is no in any case
                await self._gate.turned_away(f"back-channel logout: {error}", ask)
            raise Refused(invalid(_TELL)) from None
        subject = signon.subject_of(claims)[:32]
        told = Ask(request_id=ask.request_id, detail={"via": "back-channel logout", "subject": subject})
        try:
            async with self._gate.permit_platform(DESK, Action.KEY_REVOKE, Resource(kind=Kind.KEY), told) as tx:
                ended = await publish.subject_gone(tx, subject)
        except BaseException:
            self._seen.pop(claims["jti"], None)  # nothing was done: the provider may show it again
            raise
        await signon.known()
        return len(ended)

    def _check(self, claims: dict[str, Any]) -> None:
        """Do what steps 1 to 3 ask of the claims of a token whose signature is right.

        Raises:
            BadToken: when it is no logout token, or was shown before.
        """
        now = self._clock.now().timestamp()
        events, name = claims.get("events"), claims.get("jti")
        if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict) or "nonce" in claims:  # pyright: ignore[reportUnknownMemberType] - JSON
            raise BadToken("it is no logout token")
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise BadToken("it does not say who has signed out")
        check_times(claims, now, _MAX_AGE_S)
        while self._seen and (len(self._seen) > _MOST or next(iter(self._seen.values())) < now - 2 * _MAX_AGE_S):
            self._seen.popitem(last=False)
        if not isinstance(name, str) or not name or name in self._seen:
            raise BadToken("it has no name of its own, or was shown before")
        self._seen[name] = now
