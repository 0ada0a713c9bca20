"""What the gate writes down: one entry for every request, in the logs of those it concerns.

Who reads about whom:
- what a tenant's principal asks, allowed or refused, stands in *its own* tenant's log. When it was refused something
  outside that tenant, the entry stands in the installation's log as well, for detection. It never stands in another
  tenant's log: whoever could write there could flood it, and it would tell one tenant about another;
- what an account of the installation does in a tenant stands in that tenant's log *and* in the installation's, in one
  transaction: the tenant sees who touched it, and the installation still does when the tenant is gone;
- what such an account is refused, and what it does to the installation, stands in the installation's log.

A credential of a tenant has its refusals written one by one within a rate, and the first of each verb in any case;
those beyond are counted, told to the observer, and the next that is written says how many they were. So no credential
can fill a log with what it may not do.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from strongroom import audit
from strongroom.audit import Entry, Outcome, Strangers
from strongroom.audit.sidecar import Sidecars, Words
from strongroom.kernel.clock import Clock
from strongroom.kernel.events import Observer
from strongroom.kernel.ids import KeyId, TenantId, new_uuid
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy.bounds import Bounds
from strongroom.policy.engine import Decision
from strongroom.policy.events import EntryLost, Passed
from strongroom.policy.model import Action, Resource, goes_on_unsealed
from strongroom.store import Conflict, Database, StoreError, TenantTx, Tx, Unavailable, Unfit


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What goes with a request into its audit entry, passed on by hand.

    Attributes:
        request_id: the id that the caller was told, so that both ends can name the same request.
        detail: a few short facts about what is asked; no content and no secrets. `policy` is the gate's to say.
        about: the pseudonym of the person whom what is written freely in `detail` is about; empty: it is its author's.
    """

    request_id: str = ""
    detail: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    about: str = ""

    def __post_init__(self) -> None:
        """Refuse here, before anything is decided, what the audit log would not take.

        Raises:
            ValueError: as `audit.check_detail`.
        """
        said_here = ("policy", "policy_beside", "signal", "unwritten_before", "elevation", "ticket", "break_glass")
        audit.check_detail({**self.detail, **dict.fromkeys(said_here, "")})


@dataclass(frozen=True, slots=True)
class Case:
    """One request at the gate, with its answer."""

    who: Principal
    action: Action
    resource: Resource
    ask: Ask
    decision: Decision


def _policies(decision: Decision) -> dict[str, str]:
    """Return which sets of policies decided: the product's, and the installation's own where it has any."""
    beside = {"policy_beside": decision.beside} if decision.beside else {}
    return {"policy": decision.version, **beside}


def _elevation(who: Principal) -> dict[str, str]:
    """Return what stands in the entry of everything that is done under an elevation."""
    found = who.elevation
    if found is None:
        return {}
    glass = {"break_glass": "yes"} if found.break_glass else {}
    return {"elevation": found.id, "ticket": found.ticket, **glass}


class _Undone(Exception):  # noqa: N818 - it ends a transaction that was meant to be undone
    """Nothing went wrong."""


def noted(case: Case, unwritten: int) -> Case:
    """Return `case` with how many entries before it were counted and not written, if any were."""
    if not unwritten:
        return case
    return replace(case, ask=replace(case.ask, detail={**case.ask.detail, "unwritten_before": str(unwritten)}))


def signalled(case: Case, signal: str) -> Case:
    """Return `case` with the word for who watches, where there is one."""
    if not signal:
        return case
    return replace(case, ask=replace(case.ask, detail={**case.ask.detail, "signal": signal}))


class Recorder:
    """Writes entries: in the transaction of the change, or in one of their own when there was no change."""

    def __init__(self, database: Database, clock: Clock, observer: Observer, sidecars: Sidecars | None = None) -> None:
        self._sidecars: Final = sidecars
        self._database: Final = database
        self._clock: Final = clock
        self._observer: Final = observer
        self._writing: Final[set[asyncio.Task[None]]] = set()
        self._strangers: Final = Strangers()
        self._bounds: Final = Bounds()

    async def allowed(self, tx: Tx, case: Case) -> None:
        """Append the entry of a permitted action to the transaction it is done in."""
        entry = self._entry(case, Outcome.ALLOWED, case.decision.reason)
        await self._append(tx, case, entry, needed=not goes_on_unsealed(case.action))

    def done(self, case: Case) -> None:
        """Tell the observer that a permitted action is committed."""
        self._tell(case, Outcome.ALLOWED, case.decision.reason)

    async def refused(self, case: Case, reason: str, place: TenantId | None, *, bounded: bool = False) -> None:
        """Record a no; in the log of `place`, or in the installation's when that is None.

        `bounded`: within the credential's rate, whoever holds it, as a tenant's own always is.

        It is finished even when the caller is cancelled: hanging up must not keep a refusal out of the log.
        """
        task = asyncio.ensure_future(self._refused(case, reason, place, bounded=bounded))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        await asyncio.shield(task)

    async def undone(self, case: Case, cause: Exception, place: TenantId | None) -> None:
        """Record that a permitted action was undone: by a no that was found on the way, or by a fault.

        A conflict with what is stored is a no, and so is a value that the table does not take. A fault is named by its type; its message could hold anything. When its
        entry cannot be written either, the observer is told and the fault remains the one to raise. A database that is
        away is not asked again: the caller has waited once.
        """
        if isinstance(cause, Refused):
            limited = cause.refusal.kind is RefusalKind.LIMITED  # a loop that is told to wait, and does not
            await self.refused(signalled(case, cause.refusal.signal), cause.refusal.reason, place, bounded=limited)
            return
        if isinstance(cause, Conflict | Unfit):
            await self.refused(case, str(cause), place)
            return
        fault = type(cause).__name__
        if isinstance(cause, Unavailable):
            self._lost(case, fault)
            return
        try:
            await self._alone(case, Outcome.FAILED, f"undone by {fault}", place)
        except Exception:  # noqa: BLE001 - the first fault is the one to raise
            self._lost(case, fault)

    async def stranger(self, action: str, reason: str, ask: Ask) -> None:
        """Record that somebody whom no credential names was turned away: in the installation's log, within a rate.

        Those beyond the rate are counted, and the next entry says how many they were.
        """
        if not self._strangers.admit(self._clock.boottime()):
            return
        # Taken before the first await, and given back if it fails: of two writers at once, one reports them.
        unwritten, self._strangers.counted = self._strangers.counted, 0
        more = {"unwritten_before": str(unwritten)} if unwritten else {}
        entry = Entry(
            id=new_uuid(),
            at=self._clock.now(),
            actor="stranger",
            credential="",
            action=action,
            resource="installation/control",
            outcome=Outcome.REFUSED,
            reason=audit.plain(reason),
            request_id=ask.request_id,
            detail={**ask.detail, **more},
        )
        try:
            async with self._database.operator() as tx:
                await audit.append(tx, entry)
        except BaseException:
            self._strangers.counted += unwritten + 1
            raise

    def owner(self, tenant: TenantId, key: KeyId, action: str, reason: str, signal: str, ask: Ask) -> None:
        """Record in a tenant's log that a key of its own was shown and did not count.

        Beside the answer, which takes as long as for any other credential that does not count; within the key's own rate.
        """
        if not self._bounds.of(key).admit(action, self._clock.boottime()):
            return
        unwritten = self._bounds.of(key).take()
        more = {"signal": signal} | ({"unwritten_before": str(unwritten)} if unwritten else {})
        entry = Entry(
            id=new_uuid(),
            at=self._clock.now(),
            actor="unknown",
            credential=key,
            action=action,
            resource="installation/control",
            outcome=Outcome.REFUSED,
            reason=audit.plain(reason),
            request_id=ask.request_id,
            detail={**ask.detail, **more},
        )
        task = asyncio.ensure_future(self._told(tenant, entry))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _told(self, tenant: TenantId, entry: Entry) -> None:
        with contextlib.suppress(Unavailable):  # the installation's own entry says that too, or fails alike
            async with self._database.tenant(tenant) as tx:
                await audit.append(tx, entry)

    async def _refused(self, case: Case, reason: str, place: TenantId | None, *, bounded: bool) -> None:
        if case.who.tenant is None and not bounded:
            await self._alone(case, Outcome.REFUSED, reason, place)
            return
        if (
            case.who.role.is_workload and "signal" not in case.ask.detail
        ):  # a program's key at what people administer with
            case = signalled(case, "app-to-developer-function")
        bound = self._bounds.of(case.who.credential)
        if not bound.admit(case.action, self._clock.boottime()):
            self._tell(case, Outcome.REFUSED, reason)
            return
        unwritten = bound.take()
        try:
            await self._alone(noted(case, unwritten), Outcome.REFUSED, reason, place)
        except BaseException:
            bound.give_back(unwritten)
            raise

    async def writable(self) -> bool:
        """Whether an entry would be written now: one is, in a transaction that is then undone."""
        entry = Entry(
            id=new_uuid(),
            at=self._clock.now(),
            actor="control",
            credential="",
            action="probe",
            resource="installation/database",
            outcome=Outcome.ALLOWED,
        )
        try:
            async with self._database.operator() as tx:
                await audit.append(tx, entry)
                raise _Undone
        except _Undone:
            return True
        except StoreError:
            return False

    async def _alone(self, case: Case, outcome: Outcome, reason: str, place: TenantId | None) -> None:
        entry = self._entry(case, outcome, reason)
        if place is None:
            async with self._database.operator() as operator:
                await audit.append(operator, entry)
        else:
            async with self._database.tenant(place) as tx:
                entry = await self._append(tx, case, entry)
                if case.who.tenant is not None and case.resource.tenant != case.who.tenant:
                    await audit.append_platform(tx, entry)
        self._tell(case, outcome, reason)

    async def _append(self, tx: Tx, case: Case, entry: Entry, *, needed: bool = False) -> Entry:
        """Append an entry, what was written of it beside it, and return it as it is logged."""
        words: list[Words] = []
        if isinstance(tx, TenantTx) and self._sidecars is not None:
            entry, words = await self._sidecars.aside(tx.tenant, entry, needed=needed, about=case.ask.about)
        await audit.append(tx, entry)
        if isinstance(tx, TenantTx):
            if self._sidecars is not None:
                await self._sidecars.put(tx, words)
            if case.who.tenant is None:
                await audit.append_platform(tx, entry)
        return entry

    def _entry(self, case: Case, outcome: Outcome, reason: str) -> Entry:
        return Entry(
            id=new_uuid(),
            at=self._clock.now(),
            actor=str(case.who),
            credential=case.who.credential,
            action=case.action.value,
            resource=str(case.resource),
            outcome=outcome,
            reason=audit.plain(reason),
            request_id=case.ask.request_id,
            detail={**case.ask.detail, **_elevation(case.who), **_policies(case.decision)},
        )

    def _lost(self, case: Case, fault: str) -> None:
        self._observer(
            EntryLost(
                actor=str(case.who),
                action=case.action,
                resource=str(case.resource),
                fault=fault,
                request_id=case.ask.request_id,
            )
        )

    def _tell(self, case: Case, outcome: Outcome, reason: str) -> None:
        self._observer(
            Passed(
                actor=str(case.who),
                action=case.action,
                resource=str(case.resource),
                outcome=outcome,
                reason=reason,
                request_id=case.ask.request_id,
            )
        )
