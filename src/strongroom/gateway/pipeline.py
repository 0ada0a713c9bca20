"""The request's way in, from first byte to record: `Gateway.answer` is the whole of it.

Numbered as the stages are:
1. Received: method and path are on the list (`surface.py`); the wire has already refused what is ambiguous.
2. Authenticated: the snapshot's lease holds, then the key is checked.
3. Admitted: the body is decoded, the model is looked up in the caller's own tenant and environment, policy decides.
4. Screened: limits on what may be asked for.
5. Routed: the worker, and the request written anew for it.
6. Relayed: the answer, decoded and written anew.
7. Recorded: figures and names, no content.
"""

from __future__ import annotations

import asyncio
from typing import Final

from strongroom.audit import Entry, Outcome, plain
from strongroom.gateway import screen
from strongroom.gateway.openai import answers, errors
from strongroom.gateway.openai.answers import ModelCard, ModelList
from strongroom.gateway.openai.decode import decode
from strongroom.gateway.recorder import Denial, Recorder
from strongroom.gateway.relay import Relay
from strongroom.gateway.screen import AskLimits
from strongroom.gateway.snapshot import Route, Snapshot
from strongroom.gateway.stages import Admitted, Authenticated, Received, Relayed, Routed, Screened
from strongroom.gateway.surface import Endpoint, NoMatch, match
from strongroom.gateway.tables import RequestRecord
from strongroom.gateway.upstreams import Upstreams
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import PLATFORM, new_uuid
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.policy import Action
from strongroom.wire import Headers, Reply, Request

_TEXT: Final = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
_BEARER: Final = b"bearer "
_WORKER_PATHS: Final = {
    Endpoint.CHAT: "/v1/chat/completions",
    Endpoint.COMPLETION: "/v1/completions",
    Endpoint.EMBEDDING: "/v1/embeddings",
}
_FAULT: Final = 500
_LEFT: Final = 499  # the client went away; nobody reads this status but the operator


class Gateway:
    """Answers requests of one gateway process."""

    def __init__(
        self, snapshot: Snapshot, upstreams: Upstreams, recorder: Recorder, clock: Clock, limits: AskLimits
    ) -> None:
        self._snapshot = snapshot
        self._upstreams = upstreams
        self._recorder = recorder
        self._clock = clock
        self._limits = limits

    async def handle(self, request: Request, reply: Reply) -> None:
        """Answer health checks here and everything else through the stages."""
        if request.path == "/livez":
            await reply.send(200, _TEXT, b"ok\n")
        elif request.path == "/readyz":
            ready = await self._ready()
            await reply.send(200 if ready else 503, _TEXT, b"ready\n" if ready else b"not ready\n")
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
            return await self._catalogue(authenticated, reply)
        admitted = self._admit(authenticated)
        if isinstance(admitted, Refusal):
            return await self._refuse(received, admitted, reply, authenticated.principal)
        screened = self._screen(admitted)
        if isinstance(screened, Refusal):
            return await self._refuse(received, screened, reply, authenticated.principal, admitted.route)
        routed = self._route(screened)
        relayed = await self._relay(routed, reply)
        if isinstance(relayed, Refusal):
            return await self._refuse(received, relayed, reply, authenticated.principal, admitted.route)
        return self._record(received, authenticated.principal, admitted.route, relayed)

    def _receive(self, request: Request) -> Received | tuple[int, Headers, bytes]:
        own = new_uuid()
        request_id = f"req_{own.hex}"
        found = match(request.method, request.path)
        if isinstance(found, NoMatch):
            return found.status, *errors.render_status(found.status, found.tell, request_id, allow=found.allow)
        return Received(request, found, own, request_id, self._clock.boottime())

    async def _authenticate(self, received: Received) -> Authenticated | Refusal:
        snapshot = self._snapshot
        if not (snapshot.valid() or await snapshot.ensure()):
            return Refusal(
                kind=RefusalKind.UNAVAILABLE,
                reason="no valid snapshot: the database could not be read within the lease",
                tell="The service cannot check credentials at the moment. Try again shortly.",
            )
        presented = _bearer(received.request.header(b"authorization"))
        found = snapshot.directory.authenticate(presented, received.request.peer)
        return found if isinstance(found, Refusal) else Authenticated(received, found)

    def _admit(self, authenticated: Authenticated) -> Admitted | Refusal:
        received, who = authenticated.received, authenticated.principal
        body = decode(received.match.endpoint, received.request.body)
        if isinstance(body, Refusal):
            return body
        route = self._snapshot.route(who, body.model)
        if route is None:
            return _no_model("no such deployment in the caller's tenant and environment")
        decision = self._snapshot.decide(who, Action.MODEL_INVOKE, route)
        if not decision.allowed:
            seen = self._snapshot.decide(who, Action.MODEL_SEE, route).allowed
            return _forbidden(decision.reason) if seen else _no_model(decision.reason)
        if route.kind is not received.match.endpoint.needs:
            tell = f"The model `{route.name}` does not serve this endpoint."
            return Refusal(kind=RefusalKind.INVALID, reason=tell, tell=tell, param="model")
        return Admitted(authenticated, body, route)

    def _screen(self, admitted: Admitted) -> Screened | Refusal:
        bound = screen.output_bound(admitted.body, self._limits)
        return bound if isinstance(bound, Refusal) else Screened(admitted, bound)

    def _route(self, screened: Screened) -> Routed:
        admitted = screened.admitted
        route, received = admitted.route, admitted.authenticated.received
        caller = self._upstreams.caller(
            str(route.tenant), route.environment, str(admitted.authenticated.principal.workload)
        )
        return Routed(
            screened,
            self._upstreams.pool(route),
            _WORKER_PATHS[received.match.endpoint],
            answers.encode(screen.for_worker(admitted.body, screened.max_output_tokens)),
            caller,
        )

    async def _relay(self, routed: Routed, reply: Reply) -> Relayed | Refusal:
        admitted = routed.screened.admitted
        authenticated = admitted.authenticated
        relay = Relay(routed, reply, int(self._clock.now().timestamp()))
        try:
            return await relay.run(self._limits.timeout_s)
        except BaseException as error:
            # Nobody is left to be answered, or the server is to say that it failed; either way it was asked for.
            status = _LEFT if isinstance(error, asyncio.CancelledError | ConnectionError) else _FAULT
            ended = Relayed(status, *relay.tokens, reason=type(error).__name__)
            self._record(authenticated.received, authenticated.principal, admitted.route, ended)
            raise

    async def _catalogue(self, authenticated: Authenticated, reply: Reply) -> None:
        """Answer `models.list` and `models.retrieve`: what this key may ask, and nothing of anything else."""
        received, who = authenticated.received, authenticated.principal
        owner = self._snapshot.directory.tenant_name(who.tenant) if who.tenant is not None else None
        cards = [
            ModelCard(id=route.name, created=route.created, owned_by=owner or "")
            for route in self._snapshot.routes(who)
            if self._snapshot.decide(who, Action.MODEL_SEE, route).allowed
        ]
        named = received.match.model
        if named is None:
            body = answers.encode(ModelList(data=sorted(cards, key=lambda card: card.id)))
        else:
            card = next((card for card in cards if card.id == named), None)
            if card is None:
                return await self._refuse(received, _no_model("not among the caller's models"), reply, who)
            body = answers.encode(card)
        await reply.send(200, errors.headers_for(received.request_id), body)
        return self._record(received, who, None, Relayed(200))

    async def _refuse(
        self,
        received: Received,
        refusal: Refusal,
        reply: Reply,
        who: Principal | None = None,
        route: Route | None = None,
    ) -> None:
        """Answer no, in the dialect; write down who was refused what and why."""
        if refusal.kind in {RefusalKind.UNAUTHENTICATED, RefusalKind.FORBIDDEN, RefusalKind.HIDDEN}:
            self._recorder.deny(self._denial(received, refusal, who, route))
        if who is not None:
            self._record(received, who, route, Relayed(errors.status_of(refusal), reason=refusal.reason))
        await reply.send(*errors.render(refusal, received.request_id))

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

    def _record(self, received: Received, who: Principal, route: Route | None, relayed: Relayed) -> None:
        if who.tenant is None or who.environment is None or who.workload is None:
            return  # an account of the installation: its refusal stands in the audit log
        now = self._clock.now()
        self._recorder.record(
            RequestRecord(
                who.tenant,
                now.date(),
                received.id,
                now,
                who.environment,
                who.workload,
                who.credential,
                None if route is None else route.deployment,
                None if route is None else route.release,
                received.match.endpoint,
                relayed.status,
                relayed.input_tokens,
                relayed.output_tokens,
                int((self._clock.boottime() - received.started) * 1e6),
                self._snapshot.policy_version,
            )
        )

    async def _ready(self) -> bool:
        """Whether a request would be answered now: credentials can be checked and every worker takes work."""
        if not (self._snapshot.valid() or await self._snapshot.ensure()):
            return False
        return await self._upstreams.all_healthy(self._snapshot.routes())


def _bearer(header: bytes | None) -> str | None:
    if header is None or header[: len(_BEARER)].lower() != _BEARER:
        return None
    return header[len(_BEARER) :].strip().decode("latin-1")


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
