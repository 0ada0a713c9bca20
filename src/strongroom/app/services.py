"""Everything the control port's surfaces may call: the rooms' services, made once and passed on.

API and console hold this and nothing else: no database, no engine, no keys.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias

from strongroom.app.content_section import ContentSection
from strongroom.app.contents import content_store
from strongroom.app.dryrun import Compared, dropped
from strongroom.app.probes import Prover
from strongroom.app.rehearsal import Rehearsal
from strongroom.audit.sidecar import Sidecars
from strongroom.canaries import CanaryService
from strongroom.captures.service import CaptureSessions
from strongroom.custody import PATIENCE, Custody, Patience
from strongroom.custody.incidents import Incidents
from strongroom.custody.neglect import Neglect
from strongroom.flows import Flows
from strongroom.flows.service import declares, is_of_flows
from strongroom.gateway.reading import RecordReader
from strongroom.identity import Accounts, Directory, Door, Finder, Identity
from strongroom.identity.accesstoken import Signer
from strongroom.identity.approvals import Kind as Proposed
from strongroom.identity.approvals import Request
from strongroom.identity.approvals.service import Proposals
from strongroom.identity.elevation import Elevations, Notices
from strongroom.identity.elevation.notices import Hook
from strongroom.identity.federation.exchange import Exchange
from strongroom.identity.federation.issuers import Issuers
from strongroom.identity.federation.service import FederationService
from strongroom.identity.people import BackChannel, CommandLines, Provider, Rechecks, SignOn
from strongroom.identity.rotation import Rotation
from strongroom.identity.signers import Signers, SignerService
from strongroom.identity.tenantkeys import TenantKeys
from strongroom.kernel.clock import Clock
from strongroom.kernel.events import Observer, ignore
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.policy import Action, Ask, AuditReader, Engine, Gate, Kind, LogReader, Resource
from strongroom.providers import Networks, Providers
from strongroom.registry import Registry
from strongroom.registry.admission import Admission, RegistryKeys
from strongroom.registry.admission.model import OwnKeys
from strongroom.registry.admission.registrar import Registrar
from strongroom.registry.admission.signed import Approvals
from strongroom.registry.bills import Bills
from strongroom.registry.channels.memory import Memory
from strongroom.registry.channels.reader import Reader
from strongroom.registry.channels.service import Channels
from strongroom.registry.content import ContentStore
from strongroom.registry.content.quarantine import Quarantine
from strongroom.registry.datasets import Datasets
from strongroom.registry.evaluations import Evaluations
from strongroom.registry.evidence.reader import EvidenceReader, Look
from strongroom.registry.evidence.service import EvidenceService
from strongroom.registry.lineage import Claims, Lineage
from strongroom.registry.prompts import Prompts, PromptSeals
from strongroom.registry.releases import Keeping, Overview, Releases, Shelf
from strongroom.registry.releases.service import Bounds
from strongroom.retention import Retention
from strongroom.rules import Rulebook, Rules
from strongroom.rules.approval import APPROVAL
from strongroom.rules.narrowed import narrowed_by
from strongroom.rules.proposing import Proposing
from strongroom.rules.retention import RETENTION
from strongroom.rules.taken import TakenReader
from strongroom.rules.taking import Taking
from strongroom.rules.usage import UsageReader
from strongroom.runtime import gguf
from strongroom.signatures.proofnonces import ProofNonces
from strongroom.store import Database
from strongroom.store.follower import Follower
from strongroom.store.tx import Tx
from strongroom.subjects import Subjects
from strongroom.subjects.registry import holders
from strongroom.subjects.work import Work
from strongroom.training import Inputs, Pool, TrainingFiles, TrainingJobs
from strongroom.valuelists import ValueLists
from strongroom.vault import Keystore, Purpose, PurposeKeys, Use, Vault
from strongroom.wire.addresses import LookUp, system_look_up

Explain: TypeAlias = Callable[[], Sequence[object]]
"""Returns the settings in force: objects with `name`, `value`, `source`, `description`."""

Show: TypeAlias = Callable[[], Awaitable[str]]
"""Returns the figures of all processes, as text."""

IsScraper: TypeAlias = Callable[[str | None], bool]
"""Whether what was presented is the token that reads metrics and does nothing else."""

Doctor: TypeAlias = Callable[[], Awaitable[Sequence[object]]]
"""Runs the checks: objects with `name`, `status` (ok, failed, undetermined), `detail`, `fix`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What a surface may call."""

    identity: Identity
    accounts: Accounts
    rotation: Rotation
    custody: Custody
    neglect: Neglect
    incidents: Incidents
    canaries: CanaryService
    flows: Flows
    lists: ValueLists
    captures: CaptureSessions
    signers: SignerService
    tenant_keys: TenantKeys
    federation: FederationService
    exchange: Exchange
    signon: SignOn | None
    command_lines: CommandLines
    back_channel: BackChannel
    rechecks: Rechecks | None
    elevations: Elevations
    proposals: Proposals
    notices: Notices
    registry: Registry
    admission: Admission
    prompts: Prompts
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
    rules: Rules
    usage: UsageReader
    taken: TakenReader
    audit: AuditReader
    logs: LogReader
    retention: Retention
    subjects: Subjects
    subject_work: Work
    records: RecordReader
    finder: Finder
    door: Door
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


def make_services(
    database: Database,
    follower: Follower,
    directory: Directory,
    engine: Engine,
    keys: PurposeKeys,
    keystore: Keystore,
    clock: Clock,
    *,
    explain: Explain,
    doctor: Doctor,
    figures: Show | None = None,
    is_scraper: IsScraper | None = None,
    sockets: Path | None = None,
    networks: Networks | None = None,
    issuer_networks: Networks | None = None,
    signers: Signers | None = None,
    nonces: ProofNonces | None = None,
    provider: Provider | None = None,
    production: bool = False,
    look_up: LookUp = system_look_up,
    observer: Observer = ignore,
    grace_s: float | None = None,
    rulebook: Rulebook | None = None,
    hook: Hook | None = None,
    content: Path | None = None,
    stores: ContentSection | None = None,
    content_key: tuple[str, str] | None = None,
    blobs: Path | None = None,
    bounds: Bounds | None = None,
    upload_hours: int = 24,
    channels: Path | None = None,
    own: OwnKeys | None = None,
    patience: Patience = PATIENCE,
    pool: Pool | None = None,
    look: Look | None = None,
    image: str = "",
) -> Services:
    """Return the services over one database, with the directory that `follower` keeps."""
    narrowed = None if rulebook is None else narrowed_by(rulebook, production=engine.production)
    vault = Vault(keystore, clock)
    sidecars = Sidecars(vault)
    meter = None if rulebook is None else Taking(rulebook, clock, declares)
    gate = Gate(database, engine, clock, observer, grace_s=grace_s, narrowed=narrowed, sidecars=sidecars, meter=meter)
    tenant_keys = TenantKeys(gate, keystore)
    identity = Identity(gate, directory, keys, clock, production=production, settle=tenant_keys.settle)
    rotation, custody = (
        Rotation(gate, keys, clock, directory.geo, production=production),
        Custody(gate, engine, clock, patience),
    )
    accounts = Accounts(gate, keys, clock, production=production)
    issuers = Issuers(issuer_networks or Networks(), clock, look_up)
    signon = None
    if provider is not None:
        signon = SignOn(provider, issuers, gate, directory.find_tenant, follower.refresh, clock, directory.still)
    registry_keys = RegistryKeys(keys)
    memory = Memory(channels)
    approvals = Approvals(registry_keys, clock, Reader(registry_keys, clock, memory), own or OwnKeys())
    prompts = Prompts(gate, approvals, PromptSeals(keys), clock)
    evaluations = Evaluations(gate, registry_keys, prompts, clock)
    others = EvidenceReader(registry_keys, look, image)
    admission = Admission(gate, registry_keys, clock, memory, own, evaluations, others)
    seals = {APPROVAL.name: admission.seal_policy}
    signer = Signer(keys.current, keys.key(Purpose.TOKEN_SIGNING))
    notices = Notices(gate, clock, hook)
    proposing = Proposing(clock, Compared(engine, admission, gate).attached, seals)
    flows = Flows(gate, clock, proposed=production)

    async def documents(tx: Tx, request: Request, approver: str) -> None:
        """Put in force what was approved: a file of flows, or a document of rules."""
        await (flows if is_of_flows(request.subject) else proposing).in_force(tx, request, approver)

    section, root = stores or ContentSection(), content or Path("/nonexistent")
    store = content_store(section, content_key, root, vault)
    quarantine = Quarantine(store, clock, lasts=timedelta(hours=upload_hours))
    door = Door(directory, follower, gate, signers, nonces)
    # On this machine, whatever is set: what was erased from them is destroyed, which no bucket can promise.
    training_files = TrainingFiles(gate, ContentStore(root / "training", vault), vault, rulebook, clock)
    datasets = Datasets(
        gate, registry_keys, approvals, ContentStore(root / "datasets", vault, Use.DATASET), vault, clock
    )
    releases = Releases(gate, admission, quarantine, clock, bounds, Claims(datasets))
    inputs = Inputs(training_files, datasets)
    training_jobs = TrainingJobs(
        gate, keys, inputs, releases, pool or Pool(), clock, admit=door.admit, refresh=follower.refresh
    )
    retention = Retention(gate, clock, second=production)
    places = holders(datasets.of_people, training_files.of_people)
    subjects = Subjects(gate, vault, places, clock, production=production)
    return Services(
        identity=identity,
        accounts=accounts,
        rotation=rotation,
        custody=custody,
        neglect=Neglect(gate, custody, clock, patience),
        incidents=Incidents(gate, custody, identity, rotation, clock),
        canaries=CanaryService(gate, clock),
        flows=flows,
        lists=ValueLists(gate, vault, clock),
        captures=CaptureSessions(gate, Vault(keystore, clock), clock),
        signers=SignerService(gate, clock),
        tenant_keys=tenant_keys,
        federation=FederationService(gate, clock),
        signon=signon,
        rechecks=None if signon is None else Rechecks(signon, clock),
        back_channel=BackChannel(signon, gate, clock),
        command_lines=CommandLines(signon, door, directory, gate, keys, clock, nonces),
        exchange=Exchange(gate, follower, directory.federation, issuers, signer, clock, nonces),
        elevations=Elevations(
            gate, engine, keys, clock, pages=notices.pages, production=production, noticed=notices.noticed
        ),
        proposals=Proposals(gate, clock, {Proposed.RULES: documents, Proposed.POLICY: proposing.in_force}),
        notices=notices,
        registry=Registry(gate, clock, admission, prompts, others.runtime),
        admission=admission,
        prompts=prompts,
        datasets=datasets,
        lineage=Lineage(gate, datasets, clock),
        releases=releases,
        keeping=Keeping(gate, admission, releases, Shelf(store, blobs or Path("/nonexistent")), clock, gguf.text_of),
        overview=Overview(gate, admission, own),
        registrar=Registrar(gate, registry_keys, admission.channels, clock),
        channels=Channels(gate, admission, registry_keys, clock, production=production),
        providers=Providers(
            gate,
            vault,
            clock,
            networks or Networks(),
            look_up,
            before=keys,
            second=partial(keys.mac, Purpose.KEY_PEPPER) if production else None,
        ),
        rules=Rules(
            gate, clock, proposing if production else None, seals, {RETENTION.name: partial(dropped, retention)}
        ),
        evaluations=evaluations,
        bills=Bills(admission, evaluations),
        evidence=EvidenceService(gate, registry_keys, vault, others, clock),
        usage=UsageReader(gate, clock),
        taken=TakenReader(gate, rulebook or Rulebook(), clock),
        audit=AuditReader(gate, sidecars),
        logs=LogReader(gate, sidecars),
        retention=retention,
        subjects=subjects,
        subject_work=Work(gate, subjects, vault, keystore, places, clock),
        records=RecordReader(gate),
        finder=Finder(directory, identity, accounts),
        door=door,
        training_files=training_files,
        training_jobs=training_jobs,
        gate=gate,
        engine=engine,
        directory=directory,
        follower=follower,
        clock=clock,
        explain=explain,
        doctor=doctor,
        figures=figures or _nothing,
        is_scraper=is_scraper or _nobody,
        prover=Prover(sockets, directory, clock),
    )


async def _nothing() -> str:
    return ""


def _nobody(presented: str | None) -> bool:
    del presented
    return False
