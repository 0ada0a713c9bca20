"""The catalog lint: does the live database still hold every promise that row security rests on?

Always true here:
- it looks at the database as it is, never at the migrations: what somebody granted by hand is found;
- what is meant to break a rule is on a list with its reason, and an entry that nothing needs any more is a finding too;
- a finding says what is wrong and how to mend it.

Run as a superuser, who sees all of the catalog. Each rule is one query that returns offenders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from strongroom.store import migrate, roles
from strongroom.store.dsn import Dsn
from strongroom.store.rules import ON_OBJECTS, ON_ROWS, PREAMBLE, SCHEMAS, Rule
from strongroom.store.rules_roles import ON_ROLES

if TYPE_CHECKING:
    from strongroom.store.driver import Connection

RULES: Final = (*ON_ROWS, *ON_OBJECTS, *ON_ROLES)

_NAMES: Final = (list(SCHEMAS), list(roles.SERVING), [roles.OWNER, *roles.SERVING])

_LEASE: Final = "limits.lease(uuid,bigint,bigint,uuid[],text[],text[],bigint[],bigint[],bigint[],bigint[],bigint[],bigint[],bigint[])"

EXCEPTIONS: Final[Mapping[tuple[str, str], str]] = {
    # A key that does not start with the tenant tells one tenant of another's rows, unless no tenant can write there.
    ("tenant-first", "identity.tenant.tenant_name"): "only operators insert tenants; a tenant cannot rename itself",
    ("tenant-first", "identity.account.account_pkey"): "accounts are the installation's; operators alone write them",
    ("tenant-first", "identity.account.account_name"): "accounts are the installation's; operators alone write them",
    (
        "tenant-first",
        "feed.entry.entry_credential",
    ): "ids are random, and whoever writes there reads all of them anyway",
    ("tenant-first", "registry.deployment.deployment_release_digest_fkey"): "releases belong to no tenant",
    ("tenant-first", "registry.target.target_provider_id_fkey"): "providers belong to no tenant",
    # Policies that let a role see or add rows of every tenant.
    ("open-policy", "identity.tenant.operator_all"): "operators create, list and delete tenants",
    ("open-policy", "identity.environment.operator_all"): "operators set up a new tenant's environments",
    ("open-policy", "identity.workload.operator_read"): "operators list workloads across tenants",
    ("open-policy", "identity.key.operator_read"): "operators list keys across tenants; fingerprints are not granted",
    ("open-policy", "identity.account.operator_all"): "accounts are the installation's",
    (
        "open-policy",
        "identity.account.approvers",
    ): "which accounts are approvers, by id alone; they belong to no tenant",
    ("open-policy", "identity.request.operator_all"): "what was asked for is the installation's, whomever it is about",
    ("open-policy", "identity.request.own_tenant_read"): "by the tenant that it is about, in the column `about`",
    ("open-policy", "identity.request.own_tenant_add"): "by the tenant that it is about, in the column `about`",
    ("open-policy", "identity.request.own_tenant_mark"): "by the tenant that it is about, in the column `about`",
    ("open-policy", "identity.vote.operator_all"): "votes go with their requests",
    ("open-policy", "identity.vote.own_tenant_read"): "votes go with their requests, whose policies hold",
    ("open-policy", "identity.vote.own_tenant_add"): "votes go with their requests, whose policies hold",
    ("open-policy", "registry.deployment.operator_read"): "operators list deployments across tenants",
    ("open-policy", "registry.own_release.operator_read"): "operators list releases across tenants",
    ("open-policy", "registry.own_evidence.operator_read"): "approvers read what is known of a tenant's release",
    (
        "open-policy",
        "registry.own_outside_evidence.operator_read",
    ): "approvers read what others found of a tenant's release",
    ("open-policy", "registry.serving_lack.operator_read"): "operators see what lacks something across tenants",
    ("open-policy", "registry.evaluation.operator_read"): "operators promote by what releases came to in any tenant",
    ("open-policy", "registry.target.operator_read"): "operators list deployments across tenants",
    ("open-policy", "providers.provider.operator_all"): "providers are the installation's",
    (
        "open-policy",
        "providers.provider.open_to_tenant",
    ): "a tenant sees what is open to it, without address and secret",
    ("open-policy", "audit.entry.operator_read"): "operators read the audit log across tenants",
    ("open-policy", "audit.entry.gateway_append"): "the gateway records refusals of every tenant, and reads none",
    ("open-policy", "feed.entry.control_follows"): "control follows the documents of every tenant; no content in them",
    ("open-policy", "audit.platform_entry.operator_read"): "the installation's own log",
    ("open-policy", "audit.platform_entry.operator_append"): "the installation's own log",
    ("open-policy", "audit.platform_entry.control_append"): "what a tenant was refused outside stands there too",
    ("open-policy", "audit.platform_entry.gateway_append"): "the gateway records callers nobody knows",
    (
        "open-policy",
        "feed.entry.gateway_follows",
    ): "the gateway follows the documents of every tenant; no content in them",
    ("open-policy", "gateway.key_use.gateway_append"): "the gateway notes uses of every tenant's keys, and reads none",
    (
        "open-policy",
        "gateway.key_first.gateway_append",
    ): "the gateway notes uses of every tenant's keys, and reads none",
    ("open-policy", "gateway.record.gateway_append"): "the gateway records requests of every tenant, and reads none",
    # Shares of limits: the gateways have no grant on these tables, and call one function that adds before it hands out.
    ("open-policy", "limits.counter.leased"): "the owner alone, in limits.lease: gateways serve every tenant",
    ("open-policy", "limits.holding.leased"): "the owner alone, in limits.lease: gateways serve every tenant",
    (
        "definer-function",
        _LEASE,
    ): "the gateways' one way to a counter: it can take and give back shares, and neither reads nor sets one",
    (
        "definer-function",
        "limits.take(text,text,timestamp with time zone,bigint,bigint)",
    ): "the one way to count what is taken out: of the tenant that is set, and it only adds",
    (
        "definer-function",
        "audit.page_incident()",
    ): "stores a notice of the very incident that is opened, without what it tells; nobody may call it",
    # The logs: one keeper puts the entries of every tenant in their places.
    ("open-policy", "audit.entry.keeper_read"): "the keeper seals the entries of every tenant",
    ("open-policy", "audit.entry.keeper_seal"): "the keeper seals the entries of every tenant, each once",
    (
        "open-policy",
        "audit.entry.keeper_reseal",
    ): "only what an ended log had sealed and never signed; see the migration",
    ("open-policy", "audit.entry.keeper_append"): "the keeper says in a log what became of that log, and nothing else",
    ("open-policy", "audit.platform_entry.keeper_read"): "the installation's own log",
    ("open-policy", "audit.platform_entry.keeper_seal"): "the installation's own log",
    ("open-policy", "audit.platform_entry.keeper_reseal"): "the installation's own log",
    ("open-policy", "audit.platform_entry.keeper_append"): "the installation's own log",
    ("open-policy", "audit.log.keeper_all"): "the keeper keeps the log of every tenant",
    ("open-policy", "audit.tile.keeper_all"): "the keeper keeps the log of every tenant",
    ("open-policy", "audit.checkpoint.keeper_all"): "the keeper keeps the log of every tenant",
    ("open-policy", "audit.log.operator_read"): "operators read the audit logs across tenants",
    ("open-policy", "audit.tile.operator_read"): "operators read the audit logs across tenants",
    ("open-policy", "audit.checkpoint.operator_read"): "operators read the audit logs across tenants",
    ("open-policy", "gateway.record.keeper_read"): "the keeper seals the records of every tenant; no content in them",
    ("open-policy", "gateway.record.keeper_seal"): "the keeper puts a record into a batch, once",
    ("keeper-reach", "gateway.record"): "the keeper seals records; a policy lets it put each into a batch, once",
    ("open-policy", "retention.hold.operator_all"): "operators hold things, and release them",
    ("open-policy", "retention.manifest.operator_read"): "operators read what was dropped, of every tenant",
    ("open-policy", "identity.tenant.kept_by"): "the owner alone, in what drops rows: whom a rule of retention names",
    ("open-policy", "retention.hold.dropped_by"): "the owner alone, in retention.drop_records: it asks whether it may",
    (
        "definer-function",
        "retention.drop_records(date)",
    ): "the one way to remove a record; asks rule and hold by itself",
    (
        "definer-function",
        "capture.drop_of_subject(text,timestamp with time zone)",
    ): "control's one way to erase captured requests, of one subject; asks holds by itself",
    (
        "definer-function",
        "retention.drop_captures(date)",
    ): "the one way to remove a captured request; asks rule, days and hold by itself",
    (
        "definer-function",
        "retention.summarise(date)",
    ): "the one way into the analytics: sums over a day of the tenant that is set; returns how many records there were",
    (
        "definer-function",
        "retention.drop_analytics(date)",
    ): "the one way to remove figures; asks rule, hold and records by itself",
    ("gateway-reads", "capture.session"): "a gateway asks whether a session is open yet; of the tenant that is set",
    ("gateway-reads", "capture.entry"): "how much a session has taken: sizes alone, by a grant of columns",
    (
        "definer-function",
        "retention.tend_days(integer)",
    ): "makes days' partitions, and drops the empty ones of the past",
    # Erasing a person: functions that ask by themselves whether anything holds it.
    (
        "definer-function",
        "subjects.held_by(text)",
    ): "whether anything holds a subject's data: of the tenant that is set, and no more than kind, owner and end",
    (
        "definer-function",
        "gateway.part_records(text,timestamp with time zone,integer)",
    ): "the one way to part a record from its subject; asks holds by itself, and changes nothing that was sealed",
    (
        "definer-function",
        "rules.drop_value_lists(text)",
    ): "the one way to remove lists, of the tenant that is set alone: its policies hold for the owner, too",
    (
        "definer-function",
        "audit.drop_sidecars(text,timestamp with time zone)",
    ): "the one way to remove what a person wrote beside a log; asks holds by itself, and leaves the log as it is",
    (
        "definer-function",
        "registry.drop_labels(text,timestamp with time zone)",
    ): "the one way to delete labels of a person's requests; asks holds by itself",
    (
        "definer-function",
        "registry.prompts_to_move()",
    ): "which prompts of any tenant are under the keyring still: names alone; operators read them anyway, by tenant",
    ("open-policy", "registry.prompt.moved_from"): "the owner alone, in registry.prompts_to_move",
    (
        "definer-function",
        "registry.part_content(text,text,text,timestamp with time zone)",
    ): "the one way to forget whose rows stand in a file; asks holds by itself",
    (
        "definer-function",
        "registry.forget_content(text)",
    ): "forgets whose rows stood in a file that is gone, of the tenant that is set; it tells nothing",
    (
        "definer-function",
        "gateway.drop_responses(text,timestamp with time zone)",
    ): "control's one way to erase kept responses, of one subject; asks holds by itself",
    ("open-policy", "gateway.nonce.gateway_append"): "the gateway takes nonces of every tenant, and reads none",
    ("open-policy", "gateway.nonce.gateway_erase"): "what is five minutes old counts for nobody; nothing younger goes",
    ("open-policy", "gateway.response.ended"): "what has ended goes, whosever it was; a gateway deletes it unseen",
    # Code that runs with a change.
    ("trigger", "feed.version.one_step"): "the version moves by one for whoever serves",
    ("trigger", "feed.entry.now_or_never"): "a document has the feed's version for whoever serves",
    (
        "trigger",
        "audit.entry.raise_incident",
    ): "an entry that tells of a leak opens its incident in the same transaction",
    (
        "trigger",
        "identity.incident.page_incident",
    ): "an incident that opens stores the notice that pages somebody in the same transaction",
    (
        "definer-function",
        "audit.raise_incident()",
    ): "adds an incident for the very entry that is written, to the same tenant; nobody may call it",
    ("open-policy", "identity.incident.raised"): "the owner alone, in audit.raise_incident: of the entry's own tenant",
    # What the gateway may read, or erase.
    ("gateway-reads", "feed.version"): "the feed is how a gateway learns of changes",
    ("gateway-reads", "feed.entry"): "the feed is how a gateway learns of changes",
    ("keeper-reach", "store.migration"): "a process refuses a database that is newer than its code",
    ("gateway-reads", "store.migration"): "a process refuses a database that is newer than its code",
    ("gateway-reads", "gateway.nonce"): "it may delete there, without seeing what; a policy lets go of the old alone",
    ("gateway-reads", "gateway.response"): "kept answers, sealed, of the tenant that the transaction is for",
    ("erasable", "gateway.response"): "a workload may drop what it had kept, and what has ended is of no use",
    (
        "erasable",
        "identity.access_token",
    ): "a tenant's own, a month after both tokens ended; a policy lets go of no other",
    ("erasable", "gateway.nonce"): "nonces count for a minute; what is older would only grow",
    ("erasable", "registry.serving_lack"): "what a deployment lacks now; one that lacks nothing has no row",
    ("erasable", "registry.outside_evidence"): "what newer evidence takes the place of; the log tells that it did",
    ("erasable", "registry.own_outside_evidence"): "as outside_evidence, of the tenant that is set",
}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One broken promise.

    Attributes:
        rule: its short name.
        subject: the object that breaks it.
        problem: what is wrong, as a sentence.
        mend: what to do.
    """

    rule: str
    subject: str
    problem: str
    mend: str

    def __str__(self) -> str:
        """Return it on one line."""
        return f"{self.rule}: {self.subject}: {self.problem} ({self.mend})"


async def lint(admin: Dsn, *, exceptions: Mapping[tuple[str, str], str] = EXCEPTIONS) -> list[Finding]:
    """Return every broken promise in a database, sorted; none is what it should be.

    Args:
        admin: a superuser's login.
        exceptions: (rule, subject) and the reason why it may be.

    Raises:
        Unavailable: when the database does not answer.
    """
    async with migrate.administrator(admin) as connection:
        return await inspect(connection, exceptions)


async def inspect(connection: Connection, exceptions: Mapping[tuple[str, str], str]) -> list[Finding]:
    """Return every broken promise as `connection`, a superuser's, sees the database."""
    findings: list[Finding] = []
    excused: set[tuple[str, str]] = set()
    for rule in RULES:
        for row in await connection.fetch(PREAMBLE + rule.offenders, *_NAMES):
            subject = row["subject"]
            if (rule.name, subject) in exceptions:
                excused.add((rule.name, subject))
            else:
                findings.append(_finding(rule, subject))
    findings += [_stale(rule, subject) for rule, subject in exceptions.keys() - excused]
    return sorted(findings)


def _finding(rule: Rule, subject: str) -> Finding:
    return Finding(rule=rule.name, subject=subject, problem=rule.problem, mend=rule.mend)


def _stale(rule: str, subject: str) -> Finding:
    return Finding(
        rule="stale-exception",
        subject=f"{rule} {subject}",
        problem="nothing needs this exception any more",
        mend="take it off the list in store/lint.py",
    )
