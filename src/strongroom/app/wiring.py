"""How the rooms' services are made and joined, over one database: by the control process, and by tests as it does.

Each group of `Services` is made by one function, from what all stand on and from the groups made before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from strongroom.app.content_section import ContentSection
from strongroom.app.contents import content_store
from strongroom.app.dryrun import Compared, dropped
from strongroom.app.probes import Prover
from strongroom.app.services import (
    Doctor,
    Explain,
    IsScraper,
    OfData,
    OfInstallation,
    OfModels,
    OfPeople,
    OfRules,
    Services,
    Show,
)
from strongroom.audit.sidecar import Sidecars
from strongroom.canaries import CanaryService
from strongroom.captures.service import CaptureSessions
from strongroom.console.visit import Parts
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
from strongroom.policy import AuditReader, Engine, Gate, LogReader
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
from strongroom.registry.prompts.moving import Mover
from strongroom.registry.releases import Keeping, Overview, Releases, Shelf
from strongroom.registry.releases.service import Bounds
from strongroom.registry.vaultkeys import VaultKeys
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

_NOWHERE: Final = Path("/nonexistent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What all rooms stand on; `follower` keeps `directory`."""

    database: Database
    follower: Follower
    directory: Directory
    engine: Engine
    keys: PurposeKeys
    keystore: Keystore
    clock: Clock


async def _nothing() -> str:
    return ""


def _nobody(presented: str | None) -> bool:
    del presented
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the settings of an installation come to for its services. What is left out is as in an empty one in development."""

    explain: Explain
    doctor: Doctor
    figures: Show = _nothing
    is_scraper: IsScraper = _nobody
    sockets: Path | None = None
    networks: Networks = field(default_factory=Networks)
    issuer_networks: Networks = field(default_factory=Networks)
    signers: Signers | None = None
    nonces: ProofNonces | None = None
    provider: Provider | None = None
    production: bool = False
    look_up: LookUp = system_look_up
    observer: Observer = ignore
    grace_s: float | None = None
    rulebook: Rulebook | None = None
    hook: Hook | None = None
    content: Path = _NOWHERE
    stores: ContentSection = field(default_factory=ContentSection)
    content_key: tuple[str, str] | None = None
    blobs: Path = _NOWHERE
    bounds: Bounds | None = None
    upload_hours: int = 24
    channels: Path | None = None
    own: OwnKeys = field(default_factory=OwnKeys)
    suites: frozenset[str] = frozenset()
    patience: Patience = PATIENCE
    pool: Pool = field(default_factory=Pool)
    look: Look | None = None
    image: str = ""


class _Shared:
    """What services of several groups are made of."""

    def __init__(self, base: Base, terms: Terms) -> None:
        rulebook, clock = terms.rulebook, base.clock
        self.vault: Final = Vault(base.keystore, clock)
        self.sidecars: Final = Sidecars(self.vault)
        self.gate: Final = Gate(
            base.database,
            base.engine,
            clock,
            terms.observer,
            grace_s=terms.grace_s,
            narrowed=None if rulebook is None else narrowed_by(rulebook, production=base.engine.production),
            sidecars=self.sidecars,
            meter=None if rulebook is None else Taking(rulebook, clock, declares),
        )
        self.door: Final = Door(base.directory, base.follower, self.gate, terms.signers, terms.nonces)
        self.registry_keys: Final = RegistryKeys(base.keys)
        self.notices: Final = Notices(self.gate, clock, terms.hook)


def make_services(base: Base, terms: Terms) -> Services:
    """Return the services over one database."""
    shared = _Shared(base, terms)
    models = _of_models(base, terms, shared)
    data = _of_data(base, terms, shared, models)
    rules = _of_rules(base, terms, shared, models, data)
    people = _of_people(base, terms, shared)
    installation = OfInstallation(
        gate=shared.gate,
        engine=base.engine,
        directory=base.directory,
        follower=base.follower,
        clock=base.clock,
        explain=terms.explain,
        doctor=terms.doctor,
        figures=terms.figures,
        is_scraper=terms.is_scraper,
        prover=Prover(terms.sockets, base.directory, base.clock),
    )
    return Services(**vars(installation), **vars(people), **vars(models), **vars(data), **vars(rules))


def _of_people(base: Base, terms: Terms, shared: _Shared) -> OfPeople:
    gate, keys, clock, directory, production = shared.gate, base.keys, base.clock, base.directory, terms.production
    tenant_keys = TenantKeys(gate, base.keystore)
    identity = Identity(gate, directory, keys, clock, production=production, settle=tenant_keys.settle)
    rotation = Rotation(gate, keys, clock, directory.geo, production=production)
    custody = Custody(gate, base.engine, clock, terms.patience)
    accounts = Accounts(gate, keys, clock, production=production)
    issuers = Issuers(terms.issuer_networks, clock, terms.look_up)
    signer = Signer(keys.current, keys.key(Purpose.TOKEN_SIGNING))
    signon = None
    if terms.provider is not None:
        signon = SignOn(
            terms.provider, issuers, gate, directory.find_tenant, base.follower.refresh, clock, directory.still
        )
    notices = shared.notices
    return OfPeople(
        identity=identity,
        accounts=accounts,
        rotation=rotation,
        custody=custody,
        neglect=Neglect(gate, custody, clock, terms.patience),
        incidents=Incidents(gate, custody, identity, rotation, clock),
        signers=SignerService(gate, clock),
        tenant_keys=tenant_keys,
        federation=FederationService(gate, clock),
        exchange=Exchange(gate, base.follower, directory.federation, issuers, signer, clock, terms.nonces),
        signon=signon,
        rechecks=None if signon is None else Rechecks(signon, clock),
        back_channel=BackChannel(signon, gate, clock),
        command_lines=CommandLines(signon, shared.door, directory, gate, keys, clock, terms.nonces),
        elevations=Elevations(
            gate, base.engine, keys, clock, pages=notices.pages, production=production, noticed=notices.noticed
        ),
        notices=notices,
        finder=Finder(directory, identity, accounts),
        door=shared.door,
    )


def _of_models(base: Base, terms: Terms, shared: _Shared) -> OfModels:
    gate, clock, vault, registry_keys = shared.gate, base.clock, shared.vault, shared.registry_keys
    memory = Memory(terms.channels)
    approvals = Approvals(registry_keys, clock, Reader(registry_keys, clock, memory), terms.own)
    prompts = Prompts(gate, approvals, PromptSeals(vault, base.keys), clock)
    evaluations = Evaluations(gate, registry_keys, prompts, clock)
    others = EvidenceReader(registry_keys, terms.look, terms.image)
    admission = Admission(gate, registry_keys, clock, memory, terms.own, evaluations.counting, others, terms.suites)
    store = content_store(terms.stores, terms.content_key, terms.content, vault)
    quarantine = Quarantine(store, clock, lasts=timedelta(hours=terms.upload_hours))
    # On this machine, whatever is set: what was erased from them is destroyed, which no bucket can promise.
    training_files = TrainingFiles(gate, ContentStore(terms.content / "training", vault), vault, terms.rulebook, clock)
    datasets = Datasets(
        gate, registry_keys, approvals, ContentStore(terms.content / "datasets", vault, Use.DATASET), vault, clock
    )
    releases = Releases(gate, admission, quarantine, clock, terms.bounds, Claims(datasets))
    inputs = Inputs(training_files, datasets)
    return OfModels(
        registry=Registry(gate, clock, admission, prompts, others.runtime),
        admission=admission,
        prompts=prompts,
        mover=Mover(gate, prompts.seals, clock),
        vault_keys=VaultKeys(gate, admission, base.keystore.signing, clock, production=terms.production),
        datasets=datasets,
        lineage=Lineage(gate, datasets, clock),
        releases=releases,
        keeping=Keeping(gate, admission, releases, Shelf(store, terms.blobs), clock, gguf.text_of),
        overview=Overview(gate, admission, terms.own),
        registrar=Registrar(gate, registry_keys, admission.channels, clock),
        channels=Channels(gate, admission, registry_keys, clock, production=terms.production),
        evaluations=evaluations,
        bills=Bills(admission, evaluations.counting),
        evidence=EvidenceService(gate, registry_keys, vault, others, clock),
        training_files=training_files,
        training_jobs=TrainingJobs(
            gate, base.keys, inputs, releases, terms.pool, clock, admit=shared.door.admit, refresh=base.follower.refresh
        ),
        providers=Providers(
            gate,
            vault,
            clock,
            terms.networks,
            terms.look_up,
            before=base.keys,
            second=partial(base.keys.mac, Purpose.KEY_PEPPER) if terms.production else None,
        ),
    )


def _of_data(base: Base, terms: Terms, shared: _Shared, models: OfModels) -> OfData:
    gate, clock, vault = shared.gate, base.clock, shared.vault
    places = holders(models.datasets.of_people, models.training_files.of_people)
    subjects = Subjects(gate, vault, places, clock, production=terms.production)
    return OfData(
        canaries=CanaryService(gate, clock),
        flows=Flows(gate, clock, proposed=terms.production),
        lists=ValueLists(gate, vault, clock),
        captures=CaptureSessions(gate, vault, clock),
        audit=AuditReader(gate, shared.sidecars),
        logs=LogReader(gate, shared.sidecars),
        retention=Retention(gate, clock, second=terms.production),
        subjects=subjects,
        subject_work=Work(gate, subjects, vault, base.keystore, places, clock),
        records=RecordReader(gate),
    )


def _of_rules(base: Base, terms: Terms, shared: _Shared, models: OfModels, data: OfData) -> OfRules:
    gate, clock, admission = shared.gate, base.clock, models.admission
    seals = {APPROVAL.name: admission.seal_policy}
    proposing = Proposing(clock, Compared(base.engine, admission, gate).attached, seals)

    async def documents(tx: Tx, request: Request, approver: str) -> None:
        """Put in force what was approved: a file of flows, or a document of rules."""
        await (data.flows if is_of_flows(request.subject) else proposing).in_force(tx, request, approver)

    return OfRules(
        rules=Rules(
            gate,
            clock,
            proposing if terms.production else None,
            seals,
            {RETENTION.name: partial(dropped, data.retention)},
        ),
        proposals=Proposals(gate, clock, {Proposed.RULES: documents, Proposed.POLICY: proposing.in_force}),
        usage=UsageReader(gate, clock),
        taken=TakenReader(gate, terms.rulebook or Rulebook(), clock),
    )


def parts_of(services: Services, engine: Engine, *, secure: bool, demo: bool, tokens: bool = True) -> Parts:
    """Return what the console shows and does.

    Args:
        services: everything it may call.
        engine: the policies in force, to be shown.
        secure: whether it is reached by TLS, and so are its cookies.
        demo: whether demo accounts count.
        tokens: whether people may sign in with tokens.
    """
    return Parts(
        identity=services.identity,
        accounts=services.accounts,
        registry=services.registry,
        admission=services.admission,
        releases=services.releases,
        overview=services.overview,
        lineage=services.lineage,
        evaluations=services.evaluations,
        registrar=services.registrar,
        keeping=services.keeping,
        channels=services.channels,
        rules=services.rules,
        usage=services.usage,
        taken=services.taken,
        pages=services.notices.pages,
        providers=services.providers,
        logs=services.logs,
        subjects=services.subjects,
        retention=services.retention,
        federation=services.federation,
        elevations=services.elevations,
        proposals=services.proposals,
        rehearse=services.rehearsal.run,
        custody=services.custody,
        incidents=services.incidents,
        rotation=services.rotation,
        records=services.records,
        canaries=services.canaries,
        finder=services.finder,
        end_tenant=services.end_tenant,
        gate=services.gate,
        engine=engine,
        directory=services.directory,
        door=services.door,
        lease=services.follower,
        clock=services.clock,
        command_lines=services.command_lines,
        secure=secure,
        demo=demo,
        signon=services.signon,
        tokens=tokens,
    )
