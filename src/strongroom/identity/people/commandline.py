"""Signing command lines in, for people who sign on with their own provider. The control plane is the broker, in numbered steps.

1. A command line makes a key and shows proof of it (DPoP); its wish is kept (`wishes`), for ten minutes.
2. A person who has signed on to the console in a browser reads what is asked, and by whom, and says yes; or no.
3. The yes comes back: as a code, through the browser to an address of the same machine; or, where the installation allows
   device codes, by the command line's asking again.
4. Code and verifier, or device code, are taken once, with proof of the very key of step 1.
5. The person's sign-on still counts, at that moment and in the transaction that tells of the new token.
6. The token is what the sign-on is: its role, its tenant, its end. It is bound to the key, and ends with the sign-on.

So the provider knows one client, the console; no token of its comes to a command line; and whom it lets in, and as what, is
said in one place (`signon`). Whoever is refused learns nothing of why; the reason is for the log.
"""

from __future__ import annotations

import contextlib
import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from strongroom.identity import publish, secretkey
from strongroom.identity.directory import Directory
from strongroom.identity.door import Door
from strongroom.identity.issuing import fingerprint_of
from strongroom.identity.model import thumbprint_text
from strongroom.identity.people.signon import DESK, SignOn
from strongroom.identity.people.wishes import INTERVAL_S, WISH_S, Loopback, NotYet, Wish, Wishes
from strongroom.identity.possession import Seen, Shown, proven, wants_nonce
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.signatures.jose import BadToken
from strongroom.signatures.proofnonces import ProofNonces
from strongroom.store import Unavailable
from strongroom.vault import PurposeKeys

CLIENT: Final = "strongroom-cli"
"""The one client: the command line. It is public; its key says which one it is."""

PAGE: Final = "/sign-in/cli"
WORD_PAGE: Final = "/sign-in/device"

_REDIRECT: Final = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]):([1-9]\d{3,4})/callback")  # RFC 8252 §7.3, §8.3
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_STATE: Final = re.compile(r"[A-Za-z0-9_-]{16,128}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_MOST_WORDS: Final = 10
_KEPT: Final = 1024
_TELL: Final = "The command line was not signed in. Whoever runs this installation finds the reason in its audit log."


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A command line's new token, in the one answer that carries its text."""

    id: KeyId
    text: str
    lives_s: int

    def __repr__(self) -> str:
        """Show the public id only."""
        return f"SignedIn({self.id})"


class CommandLines:
    """Signs command lines in and out. One event loop."""

    def __init__(
        self,
        signon: SignOn | None,
        door: Door,
        directory: Directory,
        gate: Gate,
        keys: PurposeKeys,
        clock: Clock,
        nonces: ProofNonces | None = None,
    ) -> None:
        """Wire it.

        Args:
            signon: who people are; None: nobody signs on, and no command line is signed in.
            door: says whether a sign-on still counts.
            directory: says until when.
            gate: decides and records.
            keys: for tokens' fingerprints.
            clock: the time.
            nonces: those that proofs must have, if they must.
        """
        self._signon: Final = signon
        self._door: Final = door
        self._directory: Final = directory
        self._gate: Final = gate
        self._keys: Final = keys
        self._clock: Final = clock
        self._nonces: Final = nonces
        self._wishes: Final = Wishes()
        self._seen: Final = Seen(clock.now().timestamp())
        self._words: Final[OrderedDict[KeyId, int]] = OrderedDict()

    @property
    def url(self) -> str | None:
        """Where browsers reach the console; None where nobody signs on."""
        return None if self._signon is None else self._signon.provider.public_url.rstrip("/")

    @property
    def devices(self) -> bool:
        """Whether device codes are given out."""
        return self._signon is not None and self._signon.provider.devices

    def wish(self, form: dict[str, str], shown: Shown, peer: str) -> Wish:
        """Keep the wish of a command line that listens on its own machine.

        Raises:
            Refused: INVALID.
        """
        if _REDIRECT.fullmatch(form["redirect_uri"]) is None:
            raise Refused(
                invalid("A command line is answered at http://127.0.0.1:PORT/callback.", param="redirect_uri")
            )
        if form["code_challenge_method"] != "S256" or _CHALLENGE.fullmatch(form["code_challenge"]) is None:
            raise Refused(invalid("The challenge is one by S256.", param="code_challenge"))
        if form["response_type"] != "code" or _STATE.fullmatch(form["state"]) is None:
            raise Refused(invalid("Ask for a code, with a state of 16 to 128 characters.", param="state"))
        wanted = Loopback(redirect_uri=form["redirect_uri"], challenge=form["code_challenge"], state=form["state"])
        return self._wishes.loopback(wanted, self._key(shown), peer, self._clock.boottime())

    def device_wish(self, shown: Shown, peer: str) -> tuple[Wish, str]:
        """Keep the wish of a command line without a browser; return it with its device code.

        Raises:
            Refused: INVALID, where none are given out too.
        """
        if not self.devices:
            tell = "This installation gives out no device codes (`identity.sso_device_codes`)."
            raise Refused(invalid(tell))
        return self._wishes.device(self._key(shown), peer, self._clock.boottime())

    def _key(self, shown: Shown) -> bytes:
        """Return the thumbprint of the key that a request proves to hold.

        Raises:
            Refused: INVALID.
        """
        now = self._clock.now().timestamp()
        try:
            proof = proven(shown, now)
        except BadToken as error:
            raise Refused(invalid(f"The proof of the key (DPoP) does not count: {error}.")) from None
        if proof is not None and (again := wants_nonce(self._nonces, proof, now)) is not None:
            raise Refused(again)
        if proof is None or not self._seen.take(proof, now):
            raise Refused(invalid("Show proof of the key that the token is to be bound to (DPoP), made anew."))
        return proof.thumbprint

    def find(self, wish_id: str) -> Wish:
        """Return a wish that nobody has answered.

        Raises:
            Refused: hidden.
        """
        wish = self._wishes.find(wish_id, self._clock.boottime())
        if wish is None:
            raise Refused(hidden("no such wish of a command line, or it was answered, or it is too long ago"))
        return wish

    def by_word(self, who: Principal, typed: str) -> Wish | None:
        """Return the open wish whose word `who` has typed; a sign-on may be wrong ten times.

        Raises:
            Refused: LIMITED.
        """
        wrong = self._words.get(who.credential, 0)
        if wrong >= _MOST_WORDS:
            tell = "Too many wrong codes. Sign in again, and have the command line ask anew."
            raise Refused(Refusal(kind=RefusalKind.LIMITED, reason="too many wrong device codes", tell=tell))
        wish = self._wishes.by_word(typed[:64], self._clock.boottime())
        if wish is None:
            self._words[who.credential] = wrong + 1
            if len(self._words) > _KEPT:
                self._words.popitem(last=False)
        return wish

    async def decide(self, who: Principal, wish: Wish, *, yes: bool, ask: Ask) -> str:
        """Say yes or no for `who`, who has signed on in a browser; return the code that the browser brings back.

        Raises:
            Refused: FORBIDDEN for whoever has not signed on with the provider.
        """
        if not who.signed_on or who.confirmation is not None:
            tell = "A command line is signed in by who has signed in with the organisation, in this browser."
            raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason="no sign-on to hang a token on", tell=tell))
        resource = Resource(kind=Kind.SELF, tenant=who.tenant)
        permit = self._gate.permit_platform if who.tenant is None else self._gate.permit
        async with permit(who, Action.WHOAMI, resource, ask):
            pass  # who says so is written down before it counts
        standing = self.find(wish.id)  # another's word may have come first meanwhile
        if not yes:
            self._wishes.deny(standing)
            return ""
        return self._wishes.grant(standing, who.credential, self._clock.boottime())

    async def redeem(self, form: dict[str, str], shown: Shown, peer: str, ask: Ask) -> SignedIn | NotYet:
        """Return the token for a code or a device code, or why not yet.

        Raises:
            Refused: INVALID in the same words whatever is wrong, UNAVAILABLE when it cannot be known now.
        """
        thumbprint, now = self._key(shown), self._clock.boottime()
        if "device_code" in form:
            found = self._wishes.poll(form["device_code"], thumbprint, now)
        elif _VERIFIER.fullmatch(form["code_verifier"]) is None:
            found = "the verifier is none"
        else:
            found = self._wishes.redeem(form["code"], form["redirect_uri"], form["code_verifier"], thumbprint, now)
        if isinstance(found, NotYet):
            return found
        if " " in found:  # a reason; a credential's id has no blank
            with contextlib.suppress(Unavailable):  # the answer is no in any case
                await self._gate.turned_away(f"command line: {found}", ask)
            raise _refused(found)
        return await self._signed_in(KeyId(found), thumbprint, peer, ask)

    async def _signed_in(self, sign_on: KeyId, thumbprint: bytes, peer: str, ask: Ask) -> SignedIn:
        """Do steps 5 and 6."""
        try:
            who = await self._door.readmit(sign_on, peer, ask)
        except Refused as no:
            if no.refusal.kind is RefusalKind.UNAUTHENTICATED:
                raise _refused("the sign-on has ended") from None
            raise
        ends, now = self._directory.expires_at(sign_on) or 0.0, self._clock.now().timestamp()
        secret = secretkey.mint(who.role, None)
        detail = {
            "role": str(who.role),
            "name": who.name,
            "via": "command line",
            "sign_on": sign_on,
            "bound_to": thumbprint_text(thumbprint),
            "until": datetime.fromtimestamp(ends, UTC).isoformat(timespec="seconds"),
        }
        held = publish.Held(
            sign_on=sign_on,
            fingerprint=fingerprint_of(secret, self._keys),
            pepper_version=self._keys.current,
            thumbprint=thumbprint,
        )
        resource, told = Resource(kind=Kind.KEY, id=secret.id), Ask(request_id=ask.request_id, detail=detail)
        async with self._gate.permit_platform(DESK, Action.KEY_CREATE, resource, told) as tx:
            if not await publish.held(tx, secret.id, held):
                raise _refused("the sign-on has just ended")
        if self._signon is not None:
            await self._signon.known()
        return SignedIn(id=secret.id, text=secret.text, lives_s=max(0, int(ends - now)))

    async def sign_out(self, who: Principal, ask: Ask) -> None:
        """End the token that `who` asks with, if a command line was signed in with it.

        Raises:
            Refused: hidden for every other credential: there is no sign-in to end.
            Unavailable: when that cannot be written down, and so was not done.
        """
        if not who.signed_on or self._signon is None:
            raise Refused(hidden("not a sign-in's credential"))
        told = Ask(request_id=ask.request_id, detail={**ask.detail, "by": str(who), "via": "sign-out"})
        await self._signon.end(who.credential, told)


def lives() -> tuple[int, int]:
    """Return for how long a wish stands, and how often a command line may ask, in seconds."""
    return int(WISH_S), INTERVAL_S


def _refused(reason: str) -> Refused:
    return Refused(
        Refusal(kind=RefusalKind.INVALID, reason=f"command line: {reason}", tell=_TELL, code="invalid_grant")
    )
