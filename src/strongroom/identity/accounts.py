"""Accounts of people in the installation, and their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from strongroom.identity import account_tables as rows
from strongroom.identity import approvals, publish, secretkey
from strongroom.identity.approvals import tables as voices
from strongroom.identity.approvals.second import SecondPerson
from strongroom.identity.issuing import fingerprint_of
from strongroom.identity.model import (
    MAX_ACCOUNT_KEY_DAYS,
    Account,
    AccountToken,
    NewAccount,
    Ties,
    key_status,
    thumbprint_text,
)
from strongroom.identity.networks import narrow_networks
from strongroom.identity.revoking import Before, at_once
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import AccountId, KeyId, Name, TenantId, new_uuid
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import EVERY, Action, Ask, Gate, Kind, Resource
from strongroom.store import Conflict, OperatorTx
from strongroom.vault import PurposeKeys

_ROLES: Final = frozenset({Role.OPERATOR, Role.APPROVER, Role.TENANT_ADMIN})
"""What accounts are for; auditors sign on with their provider, which is where their end is said."""

FIRST_DAYS: Final = 1
"""For how long the first operator's token counts in production: to make one that is bound."""

_FREE: Final = (
    "In production a token is bound: name the public key or the certificate of who will hold it (`bound_to`; `--bind` on the "
    "command line), and the networks that it is used from (`networks`; `--network`). People who sign on with their own provider need no token."
)
_DECIDING: Final = frozenset({Role.APPROVER, Role.TENANT_ADMIN, Role.OPERATOR})
"""Whose making, and whose new token, takes somebody else's word in production: by making one, nobody becomes two people."""


class Accounts:
    """Makes, lists and ends accounts. An account has one living token; issuing another ends the one before."""

    def __init__(
        self, gate: Gate, keys: PurposeKeys, clock: Clock, *, production: bool = False, installer: bool = False
    ) -> None:
        """Wire it.

        Args:
            gate: asks the policies.
            keys: the peppers.
            clock: tells the time.
            production: whether tokens have to be bound, and making those who decide takes a second person.
            installer: whether these are the supervisor's own hands, at a start, whom nobody else can be asked about.
        """
        self._gate = gate
        self._keys = keys
        self._clock = clock
        self._production = production
        self.second: Final = SecondPerson(gate, clock, approvals.Kind.ACCOUNT, demanded=production and not installer)
        """For surfaces: `second.asked` does an act, or proposes it where it waits."""

    async def create(
        self,
        who: Principal,
        name: Name,
        role: Role,
        *,
        tenant: TenantId | None = None,
        demo: bool = False,
        ties: Ties | None = None,
        approved: UUID | None = None,
        ask: Ask,
    ) -> NewAccount:
        """Create an account and its first token, bound as `ties` says.

        `approved`: the proposal of exactly this, where it takes a second person.

        Raises:
            Refused: INVALID when role and tenant do not fit, or what it would be bound to cannot be held to or is not
                enough in production; CONFLICT when the name is taken.
            Waits: in production, of who decides on others or administers a tenant: it takes a second person.
        """
        held = self._fit(ties or Ties())
        if role not in _ROLES:
            raise Refused(invalid(f"{role} is not the role of an account.", param="role"))
        if (role is Role.TENANT_ADMIN) != (tenant is not None):
            raise Refused(invalid("A tenant administrator has a tenant; the other roles have none.", param="tenant"))
        account = Account(id=new_uuid(), name=name, role=role, demo=demo, created_at=self._clock.now(), tenant=tenant)
        # A tenant's administrator is the tenant's matter: an elevation for that tenant may cover it.
        resource, noted = Resource(kind=Kind.ACCOUNT, id=name, tenant=tenant), self._noted(ask, role, approved)
        try:
            async with self._gate.permit_platform(who, Action.ACCOUNT_CREATE, resource, noted) as tx:
                await self._two(tx, who, "create", account, held, approved)
                await rows.insert_account(tx, account)
                return await self._issue(tx, account, held)
        except Conflict:
            tell = f"There is an account called {name} already."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None

    async def reissue(
        self, who: Principal, name: Name, ask: Ask, *, ties: Ties | None = None, approved: UUID | None = None
    ) -> NewAccount:
        """End the account's token and make another, bound as `ties` says; what is left out there is as before.

        Raises:
            Refused: INVALID as in `create`.
            Waits: as `create`.
        """
        noted = self._noted(ask, None, approved)
        async with self._gate.permit_platform(who, Action.KEY_CREATE, _key_resource(), noted) as tx:
            account = await _account(tx, name)
            before, named = await rows.newest_ties(tx, AccountId(account.id)), ties or Ties()
            held = named if named.exception else self._fit(_over(before, named))
            await self._two(tx, who, "give a new token to", account, held, approved)
            await self._end(tx, [account], "reissued")
            return await self._issue(tx, account, held)

    def _fit(self, ties: Ties) -> Ties:
        """Return what a token can be bound to, and is bound enough by here.

        Raises:
            Refused: INVALID.
        """
        try:
            held = msgspec.structs.replace(ties, networks=narrow_networks(ties.networks))
        except ValueError as error:
            raise Refused(invalid(f"Not what a token can be bound to: {error}.", param="networks")) from None
        if self._production and not held.exception and not held.whole:
            raise Refused(invalid(_FREE, param="networks" if held.confirmation else "bound_to"))
        return held

    async def show_token(self, who: Principal, key_id: KeyId, ask: Ask) -> AccountToken:
        """Return what may be known of one account token, or of a session of somebody who has signed on elsewhere."""
        async with self._gate.permit_platform(who, Action.KEY_READ, _key_resource(key_id), ask) as tx:
            return await _token(tx, key_id, self._clock.now())

    async def revoke_token(
        self, who: Principal, key_id: KeyId, reason: str, ask: Ask, *, first: Before = at_once
    ) -> AccountToken:
        """End one token at once; its account stays. Ending it again changes nothing and is no error.

        A session of somebody who has signed on elsewhere ends in the same way; of one that has ended nothing is known.
        `first`: as for `Identity.revoke_key`.
        """
        async with self._gate.permit_platform(who, Action.KEY_REVOKE, _key_resource(key_id), ask) as tx:
            now = self._clock.now()
            await _token(tx, key_id, now)
            await first()
            if await rows.revoke_account_key(tx, key_id, now, reason):
                await publish.gone(tx, [key_id])
            await approvals.withdraw_of(tx, [key_id], now)
            found = await _token(tx, key_id, now)
            if found.revoked_at is None:  # no table has it: somebody's who has signed on elsewhere
                await approvals.withdraw_of(tx, await publish.sign_on_gone(tx, key_id), now)
                found = msgspec.structs.replace(found, status="revoked", revoked_at=now, revoked_reason=reason)
            return found

    async def list(self, who: Principal, ask: Ask) -> list[Account]:
        """Return the living accounts."""
        async with self._gate.permit_platform(who, Action.ACCOUNT_LIST, _resource("*"), ask) as tx:
            return await rows.accounts(tx)

    async def delete(self, who: Principal, name: Name, ask: Ask) -> None:
        """End an account and its token."""
        async with self._gate.permit_platform(who, Action.ACCOUNT_DELETE, _resource(name), ask) as tx:
            await self._remove(tx, [await _account(tx, name)], "account deleted")

    async def delete_of_tenant(self, who: Principal, tenant: TenantId, ask: Ask) -> None:
        """End the accounts bound to `tenant`."""
        async with self._gate.permit_platform(who, Action.ACCOUNT_DELETE, _resource("*"), ask) as tx:
            await self._remove(tx, await rows.accounts_of(tx, tenant), "tenant deleted")

    def _noted(self, ask: Ask, role: Role | None, approved: UUID | None) -> Ask:
        """Say in the entry by whose word it is done, where it might take somebody else's: none is the first approvers'."""
        if not self.second.demanded or (role is not None and role not in _DECIDING):
            return ask
        return replace(
            ask, detail={**ask.detail, "approved_by_proposal": "none" if approved is None else str(approved)}
        )

    async def _two(
        self, tx: OperatorTx, who: Principal, act: str, account: Account, ties: Ties, approved: UUID | None
    ) -> None:
        """Demand a second person for who decides on others, so that nobody holds two voices by their own making.

        Not before there have been two approvers, since nobody could approve: an installation has had two once, and never
        again. An operator's own new token is theirs to take; another's is not.
        Not under an elevation, which two others have approved; the policies ask whether it is for this.
        """
        if account.role not in _DECIDING or who.elevation is not None:
            return
        own = act != "create" and account.role is Role.OPERATOR and account.name == who.name
        begins = account.role is Role.OPERATOR or (act == "create" and account.role is Role.APPROVER)
        if own or (begins and await voices.approvers_ever(tx) < approvals.NEEDED):
            return
        subject = {
            "summary": f"{act} the {account.role} {account.name}",
            "act": act,
            "name": account.name,
            "role": str(account.role),
            "tenant": None if account.tenant is None else str(account.tenant),
            "account": None if act == "create" else str(account.id),
            "bound_to": None if ties.confirmation is None else thumbprint_text(ties.confirmation.thumbprint),
            "networks": list(ties.networks),
        }
        await self.second.use(tx, who, subject, approved, about=account.tenant)

    async def _remove(self, tx: OperatorTx, accounts: Sequence[Account], reason: str) -> None:
        await self._end(tx, accounts, reason)
        for account in accounts:
            await rows.delete_account(tx, AccountId(account.id), self._clock.now())

    async def _end(self, tx: OperatorTx, accounts: Sequence[Account], reason: str) -> None:
        ids, now = [account.id for account in accounts], self._clock.now()
        ended = await rows.revoke_account_keys(tx, ids, now, reason)
        await publish.gone(tx, ended)
        await approvals.withdraw_of(tx, ended, now)

    async def _issue(self, tx: OperatorTx, account: Account, ties: Ties) -> NewAccount:
        now = self._clock.now()
        expires_at = now + timedelta(days=FIRST_DAYS if ties.exception else MAX_ACCOUNT_KEY_DAYS)
        secret = secretkey.mint(account.role, None)
        fingerprint = fingerprint_of(secret, self._keys)
        version = self._keys.current
        await rows.insert_account_key(
            tx, AccountId(account.id), secret.id, fingerprint, version, created_at=now, expires_at=expires_at, ties=ties
        )
        await publish.account_key(tx, account, secret.id, fingerprint, version, expires_at.timestamp(), ties)
        confirmation = ties.confirmation
        return NewAccount(
            account=account,
            key_id=secret.id,
            token=secret.text,
            expires_at=expires_at,
            proof=None if confirmation is None else confirmation.proof,
            thumbprint=None if confirmation is None else thumbprint_text(confirmation.thumbprint),
            networks=ties.networks,
            exception=ties.exception or None,
        )


def first_token() -> Ties:
    """Return the exception of an installation's first token in production: this machine's only, and for a day."""
    return Ties(networks=("127.0.0.0/8", "::1/128"), exception="first token of an operator, to make one that is bound")


def _over(before: Ties, named: Ties) -> Ties:
    return Ties(confirmation=named.confirmation or before.confirmation, networks=named.networks or before.networks)


def _resource(name: str) -> Resource:
    return Resource(kind=Kind.ACCOUNT, id=name)


def _key_resource(key_id: str = EVERY) -> Resource:
    return Resource(kind=Kind.KEY, id=key_id)


async def _token(tx: OperatorTx, key_id: KeyId, now: datetime) -> AccountToken:
    found = await rows.account_key(tx, key_id, now) or await _session(tx, key_id, now)
    if found is None:
        raise Refused(hidden(f"no token {key_id}"))
    return found


async def _session(tx: OperatorTx, key_id: KeyId, now: datetime) -> AccountToken | None:
    """Return the token that a session of single sign-on hangs on: the feed alone knows it."""
    told = await publish.person_of(tx, key_id)
    if told is None or not told.signed_on_at:
        return None
    began, ends = (datetime.fromtimestamp(each, UTC) for each in (told.signed_on_at, told.expires_at))
    status = key_status(now, ends, None)
    bound = None if told.thumbprint is msgspec.UNSET else thumbprint_text(told.thumbprint)
    proof = None if told.proof is msgspec.UNSET else told.proof
    return AccountToken(
        id=key_id, account=told.name, created_at=began, expires_at=ends, status=status, proof=proof, thumbprint=bound
    )


async def _account(tx: OperatorTx, name: Name) -> Account:
    found = await rows.account_named(tx, name)
    if found is None:
        raise Refused(hidden(f"no account {name}"))
    return found
