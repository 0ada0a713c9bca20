"""The control API's routes over tenants, workloads, keys and accounts: decode, ask the service, encode.

No handler decides anything, and none has SQL. Whose a thing is, is said by the path or by the caller's own credential.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, TypeAlias

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from strongroom.identity import binding
from strongroom.identity.accounts import Accounts
from strongroom.identity.approvals.routes import PROPOSED, Proposal, done_or_proposed
from strongroom.identity.bodies import MakeAccount, MakeKey, MakeTenant, MakeToken, MakeWorkload, RevokeKey
from strongroom.identity.finding import Finder
from strongroom.identity.http import Asked, Listing, Who, name_of, noting
from strongroom.identity.model import (
    Account,
    AccountToken,
    Environments,
    Key,
    NewAccount,
    NewKey,
    Tenant,
    Ties,
    Workload,
)
from strongroom.identity.problems import READ, WRITE
from strongroom.identity.service import Identity
from strongroom.kernel.principal import Confirmation, Environment, Role
from strongroom.kernel.refusal import Refused, invalid
from strongroom.signatures import BadKey

TheIdentity: TypeAlias = NamedDependency[Identity]
TheAccounts: TypeAlias = NamedDependency[Accounts]
TheFinder: TypeAlias = NamedDependency[Finder]


class Tenants(Listing, frozen=True, kw_only=True):
    """Tenants, in an answer."""

    data: list[Tenant]


class EnvironmentList(Listing, frozen=True, kw_only=True):
    """Environments, in an answer."""

    data: list[Environments]


class Workloads(Listing, frozen=True, kw_only=True):
    """Workloads, in an answer."""

    data: list[Workload]


class Keys(Listing, frozen=True, kw_only=True):
    """Keys, in an answer."""

    data: list[Key]


class AccountList(Listing, frozen=True, kw_only=True):
    """Accounts, in an answer."""

    data: list[Account]


@get("/tenants", responses=READ, summary="List tenants", tags=["tenants"])
async def list_tenants(identity: TheIdentity, who: Who, ask: Asked) -> Tenants:
    """Return the tenants that the caller may know of."""
    return Tenants(data=await identity.list_tenants(who, ask))


@post("/tenants", responses=WRITE, summary="Create a tenant", tags=["tenants"])
async def create_tenant(data: JSONBody[MakeTenant], identity: TheIdentity, who: Who, ask: Asked) -> Tenant:
    """Create a tenant with its three environments; its keys in the namespace of a business unit, where one is named."""
    return await identity.create_tenant(who, name_of(data.name), ask, unit=data.business_unit)


@get("/tenants/{tenant:str}", responses=READ, summary="Show a tenant", tags=["tenants"])
async def show_tenant(tenant: FromPath[str], identity: TheIdentity, finder: TheFinder, who: Who, ask: Asked) -> Tenant:
    """Return one tenant, by name or id."""
    return await identity.show_tenant(who, await finder.tenant(who, tenant, ask), ask)


@get("/tenants/{tenant:str}/environments", responses=READ, summary="List environments", tags=["tenants"])
async def list_environments(
    tenant: FromPath[str], identity: TheIdentity, finder: TheFinder, who: Who, ask: Asked
) -> EnvironmentList:
    """Return a tenant's environments and the longest life of a key in each."""
    return EnvironmentList(data=await identity.list_environments(who, await finder.tenant(who, tenant, ask), ask))


@get("/tenants/{tenant:str}/workloads", responses=READ, summary="List workloads", tags=["workloads"])
async def list_workloads(
    tenant: FromPath[str], identity: TheIdentity, finder: TheFinder, who: Who, ask: Asked
) -> Workloads:
    """Return a tenant's workloads."""
    return Workloads(data=await identity.list_workloads(who, await finder.tenant(who, tenant, ask), ask))


@post("/tenants/{tenant:str}/workloads", responses=WRITE, summary="Create a workload", tags=["workloads"])
async def create_workload(
    tenant: FromPath[str], data: JSONBody[MakeWorkload], identity: TheIdentity, finder: TheFinder, who: Who, ask: Asked
) -> Workload:
    """Create a workload in one environment and one role."""
    return await identity.create_workload(
        who,
        await finder.tenant(who, tenant, ask),
        environment=data.environment,
        name=name_of(data.name),
        role=Role(data.role),
        owner=data.owner,
        team=data.team,
        pager=data.pager,
        purpose=data.purpose,
        ask=ask,
    )


@delete(
    "/tenants/{tenant:str}/workloads/{environment:str}/{name:str}",
    responses=WRITE,
    summary="Delete a workload",
    tags=["workloads"],
)
async def delete_workload(
    tenant: FromPath[str],
    environment: FromPath[Environment],
    name: FromPath[str],
    identity: TheIdentity,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> None:
    """End a workload and its keys."""
    place = await finder.tenant(who, tenant, ask)
    await identity.delete_workload(who, place, environment, name_of(name), ask)


@get("/tenants/{tenant:str}/keys", responses=READ, summary="List keys", tags=["keys"])
async def list_keys(tenant: FromPath[str], identity: TheIdentity, finder: TheFinder, who: Who, ask: Asked) -> Keys:
    """Return a tenant's keys without their secrets, dead ones included."""
    return Keys(data=await identity.list_keys(who, await finder.tenant(who, tenant, ask), ask))


@post("/tenants/{tenant:str}/keys", responses=WRITE, summary="Issue a key", tags=["keys"])
async def create_key(
    tenant: FromPath[str], data: JSONBody[MakeKey], identity: TheIdentity, finder: TheFinder, who: Who, ask: Asked
) -> NewKey:
    """Issue a key to a workload. This answer is the only place where its secret ever stands."""
    return await identity.create_key(
        who,
        await finder.tenant(who, tenant, ask),
        environment=data.environment,
        workload=name_of(data.workload, "workload"),
        label=data.label,
        owner=data.owner,
        days=data.days,
        purpose=data.purpose or "",
        deliver_s=data.deliver_s,
        bound=None if data.bound_to is None else binding.signer_of(data.bound_to) or _bound(data.bound_to),
        bindings=data.bindings,
        honeytoken=data.honeytoken,
        ask=ask,
    )


def _bound(text: str) -> Confirmation:
    try:
        return binding.read(text)
    except BadKey as error:
        raise Refused(invalid(f"A key cannot be bound to this: {error}.", param="bound_to")) from None


@get("/tenants/{tenant:str}/keys/{key:str}", responses=READ, summary="Show a tenant's key", tags=["keys"])
async def show_key(tenant: FromPath[str], key: FromPath[str], finder: TheFinder, who: Who, ask: Asked) -> Key:
    """Return what may be known of one key."""
    return await finder.show_key(who, key, tenant, ask)


@post(
    "/tenants/{tenant:str}/keys/{key:str}/revoke",
    responses=WRITE,
    status_code=200,
    summary="Revoke a tenant's key",
    tags=["keys"],
)
async def revoke_key(
    tenant: FromPath[str], key: FromPath[str], data: JSONBody[RevokeKey], finder: TheFinder, who: Who, ask: Asked
) -> Key:
    """End a key at once. Ending it again changes nothing and is no error."""
    return await finder.revoke_key(who, key, tenant, data.reason, noting(ask, reason=data.reason))


@get("/keys/{key:str}", responses=READ, summary="Show a credential", tags=["keys"])
async def show_credential(
    key: FromPath[str], finder: TheFinder, who: Who, ask: Asked, tenant: FromQuery[str | None] = None
) -> Key | AccountToken:
    """Return what may be known of a key or an account's token. `tenant` says whose, where the key no longer lives."""
    return await finder.show_credential(who, key, tenant, ask)


@post("/keys/{key:str}/revoke", responses=WRITE, status_code=200, summary="Revoke a credential", tags=["keys"])
async def revoke_credential(
    key: FromPath[str],
    data: JSONBody[RevokeKey],
    finder: TheFinder,
    who: Who,
    ask: Asked,
    tenant: FromQuery[str | None] = None,
) -> Key | AccountToken:
    """End a key or an account's token at once, by its id alone."""
    return await finder.revoke_credential(who, key, tenant, data.reason, noting(ask, reason=data.reason))


@get("/accounts", responses=READ, summary="List accounts", tags=["accounts"])
async def list_accounts(accounts: TheAccounts, who: Who, ask: Asked) -> AccountList:
    """Return the accounts of people."""
    return AccountList(data=await accounts.list(who, ask))


@post("/accounts", responses=WRITE | PROPOSED, summary="Create an account", tags=["accounts"])
async def create_account(
    data: JSONBody[MakeAccount], accounts: TheAccounts, finder: TheFinder, who: Who, ask: Asked
) -> Response[NewAccount | Proposal]:
    """Create an account. This answer is the only place where its token ever stands.

    In production an approver and a tenant's administrator are proposed (202): once somebody else has approved, ask again, with
    the proposal's id as `approved`. The first two approvers of an installation need nobody.
    """
    place = None if data.tenant is None else await finder.tenant(who, data.tenant, ask)
    ties, name = _ties(data.bound_to, data.networks), name_of(data.name)
    said = await accounts.second.asked(
        who,
        ask,
        lambda: accounts.create(who, name, Role(data.role), tenant=place, ties=ties, approved=data.approved, ask=ask),
    )
    return done_or_proposed(said, HTTPStatus.CREATED)


@delete("/accounts/{name:str}", responses=WRITE, summary="Delete an account", tags=["accounts"])
async def delete_account(name: FromPath[str], accounts: TheAccounts, who: Who, ask: Asked) -> None:
    """End an account and its token."""
    await accounts.delete(who, name_of(name), ask)


_AS_BEFORE: Final = MakeToken()


@post("/accounts/{name:str}/token", responses=WRITE | PROPOSED, summary="Reissue an account's token", tags=["accounts"])
async def reissue_token(
    name: FromPath[str], accounts: TheAccounts, who: Who, ask: Asked, data: JSONBody[MakeToken] = _AS_BEFORE
) -> Response[NewAccount | Proposal]:
    """End an account's token and make another. This answer is the only place where it ever stands.

    In production that of an approver or a tenant's administrator is proposed (202), as the account itself is.
    """
    found, ties = name_of(name), _ties(data.bound_to, data.networks)
    said = await accounts.second.asked(
        who, ask, lambda: accounts.reissue(who, found, ask, ties=ties, approved=data.approved)
    )
    return done_or_proposed(said, HTTPStatus.CREATED)


def _ties(bound_to: str | None, networks: tuple[str, ...]) -> Ties:
    return Ties(confirmation=None if bound_to is None else _bound(bound_to), networks=networks)


ROUTES: Final = (
    list_tenants,
    create_tenant,
    show_tenant,
    list_environments,
    list_workloads,
    create_workload,
    delete_workload,
    list_keys,
    create_key,
    show_key,
    revoke_key,
    show_credential,
    revoke_credential,
    list_accounts,
    create_account,
    delete_account,
    reissue_token,
)
