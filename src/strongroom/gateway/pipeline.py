"""The request's way in, from first byte to record: `Gateway.answer` is the whole of it.

Numbered as the stages are:
1. Received: method and path are on the list (`surface.py`); the wire has already refused what is ambiguous.
2. Authenticated: the snapshot's lease holds, then the key is checked.
3. Admitted: the body is decoded, the model is looked up in the caller's own tenant and environment, policy decides;
   whose data it is about, where it says so, becomes a pseudonym; where the rules demand a signature, it is right and was never used.
4. Screened: what may be asked for, and how much of it; what it may use at most is reserved.
5. Routed: the engine, and the request written anew for it.
6. Relayed: the answer, decoded and written anew.
7. Recorded: figures and names, no content; what was reserved is settled by what was used.

Dialects decode and write (`surface.py` says which); everything here is said once, on the neutral form.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Final

from msgspec import structs

from strongroom.canaries import NOTHING
from strongroom.gateway import disclose, leaks, retiring, tools
from strongroom.gateway.exchange.asks import Ask
from strongroom.gateway.fronting import SystemPrompt, as_counted_by_the_caller
from strongroom.gateway.fronts import UNOPENED, Front, Fronts
from strongroom.gateway.guard import Guard
from strongroom.gateway.guards import AT_ONCE, Guards
from strongroom.gateway.kept import Responses
from strongroom.gateway.limits import Meter
from strongroom.gateway.lookups import Lookups, no_model
from strongroom.gateway.naming import HEADER, named
from strongroom.gateway.notes import Notes
from strongroom.gateway.recorder import Recorder
from strongroom.gateway.recording import ClosedAs
from strongroom.gateway.relay import Relay
from strongroom.gateway.screen import AskLimits, bounded
from strongroom.gateway.signing import KEYS_HEADERS, KEYS_PATH, Seal, SigningDesk
from strongroom.gateway.snapshot import Access, Snapshot
from strongroom.gateway.stages import Admitted, Authenticated, Received, Relayed, Routed, Screened
from strongroom.gateway.surface import NoMatch, match
from strongroom.gateway.tapes import Tapes
from strongroom.gateway.token_keys import TokenKeys
from strongroom.gateway.upstreams import LOCAL, Upstreams
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import new_uuid, second_of
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.policy import Action
from strongroom.rules.disclosure import DISCLOSURE
from strongroom.rules.residency import RESIDENCY
from strongroom.rules.signing import SIGNING, Signing
from strongroom.rules.tools import TOOLS
from strongroom.vault import Vault
from strongroom.wire import Headers, Reply, Request

_TEXT: Final = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
_JSON: Final = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
_TENSOR_SERVER: Final = {
    # What the Open Inference Protocol tells anybody of a server.
    "/v2": b'{"name":"strongroom","version":"2","extensions":[]}',
    "/v2/health/live": b'{"live":true}',
    "/v2/health/ready": b'{"ready":true}',
}
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
        guards: Guards | None = None,
        vault: Vault | None = None,
        tapes: Tapes | None = None,
        fronts: Fronts | None = None,
    ) -> None:
        self._fronts = fronts
        self._tapes = tapes
        self._vault = vault
        self._guards = guards or Guards(None if vault is None else TokenKeys(vault), recorder.metrics.found.add)
        self._snapshot = snapshot
        self._upstreams = upstreams
        self._recorder = recorder
        self._notes = Notes(snapshot, recorder, meter, clock)
        self._lookups = Lookups(snapshot, upstreams, responses, self._notes, desk, meter)
        self._clock = clock
        self._limits = limits
        self._desk = desk
        self._meter = meter
        self._responses = responses

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
            return await self._notes.refuse(received, authenticated, reply)
        self._greet(authenticated, reply)
        if received.match.endpoint.needs is None:
            return await self._lookups.answer(authenticated, reply)
        admitted = await self._admit(authenticated)
        if isinstance(admitted, Refusal):
            return await self._notes.refuse(received, admitted, reply, authenticated.principal)
        self._notes.used_for(admitted)
        signing = self._demanded(admitted)
        unsigned = await self._desk.verify(request, signing, authenticated.principal) if signing.requests else None
        if unsigned is not None:
            return await self._notes.refuse_admitted(admitted, unsigned, reply)
        goes_on = admitted.decoded.previous is not None or admitted.decoded.turn is not None
        recalled = await self._lookups.recall(admitted) if goes_on else admitted
        screened = recalled if isinstance(recalled, Refusal) else await self._screen(recalled)
        if isinstance(screened, Refusal):
            return await self._notes.refuse_admitted(admitted, screened, reply)
        with screened.reservation:  # whatever comes: what is not settled then was not used
            if screened.admitted.route.targets:
                await self._upstreams.ready(screened.admitted.route)
            routed = self._route(screened)
            if isinstance(routed, Refusal):
                return await self._notes.refuse_admitted(admitted, routed, reply, "screened", screened.recording)
            relayed = await self._relay(routed, reply)
            if isinstance(relayed, Refusal):
                return await self._notes.refuse_admitted(admitted, relayed, reply, "routed", screened.recording)
            self._notes.close(relayed)
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
        if not (snapshot.held(received.started) or await snapshot.ensure()):
            return Refusal(
                kind=RefusalKind.UNAVAILABLE,
                reason="no valid snapshot: the database could not be read within the lease",
                tell="The service cannot check credentials at the moment. Try again shortly.",
            )
        presented = received.match.dialect.credential(received.request)
        found = snapshot.directory.authenticate(presented, received.request.peer)
        if isinstance(found, Refusal):
            return found
        if found.confirmation is not None:  # what is bound to a key needs proof of it, wherever it is shown
            unproven = await self._desk.proven(received.request, found, presented)
            if unproven is not None:
                return unproven
        outside = self._outside(received, found) if found.bound else None
        return Authenticated(received, found) if outside is None else outside

    def _greet(self, authenticated: Authenticated, reply: Reply) -> None:
        """Take note of the use; whoever holds an old key is told that it is."""
        received, who = authenticated.received, authenticated.principal
        self._notes.used(received, who)
        if who.retires_at is not None:
            reply.announce(retiring.fields(who))
            self._notes.retiring(received, who)

    def _outside(self, received: Received, who: Principal) -> Refusal | None:
        """Return why a key that is bound may not be used like this."""
        agent = received.request.header(b"user-agent") or b""
        return self._snapshot.directory.outside(who, received.request.peer, agent.decode("latin-1"))

    async def _admit(self, authenticated: Authenticated) -> Admitted | Refusal:  # noqa: PLR0911 - one return for each no
        received, who = authenticated.received, authenticated.principal
        asked = received.match
        unfit = asked.dialect.unfit(received.request)
        if unfit is not None:
            return unfit
        decoded = asked.dialect.decode(asked.endpoint, received.request.body, asked.named)
        if isinstance(decoded, Refusal):
            return decoded
        access = self._snapshot.access(who, decoded.ask.model)
        if access is None:
            no = no_model("no such deployment in the caller's tenant and environment")
            crosses = self._snapshot.elsewhere(who, decoded.ask.model)
            return replace(no, signal="environment-crossing") if crosses else no
        route = access.route
        if access.terms is None:
            return self._closed(who, access)
        if route.kind is not asked.endpoint.needs:
            tell = f"The model `{route.name}` does not serve this endpoint."
            return Refusal(kind=RefusalKind.INVALID, reason=tell, tell=tell, param="model")
        prompt, front = None, route.front
        if front is not None:
            prompt, front.asked = front.opened, True
            if prompt is None or received.started >= front.until:
                opened = await self._opened(front)
                if isinstance(opened, Refusal):
                    return opened
                prompt = opened
        admitted = Admitted(authenticated, decoded, route, access.terms, prompt=prompt)
        # The fields were looked through when the credential was: most requests name nobody, and pay for one look.
        if not decoded.subject and HEADER not in (received.request.first or ()):
            return admitted
        return await named(admitted, self._vault)

    async def _opened(self, front: Front) -> SystemPrompt | Refusal:
        return UNOPENED if self._fronts is None else await self._fronts.open(front)

    def _closed(self, who: Principal, access: Access) -> Refusal:
        """Return why a model may not be asked, to whom may know that it is there."""
        reason = access.decision.reason
        if not self._snapshot.decide(who, Action.MODEL_SEE, access.route).allowed:
            return no_model(reason)
        if self._snapshot.is_revoked(access.route):
            return _revoked(access.route.name, reason)
        return _stopped(access.route.name, reason) if self._snapshot.is_stopped(access.route) else _forbidden(reason)

    def _demanded(self, admitted: Admitted) -> Signing:
        """Return what the request's signature must be: a kept conversation is worth what any of the caller's models is."""
        signing = admitted.terms.of(SIGNING)
        if admitted.decoded.previous is None:
            return signing
        return SIGNING.meet(signing, self._snapshot.strictest(admitted.authenticated.principal, SIGNING))

    async def _screen(self, admitted: Admitted) -> Screened | Refusal:  # noqa: PLR0911 - one return for each control's no
        """Return what may be asked. Each control that looks at an ask before it is sent is one line here."""
        asked, terms = admitted.decoded.ask, admitted.terms.of(DISCLOSURE)
        no = disclose.check(asked, terms)
        ask = bounded(asked, self._limits) if no is None else no
        if isinstance(ask, Refusal):
            return ask
        no = tools.check(ask, admitted.terms.of(TOOLS))
        if no is not None:
            return no
        who = admitted.authenticated.principal
        lists = self._snapshot.lists
        if lists.held and who.tenant in lists.held:
            listed = await self._guards.listed(admitted.terms, who, lists)
            if isinstance(listed, Refusal):
                return listed
            guard = listed
        else:
            guard = self._guards.of(admitted.terms, who)
        long = len(admitted.authenticated.received.request.body) + admitted.brought > AT_ONCE
        no = await self._prepared(guard, admitted, ask, long=long) if guard.waits or admitted.tokens else None
        if no is not None:
            return no
        ask = await self._guards.beside(partial(guard.ask, ask)) if long else guard.ask(ask)
        if isinstance(ask, Refusal):
            return ask
        admitted = self._watched(admitted, guard, ask)
        told = admitted.decoded.own
        own = await self._guards.beside(partial(guard.echo_long, told)) if long else guard.echo(told)
        if isinstance(own, Refusal):
            return own
        ask = disclose.shaped(ask, terms)
        authenticated = admitted.authenticated
        reservation = await self._meter.reserve(admitted, ask)
        if isinstance(reservation, Refusal):
            return reservation
        recording = self._notes.recording(
            authenticated.received,
            authenticated.principal,
            admitted.route,
            admitted.terms,
            subject=admitted.subject,
        )
        recording.found = guard.found
        unrecorded = recording.open()
        if unrecorded is not None:
            reservation.release()
            return unrecorded
        return Screened(admitted, ask, recording, reservation, guard, own)

    async def _prepared(self, guard: Guard, admitted: Admitted, ask: Ask, *, long: bool) -> Refusal | None:
        """Get what a guard needs that others must be asked for, or say why it cannot be had."""
        who, decoded = admitted.authenticated.principal, admitted.decoded
        if guard.tokens or admitted.tokens:
            no = await self._guards.unlock(guard, who, admitted.subject, decoded.previous or "", admitted.tokens)
            if no is not None:
                return no
        if not guard.reads_input:
            return None
        return await self._guards.read_ask(guard, who, ask, decoded.own, kept=decoded.turn is not None, long=long)

    def _watched(self, admitted: Admitted, guard: Guard, ask: Ask) -> Admitted:
        """Have the answer watched for what it could give away, if there is anything; count what is planted for that."""
        planted, prompt = self._snapshot.canaries.planted(admitted.route.deployment), admitted.prompt
        if planted is NOTHING and prompt is None and not leaks.has_instructions(ask):
            return admitted  # nearly always
        guard.watch(ask, planted, admitted.route.tenant, "" if prompt is None else prompt.text)
        if not guard.word:
            return admitted
        return structs.replace(admitted, brought=admitted.brought + len(leaks.line(guard.word)))

    def _route(self, screened: Screened) -> Routed | Refusal:
        admitted = screened.admitted
        who, residency = admitted.authenticated.principal, admitted.terms.of(RESIDENCY)
        ask = screened.ask if admitted.prompt is None else admitted.prompt.before(screened.ask)
        if isinstance(ask, Refusal):
            return ask
        if screened.guard.word:
            ask = leaks.plant(ask, screened.guard.word)
        ways = self._upstreams.ways(admitted.route, who, ask, residency)
        if isinstance(ways, Refusal):
            return ways if admitted.prompt is None else as_counted_by_the_caller(ways)
        return Routed(screened, ways)

    async def _relay(self, routed: Routed, reply: Reply) -> Relayed | Refusal:
        created = second_of(routed.screened.admitted.authenticated.received.id)
        tape = None if self._tapes is None else self._tapes.of(routed.screened.admitted)
        relay = Relay(routed, reply, created, self._seal, self._responses, tape)
        try:
            relayed = await relay.run(self._limits)
        except BaseException as error:
            # Nobody is left to be answered, or the server is to say that it failed; either way it was asked for.
            status = _LEFT if isinstance(error, asyncio.CancelledError | ConnectionError) else _FAULT
            left: ClosedAs = "cancelled" if status == _LEFT else "failed"
            self._notes.close(Relayed(relay.routed, status, relay.usage, left, reason=type(error).__name__))
            raise
        finally:
            self._meter.settle(routed.screened, relay)
        if tape is not None and self._tapes is not None:
            self._tapes.keep(routed.screened.admitted, tape, 0 if isinstance(relayed, Refusal) else relayed.status)
        return relayed

    def _seal(self, routed: Routed) -> Seal:
        """Return what signs the answer, where the rules want it signed."""
        admitted = routed.screened.admitted
        terms = admitted.terms.of(SIGNING)
        if not terms.answers:
            return self._desk.unsealed
        target = routed.target
        local = admitted.route.release if target.name == LOCAL else None
        return self._desk.seal(
            admitted.authenticated.received.request,
            release=local or f"{target.name}/{target.model}",
            model=admitted.route.name,
            policy=self._snapshot.policy_version,
            rules=admitted.terms.version,
            request_id=admitted.authenticated.received.request_id,
        )

    async def _ready(self) -> bool:
        """Whether any request would be answered now: keys and limits can be checked, records written, workers take work."""
        if self._recorder.spool.trouble or not self._meter.reachable:
            return False
        if not (self._snapshot.valid() or await self._snapshot.ensure()):
            return False
        return await self._upstreams.all_healthy(self._snapshot.routes())


def _revoked(name: str, reason: str) -> Refusal:
    tell = f"The release behind the model `{name}` was revoked: it serves no more."
    return Refusal(kind=RefusalKind.FORBIDDEN, reason=reason, tell=tell, param="model", code="model_revoked")


def _stopped(name: str, reason: str) -> Refusal:
    tell = f"The model `{name}` is stopped: what is demanded of it is not met now. Its operator is told why."
    return Refusal(kind=RefusalKind.FORBIDDEN, reason=reason, tell=tell, param="model", code="model_stopped")


def _forbidden(reason: str) -> Refusal:
    return Refusal(kind=RefusalKind.FORBIDDEN, reason=reason, tell="This key may see the model but not ask it.")
