"""What can be done with releases and deployments."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import msgspec

from strongroom.identity import tables as identity_tables
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import DeploymentId, Name, TenantId, new_uuid
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.providers import tables as provider_tables
from strongroom.providers.model import Named, ProviderKind
from strongroom.registry import tables
from strongroom.registry.admission import Admission, Proof
from strongroom.registry.admission.model import Subject
from strongroom.registry.documents import DEPLOYMENT, STOPPED, RouteDocument, TargetDocument
from strongroom.registry.model import SERVED_BY, Deployment, Operation, Release, Target, in_path
from strongroom.registry.prompts import PinnedDocument, Prompts
from strongroom.registry.serving import tables as serving_tables
from strongroom.store import Conflict, TenantTx, feed

_Found = TypeVar("_Found")


class Registry:
    """Releases of the installation, deployments of its tenants."""

    def __init__(
        self,
        gate: Gate,
        clock: Clock,
        admission: Admission,
        prompts: Prompts | None = None,
        runtime: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        """Take what is needed.

        Args:
            gate: gives transactions.
            clock: dates.
            admission: judges releases.
            prompts: without it, no deployment can have one.
            runtime: tells the digest of the installation, which each deployment is kept with; empty: it cannot be told.
        """
        self._gate = gate
        self._clock = clock
        self._admission = admission
        self._prompts = prompts
        self._runtime = runtime

    async def admit(
        self, who: Principal, release: Release, ask: Ask, prove: Callable[[Subject], Proof] | None = None
    ) -> None:
        """Add a release to the catalogue, and what proves it. Adding it again changes nothing.

        Args:
            who: the caller.
            release: what to add.
            ask: the request.
            prove: makes the proof, where what there is does not count today; without it a release is listed and can
                be deployed nowhere.

        Raises:
            Refused: CONFLICT when its name and version already point at another digest.
        """
        resource = Resource(kind=Kind.RELEASE, id=release.digest)
        subject = Subject(digest=release.digest, name=release.name, version=release.version)
        try:
            async with self._gate.permit_platform(who, Action.MODEL_ADMIT, resource, ask) as tx:
                await tables.insert_release(tx, release)
                if prove is None or await self._admission.proven(tx, subject):
                    return
        except Conflict:
            tell = f"{release.name}@{release.version} is another release already."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None
        proof = await asyncio.to_thread(prove, subject)  # reads every file: no transaction waits for that
        async with self._gate.permit_platform(who, Action.MODEL_ADMIT, resource, ask) as tx:
            await self._admission.keep(tx, subject, proof)

    async def list_releases(self, who: Principal, ask: Ask, tenant: TenantId | None = None) -> list[Release]:
        """Return the catalogue, and the caller's, or `tenant`'s, own releases."""
        if who.tenant is not None or tenant is not None:
            resource = Resource(kind=Kind.RELEASE, tenant=tenant)
            async with self._gate.permit(who, Action.MODEL_LIST, resource, ask) as tx:
                return await tables.releases(tx, tx.tenant)
        async with self._gate.permit_platform(who, Action.MODEL_LIST, Resource(kind=Kind.RELEASE), ask) as platform:
            return await tables.releases(platform)

    async def deploy(
        self,
        who: Principal,
        tenant: TenantId,
        environment: Environment,
        name: Name,
        digest: str,
        ask: Ask,
        prompt: str | None = None,
    ) -> Deployment:
        """Let a tenant's workloads in `environment` ask the release `digest` under `name`.

        Args:
            who: the caller.
            tenant: whose deployment it will be.
            environment: where.
            name: what its callers will call it.
            digest: of the release.
            ask: the request.
            prompt: NAME@VERSION of the tenant's system prompt that goes before every request.

        Raises:
            Refused: INVALID for a release that was never admitted, or is not for that environment; FORBIDDEN for one that
                is not scanned, signed and approved for it, or such a prompt; CONFLICT when the name is taken there.
        """
        deployment, now = DeploymentId(new_uuid()), self._clock.now()
        runtime = "" if self._runtime is None else await self._runtime()
        said = replace(ask, detail={**ask.detail, "runtime": runtime}) if runtime else ask
        resource = Resource(kind=Kind.DEPLOYMENT, id=name, tenant=tenant, environment=environment)
        try:
            async with self._gate.permit(who, Action.DEPLOYMENT_CREATE, resource, said) as tx:
                if not await identity_tables.living(tx):  # the directory may lag a deletion by a moment
                    raise Refused(hidden(f"tenant {tenant} is gone"))
                found = await tables.deployable(tx, digest)
                if found is None:
                    raise Refused(invalid("No release with this digest was admitted.", param="release"))
                if (barred := found.format.barred_from(environment)) is not None:
                    raise Refused(invalid(barred, param="release"))
                await self._admission.demand(tx, digest, environment)
                pinned = await self._pinned(tx, deployment, environment, found.kind, prompt)
                route = RouteDocument(
                    environment=environment,
                    name=name,
                    release=digest,
                    kind=found.kind,
                    created=int(now.timestamp()),
                    own=found.own,
                    brought=found.brought,
                    prompt=pinned,
                )
                await tables.insert_deployment(tx, deployment, route, now, runtime or None)
                await tables.served(tx, deployment, None, digest, by=str(who), at=now)
                if await tables.deployable(tx, digest) is None:  # deleted meanwhile; from here on it cannot be
                    raise Refused(invalid("No release with this digest was admitted.", param="release"))
                await feed.publish(tx, DEPLOYMENT, str(deployment), msgspec.json.encode(route))
                made = await tables.deployment_named(tx, environment, name)
        except Conflict:
            tell = f"There is a deployment called {name} in {environment} already."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None
        if made is None:
            raise AssertionError("a deployment vanished in the transaction that made it")
        return made

    async def deploy_outside(
        self,
        who: Principal,
        tenant: TenantId,
        environment: Environment,
        name: Name,
        kind: Operation,
        targets: Sequence[Target],
        ask: Ask,
        prompt: str | None = None,
    ) -> Deployment:
        """Let a tenant's workloads in `environment` ask providers under `name`, with a system prompt as in `deploy`.

        Whether a provider may be routed to is asked at each request; here it must be open to the tenant and speak of
        `kind`.

        Raises:
            Refused: INVALID for a provider that is not open to the tenant or does not serve `kind`, CONFLICT when the
                name is taken there.
        """
        deployment, now = DeploymentId(new_uuid()), self._clock.now()
        resource = Resource(kind=Kind.DEPLOYMENT, id=name, tenant=tenant, environment=environment)
        try:
            async with self._gate.permit(who, Action.DEPLOYMENT_CREATE, resource, ask) as tx:
                if not await identity_tables.living(tx):  # the directory may lag a deletion by a moment
                    raise Refused(hidden(f"tenant {tenant} is gone"))
                documents = _resolved(
                    await provider_tables.named(tx, [each.provider for each in targets]), kind, targets
                )
                route = RouteDocument(
                    environment=environment, name=name, kind=kind, created=int(now.timestamp()), targets=documents,
                    prompt=await self._pinned(tx, deployment, environment, kind, prompt),
                )  # fmt: skip
                await tables.insert_outside(tx, deployment, route, now)
                await feed.publish(tx, DEPLOYMENT, str(deployment), msgspec.json.encode(route))
                made = await tables.deployment_named(tx, environment, name)
        except Conflict:
            tell = f"There is a deployment called {name} in {environment} already."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None
        if made is None:
            raise AssertionError("a deployment vanished in the transaction that made it")
        return made

    async def _pinned(
        self, tx: TenantTx, deployment: DeploymentId, environment: Environment, kind: Operation, named: str | None
    ) -> PinnedDocument | None:
        """Return the prompt that is named, sealed to the deployment, once it may be deployed there."""
        if named is None:
            return None
        name, _, version = named.partition("@")
        if self._prompts is None or not name or not version:
            raise Refused(invalid("A prompt is NAME@VERSION.", param="prompt"))
        if kind is not Operation.CHAT:
            raise Refused(
                invalid(f"A system prompt goes with a model for chat; this one is for {kind}.", param="prompt")
            )
        prompt = await self._prompts.demand(tx, name, version, environment)
        return await self._prompts.pin(prompt, environment, str(deployment))

    async def list_deployments(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Deployment]:
        """Return a tenant's deployments."""
        resource = Resource(kind=Kind.DEPLOYMENT, tenant=tenant)
        async with self._gate.permit(who, Action.DEPLOYMENT_LIST, resource, ask) as tx:
            return await tables.deployments(tx)

    async def looked_at(
        self, who: Principal, tenant: TenantId, ask: Ask, look: Callable[[TenantTx], Awaitable[_Found]]
    ) -> _Found:
        """Return what `look` finds about a tenant's deployments."""
        resource = Resource(kind=Kind.DEPLOYMENT, tenant=tenant)
        async with self._gate.permit(who, Action.DEPLOYMENT_LIST, resource, ask) as tx:
            return await look(tx)

    async def withdraw(self, who: Principal, tenant: TenantId, environment: Environment, name: Name, ask: Ask) -> None:
        """End a deployment: the gateways stop routing to it at once."""
        resource = Resource(kind=Kind.DEPLOYMENT, id=name, tenant=tenant, environment=environment)
        async with self._gate.permit(who, Action.DEPLOYMENT_DELETE, resource, ask) as tx:
            found = await tables.deployment_named(tx, environment, name)
            if found is None:
                raise Refused(hidden(f"no deployment {name} in {environment}"))
            now = self._clock.now()
            for ended in await tables.end_deployments(tx, now, DeploymentId(found.id)):
                if found.release is not None:
                    await tables.served(tx, ended, found.release, None, by=str(who), at=now)
                await _withdrawn(tx, ended)

    async def withdraw_all(self, who: Principal, tenant: TenantId, ask: Ask) -> None:
        """End every deployment of a tenant, as its deletion does."""
        resource = Resource(kind=Kind.TENANT, id=str(tenant), tenant=tenant)
        async with self._gate.permit(who, Action.TENANT_DELETE, resource, ask) as tx:
            for ended in await tables.end_deployments(tx, self._clock.now()):
                await _withdrawn(tx, ended)


async def _withdrawn(tx: TenantTx, ended: DeploymentId) -> None:
    """Have gateways forget a deployment, and whether it was stopped."""
    if await serving_tables.drop(tx, ended):
        await feed.withdraw(tx, STOPPED, str(ended))
    await feed.withdraw(tx, DEPLOYMENT, str(ended))


def _check_path(model: str, param: str) -> None:
    try:
        in_path(model)
    except ValueError as error:
        raise Refused(invalid(str(error), param=param)) from None


def _resolved(found: dict[str, Named], kind: Operation, targets: Sequence[Target]) -> tuple[TargetDocument, ...]:
    """Return `targets` by their providers' ids.

    Raises:
        Refused: INVALID, in the same words for a provider that is not there and one that is not open to the tenant.
    """
    documents: list[TargetDocument] = []
    for place, target in enumerate(targets):
        provider = found.get(target.provider)
        if provider is None:
            tell = "No provider of this name is open to the tenant."
            raise Refused(invalid(tell, param=f"targets[{place}].provider"))
        if kind not in SERVED_BY[provider.kind]:
            tell = f"A provider that speaks {provider.kind} is not asked for {kind}."
            raise Refused(invalid(tell, param=f"targets[{place}].provider"))
        if provider.kind is ProviderKind.OIP:
            _check_path(target.model, f"targets[{place}].model")
        documents.append(
            TargetDocument(provider=provider.id, model=target.model, weight=target.weight, fallback=target.fallback)
        )
    return tuple(documents)
