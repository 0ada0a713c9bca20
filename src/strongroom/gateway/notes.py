"""What is written down of requests that are answered and refused, and how a no leaves.

Always true here: a refusal is said in the caller's dialect, by the names that the caller used, and stands in the records
and, where it was for what may not be done, in the audit log of whom it concerns.
"""

from __future__ import annotations

from typing import Final

from strongroom.audit import Entry, Outcome, plain
from strongroom.gateway import disclose, guard, leaks, signals, tools
from strongroom.gateway.decisions import Decisions
from strongroom.gateway.exchange.ports import in_words_of
from strongroom.gateway.limits import Meter
from strongroom.gateway.recorder import Denial, Recorder
from strongroom.gateway.recording import ClosedAs, Recording
from strongroom.gateway.snapshot import Route, Snapshot
from strongroom.gateway.spool import Opened
from strongroom.gateway.stages import Admitted, Received, Recorded, Relayed
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import PLATFORM, KeyId, TenantId, new_uuid
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.policy import Action
from strongroom.rules import Terms
from strongroom.rules.records import RecordsMode
from strongroom.wire import Reply

_DENIALS: Final = frozenset({RefusalKind.UNAUTHENTICATED, RefusalKind.FORBIDDEN, RefusalKind.HIDDEN})
_DENIED: Final = frozenset({disclose.CODE, guard.CODE, tools.CODE, leaks.CODE})
"""What a caller may not ask for, and stands in the audit log as that."""


class Notes:
    """Makes records and denials of one gateway process."""

    def __init__(self, snapshot: Snapshot, recorder: Recorder, meter: Meter, clock: Clock) -> None:
        self._snapshot = snapshot
        self._recorder = recorder
        self._meter = meter
        self._clock = clock
        self._decisions = Decisions()

    def recording(
        self,
        received: Received,
        who: Principal,
        route: Route | None,
        terms: Terms | None = None,
        *,
        mode: RecordsMode | None = None,
        subject: str = "",
    ) -> Recording:
        """Return the record of this request. An account's is none: what it is refused stands in the audit log.

        `mode`: how surely, where no model is asked whose `terms` say it.
        """
        opened, stamp = None, self._decisions.of(terms)
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
                stamp.rules_version,
                stamp.decisions,
                subject,
            )
        strict = (mode or stamp.mode) == "strict"
        return self._recorder.recording(opened, strict=strict, started=received.started, price=stamp.price)

    def close(self, relayed: Relayed) -> Recorded:
        """Write down what was answered. Each control that is settled by what was used is one line here."""
        recording = relayed.routed.screened.recording
        if not recording.closed:  # else it was, before the answer's last byte left
            recording.end(
                relayed.outcome,
                "relayed",
                relayed.status,
                input_tokens=relayed.usage.input_tokens,
                output_tokens=relayed.usage.output_tokens,
                target=relayed.routed.target.name,
            )
        if relayed.no is not None and relayed.no.code in _DENIED:  # half of the answer was sent: no `refuse` said it
            admitted = relayed.routed.screened.admitted
            received, who = admitted.authenticated.received, admitted.authenticated.principal
            self._recorder.deny(self._denial(received, relayed.no, who, admitted.route))
        self._tell_leaks(relayed)
        return Recorded(relayed)

    def _tell_leaks(self, relayed: Relayed) -> None:
        """Tell what came out of an answer and was let through, as the rules say."""
        screened = relayed.routed.screened
        if screened.guard.leaks is None or not screened.guard.leaks.seen:
            return
        received, who = screened.admitted.authenticated.received, screened.admitted.authenticated.principal
        place = str(screened.admitted.route.resource)
        for seen in screened.guard.leaks.seen:
            told = signals.entry(who, seen.signal, seen.reason, self._clock, received.request_id, place)
            self._recorder.deny(Denial(PLATFORM if who.tenant is None else who.tenant, told))

    def used(self, received: Received, who: Principal) -> None:
        """Take note of where and by what a key is used; off the request's way, but for one look."""
        agent = received.request.header(b"user-agent")
        text = "" if agent is None else agent.decode("latin-1")
        if self._recorder.uses.note(who, received.request.peer, text, received.started):
            self._recorder.wake()

    def used_for(self, admitted: Admitted) -> None:
        """Take note of what a key is used for."""
        authenticated, model = admitted.authenticated, admitted.route.name
        scope = f"{authenticated.received.match.endpoint} {model}"
        if self._recorder.uses.scope(authenticated.principal, scope, authenticated.received.started):
            self._recorder.wake()

    def retiring(self, received: Received, who: Principal) -> None:
        """Tell whoever watches when an old key is used although its successor is in use."""
        if self._recorder.uses.superseded(who):
            told = f"key {who.credential}: used after its successor {who.replaced_by} was"
            entry = signals.entry(who, signals.OLD_KEY, told, self._clock, received.request_id)
            self._recorder.deny(Denial(PLATFORM if who.tenant is None else who.tenant, entry))

    async def refuse_admitted(
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
        await self.refuse(
            received,
            told,
            reply,
            who,
            admitted.route,
            phase,
            recording or self.recording(received, who, admitted.route, admitted.terms, subject=admitted.subject),
        )

    async def refuse(
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
            if refusal.about is not None:  # the installation has it as a stranger's; whose key it was hears of it too
                self._recorder.deny(self._denial(received, refusal, who, route, refusal.about))
        answer = received.match.dialect.refuse(refusal, received.request_id)
        if who is not None:
            recording = recording or self.recording(received, who, route)
            if refusal.met:
                recording.found = {(direction, kind): often for direction, kind, often in refusal.met}
            ours = refusal.kind in {RefusalKind.UPSTREAM, RefusalKind.UNAVAILABLE}
            as_: ClosedAs = "failed" if ours else "refused"
            unrecorded = await recording.close(as_, phase, answer[0], refusal=refusal.word)
            if unrecorded is not None:
                answer = received.match.dialect.refuse(unrecorded, received.request_id)
        await reply.send(*answer)
        return None

    def _denial(
        self,
        received: Received,
        refusal: Refusal,
        who: Principal | None,
        route: Route | None,
        about: tuple[TenantId, KeyId] | None = None,
    ) -> Denial:
        tenant = PLATFORM if who is None or who.tenant is None else who.tenant
        credential: str = "" if who is None else who.credential
        if who is None and about is not None:
            tenant, credential = about
        entry = Entry(
            id=new_uuid(),
            at=self._clock.now(),
            actor="unknown" if who is None else str(who),
            credential=credential,
            action=Action.MODEL_INVOKE if received.match.endpoint.needs else Action.MODEL_SEE,
            resource=f"gateway/{received.match.endpoint}" if route is None else str(route.resource),
            outcome=Outcome.REFUSED,
            reason=plain(refusal.reason),
            request_id=received.request_id,
            detail={"peer": received.request.peer} | ({"signal": refusal.signal} if refusal.signal else {}),
        )
        return Denial(tenant, entry)
