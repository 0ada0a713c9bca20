"""What can be done with channels: promote, go back, freeze, revoke, look, and keep them fresh."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from typing import Final
from uuid import UUID

import msgspec

from strongroom.identity.approvals import Kind as Proposed
from strongroom.identity.approvals.second import SecondPerson
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Elevation, Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.registry import tables as registry_tables
from strongroom.registry.admission.case import Case
from strongroom.registry.admission.judge import judge, tenants_in
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.model import PROMOTABLE, EvidenceKind, Found, Subject
from strongroom.registry.admission.service import Admission
from strongroom.registry.channels import tables
from strongroom.registry.channels.answers import Moved, Shown, Status, WentBack
from strongroom.registry.channels.client import Untrusted
from strongroom.registry.channels.desk import Desk
from strongroom.registry.channels.holds import Holds, conflict, noted, refuse_frozen
from strongroom.registry.channels.model import Channel, Content, FreezeKind, Promoted, RevokedKind, Verdict
from strongroom.registry.documents import DEPLOYMENT, REVOKED, RevokedDocument, RouteDocument
from strongroom.store import OperatorTx, feed


class Channels:
    """The channels of one installation."""

    def __init__(
        self, gate: Gate, admission: Admission, keys: RegistryKeys, clock: Clock, *, production: bool = False
    ) -> None:
        """Wire it. `production`: promoting to prod, unfreezing it, and going back anywhere take a second person; stopping takes none."""
        self._gate = gate
        self._admission = admission
        self._reader = admission.channels
        self._clock = clock
        self._desk = Desk(self._reader, keys, clock)
        self.second: Final = SecondPerson(gate, clock, Proposed.CHANNEL, demanded=production)
        """For surfaces: `second.asked` does an act, or proposes it where it waits."""
        self.holds = Holds(gate, self._desk, keys, clock, self.second)

    async def promote(
        self,
        who: Principal,
        name: str,
        version: str,
        environment: Environment,
        reason: str,
        ask: Ask,
        approved: UUID | None = None,
    ) -> Promoted:
        """Make a release the one of its name that may be deployed in an environment.

        Args:
            who: the caller.
            name: of the release.
            version: of the release.
            environment: where.
            reason: why.
            ask: the request.
            approved: the proposal of exactly this, where it takes a second person.

        Raises:
            Waits: in production, for prod.
            Refused: hidden for a release that there is not; FORBIDDEN for one that lacks what is demanded of it there;
                CONFLICT while something is frozen; UNAVAILABLE when the channel cannot be believed.
        """
        channel, said = Channel.of(environment), noted(ask, reason, release=f"{name}@{version}")
        resource = Resource(kind=Kind.CHANNEL, id=str(channel))
        async with self._gate.permit_platform(who, Action.CHANNEL_PROMOTE, resource, said) as tx:
            subject = (await self._admission.named(tx, name, version)).subject
            before = await self._desk.open(tx, channel)
            refuse_frozen(before.content, name)
            promoted = await self._promotable(tx, subject, environment, who.name, reason)
            if environment is Environment.PROD:
                act = _act("promote", environment, promoted, before.content.current(name), reason)
                await self.second.use(tx, who, act, approved)
            others = [
                msgspec.structs.replace(each, current=each.current and each.name != name)
                for each in before.content.promoted
                if each.digest != subject.digest
            ]
            content = msgspec.structs.replace(before.content, promoted=(*others, promoted))
            await self._desk.put(tx, channel, content, before)
        return promoted

    async def roll_back(
        self,
        who: Principal,
        environment: Environment,
        name: str,
        reason: str,
        ask: Ask,
        *,
        version: str | None = None,
        drill: bool = False,
        approved: UUID | None = None,
    ) -> WentBack:
        """Go back to an older release of `name`, and have the deployments of the newer one serve it.

        Args:
            who: the caller.
            environment: where.
            name: of both releases.
            reason: why.
            ask: the request.
            version: which release to go back to; None: the one that was promoted before.
            drill: do and measure all of it, and change nothing.
            approved: the proposal of exactly this, where it takes a second person.

        Raises:
            Waits: in production: deployments of tenants are moved.
            Refused: as `promote`; CONFLICT also where there is nothing to go back to.
        """
        began = time.perf_counter()
        channel = Channel.of(environment)
        said = noted(ask, reason, name=name, drill="yes" if drill else "")
        resource = Resource(kind=Kind.CHANNEL, id=str(channel))
        async with self._gate.permit_platform(who, Action.CHANNEL_ROLLBACK, resource, said) as tx:
            before = await self._desk.open(tx, channel)
            refuse_frozen(before.content, name)
            left = before.content.current(name)
            older = _older(before.content, name, version)
            if left is None or older is None or older.digest == left.digest:
                which = "an earlier one" if version is None else f"{name}@{version}"
                raise conflict(f"There is nothing to go back to: {which} was not promoted to {environment} before.")
            subject = Subject(digest=older.digest, name=older.name, version=older.version)
            back = await self._promotable(tx, subject, environment, who.name, reason)
            if not drill:
                await self.second.use(tx, who, _act("go back to", environment, back, left, reason), approved)
            case = await self._admission.case(tx, Found(subject, None), [environment])
            serving = await tables.serving(tx, left.digest, environment)
            plans = [_plan(each, name, before.content, case, environment) for each in serving]
            stays = any(not plan.moved for plan in plans)
            others = [
                msgspec.structs.replace(each, current=each.current and each.name != name)
                for each in before.content.promoted
                if each.digest != back.digest and (stays or each.digest != left.digest)
            ]
            content = msgspec.structs.replace(before.content, promoted=(*others, back))
            await self._desk.put(tx, channel, content, before, drill=drill)
        if not drill:
            pairs = zip(serving, plans, strict=True)
            plans = [await self._move(who, each, plan, left, back, reason, ask, approved) for each, plan in pairs]
        return WentBack(
            environment=environment,
            left=left.called,
            now=back.called,
            drill=drill,
            deployments=tuple(plans),
            milliseconds=round((time.perf_counter() - began) * 1000),
        )

    async def _move(
        self,
        who: Principal,
        serving: tables.Serving,
        plan: Moved,
        left: Promoted,
        back: Promoted,
        reason: str,
        ask: Ask,
        approved: UUID | None,
    ) -> Moved:
        if not plan.moved:
            return plan
        tenant = TenantId(serving.tenant)
        if self.second.demanded and approved is not None:  # what somebody else approved, and no more, on this tenant
            covered = frozenset({Action.DEPLOYMENT_MOVE.value})
            elevation = Elevation(id=str(approved), ticket=f"proposal {approved}", tenant=tenant, actions=covered)
            who = replace(who, elevation=elevation)
        resource = Resource(kind=Kind.DEPLOYMENT, id=serving.name, tenant=tenant, environment=serving.environment)
        said = noted(ask, reason, before=left.called, after=back.called)
        try:
            async with self._gate.permit(who, Action.DEPLOYMENT_MOVE, resource, said) as tx:
                await self._admission.demand(tx, back.digest, serving.environment)
                if not await tables.move(tx, serving.id, left.digest, back.digest):
                    return msgspec.structs.replace(plan, moved=False, because="It was withdrawn meanwhile.")
                now = self._clock.now()
                by, why = str(who), f"rolled back: {reason}"
                await registry_tables.served(tx, serving.id, left.digest, back.digest, by=by, at=now, reason=why)
                known = await feed.find(tx, DEPLOYMENT, str(serving.id))
                if known is None:
                    raise Refused(hidden("a deployment that the gateways do not know of"))
                route = msgspec.json.decode(known, type=RouteDocument)  # with the prompt that is pinned to it
                await feed.publish(
                    tx,
                    DEPLOYMENT,
                    str(serving.id),
                    msgspec.json.encode(msgspec.structs.replace(route, release=back.digest)),
                )
        except Refused as refused:
            return msgspec.structs.replace(plan, moved=False, because=refused.refusal.tell)
        return plan

    async def status(self, who: Principal, ask: Ask) -> list[Status]:
        """Return how every channel is."""
        async with self._gate.permit_platform(who, Action.CHANNEL_READ, Resource(kind=Kind.CHANNEL), ask) as tx:
            return [await self._status(tx, each) for each in Channel]

    async def show(self, who: Principal, channel: Channel, ask: Ask) -> Shown:
        """Return all that a channel says, or why that cannot be believed."""
        resource = Resource(kind=Kind.CHANNEL, id=str(channel))
        async with self._gate.permit_platform(who, Action.CHANNEL_READ, resource, ask) as tx:
            status = await self._status(tx, channel)
            try:
                content = (await self._reader.open(tx, channel)).content
            except Untrusted:
                content = Content()
            frozen = [
                msgspec.structs.replace(each, of=await tables.living(tx, UUID(each.of)) or each.of)
                if each.kind is FreezeKind.TENANT
                else each
                for each in content.frozen
            ]
            promoted = sorted(content.promoted, key=lambda each: (each.name, not each.current, each.at))
            return Shown(status=status, promoted=tuple(promoted), frozen=tuple(frozen), revoked=content.revoked)

    async def metadata(self, who: Principal, channel: Channel, role: str, version: int, ask: Ask) -> bytes:
        """Return one document of a channel as it lies there, for a TUF client elsewhere.

        Raises:
            Refused: hidden, when there is none.
        """
        resource = Resource(kind=Kind.CHANNEL, id=str(channel))
        async with self._gate.permit_platform(who, Action.CHANNEL_READ, resource, ask) as tx:
            found = await tables.metadata(tx, channel, role, version)
            if found is None:
                raise Refused(hidden(f"no {role} of version {version} in {channel}"))
            return found

    async def may_serve(self, who: Principal, digest: str, environment: Environment, ask: Ask) -> Verdict:
        """Return whether a release may serve in an environment now; asked before a worker loads it."""
        resource = Resource(kind=Kind.CHANNEL, id=str(environment))
        async with self._gate.permit_platform(who, Action.CHANNEL_READ, resource, ask) as tx:
            return await self._reader.may_serve(tx, digest, environment)

    async def renew(self, who: Principal, ask: Ask) -> dict[Channel, str]:
        """Sign anew what soon ends, and make the channels that there never were; return those that cannot be, and why."""
        async with self._gate.permit_platform(who, Action.CHANNEL_RENEW, Resource(kind=Kind.CHANNEL), ask) as tx:
            found = {each: await self._desk.renew(tx, each) for each in Channel}
        return {channel: trouble for channel, trouble in found.items() if trouble}

    async def recover(self, who: Principal, channel: Channel, reason: str, ask: Ask) -> Status:
        """Begin a channel anew from what can be believed: after a backup was restored, or a row was damaged.

        Raises:
            Refused: UNAVAILABLE, when not even its roots hold.
        """
        resource = Resource(kind=Kind.CHANNEL, id=str(channel))
        async with self._gate.permit_platform(who, Action.CHANNEL_RECOVER, resource, noted(ask, reason)) as tx:
            content = await self._desk.recover(tx, channel)
            for each in content.revoked:
                if each.kind is RevokedKind.DIGEST:
                    document = RevokedDocument(reason=each.reason)
                    await feed.publish(tx, REVOKED, each.of, msgspec.json.encode(document))
        self._reader.memory.forget(channel)
        async with self._gate.permit_platform(who, Action.CHANNEL_READ, resource, ask) as tx:
            return await self._status(tx, channel)

    async def _status(self, tx: OperatorTx, channel: Channel) -> Status:
        try:
            found = await self._reader.open(tx, channel)
        except Untrusted as error:
            return Status(channel=channel, usable=False, trouble=str(error))
        return Status(
            channel=channel,
            usable=True,
            trouble="",
            version=found.seen.targets,
            fresh_until=found.fresh_until,
            promoted=len(found.content.promoted),
            frozen=len(found.content.frozen),
            revoked=len(found.content.revoked),
        )

    async def _promotable(
        self, tx: OperatorTx, subject: Subject, environment: Environment, by: str, reason: str
    ) -> Promoted:
        """Return a release as it is promoted, when it has what is demanded of it there, for all tenants or for one."""
        written = await registry_tables.release_format(tx, subject.digest)
        if written is not None and (barred := written.barred_from(environment)) is not None:
            raise Refused(invalid(barred, param="version"))
        case = await self._admission.case(tx, Found(subject, None), [environment])
        lacking = [judge(case, environment, whose).lacks(PROMOTABLE) for whose in (None, *tenants_in(case))]
        if all(lacking):
            tell = f"{subject.called} may not be promoted to {environment}. {lacking[0]}"
            raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
        size = next(
            len(each.statement)
            for each in case.of(EvidenceKind.MANIFEST)
            if f"sha256:{hashlib.sha256(each.statement).hexdigest()}" == subject.digest
        )
        return Promoted(
            name=subject.name,
            version=subject.version,
            digest=subject.digest,
            size=size,
            current=True,
            by=by,
            at=self._clock.now(),
            reason=reason,
            evaluated=tuple(sorted(case.passed)),
        )


def _act(
    what: str, environment: Environment, release: Promoted, before: Promoted | None, reason: str
) -> dict[str, object]:
    """Return exactly what a second person is asked about: another release in between, and it is another act."""
    return {
        "summary": f"{what} {release.called} in {environment}",
        "act": what,
        "environment": str(environment),
        "release": release.called,
        "digest": release.digest,
        "instead_of": None if before is None else before.digest,
        "reason": reason,
    }


def _older(content: Content, name: str, version: str | None) -> Promoted | None:
    """Return the release to go back to: the one that is named, or the one that was promoted last before."""
    earlier = [each for each in content.promoted if each.name == name and not each.current]
    if version is not None:
        return next((each for each in earlier if each.version == version), None)
    return max(earlier, key=lambda each: each.at, default=None)


def _plan(serving: tables.Serving, name: str, content: Content, case: Case, environment: Environment) -> Moved:
    """Return whether a deployment would serve the older release: it is approved for its tenant, which is not frozen.

    What is frozen is a release's `name`, never a deployment's: that one its tenant chose.
    """
    tenant = str(serving.tenant)
    frozen = content.freeze_on(name, tenant)
    because = judge(case, environment, tenant).lacks(PROMOTABLE) if frozen is None else frozen.said
    return Moved(tenant=serving.named, environment=environment, name=serving.name, moved=not because, because=because)
