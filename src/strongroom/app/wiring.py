"""How the rooms' services are made and joined, over one database: by the control process, and by tests as it does."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

from strongroom.app.content_section import ContentSection
from strongroom.app.contents import content_store
from strongroom.app.dryrun import Compared, dropped
from strongroom.app.probes import Prover
from strongroom.app.services import Doctor, Explain, IsScraper, Services, Show
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
    suites: frozenset[str] = frozenset(),
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
    prompts = Prompts(gate, approvals, PromptSeals(vault, keys), clock)
    evaluations = Evaluations(gate, registry_keys, prompts, clock)
    others = EvidenceReader(registry_keys, look, image)
    admission = Admission(gate, registry_keys, clock, memory, own, evaluations.counting, others, suites)
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
        vault_keys=VaultKeys(gate, admission, keystore.signing, clock, production=production),
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
        mover=Mover(gate, prompts.seals, clock),
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
        bills=Bills(admission, evaluations.counting),
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
