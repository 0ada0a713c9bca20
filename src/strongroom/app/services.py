"""Everything the control port's surfaces may call: the rooms' services, made once and passed on.

API and console hold this and nothing else: no database, no engine, no keys.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from strongroom.app.probes import Prover
from strongroom.app.rehearsal import Rehearsal
from strongroom.canaries import CanaryService
from strongroom.captures.service import CaptureSessions
from strongroom.custody import Custody
from strongroom.custody.incidents import Incidents
from strongroom.custody.neglect import Neglect
from strongroom.flows import Flows
from strongroom.gateway.reading import RecordReader
from strongroom.identity import Accounts, Directory, Door, Finder, Identity
from strongroom.identity.approvals.service import Proposals
from strongroom.identity.elevation import Elevations, Notices
from strongroom.identity.federation.exchange import Exchange
from strongroom.identity.federation.service import FederationService
from strongroom.identity.people import BackChannel, CommandLines, Rechecks, SignOn
from strongroom.identity.rotation import Rotation
from strongroom.identity.signers import SignerService
from strongroom.identity.tenantkeys import TenantKeys
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.policy import Action, Ask, AuditReader, Engine, Gate, Kind, LogReader, Resource
from strongroom.providers import Providers
from strongroom.registry import Registry
from strongroom.registry.admission import Admission
from strongroom.registry.admission.registrar import Registrar
from strongroom.registry.bills import Bills
from strongroom.registry.channels.service import Channels
from strongroom.registry.datasets import Datasets
from strongroom.registry.evaluations import Evaluations
from strongroom.registry.evidence.service import EvidenceService
from strongroom.registry.lineage import Lineage
from strongroom.registry.prompts import Prompts
from strongroom.registry.prompts.moving import Mover
from strongroom.registry.releases import Keeping, Overview, Releases
from strongroom.registry.vaultkeys import VaultKeys
from strongroom.retention import Retention
from strongroom.rules import Rules
from strongroom.rules.taken import TakenReader
from strongroom.rules.usage import UsageReader
from strongroom.store.follower import Follower
from strongroom.subjects import Subjects
from strongroom.subjects.work import Work
from strongroom.training import TrainingFiles, TrainingJobs
from strongroom.valuelists import ValueLists

Explain: TypeAlias = Callable[[], Sequence[object]]
"""Returns the settings in force: objects with `name`, `value`, `source`, `description`."""

Show: TypeAlias = Callable[[], Awaitable[str]]
"""Returns the figures of all processes, as text."""

IsScraper: TypeAlias = Callable[[str | None], bool]
"""Whether what was presented is the token that reads metrics and does nothing else."""

Doctor: TypeAlias = Callable[[], Awaitable[Sequence[object]]]
"""Runs the checks: objects with `name`, `status` (ok, failed, undetermined), `detail`, `fix`."""


@dataclass(frozen=True, kw_only=True)
class OfPeople:
    """Who asks, by what credential, and who watches over it."""

    identity: Identity
    accounts: Accounts
    rotation: Rotation
    custody: Custody
    neglect: Neglect
    incidents: Incidents
    signers: SignerService
    tenant_keys: TenantKeys
    federation: FederationService
    exchange: Exchange
    signon: SignOn | None
    rechecks: Rechecks | None
    back_channel: BackChannel
    command_lines: CommandLines
    elevations: Elevations
    notices: Notices
    finder: Finder
    door: Door


@dataclass(frozen=True, kw_only=True)
class OfModels:
    """What is asked, what it was made of, and what lets it serve."""

    registry: Registry
    admission: Admission
    prompts: Prompts
    mover: Mover
    vault_keys: VaultKeys
    datasets: Datasets
    lineage: Lineage
    releases: Releases
    keeping: Keeping
    overview: Overview
    registrar: Registrar
    channels: Channels
    evaluations: Evaluations
    bills: Bills
    evidence: EvidenceService
    training_files: TrainingFiles
    training_jobs: TrainingJobs
    providers: Providers


@dataclass(frozen=True, kw_only=True)
class OfData:
    """What is kept of tenants and people, and for how long."""

    canaries: CanaryService
    flows: Flows
    lists: ValueLists
    captures: CaptureSessions
    audit: AuditReader
    logs: LogReader
    retention: Retention
    subjects: Subjects
    subject_work: Work
    records: RecordReader


@dataclass(frozen=True, kw_only=True)
class OfRules:
    """What may be done, and what was used of it."""

    rules: Rules
    proposals: Proposals
    usage: UsageReader
    taken: TakenReader


@dataclass(frozen=True, kw_only=True)
class OfInstallation:
    """What all of them stand on, and what is told of the installation."""

    gate: Gate
    engine: Engine
    directory: Directory
    follower: Follower
    clock: Clock
    explain: Explain
    doctor: Doctor
    figures: Show
    is_scraper: IsScraper
    prover: Prover


@dataclass(frozen=True, kw_only=True)
class Services(OfPeople, OfModels, OfData, OfRules, OfInstallation):
    """What a surface may call."""

    async def measured(self, who: Principal, ask: Ask) -> str:
        """Return the figures of all processes, to an operator. They name no tenant."""
        resource = Resource(kind=Kind.CONFIGURATION, id="metrics")
        async with self.gate.permit_platform(who, Action.METRICS_READ, resource, ask):
            pass  # permitted and recorded; asking every process takes its own time, and needs no transaction
        return await self.figures()

    async def end_tenant(self, who: Principal, tenant: TenantId, ask: Ask) -> None:
        """End a tenant and everything that belongs to it.

        First it is known to be gone, which is enough: from then on none of its credentials counts, its administrators'
        included. What follows only tidies up, so a fault in between leaves nothing that works.
        """
        await self.identity.delete_tenant(who, tenant, ask)
        await self.accounts.delete_of_tenant(who, tenant, ask)
        await self.registry.withdraw_all(who, tenant, ask)
        await self.prompts.erase_all(who, tenant, ask)
        await self.datasets.end_tenant(who, tenant, ask)
        await self.keeping.end_tenant(who, tenant, ask)
        await self.evaluations.erase_all(who, tenant, ask)
        self.training_jobs.end_tenant(tenant)
        await self.training_files.end_tenant(who, tenant, ask)
        await self.rules.withdraw_all(who, tenant, ask)
        await self.canaries.withdraw_all(who, tenant, ask)
        await self.lists.remove_all(who, tenant, ask)

    @property
    def rehearsal(self) -> Rehearsal:
        """Rehearses documents of rules on what happened lately."""
        return Rehearsal(
            self.rules,
            self.records,
            self.audit,
            self.identity,
            self.registry,
            self.engine,
            self.clock,
            self.admission,
            self.retention,
            self.taken,
        )

    async def shred_tenant(self, who: Principal, tenant: TenantId, ask: Ask) -> None:
        """End a tenant and destroy its keys: what they sealed is unreadable in every copy, for good; certify that it is."""
        name = self.finder.name_of(tenant)
        await self.end_tenant(who, tenant, ask)
        await self.tenant_keys.shred(who, tenant, ask)
        await self.subject_work.offboarded(who, tenant, name, ask)

    async def explained(self, who: Principal, ask: Ask) -> Sequence[object]:
        """Return the settings in force, to whom they may be shown."""
        async with self.gate.permit_platform(who, Action.CONFIG_EXPLAIN, Resource(kind=Kind.CONFIGURATION), ask):
            return self.explain()

    async def examined(self, who: Principal, ask: Ask) -> Sequence[object]:
        """Return the checks of this installation, to whom they may be shown."""
        resource = Resource(kind=Kind.CONFIGURATION, id="doctor")
        async with self.gate.permit_platform(who, Action.CONFIG_EXPLAIN, resource, ask):
            pass  # permitted and recorded; the checks take their own time, and need no transaction
        return await self.doctor()

    async def ready(self) -> tuple[bool, str]:
        """Return whether a change would be taken now, and what is to be said of it."""
        if not (self.follower.valid() or await self.follower.ensure(0.5)) or not await self.gate.reachable():
            return False, ""
        pulse = await self.gate.pulse()
        said = f"audit log: {pulse.trouble}: {pulse.said}" if pulse.trouble else ""
        if self.gate.is_sealed(pulse):
            return True, said
        return False, said or "audit log: it was not sealed for too long; is the keeper there?"
