"""What is answered without asking a model: which models there are, whether one is ready, and what was kept.

Always true here:
- what a caller may not see, and what is not there, get one answer;
- a lookup is a request: limits of requests count it, found or not, before anything is read for it;
- where any model that the caller may ask has `strict` records, so has what it looks up and drops: the opening is durable
  before anything is read or goes, the closing before the answer leaves.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from msgspec import structs

from strongroom.gateway.exchange.asks import ChatAsk
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.gateway.exchange.ports import ModelCard
from strongroom.gateway.kept import Conversation, Responses, missing
from strongroom.gateway.limits import Meter, Reservation
from strongroom.gateway.notes import Notes
from strongroom.gateway.recording import Recording
from strongroom.gateway.signing import SigningDesk
from strongroom.gateway.snapshot import Snapshot
from strongroom.gateway.stages import Admitted, Authenticated
from strongroom.gateway.surface import RESPONSES
from strongroom.gateway.upstreams import Upstreams
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.policy import Action
from strongroom.rules.exports import EXPORTS
from strongroom.rules.records import RECORDS
from strongroom.rules.signing import SIGNING
from strongroom.wire import Reply

_FAULT: Final = 500
_LEFT: Final = 499  # as in the pipeline
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
        """Put before the ask what it goes on from: instructions of this turn, the kept conversation, what is new.

        For an ask that goes on from something, or whose answer is to be kept; others have nothing to recall.
        """
        decoded = admitted.decoded
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
        return structs.replace(
            admitted, decoded=structs.replace(decoded, ask=ask), tokens=kept.tokens, brought=kept.octets
        )

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
        received, who = authenticated.received, authenticated.principal
        recording = self._notes.recording(received, who, None, mode=self._snapshot.strictest(who, RECORDS).mode)
        reserved = await self._reserve(authenticated)
        if isinstance(reserved, Refusal):
            return await self._notes.refuse(received, reserved, reply, who, recording=recording)
        try:
            body = await self._recorded(authenticated, recording)
            if isinstance(body, Refusal):
                return await self._notes.refuse(received, body, reply, who, recording=recording)
            return await reply.send(200, received.match.dialect.headers(received.request_id), body)
        finally:
            if reserved is not None:
                self._meter.looked_up(reserved)

    async def _recorded(self, authenticated: Authenticated, recording: Recording) -> bytes | Refusal:
        """Return what was looked up, once all of its record stands as surely as it must."""
        try:
            body = await recording.beforehand() or await self._looked_up(authenticated)
            if isinstance(body, Refusal):
                return body
            return await recording.close("completed", "authenticated", 200) or body
        except BaseException as error:  # an opening without a closing would be somebody's to find
            left = isinstance(error, asyncio.CancelledError)
            recording.end("cancelled" if left else "failed", "authenticated", _LEFT if left else _FAULT)
            raise

    async def _looked_up(self, authenticated: Authenticated) -> bytes | Refusal:
        received, who = authenticated.received, authenticated.principal
        endpoint, named = received.match.endpoint, received.match.named
        if endpoint not in {Endpoint.RESPONSE, Endpoint.DROP_RESPONSE} or named is None:
            return await self._catalogue(authenticated)
        # A kept answer is worth what the asking for it was: what a model of the caller's demands is demanded here too.
        unsigned = await self._desk.verify(received.request, self._snapshot.strictest(who, SIGNING), who)
        if unsigned is not None:
            return unsigned
        if self._responses is None:
            return missing()
        if endpoint is Endpoint.DROP_RESPONSE:
            return await self._responses.drop(who, named) or RESPONSES.dropped(named)
        terms = self._snapshot.terms_of_lookups(who)
        return missing() if terms is None else await self._responses.document(who, named, terms.of(EXPORTS))

    async def _catalogue(self, authenticated: Authenticated) -> bytes | Refusal:
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
            return dialect.models(sorted(cards, key=lambda card: card.name))
        card = next((card for card in cards if card.name == named), None)
        if card is None:
            return no_model("not among the caller's models")
        if received.match.endpoint is Endpoint.READY and not await self._well(who, named):
            return _NOT_READY
        return dialect.model(card)

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
