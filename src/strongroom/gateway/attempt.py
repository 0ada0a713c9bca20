"""One request on its way: the targets it may be sent to, tried in order under one deadline.

The rule of trying again, whole: a request goes to the next target only when this one has certainly not begun on it:
- no connection could be had: nothing was sent;
- or the target answered that it does not take the request: 429, 503, 529, or that our credential does not count
  (401, 402, 403).
Everything else is final, because it may have been acted on: a connection that ended after the request was handed over,
a broken or late answer, any other status. After the first byte of an answer nothing is ever tried again, and no target
is tried twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Hashable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import msgspec

from strongroom.gateway.breaker import Breaker, Permit, State
from strongroom.gateway.protocols.provider_noes import BUSY, OURS
from strongroom.gateway.ways import Way
from strongroom.wire import ClientError, ConnectFailed, DeadlineExceeded, Response

_PASSED_ON: Final = BUSY | OURS
_FAULTS: Final = (ClientError, ValueError, msgspec.MsgspecError, RecursionError)
_log: Final = logging.getLogger(__name__)


class Attempt:
    """`with Attempt(ways, …) as attempt: response = await attempt.begin()`: then `attempt.way` is who answers.

    What goes wrong inside the block is held against the target, unless it is the caller who left.
    """

    __slots__ = ("_party", "_permit", "_response", "_timeout_s", "_ways", "way")

    def __init__(self, ways: Sequence[Way], *, timeout_s: float, party: Hashable) -> None:
        self._ways = ways
        self._party = party  # whose turn it has to be
        self._timeout_s = timeout_s
        self._permit: Permit | None = None
        self._response: Response | None = None
        self.way: Way = ways[0]

    def __enter__(self) -> Self:
        """Begin nothing yet: what is begun is ended with the block."""
        return self

    async def begin(self) -> Response:
        """Send the request to the first target that takes it, and return its answer once it begins.

        Raises:
            ClientError: when no target answered.
        """
        deadline = time.monotonic() + self._timeout_s
        last = len(self._ways) - 1
        failed: ClientError = ConnectFailed("every target is being left alone after failures")
        for place, way in enumerate(self._ways):
            breaker = way.target.breaker
            permit = None if breaker is None else breaker.take(time.monotonic())
            if breaker is not None and permit is None:
                continue
            self.way, self._permit = way, permit
            left_s = deadline - time.monotonic() if place else self._timeout_s
            if left_s <= 0:
                self._tell_left()
                raise DeadlineExceeded("no time is left for another target")
            try:
                response = await way.ask(self._party, left_s)
            except ConnectFailed as error:
                # Without a cause it is our own pool that is full: no word about the target.
                self._tell_left() if error.__cause__ is None else self._tell_failed(error)
                failed = error
                continue
            except ClientError as error:
                self._tell_failed(error)
                raise
            except BaseException:
                self._tell_left()
                raise
            self._response = response
            if permit is not None and breaker is not None:
                breaker.answering(permit)
            if response.status not in _PASSED_ON or place == last:
                return response
            self._end(None)  # its body is unread, so the connection ends
        raise failed

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the connection back, or close it at once; tell the target's breaker how it went."""
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        response, self._response = self._response, None
        if response is None:
            return
        response.close()
        if self._permit is None:
            return
        if error is None:
            self._tell_status(response)
        elif isinstance(error, _FAULTS):
            self._tell_failed(error)
        else:
            self._tell_left()

    # --- the breaker

    def _tell_status(self, response: Response) -> None:
        status = response.status
        breaker, permit = self._given_back()
        if breaker is None or permit is None:
            return
        now = time.monotonic()
        if status in BUSY:
            breaker.busy(permit, now, _wait_of(response))
        elif status in OURS or status >= HTTPStatus.INTERNAL_SERVER_ERROR or _redirects(status):
            breaker.failed(permit, now)
        else:
            breaker.succeeded(permit)
        self._log_open(breaker, now, f"answered {status}")

    def _tell_failed(self, error: BaseException) -> None:
        breaker, permit = self._given_back()
        if breaker is not None and permit is not None:
            now = time.monotonic()
            breaker.failed(permit, now)
            # The cause is ours or the system's: an address that is refused says here which and why.
            self._log_open(breaker, now, f"{type(error).__name__} {error.__cause__ or ''}".strip())

    def _tell_left(self) -> None:
        breaker, permit = self._given_back()
        if breaker is not None and permit is not None:
            breaker.left(permit)

    def _given_back(self) -> tuple[Breaker | None, Permit | None]:
        permit, self._permit = self._permit, None
        return self.way.target.breaker, permit

    def _log_open(self, breaker: Breaker, now: float, why: str) -> None:
        if breaker.state(now) is State.OPEN:
            _log.warning("provider %s is left alone for a while: %s", self.way.target.name, why)


def _redirects(status: int) -> bool:
    return HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST


def _wait_of(response: Response) -> float | None:
    """Return Retry-After in seconds (RFC 9110 §10.2.3). A date counts from the provider's own `date`, whatever our clock says."""
    said = (response.header(b"retry-after") or b"").strip()
    if said.isdigit():
        return float(said) if len(said) <= 9 else None  # noqa: PLR2004 - no wait is longer
    until, now = _moment(said), _moment(response.header(b"date") or b"")
    return None if until is None or now is None else max(0.0, (until - now).total_seconds())


def _moment(said: bytes) -> datetime | None:
    """Return an HTTP date (RFC 9110 §5.6.7), which is in GMT; None: it is none."""
    try:
        return parsedate_to_datetime(said.decode("ascii")).replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # UnicodeDecodeError is a ValueError
        return None
