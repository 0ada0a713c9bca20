"""What a document about approvals would have refused: promoted releases and deployments, judged by it and by what holds.

Nothing is written. Each release is judged as if it were to be promoted or deployed anew, and each deployment of a tenant's also as
what serves already: whether it would go on, be told of, or be stopped, and when.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

import msgspec

from strongroom.kernel.clock import rfc3339
from strongroom.kernel.principal import Environment
from strongroom.registry import tables as registry_tables
from strongroom.registry.admission import Admission
from strongroom.registry.admission import tables as admission_tables
from strongroom.registry.admission.again import again
from strongroom.registry.admission.case import Case
from strongroom.registry.admission.demanded import Policy
from strongroom.registry.admission.judge import judge, tenants_in
from strongroom.registry.admission.model import PROMOTABLE, Found, Subject
from strongroom.registry.channels.client import Untrusted
from strongroom.registry.channels.model import Channel
from strongroom.registry.serving import tables as serving_tables
from strongroom.registry.serving.model import Lack
from strongroom.registry.serving.settling import settle
from strongroom.rules.resolve import Standing
from strongroom.store import OperatorTx, TenantTx
from strongroom.store.tx import Tx

_DEMANDS: Final = PROMOTABLE | {"channel"}
_STOPS: Final = "It would be stopped"
_UNTOLD: Final = timedelta(hours=1)
_UNREADABLE: Final = Policy(trouble="the document about approvals cannot be read")


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A release about which two documents differ.

    Attributes:
        what: where it is.
        release: it, by name and version.
        change: `loses` where the second refuses or stops it and the first does not, `gains` the other way round, or `differs`.
        before: by the first, what it lacks (`lacks`) and what becomes of it while it serves (`serving`); empty: nothing.
        after: by the second.
    """

    what: str
    release: str
    change: Literal["loses", "gains", "differs"]
    before: dict[str, str]
    after: dict[str, str]


def policy_of(standing: Standing[Any]) -> Policy:
    """Return what documents in force, or a candidate, come to."""
    held = standing.above
    if held is None:
        return Policy()
    return _UNREADABLE if held.document is None else Policy(held.document)


async def judged(admission: Admission, tx: Tx, before: Standing[Any], after: Standing[Any]) -> tuple[int, list[Judged]]:
    """Return how many were looked at, and those about which the two differ: a tenant's deployments, or all that is promoted."""
    of_tenant = isinstance(tx, TenantTx)
    cases = await (_deployed(admission, tx) if isinstance(tx, TenantTx) else _promoted(admission, tx))
    known = await serving_tables.lacks(tx) if isinstance(tx, TenantTx) else {}
    found: list[Judged] = []
    for what, each in cases.items():
        row = None if each.deployment is None else known.get(each.deployment)
        old, new = (_said(each, policy_of(standing), row, of_tenant=of_tenant) for standing in (before, after))
        if bool(old["lacks"]) is not bool(new["lacks"]) or old.get("serving") != new.get("serving"):
            found.append(
                Judged(what=what, release=each.case.subject.called, change=_change(old, new), before=old, after=new)
            )
    return len(cases), found


class _Looked(NamedTuple):
    case: Case
    environment: Environment
    tenant: str | None
    deployment: UUID | None = None


def _said(each: _Looked, policy: Policy, row: Lack | None, *, of_tenant: bool) -> dict[str, str]:
    case = replace(each.case, policy=policy)
    said = {"lacks": _lacking(case, each.environment, each.tenant)}
    return said | {"serving": _serving(case, each, row)} if of_tenant else said


def _serving(case: Case, each: _Looked, row: Lack | None) -> str:
    """Return what becomes of a deployment that serves; empty: it lacks nothing."""
    lack = settle(case.subject.digest, row, again(case, each.environment, each.tenant), case.now, _UNTOLD)
    if lack is None:
        return ""
    if lack.state == "stopped":
        return f"{_STOPS} at once: {lack.because}"
    when = "It goes on, and is told of" if lack.until_at is None else f"{_STOPS} at {_minute(lack.until_at)}"
    return f"{when}: {lack.because}"


def _minute(at: datetime) -> str:
    return rfc3339(at.replace(second=0, microsecond=0))  # two judgements of one moment say the same


def _change(old: Mapping[str, str], new: Mapping[str, str]) -> Literal["loses", "gains", "differs"]:
    worse = [bool(each["lacks"]) + each.get("serving", "").startswith(_STOPS) for each in (old, new)]
    return "differs" if worse[0] == worse[1] else "loses" if worse[1] > worse[0] else "gains"


def _lacking(case: Case, environment: Environment, tenant: str | None) -> str:
    """Return what is lacking; of what is promoted, for whomever it lacks least."""
    whose = [tenant] if tenant is not None else [None, *tenants_in(case)]
    said = [judge(case, environment, each).lacks(_DEMANDS) for each in whose]
    return "" if "" in said else said[0]


async def _promoted(admission: Admission, tx: OperatorTx) -> Mapping[str, _Looked]:
    found: dict[str, _Looked] = {}
    for environment in Environment:
        try:
            content = (await admission.channels.open(tx, Channel.of(environment))).content
        except Untrusted:
            continue
        for each in content.promoted:
            if each.current:
                subject = Subject(digest=each.digest, name=each.name, version=each.version)
                case = await admission.case(tx, Found(subject, None), [environment])
                found[f"promoted to {environment}: {each.called}"] = _Looked(case, environment, None)
    return found


async def _deployed(admission: Admission, tx: TenantTx) -> Mapping[str, _Looked]:
    found: dict[str, _Looked] = {}
    for each in await registry_tables.deployments(tx):
        known = None if each.release is None else await admission_tables.subject_of(tx, each.release, tx.tenant)
        if known is not None:
            case = await admission.case(tx, known, [each.environment])
            found[f"deployed in {each.environment}: {each.name}"] = _Looked(
                case, each.environment, str(tx.tenant), each.id
            )
    return found
