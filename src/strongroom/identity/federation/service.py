"""What can be done to federation rules and to tokens that were given out. Each method asks the gate first."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from strongroom.identity import tables as identity_tables
from strongroom.identity.federation import publish, tables
from strongroom.identity.federation.model import MAX_TOKEN_S, Rule, Terms, Token, check
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId, Name, TenantId, WorkloadId, new_uuid
from strongroom.kernel.principal import Environment, Principal, Proof
from strongroom.kernel.refusal import Refused, hidden, invalid
from strongroom.policy import EVERY, Action, Ask, Gate, Kind, Resource
from strongroom.signatures.jose import BadToken, KeySet
from strongroom.store import TenantTx

_LEAST_TOKEN_S: Final = 60


class FederationService:
    """Makes, shows and ends rules; shows and revokes tokens."""

    def __init__(self, gate: Gate, clock: Clock) -> None:
        self._gate = gate
        self._clock = clock

    async def create(
        self,
        who: Principal,
        tenant: TenantId,
        terms: Terms,
        *,
        environment: Environment,
        workload: Name,
        token_s: int | None = None,
        label: str = "",
        owner: str | None = None,
        ask: Ask,
    ) -> Rule:
        """Make a rule: whoever shows a token on these terms gets one of the workload's.

        Args:
            who: the caller.
            tenant: whose workload it is.
            terms: what is asked of the token.
            environment: where the workload lives.
            workload: its name.
            token_s: how long a token lives that is given out, in seconds; the longest allowed there if not given.
            label: a word to tell rules apart.
            owner: who answers for it; the workload's owner if not given.
            ask: what goes into the audit entry.

        Raises:
            Refused: INVALID for terms that cannot be used, hidden when there is no such workload.
        """
        if terms.proof is Proof.SIGNATURE:
            raise Refused(
                invalid("Tokens are bound by dpop or by mtls; a signing key binds static keys.", param="proof")
            )
        _usable(terms)
        longest = MAX_TOKEN_S[environment]
        if token_s is not None and not _LEAST_TOKEN_S <= token_s <= longest:
            tell = f"A token in {environment} lives at least a minute and at most {longest // 60} minutes."
            raise Refused(invalid(tell, param="token_minutes"))
        rule = new_uuid()
        resource = Resource(kind=Kind.FEDERATION, id=str(rule), tenant=tenant, environment=environment)
        async with self._gate.permit(who, Action.FEDERATION_CREATE, resource, ask) as tx:
            holder = await identity_tables.workload_named(tx, environment, workload)
            if holder is None or not await identity_tables.living(tx):
                raise Refused(hidden(f"no workload {workload} in {environment}"))
            unfit = f"The policies let no workload with the role {holder.role} hold a credential in {environment}."
            self._gate.demand(who, Action.FEDERATION_CREATE, replace(resource, holder=holder.role), unfit)
            made = Rule(
                id=rule,
                environment=environment,
                workload=holder.name,
                role=holder.role,
                kind=terms.kind,
                issuer=terms.issuer,
                audience=terms.audience,
                subject=terms.subject,
                claims=terms.claims,
                keys_url=terms.keys_url,
                inline_keys=terms.keys is not None,
                networks=terms.networks,
                proof=terms.proof,
                max_age_s=terms.max_age_s,
                token_s=longest if token_s is None else token_s,
                label=label,
                owner=owner or holder.owner,
                created_at=self._clock.now(),
                status="active",
            )
            await tables.insert_rule(tx, WorkloadId(holder.id), made, terms)
            await publish.made(tx, WorkloadId(holder.id), made, terms)
        return made

    async def tokens(self, who: Principal, tenant: TenantId, ask: Ask, rule: UUID | None = None) -> list[Token]:
        """Return the latest tokens that a tenant's rules gave out."""
        resource = _rules(tenant, EVERY if rule is None else str(rule))
        async with self._gate.permit(who, Action.TOKEN_LIST, resource, ask) as tx:
            return await tables.tokens(tx, self._clock.now(), rule)

    async def list(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Rule]:
        """Return a tenant's rules, ended ones included."""
        async with self._gate.permit(who, Action.FEDERATION_LIST, _rules(tenant), ask) as tx:
            return await tables.rules(tx)

    async def show(self, who: Principal, tenant: TenantId, rule: UUID, ask: Ask) -> Rule:
        """Return one rule."""
        async with self._gate.permit(who, Action.FEDERATION_LIST, _rules(tenant, str(rule)), ask) as tx:
            return await _found(tx, rule)

    async def end(self, who: Principal, tenant: TenantId, rule: UUID, reason: str, ask: Ask) -> Rule:
        """End a rule, and with it every token that was given out under it. Ending it again changes nothing."""
        async with self._gate.permit(who, Action.FEDERATION_DELETE, _rules(tenant, str(rule)), ask) as tx:
            await publish.gone(tx, await tables.end_rules(tx, self._clock.now(), reason, rule_id=rule))
            return await _found(tx, rule)

    async def revoke_token(self, who: Principal, tenant: TenantId, token: KeyId, reason: str, ask: Ask) -> Token:
        """End a token at once. Ending it again changes nothing and is no error."""
        async with self._gate.permit(who, Action.TOKEN_REVOKE, _rules(tenant, token), ask) as tx:
            now = self._clock.now()
            first = await tables.revoke_token(tx, token, now, reason)
            found = await tables.token(tx, token, now)
            if found is None:
                raise Refused(hidden(f"no token {token} in this tenant"))
            if first and _lives(found, now):
                await publish.revoked(tx, found)
        return found


def _lives(token: Token, now: datetime) -> bool:
    return token.expires_at > now


def _rules(tenant: TenantId, what: str = EVERY) -> Resource:
    return Resource(kind=Kind.FEDERATION, id=what, tenant=tenant)


def _usable(terms: Terms) -> None:
    wrong = check(terms)
    if wrong is not None:
        raise Refused(invalid(wrong[1], param=wrong[0]))
    if terms.keys is not None:
        bundle = terms.kind == "spiffe"
        try:
            KeySet.parse(terms.keys.encode(), uses=("jwt-svid",) if bundle else ("sig",), used=bundle)
        except BadToken as error:
            raise Refused(invalid(f"Not a key set to rely on: {error}.", param="keys")) from None


async def _found(tx: TenantTx, rule: UUID) -> Rule:
    found = await tables.rule(tx, rule)
    if found is None:
        raise Refused(hidden(f"no federation rule {rule} in this tenant"))
    return found
