"""What is answered without asking a model: which models there are, whether one is ready, and what was kept.

Always true here:
- what a caller may not see, and what is not there, get one answer;
- a lookup is a request: limits of requests count it, found or not, before anything is read for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from msgspec import structs

from strongroom.gateway.exchange.asks import ChatAsk
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.gateway.exchange.ports import ModelCard
from strongroom.gateway.kept import Conversation, Responses, missing
from strongroom.gateway.limits import Meter, Reservation
from strongroom.gateway.notes import Notes
from strongroom.gateway.signing import SigningDesk
from strongroom.gateway.snapshot import Snapshot
from strongroom.gateway.stages import Admitted, Authenticated
from strongroom.gateway.surface import RESPONSES
from strongroom.gateway.upstreams import Upstreams
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.policy import Action
from strongroom.rules.signing import SIGNING
from strongroom.wire import Reply

_NOT_READY: Final = Refusal(
    kind=RefusalKind.UNAVAILABLE, reason="the engine is not well", tell="The model is not ready. Try again shortly."
)


class Lookups:
    """Looks things up for one gateway process. Without `responses`, nothing is kept."""

    def __init__(
        self,
        snapshot: Snapshot,
        upstreams: Upstreams,
        responses: Responses | None,
        notes: Notes,
        desk: SigningDesk,
        meter: Meter,
    ) -> None:
        self._snapshot = snapshot
        self._upstreams = upstreams
        self._responses = responses
        self._notes = notes
        self._desk = desk
        self._meter = meter

    async def recall(self, admitted: Admitted) -> Admitted | Refusal:
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
        full = await self._responses.room(admitted.authenticated.principal) if decoded.turn is not None else None
        if full is not None:
            return full
        if decoded.previous is None or not isinstance(decoded.ask, ChatAsk):
            return admitted
        kept = await self._recalled(admitted.authenticated, self._responses, decoded.previous)
        if isinstance(kept, Refusal):
            return kept
        first = 1 if decoded.ask.messages[0].role == "system" else 0
        messages = (*decoded.ask.messages[:first], *kept.messages, *decoded.ask.messages[first:])
        ask = structs.replace(decoded.ask, messages=messages)
        # The model reads it again, so limits count it again.
        return structs.replace(admitted, decoded=structs.replace(decoded, ask=ask), brought=kept.octets)

    async def _recalled(self, authenticated: Authenticated, responses: Responses, name: str) -> Conversation | Refusal:
        """Return a kept conversation. One that is not there was a lookup; one that is, is of the request it is asked for."""
        reserved = await self._reserve(authenticated)
        if isinstance(reserved, Refusal):
            return reserved
        kept: Conversation | Refusal = missing()
        try:
            kept = await responses.conversation(authenticated.principal, name)
        finally:
            if reserved is not None:
                self._meter.looked_up(reserved) if isinstance(kept, Refusal) else reserved.release()
        return replace(kept, param="previous_response_id") if isinstance(kept, Refusal) else kept

    async def _reserve(self, authenticated: Authenticated) -> Reservation | Refusal | None:
        """Reserve a lookup; None: rules are not about this caller."""
        terms = self._snapshot.terms_of_lookups(authenticated.principal)
        return None if terms is None else await self._meter.look_up(authenticated, terms)

    async def answer(self, authenticated: Authenticated, reply: Reply) -> None:
        """Answer what needs no model to be asked."""
        reserved = await self._reserve(authenticated)
        if isinstance(reserved, Refusal):
            return await self._notes.refuse(authenticated.received, reserved, reply, authenticated.principal)
        try:
            return await self._answer(authenticated, reply)
        finally:
            if reserved is not None:
                self._meter.looked_up(reserved)

    async def _answer(self, authenticated: Authenticated, reply: Reply) -> None:
        received, who = authenticated.received, authenticated.principal
        endpoint, named = received.match.endpoint, received.match.named
        if endpoint not in {Endpoint.RESPONSE, Endpoint.DROP_RESPONSE} or named is None:
            return await self._catalogue(authenticated, reply)
        # A kept answer is worth what the asking for it was: what a model of the caller's demands is demanded here too.
        unsigned = await self._desk.verify(received.request, self._snapshot.strictest(who, SIGNING), who)
        if unsigned is not None:
            return await self._notes.refuse(received, unsigned, reply, who)
        body: bytes | Refusal
        if self._responses is None:
            body = missing()
        elif endpoint is Endpoint.DROP_RESPONSE:
            body = await self._responses.drop(who, named) or RESPONSES.dropped(named)
        else:
            body = await self._responses.document(who, named)
        if isinstance(body, Refusal):
            return await self._notes.refuse(received, body, reply, who)
        self._notes.recording(received, who, None).end("completed", "authenticated", 200)
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
                return await self._notes.refuse(received, no_model("not among the caller's models"), reply, who)
            if received.match.endpoint is Endpoint.READY and not await self._well(who, named):
                return await self._notes.refuse(received, _NOT_READY, reply, who)
            body = dialect.model(card)
        self._notes.recording(received, who, None).end("completed", "authenticated", 200)
        await reply.send(200, dialect.headers(received.request_id), body)
        return None

    async def _well(self, who: Principal, name: str) -> bool:
        """Whether a model that `who` may see would take work now."""
        route = self._snapshot.route(who, name)
        return route is not None and await self._upstreams.healthy(route)


def no_model(reason: str) -> Refusal:
    """Return the one answer for a model that is not there, is another's, or is not for this caller to know of."""
    return Refusal(
        kind=RefusalKind.HIDDEN,
        reason=reason,
        tell="The model does not exist or this key may not use it.",
        param="model",
        code="model_not_found",
    )
