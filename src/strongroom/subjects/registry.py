"""Which places hold data of people, and why every other table holds none that could be found by a person.

A new table fails the tests until it stands here: with a holder that answers for it, or with a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from strongroom.audit.sidecar import Sidecars, Words, text_of
from strongroom.captures.personal import CapturedRequests
from strongroom.gateway.personal import KeptResponses, Records
from strongroom.kernel.clock import rfc3339
from strongroom.registry.datasets.personal import DatasetRows
from strongroom.registry.evaluations.personal import Labels
from strongroom.store import TenantTx
from strongroom.subjects import tables
from strongroom.subjects.holder import Holder
from strongroom.subjects.model import WHY_HELD, WHY_NOT
from strongroom.training.personal import TrainingRows
from strongroom.vault import KeysDestroyed, Scope, SealBroken, Use, Vault

_BOUND: Final = MappingProxyType[str, tuple[str, ...]]({"said": (), "refused for": (WHY_NOT,), "held for": (WHY_HELD,)})
"""What sealed words are bound to, beside what they are of."""


class Notes:
    """What was said of people's requests, why one was refused, and why their data was held, under their own keys."""

    name = "what was said of requests"
    tables = ("subjects.request", "subjects.hold")
    method = "removed, and their key destroyed; that there was a request or a hold, when, and what came of it stays"

    async def count(self, tx: TenantTx, subject: str, before: datetime | None = None) -> int:
        """Return how many requests have words."""
        return await tables.count_notes(tx, subject, before)

    async def export(self, tx: TenantTx, subject: str, vault: Vault) -> Sequence[dict[str, Any]]:
        """Return the words."""
        said = list[dict[str, Any]]()
        scope = Scope(tx.tenant, Use.SUBJECT_REQUEST, None, subject)
        for each in await tables.notes(tx, subject):
            words = each.plain
            if each.sealed is not None:
                try:
                    words = (await vault.open(scope, each.sealed, str(each.which), *_BOUND[each.what])).decode()
                except (SealBroken, KeysDestroyed):
                    words = None
            said.append({"hold" if each.what == "held for" else "request": str(each.which), each.what: words})
        return said

    async def erase(self, tx: TenantTx, subject: str, before: datetime) -> int:
        """Remove the words."""
        return await tables.drop_notes(tx, subject, before)


class Written:
    """What a person with an account wrote of their acts, beside the tenant's log (`account:ROLE/NAME`)."""

    name = "what was written beside the log"
    tables = ("audit.sidecar",)
    method = "removed, and their key destroyed; the log holds salted commitments, and proves as before"

    async def count(self, tx: TenantTx, subject: str, before: datetime | None = None) -> int:
        """Return how many words there are."""
        count: int = await tx.fetchval(
            """select count(*) from audit.sidecar
               where tenant_id = $1 and subject = $2 and ($3::timestamptz is null or at <= $3)""",
            tx.tenant,
            subject,
            before,
        )
        return count

    async def export(self, tx: TenantTx, subject: str, vault: Vault) -> Sequence[dict[str, Any]]:
        """Return the words, each with its entry: the newest 5,000."""
        rows = await tx.fetch(
            """select entry_id, name, sealed, at from audit.sidecar
               where tenant_id = $1 and subject = $2 order by at desc limit 5000""",
            tx.tenant,
            subject,
        )
        said = list[dict[str, Any]]()
        for row in rows:
            words = Words(row["entry_id"], row["name"], subject, bytes(row["sealed"]))
            plain = await Sidecars(vault).open(tx.tenant, words)
            text = None if plain is None else text_of(plain)
            said.append({"entry": str(row["entry_id"]), "at": rfc3339(row["at"]), row["name"]: text})
        return said

    async def erase(self, tx: TenantTx, subject: str, before: datetime) -> int:
        """Remove the words."""
        gone: int = await tx.fetchval("select audit.drop_sidecars($1, $2)", subject, before)
        return gone


def holders(datasets: DatasetRows, files: TrainingRows) -> tuple[Holder, ...]:
    """Return where data of people stands, in the order in which it is erased."""
    return (Records(), KeptResponses(), CapturedRequests(), Labels(), datasets, files, Written(), Notes())


KEPT_FOR: Final = MappingProxyType(
    {
        Records.name: "for the days of the tenant's rule of retention; without one, for ever",
        KeptResponses.name: "30 days from the answer, or until the workload deletes it",
        Labels.name: "until the tenant's end",
        DatasetRows.name: "until the tenant's end",
        TrainingRows.name: "until the file is deleted",
        Written.name: "until who wrote it, or whom it is about, is erased",
        CapturedRequests.name: "for the days of the tenant's rule of retention; without one, for 14",
        Notes.name: "until the person is erased",
    }
)
"""For how long each place keeps what it has, as people are told."""

_LOG: Final = "entries of a log name accounts and ids; what is written of people's requests is their id alone"
_FIGURES: Final = "figures of keys, limits and processes: they name no person"
_NAMES: Final = "names that people gave to things of the installation: workloads, keys, models, rules"
_ACCOUNTS: Final = "accounts of those who administer, who are the operator's own people and not a tenant's customers"
_PROOF: Final = "hashes and signatures"

EXEMPT: Final = MappingProxyType(
    {
        "audit.entry": _LOG,
        "audit.platform_entry": _LOG,
        "audit.log": _PROOF,
        "audit.tile": _PROOF,
        "audit.checkpoint": _PROOF,
        "audit.anchor": _PROOF,
        "audit.publication": _PROOF,
        "audit.pulse": _FIGURES,
        "capture.session": "of what requests were captured, why and by whose word: it names no person",
        "gateway.nonce": "random numbers of callers, for five minutes",
        "gateway.key_use": "networks, countries and programs that a key was used from: of a workload, not of a person",
        "gateway.key_first": "as key_use",
        "limits.taken": _ACCOUNTS,
        "limits.counter": _FIGURES,
        "limits.holding": _FIGURES,
        "retention.hold": "why a tenant's records are held; who answers for that is the operator's own",
        "retention.manifest": _PROOF,
        "retention.analytics": "sums of at least as many callers and requests as the rule says: they name nobody",
        "retention.summary": _FIGURES,
        "store.migration": _NAMES,
        "feed.version": _FIGURES,
        "feed.entry": _NAMES,
        "rules.document": _NAMES,
        "registry.release": _NAMES,
        "registry.deployment": _NAMES,
        "registry.deployment_served": _NAMES,
        "registry.target": _NAMES,
        "registry.evidence": _ACCOUNTS,
        "registry.outside_evidence": _ACCOUNTS,
        "registry.canary": "made-up words, and what the documents are called that they were planted in",
        "registry.own_release": _NAMES,
        "registry.training_file": "names and digests; the rows themselves are files, and whose they are stands in content_subject",
        "registry.training_job": _NAMES,
        "registry.training_event": _NAMES,
        "registry.source": "who answers for data of a tenant: an approver's account, and a contact that the tenant gave",
        "registry.dataset": "digests and counts; the rows themselves are files, and whose they are stands in content_subject",
        "registry.dataset_approval": _ACCOUNTS,
        "registry.dataset_grant": _NAMES,
        "registry.lineage_run": _NAMES,
        "registry.lineage_edge": _NAMES,
        "registry.own_evidence": _ACCOUNTS,
        "registry.own_outside_evidence": _ACCOUNTS,
        "registry.serving_lack": _ACCOUNTS,
        "registry.channel": _NAMES,
        "registry.channel_metadata": _PROOF,
        "registry.approver_key": _ACCOUNTS,
        "registry.evaluation": "how a release did in a suite: figures, and no text of a case",
        "registry.prompt": "what deployments say to models before anybody's request, sealed under the tenant's keys",
        "registry.prompt_approval": _ACCOUNTS,
        "flows.declaration": _NAMES,
        "rules.value_list": "hashes under the tenant's key, of values that it wants to be found; whose they are is not to be told",
        "flows.edge": "which type of data went from what to what; the names are of workloads, models and accounts",
        "providers.provider": _NAMES,
        "identity.tenant": _NAMES,
        "identity.environment": _NAMES,
        "identity.workload": _NAMES,
        "identity.key": _NAMES,
        "identity.key_neglect": _FIGURES,
        "identity.signer": _NAMES,
        "identity.account": _ACCOUNTS,
        "identity.account_key": _ACCOUNTS,
        "identity.delivery": "a key on its way, sealed under its own text, for a day",
        "identity.access_token": "tokens of workloads, by the names of their rules",
        "identity.federation_rule": _NAMES,
        "identity.incident": _NAMES,
        "identity.request": _ACCOUNTS,
        "identity.vote": _ACCOUNTS,
        "identity.elevation": _ACCOUNTS,
        "identity.notice": _ACCOUNTS,
    }
)
"""Tables that no holder answers for, and why."""
