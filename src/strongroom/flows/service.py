"""Declaring flows, gathering what was seen, and telling of what nobody declared. Each method asks the gate first."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from strongroom.flows import tables
from strongroom.flows.model import Applied, Declared, Edge, FlowsError, applied, digest_of, judged, parse, standing
from strongroom.flows.seen import SURFACES, gathered
from strongroom.identity import approvals
from strongroom.identity.approvals import Request
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId, TenantId
from strongroom.kernel.locks import Locks
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, invalid
from strongroom.policy import EVERY, Action, Ask, Gate, Kind, Resource, Surface
from strongroom.store import Conflict, TenantTx
from strongroom.store.tx import Tx

WATCH: Final = Principal(role=Role.OPERATOR, name="flows", credential=KeyId(""))
"""The control process when it looks at flows; no credential stands for it."""

FLOWS: Final = "flows"
"""What a proposal of a file says that it is of."""

SIGNAL: Final = "flow-undeclared"

_FIRST: Final = timedelta(days=30)
"""How far back the first look goes."""
_OVERLAP: Final = timedelta(hours=2)
"""How far before the newest edge the next look begins: records may come late."""
_TOLD: Final = 200
"""Findings that one look tells of at most; the next tells of more."""


class FlowsChange(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly what is proposed: one file, after those before it. `document` is its text as JSON."""

    summary: str
    owner: UUID
    kind: str
    level: str
    number: int
    name: str
    digest: str
    document: str
    author: str
    credential: str
    reason: str


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """What is declared of a tenant's flows, and what was seen."""

    files: list[Applied]
    declared: list[Declared]
    edges: list[Edge]

    @property
    def undeclared(self) -> list[Edge]:
        """The edges that no file declares."""
        return [each for each in self.edges if each.declared is None]


class Flows:
    """Flows of tenants."""

    def __init__(self, gate: Gate, clock: Clock, *, proposed: bool = False) -> None:
        """Wire it. `proposed`: a file waits for a second person, as in production."""
        self._gate: Final = gate
        self._clock: Final = clock
        self._proposed: Final = proposed
        self._looking: Final = Locks[TenantId]()

    async def picture(self, who: Principal, tenant: TenantId, ask: Ask) -> Picture:
        """Return a tenant's flows as they are now; what is new and undeclared is told in its log."""
        async with self._looking.of(tenant):  # one look at a time: two would both find what is new
            async with self._gate.permit(who, Action.FLOW_READ, _resource(tenant), ask) as tx:
                await self._look(tx)
                found = await _picture(tx)
                untold = await tables.untold(tx)
            new = [each for each in found.undeclared if (each.source, each.destination, each.data) in untold]
            for edge in new[:_TOLD]:
                await self._tell(tenant, edge, ask)
        return found

    async def watch(self, tenant: TenantId) -> int:
        """Look at a tenant's flows, as happens every hour; return how many are undeclared."""
        return len((await self.picture(WATCH, tenant, Ask())).undeclared)

    async def declare(
        self, who: Principal, tenant: TenantId, number: int, name: str, text: str, reason: str, ask: Ask
    ) -> Applied | Request:
        """Apply a file, or propose it where that takes a second person. One that is applied already is left as it is.

        Raises:
            Refused: INVALID for a file that cannot be taken, CONFLICT for one out of order, and for another text under the
                number of one that was applied.
        """
        file = Applied(
            number=number, name=name, digest=digest_of(text), text=text, author=str(who), credential=who.credential,
            at=self._clock.now(), reason=reason,
        )  # fmt: skip
        noted = replace(ask, detail={**ask.detail, "file": f"{number:04}-{name}", "digest": f"sha256:{file.digest}"})
        try:
            async with self._gate.permit(who, Action.FLOW_DECLARE, _resource(tenant, f"{number:04}"), noted) as tx:
                before = await tables.files(tx)
                there = next((each for each in before if each.number == number), None)
                if there is not None and (there.digest, there.name) == (file.digest, name):
                    return there
                _fits(before, file)
                if self._proposed:
                    return await self._propose(tx, who, file)
                await tables.insert(tx, file, None)
        except Conflict:
            raise _conflict(f"File {number:04} was applied meanwhile. Look at `strongroom flows list`.") from None
        return file

    async def in_force(self, tx: Tx, request: Request, approver: str) -> None:
        """Apply a file that was approved, in the transaction of the approval.

        Raises:
            Refused: CONFLICT when it is not what was approved, is not for here, or no longer the next.
        """
        change = msgspec.convert(request.subject, FlowsChange)
        if not isinstance(tx, TenantTx) or change.owner != tx.tenant:
            raise _conflict("What is to be done is not what was approved.")
        text = msgspec.json.decode(change.document, type=str)
        file = Applied(
            number=change.number, name=change.name, digest=digest_of(text), text=text, author=change.author,
            credential=change.credential, at=self._clock.now(), reason=change.reason, approved_by=approver,
        )  # fmt: skip
        _fits(await tables.files(tx), file)
        await tables.insert(tx, file, request.id)
        await approvals.apply(tx, request.kind, request.id, change, self._clock.now())

    async def _propose(self, tx: TenantTx, who: Principal, file: Applied) -> Request:
        now = self._clock.now()
        if await approvals.waiting(tx, now) >= approvals.MOST_OPEN:
            raise approvals.too_many()
        change = FlowsChange(
            summary=f"flows, file {file.number:04}-{file.name}: sha256:{file.digest[:16]}",
            owner=tx.tenant,
            kind=FLOWS,
            level="own",
            number=file.number,
            name=file.name,
            digest=file.digest,
            document=msgspec.json.encode(file.text).decode(),
            author=file.author,
            credential=file.credential,
            reason=file.reason,
        )
        return await approvals.ask(
            tx, who, approvals.Kind.RULES, change, about=tx.tenant, ticket="", reason=file.reason, now=now, needed=1
        )

    async def _look(self, tx: TenantTx) -> None:
        last = await tables.last_seen(tx)
        since = self._clock.now() - _FIRST if last is None else last - _OVERLAP
        found = gathered(await tables.asked(tx, since), await tables.taken(tx, since, str(WATCH)))
        known = {(each.source, each.destination, each.data) for each in await tables.edges(tx)}
        room = tables.MOST_EDGES - len(known)
        fresh = [each for each in found if (each.source, each.destination, each.data) not in known]
        again = [each for each in found if (each.source, each.destination, each.data) in known]
        await tables.see(tx, [*again, *fresh[:room]])

    async def _tell(self, tenant: TenantId, edge: Edge, ask: Ask) -> None:
        """Write one entry of an undeclared edge, in the transaction that marks it as told: two looks write one."""
        facts = {"signal": SIGNAL, "from": edge.source, "to": edge.destination, "data": edge.data}
        noted = Ask(request_id=ask.request_id, detail=facts)
        id_ = hashlib.sha256(f"{edge.source}\n{edge.destination}\n{edge.data}".encode()).hexdigest()[:32]
        try:
            async with self._gate.permit(WATCH, Action.FLOW_FIND, _resource(tenant, id_), noted) as tx:
                if not await tables.tell(tx, edge, self._clock.now()):
                    raise _ToldAlready("told already")
        except _ToldAlready:
            return


async def declares(tx: TenantTx, surface: Surface, taker: str) -> bool:
    """Whether a tenant has declared that what stands in a store goes to a taker; for whoever blocks what nobody declared."""
    source, data = SURFACES[surface]
    return any(each.flow.covers(source, taker, data) for each in standing(await tables.files(tx)))


class _ToldAlready(Conflict):
    """Another look has told of it."""


async def _picture(tx: TenantTx) -> Picture:
    files = await tables.files(tx)
    declared = standing(files)
    return Picture(files=files, declared=declared, edges=judged(await tables.edges(tx), declared))


def _fits(before: list[Applied], file: Applied) -> None:
    there = next((each for each in before if each.number == file.number), None)
    if there is not None:
        raise _conflict(
            f"File {file.number:04} was applied with another text (sha256:{there.digest[:16]}). An applied file never changes: "
            "write the change as the next file."
        )
    last = max((each.number for each in before), default=0)
    if file.number != last + 1:
        raise _conflict(f"The next file is {last + 1:04}: files are applied in their order, without a gap.")
    try:
        applied(standing(before), file.number, parse(file.text))
    except FlowsError as error:
        raise Refused(invalid(str(error), param="text")) from None


def _conflict(tell: str) -> Refused:
    return Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))


def _resource(tenant: TenantId, id_: str = EVERY) -> Resource:
    return Resource(kind=Kind.FLOW, id=id_, tenant=tenant)


def is_of_flows(subject: Any) -> bool:
    """Whether a proposal is of a file of flows."""
    return bool(subject.get("kind") == FLOWS)
