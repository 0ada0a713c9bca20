"""Where a caller trains: its own environment of its own tenant, or nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.policy.model import EVERY


@dataclass(frozen=True, slots=True)
class Place:
    """An environment of a tenant."""

    tenant: TenantId
    environment: Environment

    def file(self, which: UUID) -> Resource:
        """Return a file here, as a matter for the policy."""
        return self.about(f"file-{which.hex}")

    def about(self, name: str = EVERY) -> Resource:
        """Return a job here by its name, or all that is trained here."""
        return Resource(kind=Kind.JOB, id=name, tenant=self.tenant, environment=self.environment)


async def place_of(gate: Gate, who: Principal, ask: Ask) -> Place:
    """Return where the caller trains.

    Raises:
        Refused: for who stands in no environment of a tenant; the refusal is in the log.
    """
    if who.tenant is not None and who.environment is not None:
        return Place(who.tenant, who.environment)
    about = Resource(kind=Kind.JOB, tenant=who.tenant)
    if who.tenant is None:
        async with gate.permit_platform(who, Action.TRAINING_RUN, about, ask):
            pass
    else:
        async with gate.permit(who, Action.TRAINING_RUN, about, ask):
            pass
    tell = "Training is asked for with the key of a workload whose role is training."
    raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason="no workload asked for training", tell=tell))
