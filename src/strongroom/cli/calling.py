"""A connection to the control API on which each request says who asks, with the proof that a bound token needs.

A server that wants proofs made with a nonce of its own says so in a refusal (RFC 9449 §8); the same is asked once more with
it. Nothing was done meanwhile: a credential is checked before anything else.
"""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self
from urllib.parse import SplitResult

from strongroom.cli.exchange import Line
from strongroom.cli.logins import Login
from strongroom.cli.session import Session
from strongroom.wire import Headers

_UNKNOWN: Final = 401
_NONCE: Final = b"dpop-nonce"
_LONG_S: Final = 30.0


class Caller:
    """Asks the control API as a session says."""

    def __init__(self, session: Session, login: Login | None = None) -> None:
        """Look where to ask; nothing is sent yet. `login`: as whom, whatever token was named.

        Raises:
            Failure: when the session names no server.
        """
        self._session: Final = session
        self._login: Final = login
        self.url: Final[SplitResult] = session.server()
        self._line: Final = Line(self.url, session.authorities)
        self._nonce: str | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        self._line.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        self._line.__exit__(kind, error, trace)

    def ask(
        self, method: str, path: str, fields: Headers = (), content: bytes = b"", *, timeout_s: float = _LONG_S
    ) -> tuple[int, bytes]:
        """Return (status, body) of the answer; each request has a credential of its own, good for that one alone.

        Raises:
            Failure: when there is no credential, or no answer.
        """
        status, said, body = self._asked(method, path, fields, content, timeout_s)
        if status == _UNKNOWN and self._told(said):
            status, said, body = self._asked(method, path, fields, content, timeout_s)
        self._told(said)
        return status, body

    def _asked(
        self, method: str, path: str, fields: Headers, content: bytes, timeout_s: float
    ) -> tuple[int, Headers, bytes]:
        shown = self._session.credential(self.url, method, path, nonce=self._nonce, login=self._login)
        return self._line.answer(method, path, [*shown, *fields], content, timeout_s=timeout_s)

    def _told(self, said: Headers) -> bool:
        """Keep the nonce that an answer gives; return whether it is another than the one in use."""
        given = next((value.decode("latin-1") for name, value in said if name.lower() == _NONCE), None)
        if given is None or given == self._nonce:
            return False
        self._nonce = given
        return True
