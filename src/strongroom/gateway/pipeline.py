"""The request's way in, from first byte to record: `Gateway.answer` is the whole of it.

Numbered as the stages are:
1. Received: method and path are on the list (`surface.py`); the wire has already refused what is ambiguous.
2. Authenticated: the snapshot's lease holds, then the key is checked.
3. Admitted: the body is decoded, the model is looked up in the caller's own tenant and environment, policy decides;
   where the rules demand a signature, it is right and was never used.
4. Screened: what may be asked for, and how much of it; what it may use at most is reserved.
5. Routed: the engine, and the request written anew for it.
6. Relayed: the answer, decoded and written anew.
7. Recorded: figures and names, no content; what was reserved is settled by what was used.

Dialects decode and write (`surface.py` says which); everything here is said once, on the neutral form.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

import msgspec

from strongroom.audit import Entry, Outcome, plain
from strongroom.gateway import disclose, tools
from strongroom.gateway.decisions import Decisions
from strongroom.gateway.exchange.asks import ChatAsk
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.gateway.exchange.ports import ModelCard, in_words_of
from strongroom.gateway.kept import Responses, missing
from strongroom.gateway.limits import Meter
from strongroom.gateway.recorder import Denial, Recorder
from strongroom.gateway.recording import ClosedAs, Recording
from strongroom.gateway.relay import Relay
from strongroom.gateway.screen import AskLimits, bounded
from strongroom.gateway.signing import KEYS_HEADERS, KEYS_PATH, Seal, SigningDesk
from strongroom.gateway.snapshot import Route, Snapshot
from strongroom.gateway.spool import Opened
from strongroom.gateway.stages import Admitted, Authenticated, Received, Recorded, Relayed, Routed, Screened
from strongroom.gateway.surface import RESPONSES, NoMatch, match
from strongroom.gateway.upstreams import LOCAL, Upstreams
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import PLATFORM, new_uuid
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.policy import Action
from strongroom.rules import Terms
from strongroom.rules.disclosure import DISCLOSURE
from strongroom.rules.records import RECORDS
from strongroom.rules.residency import RESIDENCY
from strongroom.rules.signing import SIGNING
from strongroom.rules.tools import TOOLS
from strongroom.wire import Headers, Reply, Request

_TEXT: Final = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
_DENIALS: Final = frozenset({RefusalKind.UNAUTHENTICATED, RefusalKind.FORBIDDEN, RefusalKind.HIDDEN})
_DENIED: Final = frozenset(
    {disclose.CODE, tools.CODE}
)  # what a caller may not ask for, and stands in the audit log as that
_JSON: Final = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
_TENSOR_SERVER: Final = {
    # What the Open Inference Protocol tells anybody of a server.
    "/v2": b'{"name":"strongroom","version":"2","extensions":[]}',
    "/v2/health/live": b'{"live":true}',
    "/v2/health/ready": b'{"ready":true}',
}
_NOT_READY: Final = Refusal(
    kind=RefusalKind.UNAVAILABLE, reason="the engine is not well", tell="The model is not ready. Try again shortly."
)
_FAULT: Final = 500
_LEFT: Final = 499  # the client went away; nobody reads this status but the operator


class Gateway:
    """Answers requests of one gateway process."""

    def __init__(
        self,
        snapshot: Snapshot,
        upstreams: Upstreams,
        recorder: Recorder,
        clock: Clock,
        limits: AskLimits,
        desk: SigningDesk,
        meter: Meter,
        responses: Responses | None = None,
    ) -> None:
        self._snapshot = snapshot
        self._upstreams = upstreams
        self._recorder = recorder
        self._clock = clock
        self._limits = limits
        self._desk = desk
        self._meter = meter
        self._responses = responses
        self._decisions = Decisions()

    async def handle(self, request: Request, reply: Reply) -> None:
        """Answer health checks here and everything else through the stages."""
        if request.path == "/livez":
            await reply.send(200, _TEXT, b"ok\n")
        elif request.path == "/readyz":
            ready = await self._ready()
            await reply.send(200 if ready else 503, _TEXT, b"ready\n" if ready else b"not ready\n")
        elif request.path in _TENSOR_SERVER and request.method == "GET":
            ready = request.path != "/v2/health/ready" or await self._ready()
            await reply.send(
                200 if ready else 503, _JSON, _TENSOR_SERVER[request.path] if ready else b'{"ready":false}'
            )
        elif request.path == KEYS_PATH and request.method in {"GET", "HEAD"}:
            await reply.send(200, KEYS_HEADERS, self._desk.published)
        else:
            await self.answer(request, reply)

    async def answer(self, request: Request, reply: Reply) -> None:  # noqa: PLR0911 - one return for each stage's no
        """Take a request through every stage."""
        received = self._receive(request)
        if isinstance(received, tuple):
            return await reply.send(*received)
        authenticated = await self._authenticate(received)
        if isinstance(authenticated, Refusal):
            return await self._refuse(received, authenticated, reply)
        if received.match.endpoint.needs is None:
            return await self._look_up(authenticated, reply)
        admitted = self._admit(authenticated)
        if isinstance(admitted, Refusal):
            return await self._refuse(received, admitted, reply, authenticated.principal)
        recalled = await self._recall(admitted)
        if isinstance(recalled, Refusal):
            return await self._refuse_admitted(admitted, recalled, reply)
        admitted = recalled
        signing = admitted.terms.of(SIGNING)
        unsigned = await self._desk.verify(request, signing, authenticated.principal) if signing.requests else None
        if unsigned is not None:
            return await self._refuse_admitted(admitted, unsigned, reply)
        screened = await self._screen(admitted)
        if isinstance(screened, Refusal):
            return await self._refuse_admitted(admitted, screened, reply)
        with screened.reservation:  # whatever comes: what is not settled then was not used
            routed = self._route(screened)
            if isinstance(routed, Refusal):
                return await self._refuse_admitted(admitted, routed, reply, "screened", screened.recording)
            relayed = await self._relay(routed, reply)
            if isinstance(relayed, Refusal):
                return await self._refuse_admitted(admitted, relayed, reply, "routed", screened.recording)
            self._close(relayed)
        return None

    def _receive(self, request: Request) -> Received | tuple[int, Headers, bytes]:
        own = new_uuid()
        request_id = f"req_{own.hex}"
        found = match(request)
        if isinstance(found, NoMatch):
            return found.dialect.no_route(found.status, found.tell, request_id, allow=found.allow)
        return Received(request, found, own, request_id, self._clock.boottime())

    async def _authenticate(self, received: Received) -> Authenticated | Refusal:
        snapshot = self._snapshot
        if not (snapshot.valid() or await snapshot.ensure()):
            return Refusal(
                kind=RefusalKind.UNAVAILABLE,
                reason="no valid snapshot: the database could not be read within the lease",
                tell="The service cannot check credentials at the moment. Try again shortly.",
            )
        presented = received.match.dialect.credential(received.request)
        found = snapshot.directory.authenticate(presented, received.request.peer)
        return found if isinstance(found, Refusal) else Authenticated(received, found)

    def _admit(self, authenticated: Authenticated) -> Admitted | Refusal:
        received, who = authenticated.received, authenticated.principal
        asked = received.match
        unfit = asked.dialect.unfit(received.request)
        if unfit is not None:
            return unfit
        decoded = asked.dialect.decode(asked.endpoint, received.request.body, asked.named)
        if isinstance(decoded, Refusal):
            return decoded
        route = self._snapshot.route(who, decoded.ask.model)
        if route is None:
            return _no_model("no such deployment in the caller's tenant and environment")
        decision = self._snapshot.decide(who, Action.MODEL_INVOKE, route)
        if not decision.allowed:
            seen = self._snapshot.decide(who, Action.MODEL_SEE, route).allowed
            return _forbidden(decision.reason) if seen else _no_model(decision.reason)
        if route.kind is not asked.endpoint.needs:
            tell = f"The model `{route.name}` does not serve this endpoint."
            return Refusal(kind=RefusalKind.INVALID, reason=tell, tell=tell, param="model")
        return Admitted(authenticated, decoded, route, self._snapshot.terms(who, route))

    async def _screen(self, admitted: Admitted) -> Screened | Refusal:
        """Return what may be asked. Each control that looks at an ask before it is sent is one line here."""
        asked, terms = admitted.decoded.ask, admitted.terms.of(DISCLOSURE)
        no = disclose.check(asked, terms)
        ask = bounded(asked, self._limits) if no is None else no
        if isinstance(ask, Refusal):
            return ask
        no = tools.check(ask, admitted.terms.of(TOOLS))
        if no is not None:
            return no
        ask = disclose.shaped(ask, terms)
        authenticated = admitted.authenticated
        reservation = await self._meter.reserve(admitted, ask)
        if isinstance(reservation, Refusal):
            return reservation
        recording = self._recording(authenticated.received, authenticated.principal, admitted.route, admitted.terms)
        unrecorded = recording.open()
        if unrecorded is not None:
            reservation.release()
            return unrecorded
        return Screened(admitted, ask, recording, reservation)

    def _route(self, screened: Screened) -> Routed | Refusal:
        admitted = screened.admitted
        who, residency = admitted.authenticated.principal, admitted.terms.of(RESIDENCY)
        ways = self._upstreams.ways(admitted.route, who, screened.ask, residency)
        return ways if isinstance(ways, Refusal) else Routed(screened, ways)

    async def _relay(self, routed: Routed, reply: Reply) -> Relayed | Refusal:
        relay = Relay(routed, reply, int(self._clock.now().timestamp()), self._seal, self._responses)
        try:
            return await relay.run(self._limits.timeout_s)
        except BaseException as error:
            # Nobody is left to be answered, or the server is to say that it failed; either way it was asked for.
            status = _LEFT if isinstance(error, asyncio.CancelledError | ConnectionError) else _FAULT
            left: ClosedAs = "cancelled" if status == _LEFT else "failed"
            self._close(Relayed(relay.routed, status, relay.usage, left, reason=type(error).__name__))
            raise
        finally:
            self._meter.settle(routed.screened, relay)

    def _seal(self, routed: Routed) -> Seal:
        """Return what signs the answer, where the rules want it signed."""
        admitted, target = routed.screened.admitted, routed.target
        local = admitted.route.release if target.name == LOCAL else None
        return self._desk.seal(
            admitted.terms.of(SIGNING),
            admitted.authenticated.received.request,
            release=local or f"{target.name}/{target.model}",
            model=admitted.route.name,
            policy=self._snapshot.policy_version,
            rules=admitted.terms.version,
            request_id=admitted.authenticated.received.request_id,
        )

    def _close(self, relayed: Relayed) -> Recorded:
        """Write down what was answered. Each control that is settled by what was used is one line here."""
        relayed.routed.screened.recording.end(
            relayed.outcome,
            "relayed",
            relayed.status,
            input_tokens=relayed.usage.input_tokens,
            output_tokens=relayed.usage.output_tokens,
            target=relayed.routed.target.name,
        )
        if relayed.no is not None and relayed.no.code in _DENIED:  # half of the answer was sent: no `_refuse` said it
            admitted = relayed.routed.screened.admitted
            received, who = admitted.authenticated.received, admitted.authenticated.principal
            self._recorder.deny(self._denial(received, relayed.no, who, admitted.route))
        return Recorded(relayed)

    async def _recall(self, admitted: Admitted) -> Admitted | Refusal:
        """Put before the ask what it goes on from: instructions of this turn, the kept conversation, what is new."""
        decoded = admitted.decoded
        if decoded.turn is None and decoded.previous is None:
            return admitted
        if self._responses is None:
            return Refusal(
                kind=RefusalKind.INVALID,
                reason="nothing is kept here",
                tell="Responses are not kept here: leave out `store` and `previous_response_id`.",
                param="store",
            )
        if decoded.previous is None or not isinstance(decoded.ask, ChatAsk):
            return admitted
        kept = await self._responses.find(admitted.authenticated.principal, decoded.previous)
        if isinstance(kept, Refusal):
            return replace(kept, param="previous_response_id")
        first = 1 if decoded.ask.messages[0].role == "system" else 0
        messages = (*decoded.ask.messages[:first], *kept.messages, *decoded.ask.messages[first:])
        ask = msgspec.structs.replace(decoded.ask, messages=messages)
        return replace(admitted, decoded=replace(decoded, ask=ask))

    async def _look_up(self, authenticated: Authenticated, reply: Reply) -> None:
        """Answer what needs no model to be asked."""
        received, who = authenticated.received, authenticated.principal
        endpoint, named = received.match.endpoint, received.match.named
        if endpoint not in {Endpoint.RESPONSE, Endpoint.DROP_RESPONSE} or named is None:
            return await self._catalogue(authenticated, reply)
        body: bytes | Refusal
        if self._responses is None:
            body = missing()
        elif endpoint is Endpoint.DROP_RESPONSE:
            body = await self._responses.drop(who, named) or RESPONSES.dropped(named)
        else:
            kept = await self._responses.find(who, named)
            body = kept if isinstance(kept, Refusal) else bytes(kept.document)
        if isinstance(body, Refusal):
            return await self._refuse(received, body, reply, who)
        self._recording(received, who, None).end("completed", "authenticated", 200)
        return await reply.send(200, received.match.dialect.headers(received.request_id), body)

    async def _catalogue(self, authenticated: Authenticated, reply: Reply) -> None:
        """Answer `models.list` and `models.retrieve`: what this key may ask, and nothing of anything else."""
        received, who = authenticated.received, authenticated.principal
        owner = self._snapshot.directory.tenant_name(who.tenant) if who.tenant is not None else None
        cards = [
            ModelCard(name=route.name, created=route.created, owner=owner or "")
            for route in self._snapshot.routes(who)
            if self._snapshot.decide(who, Action.MODEL_SEE, route).allowed
        ]
        dialect, named = received.match.dialect, received.match.named
        if named is None:
            body = dialect.models(sorted(cards, key=lambda card: card.name))
        else:
            card = next((card for card in cards if card.name == named), None)
            if card is None:
                return await self._refuse(received, _no_model("not among the caller's models"), reply, who)
            if received.match.endpoint is Endpoint.READY and not await self._well(who, named):
                return await self._refuse(received, _NOT_READY, reply, who)
            body = dialect.model(card)
        self._recording(received, who, None).end("completed", "authenticated", 200)
        await reply.send(200, dialect.headers(received.request_id), body)
        return None

    async def _refuse_admitted(
        self,
        admitted: Admitted,
        refusal: Refusal,
        reply: Reply,
        phase: str = "admitted",
        recording: Recording | None = None,
    ) -> None:
        """Answer no to what was understood, by the names that the caller used."""
        received, who = admitted.authenticated.received, admitted.authenticated.principal
        told = in_words_of(refusal, admitted.decoded.names)
        await self._refuse(
            received,
            told,
            reply,
            who,
            admitted.route,
            phase,
            recording or self._recording(received, who, admitted.route, admitted.terms),
        )

    async def _refuse(
        self,
        received: Received,
        refusal: Refusal,
        reply: Reply,
        who: Principal | None = None,
        route: Route | None = None,
        phase: str = "authenticated",
        recording: Recording | None = None,
    ) -> None:
        """Answer no, in the dialect; write down who was refused what and why. `phase`: the last stage that was passed."""
        if refusal.kind is RefusalKind.LIMITED and who is not None:
            told = self._meter.told(who, refusal)
            if told is None:  # one of a flood, which is not to flood the records too
                return await reply.send(*received.match.dialect.refuse(refusal, received.request_id))
            self._recorder.deny(self._denial(received, told, who, route))
        if refusal.kind in _DENIALS or refusal.code in _DENIED or refusal.audited:
            self._recorder.deny(self._denial(received, refusal, who, route))
        answer = received.match.dialect.refuse(refusal, received.request_id)
        if who is not None:
            recording = recording or self._recording(received, who, route)
            ours = refusal.kind in {RefusalKind.UPSTREAM, RefusalKind.UNAVAILABLE}
            as_: ClosedAs = "failed" if ours else "refused"
            unrecorded = await recording.close(as_, phase, answer[0], refusal=refusal.code or refusal.kind)
            if unrecorded is not None:
                answer = received.match.dialect.refuse(unrecorded, received.request_id)
        await reply.send(*answer)
        return None

    def _denial(self, received: Received, refusal: Refusal, who: Principal | None, route: Route | None) -> Denial:
        tenant = PLATFORM if who is None or who.tenant is None else who.tenant
        entry = Entry(
            id=new_uuid(),
            at=self._clock.now(),
            actor="unknown" if who is None else str(who),
            credential="" if who is None else who.credential,
            action=Action.MODEL_INVOKE if received.match.endpoint.needs else Action.MODEL_SEE,
            resource=f"gateway/{received.match.endpoint}" if route is None else str(route.resource),
            outcome=Outcome.REFUSED,
            reason=plain(refusal.reason),
            request_id=received.request_id,
            detail={"peer": received.request.peer},
        )
        return Denial(tenant, entry)

    def _recording(
        self, received: Received, who: Principal, route: Route | None, terms: Terms | None = None
    ) -> Recording:
        """Return the record of this request. An account's is none: what it is refused stands in the audit log."""
        opened = None
        if who.tenant is not None and who.environment is not None and who.workload is not None:
            opened = Opened(
                received.id,
                who.tenant,
                self._clock.now(),
                who.environment,
                who.workload,
                who.credential,
                received.match.endpoint,
                received.match.dialect.name,
                self._snapshot.policy_version,
                None if route is None else route.deployment,
                None if route is None else route.release,
                "" if terms is None else terms.version,
                "{}" if terms is None else self._decisions.of(terms),
            )
        strict = terms is not None and terms.of(RECORDS).mode == "strict"
        return self._recorder.recording(opened, strict=strict, started=received.started)

    async def _well(self, who: Principal, name: str) -> bool:
        """Whether a model that `who` may see would take work now."""
        route = self._snapshot.route(who, name)
        return route is not None and await self._upstreams.healthy(route)

    async def _ready(self) -> bool:
        """Whether any request would be answered now: keys and limits can be checked, records written, workers take work."""
        if self._recorder.spool.trouble or not self._meter.reachable:
            return False
        if not (self._snapshot.valid() or await self._snapshot.ensure()):
            return False
        return await self._upstreams.all_healthy(self._snapshot.routes())


def _no_model(reason: str) -> Refusal:
    """Return the one answer for a model that is not there, is another's, or is not for this caller to know of."""
    return Refusal(
        kind=RefusalKind.HIDDEN,
        reason=reason,
        tell="The model does not exist or this key may not use it.",
        param="model",
        code="model_not_found",
    )


def _forbidden(reason: str) -> Refusal:
    return Refusal(kind=RefusalKind.FORBIDDEN, reason=reason, tell="This key may see the model but not ask it.")
