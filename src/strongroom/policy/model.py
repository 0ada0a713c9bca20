"""What can be asked for, and of what.

Always true here:
- `Action` is the whole list of verbs; a verb that is not here cannot be asked for, permitted or audited;
- each verb works on exactly one kind of resource, and the Cedar schema says the same;
- a resource names its place (tenant, environment) itself: it is built from what was looked up or from the caller's own
  principal, never from what a request says about itself;
- a resource id is short and plain, so it can stand in a log line and can never be a key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, Self

from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.kernel.principal import Environment, Role

EVERY: Final = "*"
"""Stands in the id's place when a verb is about a whole collection, or about a thing that has no id yet."""

_ID: Final = re.compile(r"[A-Za-z0-9.:-]{1,128}|\*")


@unique
class Kind(StrEnum):
    """What a resource is. The value is what people read in the audit log."""

    TENANT = "tenant"
    ENVIRONMENT = "environment"
    WORKLOAD = "workload"
    KEY = "key"
    SIGNER = "signer"
    FEDERATION = "federation"
    ACCOUNT = "account"
    RELEASE = "release"
    DEPLOYMENT = "deployment"
    PROMPT = "prompt"
    DATASET = "dataset"
    JOB = "job"
    CASE = "case"
    PROVIDER = "provider"
    RULES = "rules"
    INCIDENT = "incident"
    SUBJECT = "subject"
    CANARY = "canary"
    FLOW = "flow"
    LIST = "list"
    CAPTURE = "capture"
    AUDIT_LOG = "audit-log"
    CONFIGURATION = "configuration"
    VAULT = "vault"
    ELEVATION = "elevation"
    PROPOSAL = "proposal"
    CHANNEL = "channel"
    SELF = "self"


@unique
class Sensitivity(StrEnum):
    """How closely a tenant holds a resource."""

    NORMAL = "normal"
    RESTRICTED = "restricted"  # evaluation may not touch it; an operator may look and switch off, not create


@unique
class Action(StrEnum):
    """Every verb of the product: its name, the kind of resource it works on, and what it means."""

    kind: Kind
    meaning: str

    # The defaults serve `Action("key.create")`, which looks a member up and would not type-check without them.
    def __new__(cls, name: str, kind: Kind = Kind.SELF, meaning: str = "") -> Self:
        """Make a member whose value is its name alone."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.kind = kind
        member.meaning = meaning
        return member

    TENANT_CREATE = ("tenant.create", Kind.TENANT, "Create a tenant with its three environments.")
    TENANT_LIST = ("tenant.list", Kind.TENANT, "List the tenants of the installation.")
    TENANT_READ = ("tenant.read", Kind.TENANT, "Read one tenant's record.")
    TENANT_DELETE = ("tenant.delete", Kind.TENANT, "Delete a tenant and everything that belongs to it.")
    TENANT_RENEW_KEYS = (
        "tenant.renew_keys",
        Kind.TENANT,
        "Give a tenant new keys; what older ones sealed still opens.",
    )
    TENANT_SHRED = (
        "tenant.shred",
        Kind.TENANT,
        "End a tenant and destroy its keys: what they sealed is gone for good.",
    )
    ENVIRONMENT_LIST = ("environment.list", Kind.ENVIRONMENT, "List a tenant's environments.")
    WORKLOAD_CREATE = ("workload.create", Kind.WORKLOAD, "Create a workload in an environment.")
    WORKLOAD_LIST = ("workload.list", Kind.WORKLOAD, "List a tenant's workloads.")
    WORKLOAD_DELETE = ("workload.delete", Kind.WORKLOAD, "Delete a workload and end its keys.")
    KEY_CREATE = ("key.create", Kind.KEY, "Issue a key to a workload, or to an account.")
    KEY_LIST = ("key.list", Kind.KEY, "List keys, without their secrets.")
    KEY_READ = ("key.read", Kind.KEY, "Read one key's record, without its secret.")
    KEY_REVOKE = ("key.revoke", Kind.KEY, "End a key at once.")
    KEY_ROTATE = ("key.rotate", Kind.KEY, "Give a key a successor, and an end.")
    KEY_BIND = ("key.bind", Kind.KEY, "Say where, by what, when and for what a key may be used.")
    KEY_FIND = ("key.find", Kind.KEY, "Tell of a key that nobody uses.")
    KEY_OPEN = ("key.open", Kind.KEY, "Take a key out of its delivery, once.")
    SIGNER_ADD = ("signer.add", Kind.SIGNER, "Register a public key that a workload signs its requests with.")
    SIGNER_LIST = ("signer.list", Kind.SIGNER, "List the public keys that workloads sign with.")
    SIGNER_REVOKE = ("signer.revoke", Kind.SIGNER, "End a signer at once: no signature by it is taken any more.")
    FEDERATION_CREATE = (
        "federation.create",
        Kind.FEDERATION,
        "Say whose tokens are exchanged for a workload's.",
    )
    FEDERATION_LIST = ("federation.list", Kind.FEDERATION, "List federation rules.")
    FEDERATION_DELETE = ("federation.delete", Kind.FEDERATION, "End a federation rule and every token under it.")
    TOKEN_ISSUE = ("token.issue", Kind.FEDERATION, "Get an access token in exchange for another issuer's.")
    TOKEN_LIST = ("token.list", Kind.FEDERATION, "List access tokens that were given out, without their text.")
    TOKEN_REVOKE = ("token.revoke", Kind.FEDERATION, "End an access token at once.")
    ACCOUNT_CREATE = ("account.create", Kind.ACCOUNT, "Create a person's account.")
    ACCOUNT_LIST = ("account.list", Kind.ACCOUNT, "List the accounts.")
    ACCOUNT_DELETE = ("account.delete", Kind.ACCOUNT, "Delete an account and end its keys.")
    MODEL_LIST = ("model.list", Kind.RELEASE, "Read the installation's catalogue of model releases.")
    MODEL_ADMIT = (
        "model.admit",
        Kind.RELEASE,
        "Add a release to the installation's catalogue, or have one of it signed by a key of the vault.",
    )
    MODEL_ADD = ("model.add", Kind.RELEASE, "Bring a release of a tenant's own; it arrives in quarantine.")
    MODEL_RESCAN = ("model.rescan", Kind.RELEASE, "Have a release scanned again, by today's rules.")
    MODEL_VERIFY = ("model.verify", Kind.RELEASE, "Have the stored files of a release hashed again.")
    MODEL_EXPORT = ("model.export", Kind.RELEASE, "Take a release's files out of the installation, in the clear.")
    MODEL_DELETE = ("model.delete", Kind.RELEASE, "Delete a release that nobody has deployed.")
    MODEL_LOAD = ("model.load", Kind.RELEASE, "Open a release's files and start a worker that serves them.")
    MODEL_ATTEST = (
        "model.attest",
        Kind.RELEASE,
        "Ask again, while a worker serves a release, whether it is that release and may be served.",
    )
    MODEL_APPROVE = ("model.approve", Kind.RELEASE, "Say that a release may be deployed in an environment.")
    EVIDENCE_ADD = ("evidence.add", Kind.RELEASE, "Take in evidence that others made: bills, scans, provenance.")
    EVIDENCE_READ = ("evidence.read", Kind.RELEASE, "Read others' evidence, and have it verified anew.")
    MODEL_EVALUATE = (
        "model.evaluate",
        Kind.DEPLOYMENT,
        "Have what a deployment answered to a suite scored and signed.",
    )
    MODEL_LABEL = ("model.label", Kind.DEPLOYMENT, "Tell what turned out to be right for a request.")
    MODEL_QUALITY = ("model.quality", Kind.DEPLOYMENT, "Read evaluations, live accuracy and drift of deployments.")
    PROMPT_ADD = ("prompt.add", Kind.PROMPT, "Add a version of a system prompt.")
    PROMPT_LIST = ("prompt.list", Kind.PROMPT, "List a tenant's system prompts, without their texts.")
    PROMPT_READ = ("prompt.read", Kind.PROMPT, "Read the text of a system prompt.")
    PROMPT_APPROVE = ("prompt.approve", Kind.PROMPT, "Say that a system prompt may be deployed in an environment.")
    APPROVER_ADD_KEY = ("approver.add_key", Kind.ACCOUNT, "Register a public key of one's own, to approve with.")
    CHANNEL_READ = ("channel.read", Kind.CHANNEL, "See what may serve in an environment, and what nowhere.")
    CHANNEL_PROMOTE = ("channel.promote", Kind.CHANNEL, "Make a release the one of its name in an environment.")
    CHANNEL_ROLLBACK = ("channel.rollback", Kind.CHANNEL, "Go back to an older release in an environment.")
    CHANNEL_FREEZE = ("channel.freeze", Kind.CHANNEL, "Keep a name, a tenant or an environment as it is.")
    CHANNEL_UNFREEZE = ("channel.unfreeze", Kind.CHANNEL, "End a freeze.")
    CHANNEL_REVOKE = ("channel.revoke", Kind.CHANNEL, "Let a release, or what a key has signed, serve nowhere.")
    CHANNEL_RENEW = ("channel.renew", Kind.CHANNEL, "Sign anew that the channels stand as they do.")
    CHANNEL_RECOVER = ("channel.recover", Kind.CHANNEL, "Begin a channel anew from what can be believed of it.")
    DEPLOYMENT_CREATE = ("deployment.create", Kind.DEPLOYMENT, "Deploy a release in an environment.")
    DEPLOYMENT_LIST = ("deployment.list", Kind.DEPLOYMENT, "List a tenant's deployments.")
    DEPLOYMENT_DELETE = ("deployment.delete", Kind.DEPLOYMENT, "Withdraw a deployment.")
    DEPLOYMENT_MOVE = ("deployment.move", Kind.DEPLOYMENT, "Serve an older release, as its channel went back.")
    PROVIDER_CREATE = ("provider.create", Kind.PROVIDER, "Register an upstream outside this machine.")
    PROVIDER_LIST = ("provider.list", Kind.PROVIDER, "List providers: all, or those that are open to a tenant.")
    PROVIDER_READ = ("provider.read", Kind.PROVIDER, "Read a provider's registration, without its secret.")
    PROVIDER_UPDATE = ("provider.update", Kind.PROVIDER, "Change a provider's registration, or its secret.")
    PROVIDER_DELETE = ("provider.delete", Kind.PROVIDER, "End a provider: nothing is routed to it any more.")
    RULES_READ = ("rules.read", Kind.RULES, "Read documents of rules and what they come to.")
    RULES_WRITE = ("rules.write", Kind.RULES, "Write a tenant's own document, which narrows what its ceiling allows.")
    RULES_WRITE_CEILING = (
        "rules.write_ceiling",
        Kind.RULES,
        "Write a tenant's ceiling, or the installation's default.",
    )
    AUDIT_READ = ("audit.read", Kind.AUDIT_LOG, "Read a tenant's audit log.")
    AUDIT_READ_PLATFORM = ("audit.read_platform", Kind.AUDIT_LOG, "Read the installation's audit log.")
    AUDIT_RECOVER = (
        "audit.recover",
        Kind.AUDIT_LOG,
        "Let logs that do not follow from what was signed begin anew, linked to what they follow.",
    )
    RETENTION_READ = ("retention.read", Kind.AUDIT_LOG, "See how long things are kept, and what is due.")
    RETENTION_RUN = ("retention.run", Kind.AUDIT_LOG, "Drop what is beyond its days and not held.")
    HOLD_SET = ("hold.set", Kind.AUDIT_LOG, "Keep something beyond its days.")
    HOLD_RELEASE = ("hold.release", Kind.AUDIT_LOG, "Let go of what was kept beyond its days.")
    RECORDS_READ = ("records.read", Kind.AUDIT_LOG, "Read the records of a tenant's requests; they hold no content.")
    METRICS_READ = ("metrics.read", Kind.CONFIGURATION, "Read the installation's metrics; they name no tenant.")
    CONFIG_EXPLAIN = ("config.explain", Kind.CONFIGURATION, "Read the settings in force and where each came from.")
    DATABASE_RESTORE = ("database.restore", Kind.CONFIGURATION, "Bring the installation's database back from a backup.")
    VAULT_READ = ("vault.read", Kind.VAULT, "See how the keystore is and which tenants have keys; no key is shown.")
    VAULT_DISSOLVE = (
        "vault.dissolve",
        Kind.VAULT,
        "End a business unit: destroy the keys of all its tenants, which have ended, for good.",
    )
    VAULT_ROTATE = (
        "vault.rotate",
        Kind.VAULT,
        "Add a version of the master key, and re-wrap tenants' keys under it; make and rotate keys that sign releases.",
    )
    ELEVATION_REQUEST = ("elevation.request", Kind.ELEVATION, "Ask for power over one tenant, for some minutes.")
    ELEVATION_BREAK_GLASS = ("elevation.break_glass", Kind.ELEVATION, "Take it without approval; somebody is paged.")
    ELEVATION_READ = ("elevation.read", Kind.ELEVATION, "Read requests for elevation and what became of them.")
    ELEVATION_DECIDE = ("elevation.decide", Kind.ELEVATION, "Approve or deny somebody else's request for elevation.")
    ELEVATION_BEGIN = ("elevation.begin", Kind.ELEVATION, "Get the token of one's own approved elevation, once.")
    ELEVATION_END = ("elevation.end", Kind.ELEVATION, "End an elevation, or withdraw the request for one.")
    ELEVATION_REVIEW = ("elevation.review", Kind.ELEVATION, "Review what was done after somebody broke the glass.")
    PROPOSAL_MAKE = (
        "proposal.make",
        Kind.PROPOSAL,
        "Propose what takes a second person: an account that decides, a provider.",
    )
    PROPOSAL_READ = ("proposal.read", Kind.PROPOSAL, "Read what was proposed, and what became of it.")
    PROPOSAL_DECIDE = ("proposal.decide", Kind.PROPOSAL, "Approve or deny what somebody else proposed, or review it.")
    PROPOSAL_WITHDRAW = ("proposal.withdraw", Kind.PROPOSAL, "Withdraw what one has proposed oneself.")
    MODEL_INVOKE = ("model.invoke", Kind.DEPLOYMENT, "Ask a deployed model: chat, completions or embeddings.")
    MODEL_SEE = ("model.see", Kind.DEPLOYMENT, "See that a deployed model exists.")
    DATASET_ADD = ("dataset.add", Kind.DATASET, "Bring data in; it arrives in quarantine.")
    DATASET_LIST = ("dataset.list", Kind.DATASET, "Look at data sets without their rows, and why they may be used.")
    DATASET_READ = ("dataset.read", Kind.DATASET, "Read admitted training data.")
    DATASET_APPROVE = ("dataset.approve", Kind.DATASET, "Say that a data set may be used in its environment.")
    DATASET_EXPORT = ("dataset.export", Kind.DATASET, "Take a data set's rows, or its reject file, out in the clear.")
    DATASET_GRANT = ("dataset.grant", Kind.DATASET, "Let a training workload read a data set.")
    DATASET_REVOKE = ("dataset.revoke", Kind.DATASET, "Let a training workload read a data set no more.")
    DATASET_WITHDRAW = ("dataset.withdraw", Kind.DATASET, "End a data set: nothing trains on it any more.")
    SOURCE_ADD = ("source.add", Kind.DATASET, "Register where data comes from, who answers for it, and its risk.")
    SOURCE_LIST = ("source.list", Kind.DATASET, "List where a tenant's data comes from.")
    LINEAGE_READ = ("lineage.read", Kind.DATASET, "Ask what something was made from, and what was made from it.")
    LINEAGE_LINK = ("lineage.link", Kind.DATASET, "Say what something was made from.")
    TRAINING_RUN = ("training.run", Kind.JOB, "Run a training or fine-tuning job.")
    TRAINING_DELIVER = ("training.deliver", Kind.JOB, "Put what a training job made into quarantine.")
    TRAINING_READ = (
        "training.read",
        Kind.JOB,
        "See a tenant's training jobs and what became of them; no data is shown.",
    )
    TRAINING_END = ("training.end", Kind.JOB, "Cancel a training job of a tenant.")
    CASE_VIEW = ("case.view", Kind.CASE, "Read what support is shown of a matter: redacted, without content.")
    INCIDENT_OPEN = ("incident.open", Kind.INCIDENT, "Open an incident: a key has leaked, and is dealt with.")
    INCIDENT_READ = ("incident.read", Kind.INCIDENT, "Read a tenant's incidents.")
    INCIDENT_CLOSE = ("incident.close", Kind.INCIDENT, "Close an incident, saying what caused it.")
    SUBJECT_READ = (
        "subject.read",
        Kind.SUBJECT,
        "Look at people's requests and holds, and how much is kept of a person.",
    )
    SUBJECT_REQUEST = (
        "subject.request",
        Kind.SUBJECT,
        "Take a person's request, or open one for a tenant that has ended.",
    )
    SUBJECT_CONFIRM = ("subject.confirm", Kind.SUBJECT, "Confirm a person's request as a second person.")
    SUBJECT_REFUSE = ("subject.refuse", Kind.SUBJECT, "End a person's request with a reasoned no.")
    SUBJECT_EXPORT = ("subject.export", Kind.SUBJECT, "Write out what is kept of a person.")
    SUBJECT_ERASE = ("subject.erase", Kind.SUBJECT, "Erase what is kept of a person.")
    SUBJECT_CERTIFY = (
        "subject.certify",
        Kind.SUBJECT,
        "Say what an export or erasure came to: the digest of its document, and the verdict.",
    )
    SUBJECT_REPLAY = ("subject.replay", Kind.SUBJECT, "Erase again what was erased before and came back, or came late.")
    SUBJECT_HOLD = ("subject.hold", Kind.SUBJECT, "Keep a person's data, or all of a tenant's, from being erased.")
    SUBJECT_RELEASE = ("subject.release", Kind.SUBJECT, "Let go of a hold against erasing.")
    CANARY_PLANT = ("canary.plant", Kind.CANARY, "Plant a canary in a deployment's instructions or in a document.")
    CANARY_LIST = ("canary.list", Kind.CANARY, "List a tenant's canaries with their words.")
    CANARY_ROTATE = ("canary.rotate", Kind.CANARY, "Let a new canary take the place of one.")
    CAPTURE_REQUEST = ("capture.request", Kind.CAPTURE, "Ask that raw requests of one model be captured, for minutes.")
    CAPTURE_DECIDE = ("capture.decide", Kind.CAPTURE, "Approve or deny somebody else's request for a capture session.")
    CAPTURE_BEGIN = ("capture.begin", Kind.CAPTURE, "Let a capture session begin that two have approved.")
    CAPTURE_LIST = ("capture.list", Kind.CAPTURE, "See capture sessions: of what, why, by whose word; no content.")
    CAPTURE_STOP = ("capture.stop", Kind.CAPTURE, "End a capture session at once.")
    CAPTURE_READ = ("capture.read", Kind.CAPTURE, "Read what was captured, raw: under an elevation that names this.")
    LIST_ADD = ("list.add", Kind.LIST, "Add values to a tenant's own list; they are kept as hashes.")
    LIST_LIST = ("list.list", Kind.LIST, "See a tenant's lists: how much is on each, never what.")
    LIST_DELETE = ("list.delete", Kind.LIST, "Remove a tenant's list.")
    FLOW_READ = ("flow.read", Kind.FLOW, "See which data goes from where to where, and what of it was declared.")
    FLOW_DECLARE = ("flow.declare", Kind.FLOW, "Apply the next file of a tenant's declared flows.")
    FLOW_FIND = ("flow.find", Kind.FLOW, "Tell of a flow that was seen and nobody declared.")
    WHOAMI = ("whoami", Kind.SELF, "Read who one is.")


_TAKES_AWAY_OR_LOOKS: Final = frozenset(
    # "invoke": models are asked through the data plane, which does not come by the gate and has records of its own.
    {
        "list",
        "read",
        "read_platform",
        "verify",
        "attest",
        "see",
        "view",
        "explain",
        "quality",
        "whoami",
        "delete",
        "revoke",
        "end",
        "stop",
        "recover",
        "freeze",
        "restore",
        "invoke",
    }
)


def goes_on_unsealed(action: Action) -> bool:
    """Whether an action is done though the audit log cannot be sealed: looking, taking away, and mending the log itself.

    Whoever can stop the notary must not thereby keep a stolen key alive. Its entry stands in the outbox all the same.
    """
    return action.value.rpartition(".")[2] in _TAKES_AWAY_OR_LOOKS


KNOWN_BY: Final = {
    Kind.TENANT: (Action.TENANT_READ,),
    Kind.ENVIRONMENT: (Action.ENVIRONMENT_LIST,),
    Kind.WORKLOAD: (Action.WORKLOAD_LIST,),
    Kind.KEY: (Action.KEY_READ,),
    Kind.SIGNER: (Action.SIGNER_LIST,),
    Kind.FEDERATION: (Action.FEDERATION_LIST, Action.TOKEN_LIST),
    Kind.ACCOUNT: (Action.ACCOUNT_LIST,),
    Kind.RELEASE: (Action.MODEL_LIST,),
    Kind.DEPLOYMENT: (Action.DEPLOYMENT_LIST, Action.MODEL_SEE),
    Kind.PROMPT: (Action.PROMPT_LIST,),
    Kind.DATASET: (Action.DATASET_READ, Action.DATASET_LIST),
    Kind.JOB: (Action.TRAINING_RUN, Action.TRAINING_READ),
    Kind.CASE: (Action.CASE_VIEW,),
    Kind.PROVIDER: (Action.PROVIDER_READ, Action.PROVIDER_LIST),
    Kind.RULES: (Action.RULES_READ,),
    Kind.INCIDENT: (Action.INCIDENT_READ,),
    Kind.SUBJECT: (Action.SUBJECT_READ,),
    Kind.CANARY: (Action.CANARY_LIST,),
    Kind.FLOW: (Action.FLOW_READ,),
    Kind.LIST: (Action.LIST_LIST,),
    Kind.CAPTURE: (Action.CAPTURE_LIST,),
    Kind.AUDIT_LOG: (Action.AUDIT_READ, Action.AUDIT_READ_PLATFORM),
    Kind.CONFIGURATION: (Action.CONFIG_EXPLAIN, Action.METRICS_READ),
    Kind.VAULT: (Action.VAULT_READ,),
    Kind.ELEVATION: (Action.ELEVATION_READ,),
    Kind.PROPOSAL: (Action.PROPOSAL_READ,),
    Kind.CHANNEL: (Action.CHANNEL_READ,),
    Kind.SELF: (Action.WHOAMI,),
}
"""Who may do one of these may know that the resource exists, and is told "not you" instead of "nothing here"."""


class BadId(ValueError):  # noqa: N818 - an answer: nothing can be called so
    """What was asked for has an id that nothing can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What an action is about.

    Attributes:
        kind: what it is.
        id: its public id or name, or `EVERY`.
        tenant: whose it is; None for what belongs to the installation.
        environment: where it lives; None when it belongs to all of a tenant's environments.
        sensitivity: how closely it is held.
        holder: of a workload, or of a credential to be: the role of who would hold it.
    """

    kind: Kind
    id: str = EVERY
    tenant: TenantId | None = None
    environment: Environment | None = None
    sensitivity: Sensitivity = Sensitivity.NORMAL
    holder: Role | None = None

    def __post_init__(self) -> None:
        """Refuse what could not be named in a log or could mean two things.

        Raises:
            BadId: for an id outside a-z, A-Z, 0-9, '.', ':' and '-' or over 128 long.
            ValueError: for a place that cannot be.
        """
        if not _ID.fullmatch(self.id):
            raise BadId("a resource id is 1 to 128 of letters, digits, '.', ':' and '-', or '*'")
        if self.tenant == PLATFORM:
            raise ValueError("what belongs to the installation has no tenant; say None")
        if self.environment is not None and self.tenant is None:
            raise ValueError("an environment belongs to a tenant")

    def __str__(self) -> str:
        """Return its path, for the audit log: `tenant/<uuid>/prod/key/<id>` or `installation/account/<id>`."""
        place = "installation" if self.tenant is None else f"tenant/{self.tenant}"
        if self.environment is not None:
            place = f"{place}/{self.environment}"
        return f"{place}/{self.kind}/{self.id}"
