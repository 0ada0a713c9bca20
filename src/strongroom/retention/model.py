"""Values of retention, and how long each table's rows are kept."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta


@unique
class RuleClass(StrEnum):
    """What rules and holds speak of: rows of one class."""

    RECORDS = "records"  # of requests: figures and names
    ANALYTICS = "analytics"  # sums over records, without anybody's name: they outlive these
    CAPTURES = "captures"  # what capture sessions captured: the investigation archive


RECORDS: Final = RuleClass.RECORDS
ANALYTICS: Final = RuleClass.ANALYTICS
CAPTURES: Final = RuleClass.CAPTURES
TIERS: Final = MappingProxyType({RECORDS: "operational", ANALYTICS: "masked analytics", CAPTURES: "investigation"})
"""The tier of each class."""
DEFAULT_DAYS: Final = MappingProxyType({CAPTURES: 14})
"""For how many days rows of a class are kept where no rule says; a class that is not here is kept for ever then."""

Reason = Annotated[str, Meta(min_length=1, max_length=256)]
Owner = Annotated[str, Meta(min_length=1, max_length=128)]

_BY_RULE: Final = "for the days of the rule of its class and tenant; without a rule, for ever"
_LEAF: Final = "for ever: a leaf of a log, or what proves one"
_LIFE: Final = "as long as what it describes, and after its end as a tombstone, so that its id is never used again"

KEPT: Final = MappingProxyType(
    {
        "gateway.record": _BY_RULE,
        "gateway.record_default": _BY_RULE,
        "gateway.nonce": "for five minutes; gateways erase what is older",
        "gateway.response": "until its own end, which its request set; gateways erase what has ended",
        "gateway.key_use": "as long as its key is there",
        "gateway.key_first": "as long as its key is there",
        "capture.session": "for ever: of what raw requests were captured, why and by whose word",
        "capture.entry": "for the days of the rule of its class and tenant; without a rule, for 14",
        "audit.entry": _LEAF,
        "audit.platform_entry": _LEAF,
        "audit.log": _LEAF,
        "audit.tile": _LEAF,
        "audit.checkpoint": _LEAF,
        "audit.anchor": _LEAF,
        "audit.publication": _LEAF,
        "audit.pulse": "one row that moves",
        "limits.counter": "as long as its tenant; one row for each limit",
        "limits.taken": "as long as its tenant; one row for each store, span and who takes from it",
        "limits.holding": "until its gateway's share ends",
        "retention.hold": "for ever: why something was kept",
        "retention.manifest": "for ever: what was dropped",
        "retention.analytics": _BY_RULE,
        "retention.summary": "for ever: which days were summed up, of how many records",
        "audit.sidecar": "for ever, or until who wrote it is erased",
        "subjects.request": "for ever: what a person asked for and what came of it; what they said goes with their key",
        "subjects.hold": "for ever: why something was not erased",
        "store.migration": "for ever: what made this database",
        "feed.version": "one row that moves",
        "feed.entry": _LIFE,
        "rules.document": "for ever: by which rules was decided",
        "registry.release": _LIFE,
        "registry.deployment": _LIFE,
        "registry.deployment_served": "for ever: what served when, and by whose hand",
        "registry.target": _LIFE,
        "registry.evidence": _LIFE,
        "registry.outside_evidence": _LIFE,
        "registry.evaluation": "for ever: what a release came to, and when",
        "registry.label": "as long as its tenant, or until the person of its request is erased; what it says ends with the tenant",
        "registry.content_subject": "as long as its file, or until the person is erased",
        "registry.prompt": "as long as its tenant; its text is erased at the tenant's end, the digest stays as a tombstone",
        "registry.prompt_approval": "for ever: who said yes to which digest, and why",
        "registry.own_release": _LIFE,
        "registry.source": _LIFE,
        "registry.dataset": "for ever: what a release was trained on; its rows are removed at the tenant's end",
        "registry.dataset_approval": "for ever: who said yes to which digest, and why",
        "registry.dataset_grant": "for ever: who could read what, and until when",
        "registry.lineage_run": "for ever: what made which release",
        "registry.lineage_edge": "for ever: what went into what",
        "registry.own_evidence": _LIFE,
        "registry.own_outside_evidence": _LIFE,
        "registry.serving_lack": "as long as the deployment lacks what is demanded of it",
        "registry.training_file": _LIFE,
        "registry.training_job": _LIFE,
        "registry.training_event": _LIFE,
        "registry.canary": "for ever: what a copy that turns up is known by",
        "registry.approver_key": _LIFE,
        "registry.channel": "one row a channel that moves",
        "registry.channel_metadata": "for ever: what was promoted, frozen and revoked, and when",
        "flows.declaration": "for ever: what was declared, by whom and why",
        "rules.value_list": "until the list is removed, or its tenant ends",
        "flows.edge": "for ever: what was seen, from when to when",
        "providers.provider": _LIFE,
        "identity.tenant": _LIFE,
        "identity.environment": _LIFE,
        "identity.workload": _LIFE,
        "identity.key": _LIFE,
        "identity.key_neglect": "as long as its tenant: when the log was told of a key that nobody uses",
        "identity.signer": _LIFE,
        "identity.account": _LIFE,
        "identity.account_key": _LIFE,
        "identity.delivery": _LIFE,
        "identity.access_token": "until it ends",
        "identity.federation_rule": _LIFE,
        "identity.incident": "for ever: what leaked, what was done, and how it came about",
        "identity.request": "for ever: who asked for power, or for a change, and why",
        "identity.vote": "for ever: who said yes or no to it, and why",
        "identity.elevation": "for ever: when that power began and ended, and its review",
        "identity.notice": "for ever: what somebody was paged with, and when it was taken",
    }
)
"""For how long the rows of each table are kept. A table that is not here fails the tests."""


@unique
class HoldKind(StrEnum):
    """Why something is kept beyond its days."""

    HOLD = "hold"  # a legal hold: until somebody releases it
    EXCEPTION = "exception"  # until it expires


class TenantRule(msgspec.Struct, frozen=True, kw_only=True):
    """For how long a class of rows is kept; `tenant` null: for all that have no rule of their own."""

    tenant: UUID | None
    tenant_name: str | None = None
    class_: str = msgspec.field(name="class")
    days: int
    smallest: int | None = None
    reason: str
    set_by: str
    set_at: datetime


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Why a tenant's rows are kept beyond their days."""

    tenant: UUID
    tenant_name: str | None = None
    id: UUID
    class_: str = msgspec.field(name="class")
    kind: HoldKind
    owner: str
    reason: str
    until: datetime | None
    set_by: str
    set_at: datetime
    released_at: datetime | None = None


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one day that are older than their rule wants, and what holds them, if anything does."""

    tenant: UUID
    name: str
    class_: str = msgspec.field(name="class")
    day: date
    rows: int
    held_by: str = ""


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """What another rule would change at the next run: what it would drop besides, and what it would not drop any more."""

    drops: list[Due]
    keeps: list[Due]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What was dropped. `root` is the root over the rows' texts (RFC 6962), hex; the same stands in the tenant's log."""

    tenant: UUID
    tenant_name: str | None = None
    class_: str = msgspec.field(name="class")
    day: date
    rows: int
    root: str
    dropped_at: datetime
    request_id: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How retention stands."""

    rules: list[TenantRule]
    holds: list[Hold]
    due: list[Due]
    dropped: list[Manifest]
    kept: dict[str, str]
    tiers: dict[str, str] = {}
