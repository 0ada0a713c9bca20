"""What can be done to signers. Each method asks the gate first and does its work inside the answer."""

from __future__ import annotations

from typing import Final

from strongroom.identity import tables as identity_tables
from strongroom.identity.model import key_status
from strongroom.identity.signers import publish, tables
from strongroom.identity.signers.model import Signer, ends
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import Name, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.signatures import PublicKey
from strongroom.store import Conflict

_TAKEN: Final = "This key is, or was, registered in this tenant already; make a new one."


class SignerService:
    """Registers, lists and ends the public keys that workloads sign with."""

    def __init__(self, gate: Gate, clock: Clock) -> None:
        self._gate = gate
        self._clock = clock

    async def add(
        self,
        who: Principal,
        tenant: TenantId,
        key: PublicKey,
        *,
        environment: Environment,
        workload: Name,
        label: str,
        owner: str | None,
        days: float | None,
        ask: Ask,
    ) -> Signer:
        """Register a workload's public key.

        Args:
            who: the caller.
            tenant: whose workload it is.
            key: the public key.
            environment: where the workload lives.
            workload: its name.
            label: a word to tell signers apart.
            owner: who answers for it; the workload's owner if not given.
            days: how long it counts; 90 if not given.
            ask: what goes into the audit entry.

        Raises:
            Refused: hidden when there is no such workload, CONFLICT when the tenant has or had this key.
        """
        resource = Resource(kind=Kind.SIGNER, id=key.id, tenant=tenant, environment=environment)
        try:
            async with self._gate.permit(who, Action.SIGNER_ADD, resource, ask) as tx:
                holder = await identity_tables.workload_named(tx, environment, workload)
                if holder is None or not await identity_tables.living(tx):
                    raise Refused(hidden(f"no workload {workload} in {environment}"))
                now = self._clock.now()
                made = Signer(
                    id=key.id,
                    environment=environment,
                    workload=holder.name,
                    algorithm=key.algorithm.value,
                    label=label,
                    owner=owner or holder.owner,
                    created_at=now,
                    expires_at=ends(now, days),
                    status=key_status(now, ends(now, days), None),
                    public_key=key.pem(),
                )
                await tables.insert(tx, WorkloadId(holder.id), made, key)
                await publish.made(tx, WorkloadId(holder.id), made, key)
        except Conflict:
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=_TAKEN, tell=_TAKEN, param="public_key")) from None
        return made

    async def list(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Signer]:
        """Return a tenant's signers, dead ones included."""
        resource = Resource(kind=Kind.SIGNER, tenant=tenant)
        async with self._gate.permit(who, Action.SIGNER_LIST, resource, ask) as tx:
            return await tables.signers(tx, self._clock.now())

    async def revoke(self, who: Principal, tenant: TenantId, signer: str, reason: str, ask: Ask) -> Signer:
        """End a signer at once. Ending it again changes nothing and is no error."""
        resource = Resource(kind=Kind.SIGNER, id=signer, tenant=tenant)
        async with self._gate.permit(who, Action.SIGNER_REVOKE, resource, ask) as tx:
            await publish.gone(tx, await tables.revoke(tx, self._clock.now(), reason, signer_id=signer))
            found = await tables.signer(tx, signer, self._clock.now())
            if found is None:
                raise Refused(hidden(f"no signer {signer} in this tenant"))
        return found
