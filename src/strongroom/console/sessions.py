"""Who is signed in: kept in this process's memory only, and by hash.

Always true here:
- a session's id is 256 random bits and is made at sign-in, never taken from the browser (no fixation);
- only its SHA-256 is kept: neither a memory dump nor a slow comparison gives an id away;
- a session ends after 30 minutes of silence, after 8 hours, and when its credential does; the last is asked of the
  directory at each request by whoever uses the session;
- there are never more than a set number of them, in all and for one credential.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId

IDLE_S: Final = 30 * 60.0
ABSOLUTE_S: Final = 8 * 3600.0
LIMIT: Final = 1024
PER_CREDENTIAL: Final = 8

_ID_BYTES: Final = 32
_EARLIER: Final = 100  # in five minutes each, more than a session lasts
_FORMS: Final = 64  # forms of one session that may be open and unsent; an older one must be loaded again


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the next page says was done, with the command that does the same."""

    text: str
    command: str = ""


@dataclass(slots=True, kw_only=True, repr=False)
class Session:
    """One signed-in browser. `proven_at`: when its person proved who they are; None: nobody knows.

    `earlier`: the sign-ons that this browser came from by proving itself anew; they end with it.
    """

    credential: KeyId
    began: float
    seen: float
    proven_at: float | None
    by_provider: bool = False
    earlier: tuple[KeyId, ...] = ()
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(_ID_BYTES))
    notice: Notice | None = None
    _forms: dict[str, None] = field(default_factory=dict[str, None])

    def owns(self, token: str) -> bool:
        """Whether `token` is this session's own, compared in constant time."""
        return hmac.compare_digest(self.csrf.encode(), token.encode())

    def open_form(self) -> str:
        """Return a word that lets one form be sent once."""
        word = secrets.token_urlsafe(16)
        self._forms[word] = None
        while len(self._forms) > _FORMS:
            del self._forms[next(iter(self._forms))]
        return word

    def spend(self, word: str) -> bool:
        """Whether the form with `word` was open; from now on it is not."""
        return self._forms.pop(word, self) is None

    def take_notice(self) -> Notice | None:
        """Return the notice, once."""
        notice, self.notice = self.notice, None
        return notice


class Sessions:
    """The living sessions, oldest use first. One thread; never blocks."""

    def __init__(self, clock: Clock, *, limit: int = LIMIT, per_credential: int = PER_CREDENTIAL) -> None:
        self._clock: Final = clock
        self._limit: Final = limit
        self._per_credential: Final = per_credential
        self._living: Final[dict[bytes, Session]] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._living)

    def begin(
        self,
        credential: KeyId,
        *,
        by_provider: bool = False,
        proven_s: float | None = 0.0,
        earlier: tuple[KeyId, ...] = (),
    ) -> str:
        """Start a session; return the id for the cookie.

        Args:
            credential: what it hangs on.
            by_provider: whether its person signed on elsewhere.
            proven_s: how many seconds ago they proved who they are; None: nobody knows.
            earlier: what this browser's session hung on before.
        """
        now = self._clock.boottime()
        self._sweep(now)
        own = [key for key, session in self._living.items() if session.credential == credential]
        for key in own[: max(0, len(own) - self._per_credential + 1)]:
            del self._living[key]
        while len(self._living) >= self._limit:
            del self._living[next(iter(self._living))]
        text = secrets.token_urlsafe(_ID_BYTES)
        proven_at = None if proven_s is None else now - proven_s
        self._living[_hashed(text)] = Session(
            credential=credential,
            began=now,
            seen=now,
            proven_at=proven_at,
            by_provider=by_provider,
            earlier=earlier[-_EARLIER:],
        )
        return text

    def find(self, text: str, *, touch: bool = True) -> Session | None:
        """Return the living session that the cookie `text` names.

        Args:
            text: the id.
            touch: whether a person did this; a page that refreshes itself must not keep a session alive.
        """
        key = _hashed(text)
        session = self._living.get(key)
        if session is None:
            return None
        now = self._clock.boottime()
        if _over(session, now):
            del self._living[key]
            return None
        if touch:
            session.seen = now
            self._living[key] = self._living.pop(key)
        return session

    def end(self, text: str) -> None:
        """End the session that `text` names, if there is one."""
        self._living.pop(_hashed(text), None)

    def _sweep(self, now: float) -> None:
        for key in [key for key, session in self._living.items() if _over(session, now)]:
            del self._living[key]


def _over(session: Session, now: float) -> bool:
    return now - session.seen > IDLE_S or now - session.began > ABSOLUTE_S


def _hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
