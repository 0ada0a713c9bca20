"""Freezing, which keeps things as they are, and revoking, which stops them for good."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final
from uuid import UUID

import msgspec

from strongroom.audit import plain
from strongroom.identity.approvals.second import SecondPerson
from strongroom.identity.revoking import Before, at_once
from strongroom.kernel.clock import Clock, rfc3339
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.registry import dsse
from strongroom.registry.admission import tables as admission_tables
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.model import Evidence, EvidenceKind
from strongroom.registry.admission.statements import read_scan
from strongroom.registry.channels import tables
from strongroom.registry.channels.answers import Moved, Stopped
from strongroom.registry.channels.desk import Desk
from strongroom.registry.channels.model import Channel, Content, Freeze, FreezeKind, Revoked, RevokedKind
from strongroom.registry.documents import REVOKED, SIGNER, RevokedDocument
from strongroom.registry.oms import BadSignature
from strongroom.registry.oms.service import verify_statement
from strongroom.store import OperatorTx, feed

_FACT: Final = 256
_SHAPES: Final = {
    RevokedKind.DIGEST: re.compile(r"sha256:[0-9a-f]{64}"),
    RevokedKind.SIGNER: re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}"),
}


class Holds:
    """Freezes and revokes."""

    def __init__(self, gate: Gate, desk: Desk, keys: RegistryKeys, clock: Clock, second: SecondPerson) -> None:
        """Wire it. `second`: to whom the end of a freeze of prod is put; stopping anything waits for nobody."""
        self._gate = gate
        self._desk = desk
        self._keys = keys
        self._clock = clock
        self._second = second

    async def freeze(
        self, who: Principal, environment: Environment, name: str | None, tenant: TenantId | None, reason: str, ask: Ask
    ) -> Freeze:
        """Freeze a name, a tenant or all of an environment: nothing there is promoted, rolled back or deployed.

        What serves goes on. That a tenant is frozen stands in its own log too.

        Raises:
            Refused: CONFLICT, when it is frozen already.
        """
        kind, of = _what(name, tenant)
        channel, said = Channel.of(environment), noted(ask, reason, frozen=str(kind), of=of)
        frozen = Freeze(kind=kind, of=of, by=who.name, at=self._clock.now(), reason=reason)
        resource = Resource(kind=Kind.CHANNEL, id=str(channel))
        async with self._gate.permit_platform(who, Action.CHANNEL_FREEZE, resource, said) as tx:
            before = await self._desk.open(tx, channel)
            if _found(before.content, kind, of) is not None:
                raise conflict("It is frozen already.")
            content = msgspec.structs.replace(before.content, frozen=(*before.content.frozen, frozen))
            await self._desk.put(tx, channel, content, before)
        await self._tell(who, Action.CHANNEL_FREEZE, channel, tenant, said)
        return frozen

    async def unfreeze(
        self,
        who: Principal,
        environment: Environment,
        name: str | None,
        tenant: TenantId | None,
        reason: str,
        ask: Ask,
        approved: UUID | None = None,
    ) -> Freeze:
        """End a freeze; return what it was.

        Args:
            who: the caller.
            environment: where.
            name: the name that was frozen, or
            tenant: the tenant; neither: the environment.
            reason: why.
            ask: the request.
            approved: the proposal of exactly this, where it takes a second person.

        Raises:
            Waits: in production, for prod.
            Refused: CONFLICT, when that is not frozen.
        """
        kind, of = _what(name, tenant)
        channel, said = Channel.of(environment), noted(ask, reason, frozen=str(kind), of=of)
        resource = Resource(kind=Kind.CHANNEL, id=str(channel))
        async with self._gate.permit_platform(who, Action.CHANNEL_UNFREEZE, resource, said) as tx:
            before = await self._desk.open(tx, channel)
            found = _found(before.content, kind, of)
            if found is None:
                raise conflict("It is not frozen.")
            if environment is Environment.PROD:
                act = {
                    "summary": f"end the freeze of {of or 'all'} in {environment}",
                    "act": "unfreeze",
                    "environment": str(environment),
                    "kind": str(kind),
                    "of": of,
                    "frozen_by": found.by,
                    "frozen_at": rfc3339(found.at),
                    "frozen_for": found.reason,
                    "reason": reason,
                }
                await self._second.use(tx, who, act, approved)
            left = tuple(each for each in before.content.frozen if each is not found)
            await self._desk.put(tx, channel, msgspec.structs.replace(before.content, frozen=left), before)
        await self._tell(who, Action.CHANNEL_UNFREEZE, channel, tenant, said)
        return found

    async def revoke(
        self, who: Principal, kind: RevokedKind, of: str, reason: str, ask: Ask, *, first: Before = at_once
    ) -> Stopped:
        """Let a release, or whatever a signer has signed, serve nowhere any more, for good.

        The gateways refuse what asks for it once they have the change, and the supervisor ends its workers. `first` is done
        once it is known that the caller may do this, and before it is done.

        Raises:
            Refused: INVALID for what is no digest or key's id, CONFLICT when it is revoked already.
        """
        said = noted(ask, reason, revoked=str(kind), of=of)
        revoked = Revoked(kind=kind, of=of, by=who.name, at=self._clock.now(), reason=reason)
        resource = Resource(kind=Kind.CHANNEL, id=str(Channel.REVOCATIONS))
        async with self._gate.permit_platform(who, Action.CHANNEL_REVOKE, resource, said) as tx:
            if not _SHAPES[kind].fullmatch(of):
                shape = (
                    "sha256: and 64 hexadecimal digits" if kind is RevokedKind.DIGEST else "a key's id, in hexadecimal"
                )
                raise Refused(invalid(f"That is {shape}.", param=str(kind)))
            before = await self._desk.open(tx, Channel.REVOCATIONS)
            if any(each.kind is kind and each.of == of for each in before.content.revoked):
                raise conflict("It is revoked already.")
            await first()
            content = msgspec.structs.replace(before.content, revoked=(*before.content.revoked, revoked))
            releases = [of] if kind is RevokedKind.DIGEST else await self._signed_by(tx, of)
            if kind is RevokedKind.SIGNER:  # each stands in the list by its digest too: it is asked for by that
                listed = {each.of for each in content.revoked}
                fallen = tuple(
                    Revoked(kind=RevokedKind.DIGEST, of=each, by=who.name, at=revoked.at, reason=reason)
                    for each in releases
                    if each not in listed
                )
                content = msgspec.structs.replace(content, revoked=(*content.revoked, *fallen))
            stopped = [served for each in releases for served in await tables.serving(tx, each, None)]
            await self._desk.put(tx, Channel.REVOCATIONS, content, before)
            told = [*releases, f"{SIGNER}{of}"] if kind is RevokedKind.SIGNER else releases
            for each in told:  # what a signer has approved is judged again at once: with that word it may have too few
                document = RevokedDocument(reason=reason)
                await feed.publish(tx, REVOKED, each, msgspec.json.encode(document))
        return Stopped(
            revoked=revoked,
            releases=tuple(releases),
            deployments=tuple(
                Moved(tenant=each.named, environment=each.environment, name=each.name, moved=False, because=reason)
                for each in stopped
            ),
        )

    async def _tell(self, who: Principal, action: Action, channel: Channel, tenant: TenantId | None, ask: Ask) -> None:
        """Write into a tenant's log what was done about it; in the installation's it stands already."""
        if tenant is not None:
            async with self._gate.permit(who, action, Resource(kind=Kind.CHANNEL, id=str(channel), tenant=tenant), ask):
                pass  # permitted and recorded; the change itself is the installation's

    async def _signed_by(self, tx: OperatorTx, signer: str) -> list[str]:
        """Return the releases of which a verdict or a model signature is by `signer`."""
        found: list[str] = []
        for digest, owner in await tables.releases(tx):
            evidence = await admission_tables.of_release(tx, digest, owner)
            if any(self._signer(each) == signer for each in evidence):
                found.append(digest)
        return sorted(set(found))

    def _signer(self, evidence: Evidence) -> str | None:
        try:
            if evidence.kind is EvidenceKind.SIGNATURE:
                return verify_statement(evidence.statement, self._keys.signers()).signer.removeprefix("key ")
            if evidence.kind is EvidenceKind.SCAN:
                return read_scan(evidence.statement, self._keys.scanners()).signer
        except (BadSignature, dsse.BadEnvelope):
            return None
        return None


def noted(ask: Ask, reason: str, **facts: str) -> Ask:
    """Return `ask` with what the audit log is to say of a change, and why it was made."""
    said = {name: plain(fact)[:_FACT] for name, fact in facts.items() if fact}
    return replace(ask, detail={**ask.detail, **said, "reason": plain(reason)[:_FACT]})


def conflict(tell: str) -> Refused:
    """Return a refusal of what the state of a channel does not allow."""
    return Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))


def refuse_frozen(content: Content, name: str) -> None:
    """Refuse to change a name that is frozen.

    Raises:
        Refused: CONFLICT, with who froze it and why.
    """
    frozen = content.freeze_on(name, None)
    if frozen is not None:
        raise conflict(frozen.said)


def _what(name: str | None, tenant: TenantId | None) -> tuple[FreezeKind, str]:
    if name is not None and tenant is not None:
        raise Refused(invalid("Freeze a name or a tenant, not both at once.", param="name"))
    if tenant is not None:
        return FreezeKind.TENANT, str(tenant)
    return (FreezeKind.ENVIRONMENT, "") if name is None else (FreezeKind.NAME, name)


def _found(content: Content, kind: FreezeKind, of: str) -> Freeze | None:
    return next((each for each in content.frozen if each.kind is kind and each.of == of), None)
