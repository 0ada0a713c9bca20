"""What command lines have asked for and nobody has answered yet: kept in this process's memory, and by hash. No I/O.

Always true here:
- a wish names the key that its token will be bound to before anybody says yes to it, and no other key gets the token;
- who says yes does it once; a code, and a device code that was said yes to, is taken once;
- a code reaches the command line through a browser on the same machine (loopback, RFC 8252 §7.3) and counts with the verifier
  that this command line alone has (RFC 7636); a device code counts once a person has typed its short word (RFC 8628);
- there are never more than a set number of wishes, in all and of one address.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum, unique
from hashlib import sha256
from typing import Final

from strongroom.kernel.ids import KeyId

WISH_S: Final = 600.0
"""For how long a person may take to say yes."""

CODE_S: Final = 60.0
"""For how long a code counts, which a browser brings at once."""

INTERVAL_S: Final = 5
"""How long a command line waits between two questions whether a person has said yes."""

_MOST: Final = 1024
_MOST_OF_ONE: Final = 64
_BYTES: Final = 32
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"  # RFC 8628 §6.1: no vowels, so no words, and none that look like digits
_WORD: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Loopback:
    """Where a browser brings the code to, and what the command line will show with it."""

    redirect_uri: str
    challenge: str
    state: str


@unique
class State(StrEnum):
    """What became of a wish."""

    OPEN = "open"
    GRANTED = "granted"
    DENIED = "denied"


@dataclass(slots=True, kw_only=True, repr=False)
class Wish:
    """One command line's.

    Attributes:
        id: what its page is called.
        thumbprint: of the key that its token will be bound to.
        peer: the address that it came from.
        began: seconds since the machine started.
        loopback: None where a person types a word instead.
        word: that word; empty where there is none.
        state: what became of it.
        sign_on: whose yes it is: the credential of their sign-on, once it was given.
        asked: when it was last asked for by its device code.
    """

    id: str
    thumbprint: bytes
    peer: str
    began: float
    loopback: Loopback | None = None
    word: str = ""
    state: State = State.OPEN
    sign_on: KeyId | None = None
    asked: float = float("-inf")


@unique
class NotYet(StrEnum):
    """Why there is no token for a device code (RFC 8628 §3.5)."""

    PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"
    DENIED = "access_denied"
    EXPIRED = "expired_token"


class Wishes:
    """The wishes that stand open, oldest first. One thread; never blocks. Moments are seconds since the machine started."""

    def __init__(self) -> None:
        self._standing: Final[OrderedDict[str, Wish]] = OrderedDict()
        self._devices: Final[dict[bytes, str]] = {}
        self._codes: Final[OrderedDict[bytes, tuple[Wish, float]]] = OrderedDict()

    def loopback(self, wanted: Loopback, thumbprint: bytes, peer: str, now: float) -> Wish:
        """Keep the wish of a command line that listens on its own machine."""
        return self._keep(Wish(id=_id(), thumbprint=thumbprint, peer=peer, began=now, loopback=wanted), now)

    def device(self, thumbprint: bytes, peer: str, now: float) -> tuple[Wish, str]:
        """Keep the wish of a command line without a browser; return it with the code that it asks again by."""
        word = "".join(secrets.choice(_LETTERS) for _ in range(_WORD))
        wish = self._keep(Wish(id=_id(), thumbprint=thumbprint, peer=peer, began=now, word=word), now)
        code = secrets.token_urlsafe(_BYTES)
        self._devices[_hashed(code)] = wish.id
        return wish, code

    def find(self, wish_id: str, now: float) -> Wish | None:
        """Return a wish that nobody has answered."""
        wish = self._standing.get(wish_id)
        return wish if wish is not None and wish.state is State.OPEN and now - wish.began <= WISH_S else None

    def by_word(self, typed: str, now: float) -> Wish | None:
        """Return the open wish whose word was typed, however it is spaced and cased."""
        word = "".join(each for each in typed.upper() if each in _LETTERS)
        found = [each for each in self._standing.values() if each.word and hmac.compare_digest(each.word, word)]
        return self.find(found[0].id, now) if found else None

    def grant(self, wish: Wish, sign_on: KeyId, now: float) -> str:
        """Say yes, once; return the code for the browser to bring, empty where the command line asks by itself."""
        wish.state, wish.sign_on = State.GRANTED, sign_on
        if wish.loopback is None:
            return ""
        code = secrets.token_urlsafe(_BYTES)
        self._drop(wish)
        self._codes[_hashed(code)] = wish, now
        return code

    def deny(self, wish: Wish) -> None:
        """Say no."""
        wish.state = State.DENIED
        if wish.loopback is not None:
            self._drop(wish)

    def redeem(self, code: str, redirect_uri: str, verifier: str, thumbprint: bytes, now: float) -> KeyId | str:
        """Return whose sign-on a code stands for, or why it counts for nothing. By either it is spent."""
        found = self._codes.pop(_hashed(code), None)
        if found is None or now - found[1] > CODE_S:
            return "the code is unknown, was used before, or is too old"
        wish, _ = found
        if wish.loopback is None or wish.sign_on is None or wish.loopback.redirect_uri != redirect_uri:
            return "the code was brought to another address"
        if not hmac.compare_digest(challenge_of(verifier), wish.loopback.challenge):
            return "the verifier is another command line's"
        if not hmac.compare_digest(thumbprint, wish.thumbprint):
            return "the key is another command line's"
        return wish.sign_on

    def poll(self, device_code: str, thumbprint: bytes, now: float) -> KeyId | NotYet | str:
        """Return whose sign-on a device code stands for; why not yet; or why it counts for nothing."""
        key = _hashed(device_code)
        wish = self._standing.get(self._devices.get(key, ""))
        if wish is None:
            return NotYet.EXPIRED
        if not hmac.compare_digest(thumbprint, wish.thumbprint):
            return "the key is another command line's"
        if now - wish.began > WISH_S:
            self._drop(wish)
            return NotYet.EXPIRED
        early = now - wish.asked < INTERVAL_S
        wish.asked = now
        if early:
            return NotYet.SLOW_DOWN
        if wish.state is State.OPEN:
            return NotYet.PENDING
        self._drop(wish)
        return NotYet.DENIED if wish.state is State.DENIED or wish.sign_on is None else wish.sign_on

    def _keep(self, wish: Wish, now: float) -> Wish:
        own = [each for each in self._standing.values() if each.peer == wish.peer]
        for each in own[: max(0, len(own) - _MOST_OF_ONE + 1)]:  # its own, before anybody else's
            self._drop(each)
        while self._standing and (len(self._standing) >= _MOST or self._oldest().began < now - WISH_S):
            self._drop(self._oldest())
        while self._codes and next(iter(self._codes.values()))[1] < now - CODE_S:
            self._codes.popitem(last=False)
        self._standing[wish.id] = wish
        return wish

    def _oldest(self) -> Wish:
        return next(iter(self._standing.values()))

    def _drop(self, wish: Wish) -> None:
        self._standing.pop(wish.id, None)
        for key in [key for key, wish_id in self._devices.items() if wish_id == wish.id]:
            del self._devices[key]


def challenge_of(verifier: str) -> str:
    """Return what a verifier's challenge is (RFC 7636 §4.2, `S256`)."""
    return base64.urlsafe_b64encode(_hashed(verifier)).rstrip(b"=").decode("ascii")


def _id() -> str:
    return secrets.token_hex(16)


def _hashed(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogateescape")).digest()
