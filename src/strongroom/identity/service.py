"""What can be done to tenants, workloads and keys. Each method asks the gate first and does its work inside the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NoReturn

from strongroom.identity import binding, issuing, publish, tables
from strongroom.identity.bindings import Bindings
from strongroom.identity.directory import Directory
from strongroom.identity.federation import publish as federation
from strongroom.identity.model import (
    MAX_KEY_DAYS,
    PURPOSES,
    Environments,
    Key,
    KeyException,
    NewKey,
    Tenant,
    Workload,
    key_expiry,
)
from strongroom.identity.revoking import Before, at_once
from strongroom.identity.signers import publish as signers
from strongroom.identity.signers import tables as signer_tables
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId, Name, TenantId, WorkloadId, new_uuid
from strongroom.kernel.principal import Confirmation, Environment, Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.signatures import PublicKey
from strongroom.store import Conflict, TenantTx
from strongroom.vault import PurposeKeys


async def no_units(tenant: TenantId, unit: str) -> None:
    """Refuse: nothing here knows of business units."""
    raise Refused(invalid(f"There is no vault here to put {tenant} into {unit}.", param="business_unit"))


class Identity:
    """Tenants, environments, workloads and their keys; people's accounts are in `accounts.py`."""

    def __init__(
        self,
        gate: Gate,
        directory: Directory,
        keys: PurposeKeys,
        clock: Clock,
        *,
        production: bool = False,
        settle: Callable[[TenantId, str], Awaitable[None]] = no_units,
    ) -> None:
        """Wire it. `settle` puts the keys of a tenant that is being made into a business unit's namespace."""
        self._settle: Final = settle
        self._gate = gate
        self._directory = directory
        self._keys = keys
        self._clock = clock
        self._production = production

    def find_tenant(self, text: str) -> TenantId:
        """Return the living tenant with this name or id.

        Raises:
            Refused: hidden, in the same words as a tenant that is not the caller's to see.
        """
        found = self._directory.find_tenant(text)
        if found is None:
            raise Refused(hidden("no such tenant"))
        return found

    async def create_tenant(self, who: Principal, name: Name, ask: Ask, *, unit: str | None = None) -> Tenant:
        """Create a tenant with its three environments.

        Args:
            who: the verified caller.
            name: of the tenant.
            ask: the request's facts.
            unit: the business unit in whose namespace of the vault its keys will stand.

        Raises:
            Refused: CONFLICT when a living tenant has the name, or the unit was dissolved; UNAVAILABLE when the vault takes
                no tenant of that unit now.
        """
        tenant = TenantId(new_uuid())
        made = Tenant(id=tenant, name=name, created_at=self._clock.now(), business_unit=unit)
        resource = Resource(kind=Kind.TENANT, id=name, tenant=tenant)
        try:
            async with self._gate.permit_platform(who, Action.TENANT_CREATE, resource, ask) as tx:
                await tables.insert_tenant(tx, made)
                await tables.insert_environments(tx, made, MAX_KEY_DAYS)
                if unit is not None:  # before anything is sealed for it: keys do not move
                    await self._settle(tenant, unit)
                await publish.tenant(tx, made)
        except Conflict:
            _conflict(f"There is a tenant called {name} already.")
        return made

    async def list_tenants(self, who: Principal, ask: Ask) -> list[Tenant]:
        """Return the tenants that the caller may know of."""
        if who.tenant is not None:
            return [await self.show_tenant(who, who.tenant, ask)]
        async with self._gate.permit_platform(who, Action.TENANT_LIST, Resource(kind=Kind.TENANT), ask) as tx:
            return await tables.tenants(tx)

    async def show_tenant(self, who: Principal, tenant: TenantId, ask: Ask) -> Tenant:
        """Return one tenant."""
        resource = Resource(kind=Kind.TENANT, id=str(tenant), tenant=tenant)
        async with self._gate.permit(who, Action.TENANT_READ, resource, ask) as tx:
            found = await tables.tenant(tx)
        if found is None:
            raise Refused(hidden(f"tenant {tenant} is gone"))
        return found

    async def delete_tenant(self, who: Principal, tenant: TenantId, ask: Ask) -> list[KeyId]:
        """End a tenant, then its workloads and keys; return the keys that this ended.

        The first transaction is enough for the wall: once it is known that a tenant is gone, none of its credentials
        counts. The second tidies up and stands in the tenant's own log. A fault between the two is mended by asking
        again: what has ended stays as it is.
        """
        resource = Resource(kind=Kind.TENANT, id=str(tenant), tenant=tenant)
        now = self._clock.now()
        async with self._gate.permit_platform(who, Action.TENANT_DELETE, resource, ask) as platform:
            if await tables.delete_tenant(platform, tenant, now):
                await publish.tenant_gone(platform, tenant)
            elif not await tables.tenant_ended(platform, tenant):
                raise Refused(hidden(f"there was never a tenant {tenant}"))
        async with self._gate.permit(who, Action.TENANT_DELETE, resource, ask) as tx:
            ended = await self._end_keys(tx, now, "tenant deleted")
            await signers.end(tx, now, "tenant deleted")
            await federation.end(tx, now, "tenant deleted")
            await tables.delete_workloads(tx, now)
        return ended

    async def list_environments(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Environments]:
        """Return a tenant's environments."""
        resource = Resource(kind=Kind.ENVIRONMENT, tenant=tenant)
        async with self._gate.permit(who, Action.ENVIRONMENT_LIST, resource, ask) as tx:
            return await tables.environments(tx)

    async def create_workload(
        self,
        who: Principal,
        tenant: TenantId,
        *,
        environment: Environment,
        name: Name,
        role: Role,
        owner: str,
        team: str | None = None,
        pager: str | None = None,
        purpose: str | None = None,
        ask: Ask,
    ) -> Workload:
        """Create a workload. `team` and `pager` are the owner where they are not given, `purpose` what the role is for.

        Raises:
            Refused: INVALID for a role that is no workload's, FORBIDDEN for one that the policies do not let stand in
                this environment, CONFLICT when the name is taken there.
        """
        if not role.is_workload:
            roles = ", ".join(each for each in Role if each.is_workload)
            raise Refused(invalid(f"A workload's role is one of {roles}, and not {role}.", param="role"))
        made = Workload(
            id=new_uuid(),
            environment=environment,
            name=name,
            role=role,
            owner=owner,
            created_at=self._clock.now(),
            team=team or owner,
            pager=pager or owner,
            purpose=purpose or PURPOSES[role],
        )
        resource = Resource(kind=Kind.WORKLOAD, id=name, tenant=tenant, environment=environment)
        try:
            async with self._gate.permit(who, Action.WORKLOAD_CREATE, resource, ask) as tx:
                self._gate.demand(
                    who, Action.WORKLOAD_CREATE, replace(resource, holder=role), _unfit(role, environment)
                )
                await self._living(tx)
                await tables.insert_workload(tx, made)
        except Conflict:
            _conflict(f"There is a workload called {name} in {environment} already.")
        return made

    async def list_workloads(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Workload]:
        """Return a tenant's workloads."""
        async with self._gate.permit(who, Action.WORKLOAD_LIST, Resource(kind=Kind.WORKLOAD, tenant=tenant), ask) as tx:
            return await tables.workloads(tx)

    async def delete_workload(
        self, who: Principal, tenant: TenantId, environment: Environment, name: Name, ask: Ask
    ) -> list[KeyId]:
        """End a workload, its keys, signers and federation rules; return the keys that this ended."""
        resource = Resource(kind=Kind.WORKLOAD, id=name, tenant=tenant, environment=environment)
        async with self._gate.permit(who, Action.WORKLOAD_DELETE, resource, ask) as tx:
            workload = await _workload(tx, environment, name)
            now = self._clock.now()
            ended = await self._end_keys(tx, now, "workload deleted", workload=WorkloadId(workload.id))
            await signers.end(tx, now, "workload deleted", WorkloadId(workload.id))
            await federation.end(tx, now, "workload deleted", WorkloadId(workload.id))
            await tables.delete_workload(tx, WorkloadId(workload.id), now)
        return ended

    async def freeze_workload(
        self, who: Principal, tenant: TenantId, environment: Environment, name: Name, reason: str, ask: Ask
    ) -> list[KeyId]:
        """End everything that a workload gets in by, and leave the workload: keys, signers and federation rules.

        It stops until somebody issues a key again. Returns the keys that this ended.
        """
        resource = Resource(kind=Kind.KEY, tenant=tenant, environment=environment)
        async with self._gate.permit(who, Action.KEY_REVOKE, resource, ask) as tx:
            workload = WorkloadId((await _workload(tx, environment, name)).id)
            now = self._clock.now()
            ended = await self._end_keys(tx, now, reason, workload=workload)
            await signers.end(tx, now, reason, workload)
            await federation.end(tx, now, reason, workload)
        return ended

    async def create_key(
        self,
        who: Principal,
        tenant: TenantId,
        *,
        environment: Environment,
        workload: Name,
        label: str = "",
        owner: str | None = None,
        days: float | None = None,
        exception: KeyException | None = None,
        purpose: str = "",
        deliver_s: float | None = None,
        bound: Confirmation | str | None = None,
        bindings: Bindings | None = None,
        honeytoken: bool = False,
        ask: Ask,
    ) -> NewKey:
        """Make a key for a workload; its text is in the answer, or in a delivery, and nowhere else.

        Args:
            who: the caller.
            tenant: whose workload it is.
            environment: where the workload lives.
            workload: its name.
            label: a word to tell keys apart.
            owner: who answers for the key; the workload's owner if not given.
            days: how long it lives; the longest allowed here if not given.
            exception: a departure from the rules, bound to networks and time.
            purpose: what it is for, where that is narrower than what the workload is for.
            deliver_s: hand it over by a delivery that opens once, within so many seconds; None: in this answer.
            bound: what its holder must prove to have, or the id of a signer of the workload; in production a key of prod is bound, and to networks, or carries an exception.
            bindings: where, by what, when and for what it may be used.
            honeytoken: it is laid out to be found, and counts for nothing; nothing need be bound to it.
            ask: what goes into the audit entry.

        Raises:
            Refused: INVALID when it would live too long or be free where it must be bound, hidden when there is no such
                workload.
        """
        if self._production and environment is Environment.PROD and exception is None:
            issuing.demand_bound(bound, bindings)
        resource = Resource(kind=Kind.KEY, tenant=tenant, environment=environment)
        async with self._gate.permit(who, Action.KEY_CREATE, resource, ask) as tx:
            await self._living(tx)
            holder = await _workload(tx, environment, workload)
            needed = replace(resource, holder=holder.role)
            self._gate.demand(who, Action.KEY_CREATE, needed, _unfit(holder.role, environment))
            now = self._clock.now()
            held = await _signer(tx, holder, bound, now) if isinstance(bound, str) else bound
            try:
                expires_at = key_expiry(now, days, await _max_key_days(tx, environment))
            except ValueError as error:
                raise Refused(invalid(f"{error}.", param="days")) from None
            made, secret = await issuing.issue(
                tx,
                self._keys,
                holder,
                now=now,
                expires_at=expires_at,
                label=label,
                owner=owner or "",
                purpose=purpose,
                exception=exception,
                bound=held,
                bindings=None
                if bindings is None or bindings.empty
                else issuing.bindable(bindings, self._directory.geo),
                honeytoken=honeytoken,
            )
            if deliver_s is None:
                return NewKey(key=made, secret=secret.text)
            delivery = await issuing.deliver(
                tx, self._keys, made, holder.id, secret, now=now, for_s=issuing.delivery_life(deliver_s)
            )
        return NewKey(key=made, delivery=delivery)

    async def list_keys(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Key]:
        """Return a tenant's keys, dead ones included."""
        async with self._gate.permit(who, Action.KEY_LIST, Resource(kind=Kind.KEY, tenant=tenant), ask) as tx:
            return await tables.keys(tx, self._clock.now())

    async def show_key(self, who: Principal, tenant: TenantId, key_id: KeyId, ask: Ask) -> Key:
        """Return what may be known of one key."""
        resource = Resource(kind=Kind.KEY, id=key_id, tenant=tenant)
        async with self._gate.permit(who, Action.KEY_READ, resource, ask) as tx:
            return await self._key(tx, key_id)

    async def revoke_key(
        self, who: Principal, tenant: TenantId, key_id: KeyId, reason: str, ask: Ask, *, first: Before = at_once
    ) -> Key:
        """End a key at once. Ending it again changes nothing and is no error.

        `first` is done once it is known that the caller may end this key, and before it ends.
        """
        resource = Resource(kind=Kind.KEY, id=key_id, tenant=tenant)
        async with self._gate.permit(who, Action.KEY_REVOKE, resource, ask) as tx:
            await self._key(tx, key_id)
            await first()
            await issuing.end(tx, await tables.revoke_keys(tx, self._clock.now(), reason, key_id=key_id))
            return await self._key(tx, key_id)

    async def _key(self, tx: TenantTx, key_id: KeyId) -> Key:
        found = await tables.key(tx, key_id, self._clock.now())
        if found is None:
            raise Refused(hidden(f"no key {key_id} in this tenant"))
        return found

    async def _end_keys(
        self, tx: TenantTx, now: datetime, reason: str, *, workload: WorkloadId | None = None
    ) -> list[KeyId]:
        ended = await tables.revoke_keys(tx, now, reason, workload=workload)
        await issuing.end(tx, ended)
        return ended

    async def _living(self, tx: TenantTx) -> None:
        """Refuse to add to a tenant that is gone: the directory may lag a deletion by a moment."""
        if not await tables.living(tx):
            raise Refused(hidden(f"tenant {tx.tenant} is gone"))


def loopback_exception(now: datetime, days: float) -> KeyException:
    """Return the exception that demo keys carry: usable from this machine only, and not for long."""
    return KeyException(
        reason="demo key: a static key without proof of possession, for this machine only",
        networks=("127.0.0.0/8",),
        expires_at=now + timedelta(days=days),
    )


async def _max_key_days(tx: TenantTx, environment: Environment) -> int:
    """Return the tenant's own limit, which can be below the installation's and never above it."""
    own = [each.max_key_days for each in await tables.environments(tx) if each.name is environment]
    return min([MAX_KEY_DAYS[environment], *own])


async def _workload(tx: TenantTx, environment: Environment, name: Name) -> Workload:
    found = await tables.workload_named(tx, environment, name)
    if found is None:
        raise Refused(hidden(f"no workload {name} in {environment}"))
    return found


def _unfit(role: Role, environment: Environment) -> str:
    return f"The policies let no workload with the role {role} hold a credential in {environment}."


def _conflict(tell: str) -> NoReturn:
    raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None


async def _signer(tx: TenantTx, holder: Workload, signer_id: str, now: datetime) -> Confirmation:
    """Return what a key is bound to by a signer of its workload.

    Raises:
        Refused: INVALID when the workload has no such signer now.
    """
    found = await signer_tables.signer(tx, signer_id, now)
    if (
        found is None
        or found.status != "active"
        or (found.environment, found.workload) != (holder.environment, holder.name)
    ):
        tell = "The workload has no such signer; `strongroom signer add` registers one, `signer list` shows their ids."
        raise Refused(invalid(tell, param="bound_to"))
    return binding.of_signer(PublicKey.read(found.public_key))
