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

import asyncio
import logging
from collections.abc import Hashable, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import msgspec

from strongroom.gateway.breaker import Breaker, Permit, State
from strongroom.gateway.limits.fair import FairExchange
from strongroom.gateway.protocols.provider_noes import BUSY, OURS
from strongroom.gateway.ways import Way
from strongroom.wire import ClientError, ConnectFailed, DeadlineExceeded, Response

_PASSED_ON: Final = BUSY | OURS
_FAULTS: Final = (ClientError, ValueError, msgspec.MsgspecError, RecursionError)
_log: Final = logging.getLogger(__name__)


class Attempt:
    """`async with Attempt(ways, timeout_s=…) as attempt`: then `attempt.way` answers, and `attempt.response` is its head.

    Entering raises `ClientError` when no target answered. What goes wrong inside the block is held against the target,
    unless it is the caller who left.
    """

    __slots__ = ("_exchange", "_party", "_permit", "_timeout_s", "_ways", "response", "way")

    def __init__(self, ways: Sequence[Way], *, timeout_s: float, party: Hashable) -> None:
        self._ways = ways
        self._party = party  # whose turn it has to be
        self._timeout_s = timeout_s
        self._exchange: FairExchange
        self._permit: Permit | None = None
        self.way: Way = ways[0]
        self.response: Response

    async def __aenter__(self) -> Self:
        """Send the request to the first target that takes it, and return when it begins to answer."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_s
        last = len(self._ways) - 1
        failed: ClientError = ConnectFailed("every target is being left alone after failures")
        for place, way in enumerate(self._ways):
            breaker = way.target.breaker
            permit = None if breaker is None else breaker.take(loop.time())
            if breaker is not None and permit is None:
                continue
            self.way, self._permit = way, permit
            if deadline <= loop.time():
                self._tell_left()
                raise DeadlineExceeded("no time is left for another target")
            try:
                await self._send(way, deadline - loop.time())
            except ConnectFailed as error:
                failed = error
                continue
            if self.response.status not in _PASSED_ON or place == last:
                return self
            self._tell_status()
            await self._exchange.__aexit__(None, None, None)  # its body is unread, so the connection ends
        raise failed

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the connection back, or close it at once; tell the target's breaker how it went."""
        await self._exchange.__aexit__(kind, error, trace)
        if error is None:
            self._tell_status()
        elif isinstance(error, _FAULTS):
            self._tell_failed(error)
        else:
            self._tell_left()

    async def _send(self, way: Way, timeout_s: float) -> None:
        outgoing = way.outgoing
        self._exchange = way.target.pool.request_for(
            self._party, outgoing.method, outgoing.path, way.headers, outgoing.body, timeout_s=timeout_s
        )
        try:
            self.response = await self._exchange.__aenter__()
        except ConnectFailed as error:
            # Without a cause it is our own pool that is full: no word about the target.
            self._tell_left() if error.__cause__ is None else self._tell_failed(error)
            raise
        except ClientError as error:
            self._tell_failed(error)
            raise
        except BaseException:
            self._tell_left()
            raise
        if self._permit is not None and way.target.breaker is not None:
            way.target.breaker.answering(self._permit)

    # --- the breaker

    def _tell_status(self) -> None:
        status = self.response.status
        breaker, permit = self._given_back()
        if breaker is None or permit is None:
            return
        now = asyncio.get_running_loop().time()
        if status in BUSY:
            breaker.busy(permit, now, _wait_of(self.response))
        elif status in OURS or status >= HTTPStatus.INTERNAL_SERVER_ERROR or _redirects(status):
            breaker.failed(permit, now)
        else:
            breaker.succeeded(permit)
        self._log_open(breaker, now, f"answered {status}")

    def _tell_failed(self, error: BaseException) -> None:
        breaker, permit = self._given_back()
        if breaker is not None and permit is not None:
            now = asyncio.get_running_loop().time()
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
    """Return Retry-After in seconds (RFC 9110 §10.2.3), where it is a number; a date would need the provider's clock."""
    said = (response.header(b"retry-after") or b"").strip()
    return float(said) if said.isdigit() and len(said) <= 9 else None  # noqa: PLR2004 - no wait is longer
