"""Asking the engine and passing its answer on: decoded by its protocol, written anew by the caller's dialect.

Always true here:
- nothing of an answer leaves before it was decoded and passed what watches answers (`_pass`);
- a stream's last word leaves only when the engine has said its own and its reply has ended as HTTP too;
- where a tenant's records must be durable, the opening is before the first byte leaves and the closing before the last.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

import msgspec

from strongroom.gateway import disclose, tools
from strongroom.gateway.attempt import Attempt
from strongroom.gateway.exchange.answers import Event, Usage, Used
from strongroom.gateway.exchange.asks import ChatAsk, CompletionAsk
from strongroom.gateway.exchange.ports import Naming, Turn
from strongroom.gateway.kept import Kept, Responses
from strongroom.gateway.limits.headers import fields
from strongroom.gateway.protocols.provider_noes import BUSY
from strongroom.gateway.screen import AskLimits
from strongroom.gateway.signing import Seal
from strongroom.gateway.stages import Relayed, Routed
from strongroom.gateway.tapes import Tape
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.rules.disclosure import DISCLOSURE
from strongroom.wire import ClientError, ConnectFailed, DeadlineExceeded, Headers, Reply, Response

_MAX_NO_BYTES: Final = 64 * 1024
_OK: Final = 200
_STALL_S: Final = 1.0
"""After so long without more, what is held of a stream and is nobody's goes on."""
_JSON: Final = b"application/json"
_EVENT_STREAM: Final = b"text/event-stream"


class Relay:
    """Relays one answer. `created`: Unix seconds; `seal` returns what signs it, where the rules want that."""

    def __init__(
        self,
        routed: Routed,
        reply: Reply,
        created: int,
        seal: Callable[[Routed], Seal],
        responses: Responses | None = None,
        tape: Tape | None = None,
    ) -> None:
        admitted = routed.screened.admitted
        received = admitted.authenticated.received
        decoded = admitted.decoded
        self.routed = routed
        self._reply = reply
        self._sealing = seal
        self._responses = responses
        self._tape = tape
        self._seal: Seal
        self._ask = ask = routed.screened.ask
        self._terms = admitted.terms.of(DISCLOSURE)
        self._watch: tools.Watch
        self._guard = routed.screened.guard
        self._party = admitted.route.tenant.int  # which a table finds sooner than a UUID
        self._dialect = received.match.dialect
        self._recording = routed.screened.recording
        self._naming = Naming(
            request_id=received.request_id,
            model=admitted.route.name,
            created=created,
            ask=ask,
            wants_usage=decoded.wants_usage,
            own=routed.screened.own,
            turn=decoded.turn,
        )
        self._writer = (
            self._dialect.stream(self._naming) if isinstance(ask, ChatAsk | CompletionAsk) and ask.stream else None
        )
        self._stalls: asyncio.TimerHandle | None = None
        self._fed = 0.0
        self._over = False
        self.usage = Usage()
        self.asked = False
        """Whether the engine has the request, so that answering it may have used something."""
        self.told = False
        """Whether `usage` is all that was used: the answer is whole."""
        self.refused = False
        """Whether the engine said no before it began, and so used nothing."""

    async def run(self, limits: AskLimits) -> Relayed | Refusal:
        """Relay the answer; a refusal means that nothing has been sent yet."""
        self.asked = True
        try:
            with Attempt(self.routed.ways, timeout_s=limits.timeout_s, party=self._party) as attempt:
                response = await attempt.begin()
                if len(self.routed.ways) > 1:
                    self.routed = Routed(self.routed.screened, (attempt.way,))
                self._seal = self._sealing(self.routed)
                if response.status != _OK:
                    body = await response.read(_MAX_NO_BYTES)
                    self.refused = _used_nothing(response.status)
                    return disclose.strip_no(attempt.way.target.protocol.no(response.status, body), self._terms)
                no = await (self._whole(response, limits) if self._writer is None else self._stream(response))
        except (ClientError, ValueError, msgspec.MsgspecError, RecursionError) as error:
            self.asked = not isinstance(error, ConnectFailed)
            return await self._failed(_unanswered(error))
        return Relayed(self.routed, 200, self.usage, "completed") if no is None else await self._failed(no)

    async def _whole(self, response: Response, limits: AskLimits) -> Refusal | None:
        _check(response, _JSON)
        answer = self.routed.target.protocol.whole(self._ask, await response.read(limits.max_answer_bytes))
        self.usage, self.told = answer.usage, True
        no = tools.check_answer(answer, self._ask)
        if no is not None:
            return no
        answer = disclose.strip_answer(answer, self._ask, self._terms)
        if self._guard.reads_output:
            no = await self._guard.read_answer(answer, kept=self._naming.turn is not None)
            if no is not None:
                return no
        told = self._guard.answer(answer)
        if isinstance(told, Refusal):
            return told
        body = self._dialect.whole(told, self._naming)
        self._recording.first_byte()
        if (no := await self._concluded()) is not None:
            return no
        if self._tape is not None:
            self._tape.add(body)
        await self._reply.send(200, self._seal.whole(self._headers(), body), body)
        return None

    async def _stream(self, response: Response) -> Refusal | None:
        try:
            return await self._streamed(response)
        finally:
            self._over = True
            if self._stalls is not None:
                self._stalls.cancel()

    async def _streamed(self, response: Response) -> Refusal | None:
        _check(response, _EVENT_STREAM)
        assert self._writer is not None  # noqa: S101 - `run` asked
        self._watch = tools.Watch(self._ask)
        reader = self.routed.target.protocol.reader(self._ask)
        loop = asyncio.get_running_loop()
        async for piece in response.stream():
            events = self._pass(reader.feed(piece))
            if self._guard.due and not isinstance(events, Refusal):
                events = await self._guard.windows(kept=self._naming.turn is not None)
            if isinstance(events, Refusal):
                return events
            if self._guard.held:
                self._fed = loop.time()
                if self._stalls is None:  # a stream that comes to a stop does not keep back what is nobody's
                    self._stalls = loop.call_later(_STALL_S, self._stalled)
            if events and (no := await self._tell(events)) is not None:
                return no
        if not reader.complete:
            raise ValueError("the engine ended its stream without saying so")
        if (no := self._watch.end() or await self._release()) is not None:
            return no
        self.told = True
        last = self._writer.end()
        if (no := await self._concluded()) is not None:
            return no
        await self._write(last, last=True)
        await self._reply.end()
        return None

    async def _release(self) -> Refusal | None:
        """Tell a stream that was held to its end, to be read for names."""
        if not self._guard.reads_output:
            return None
        events = await self._guard.released(kept=self._naming.turn is not None)
        return events if isinstance(events, Refusal) else await self._tell(events)

    async def _tell(self, events: list[Event]) -> Refusal | None:
        assert self._writer is not None  # noqa: S101 - `run` asked
        data = self._writer.feed(events)
        if data and not self._reply.started and (no := await self._recording.durable()) is not None:
            return no
        await self._write(data)
        return None

    def _headers(self, *, stream: bool = False) -> Headers:
        """Return the fields of a 200, with where the caller stands with its limits if its rules disclose that."""
        headers = self._dialect.headers(self._naming.request_id, stream=stream)
        if not self._terms.headers:
            return headers
        now = datetime.fromtimestamp(self._naming.created, UTC)
        return [*headers, *fields(self._dialect.name, self.routed.screened.reservation.plan, now)]

    async def _concluded(self) -> Refusal | None:
        """Keep and close the record of an answer that is whole, while its last byte is still here."""
        if self._naming.turn is not None and (no := await self._kept(self._naming.turn)) is not None:
            return no
        return await self._recording.close(
            "completed",
            "relayed",
            _OK,
            input_tokens=self.usage.input_tokens,
            output_tokens=self.usage.output_tokens,
            target=self.routed.target.name,
        )

    async def _kept(self, turn: Turn) -> Refusal | None:
        """Keep the answer, since that was asked for: before the caller reads that it is."""
        if turn.said is None or self._responses is None or not isinstance(self._ask, ChatAsk):
            return None
        messages = (*self._ask.messages[turn.instructions :], turn.said)
        admitted = self.routed.screened.admitted
        tokens = await self._guard.kept_tokens(turn.id)
        if isinstance(tokens, Refusal):
            return tokens
        who, kept = admitted.authenticated.principal, Kept(msgspec.Raw(turn.document), messages, tokens)
        return await self._responses.keep(who, turn.id, kept, admitted.subject)

    def _pass(self, events: list[Event]) -> list[Event] | Refusal:
        """Return what of `events` may leave now, or why the answer ends here."""
        for event in events:
            if isinstance(event, Used):
                self.usage = event.usage
        watched = self._watch.feed(events)
        if isinstance(watched, Refusal):
            return watched
        return self._guard.events(disclose.strip_events(watched, self._ask, self._terms))

    async def _write(self, data: bytes, *, last: bool = False) -> None:
        if data or last:
            self._begin()
            if self._tape is not None:
                self._tape.add(data)
            data = self._seal.passing(data)
            # In one piece: a client that stops at the last word has read the signature too, and keeps its connection.
            await self._reply.write(data + self._seal.ending() if last else data)

    def _stalled(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._fed + _STALL_S - loop.time()
        if left > 0.01:  # noqa: PLR2004 - more came meanwhile
            self._stalls = loop.call_later(left, self._stalled)
            return
        self._stalls = None
        if self._writer is None or self._over or (not self._reply.started and self._recording.strict):
            return
        events = self._guard.hasten()
        if events:
            with contextlib.suppress(
                ClientError, ConnectionError, RuntimeError
            ):  # whoever reads the engine finds it out
                self._put(self._writer.feed(events))

    def _put(self, data: bytes) -> None:
        if data:
            self._begin()
            if self._tape is not None:
                self._tape.add(data)
            self._reply.push(self._seal.passing(data))

    async def _flush(self) -> None:
        """Tell what was held of a stream that ends badly: it came before its end, and was looked at."""
        if self._writer is None or not self._guard.held:
            return
        data = self._writer.feed(self._guard.rest())
        if data and (self._reply.started or await self._recording.durable() is None):
            await self._write(data)

    def _begin(self) -> None:
        if not self._reply.started:
            self._recording.first_byte()
            self._reply.start(200, self._seal.head(self._headers(stream=True)))

    async def _failed(self, refusal: Refusal) -> Relayed | Refusal:
        await self._flush()
        if not self._reply.started or self._writer is None:
            return refusal
        # The status has gone out as 200: an error event is what is left, and no last word after it.
        await self._reply.write(self._writer.fail(refusal))
        await self._reply.end()
        status = self._dialect.refuse(refusal, self._naming.request_id)[0]
        return Relayed(self.routed, status, self.usage, "failed", reason=refusal.reason, no=refusal)


def _used_nothing(status: int) -> bool:
    """Whether an engine that answers so has not begun: it blames the request, or takes none now. Another 5xx may come after."""
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR or status in BUSY


def _check(response: Response, kind: bytes) -> None:
    """Refuse what is not said to be what was asked for, or is packed: nothing here unpacks, so nothing can be a bomb."""
    said = response.header(b"content-type")
    if said != kind and (said is None or said.partition(b";")[0].strip().lower() != kind):
        raise ValueError("the engine answered in another form")
    packed = response.header(b"content-encoding")
    if packed is not None and packed != b"identity":
        raise ValueError("the engine's answer is packed")


def _unanswered(error: Exception) -> Refusal:
    if isinstance(error, ConnectFailed):
        return Refusal(
            kind=RefusalKind.UNAVAILABLE,
            reason=f"engine unreachable: {error}",
            tell="The model is not available at the moment. Try again shortly.",
        )
    told = "took too long to answer" if isinstance(error, DeadlineExceeded) else "failed while answering"
    return Refusal(
        kind=RefusalKind.UPSTREAM,
        reason=f"engine: {type(error).__name__}",
        tell=f"The model {told}. The request may be tried again.",
    )
