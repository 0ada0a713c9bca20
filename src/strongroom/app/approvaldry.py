"""What a document about approvals would have refused: promoted releases and deployments, judged by it and by what holds.

Nothing is written. Each release is judged as if it were to be promoted or deployed anew: what serves goes on serving by what
let it in, whatever is found here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from strongroom.kernel.principal import Environment
from strongroom.registry import tables as registry_tables
from strongroom.registry.admission import Admission
from strongroom.registry.admission import tables as admission_tables
from strongroom.registry.admission.case import Case
from strongroom.registry.admission.demanded import Policy
from strongroom.registry.admission.judge import judge, tenants_in
from strongroom.registry.admission.model import PROMOTABLE, Found, Subject
from strongroom.registry.channels.client import Untrusted
from strongroom.registry.channels.model import Channel
from strongroom.rules.resolve import Standing
from strongroom.store import OperatorTx, TenantTx
from strongroom.store.tx import Tx

_DEMANDS: Final = PROMOTABLE | {"channel"}
_UNREADABLE: Final = Policy(trouble="the document about approvals cannot be read")


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A release that one of the two documents refuses and the other does not: what each says is lacking; empty: nothing."""

    what: str
    release: str
    before: str
    after: str


def policy_of(standing: Standing[Any]) -> Policy:
    """Return what documents in force, or a candidate, come to."""
    held = standing.above
    if held is None:
        return Policy()
    return _UNREADABLE if held.document is None else Policy(held.document)


async def judged(admission: Admission, tx: Tx, before: Standing[Any], after: Standing[Any]) -> tuple[int, list[Judged]]:
    """Return how many were looked at, and those about which the two differ: a tenant's deployments, or all that is promoted."""
    cases = await (_deployed(admission, tx) if isinstance(tx, TenantTx) else _promoted(admission, tx))
    old, new = policy_of(before), policy_of(after)
    found: list[Judged] = []
    for what, (case, environment, tenant) in cases.items():
        said = [_lacking(replace(case, policy=policy), environment, tenant) for policy in (old, new)]
        if bool(said[0]) is not bool(said[1]):
            found.append(Judged(what=what, release=case.subject.called, before=said[0], after=said[1]))
    return len(cases), found


def _lacking(case: Case, environment: Environment, tenant: str | None) -> str:
    """Return what is lacking; of what is promoted, for whomever it lacks least."""
    whose = [tenant] if tenant is not None else [None, *tenants_in(case)]
    said = [judge(case, environment, each).lacks(_DEMANDS) for each in whose]
    return "" if "" in said else said[0]


async def _promoted(admission: Admission, tx: OperatorTx) -> Mapping[str, tuple[Case, Environment, str | None]]:
    found: dict[str, tuple[Case, Environment, str | None]] = {}
    for environment in Environment:
        try:
            content = (await admission.channels.open(tx, Channel.of(environment))).content
        except Untrusted:
            continue
        for each in content.promoted:
            if each.current:
                subject = Subject(digest=each.digest, name=each.name, version=each.version)
                case = await admission.case(tx, Found(subject, None), [environment])
                found[f"promoted to {environment}: {each.called}"] = (case, environment, None)
    return found


async def _deployed(admission: Admission, tx: TenantTx) -> Mapping[str, tuple[Case, Environment, str | None]]:
    found: dict[str, tuple[Case, Environment, str | None]] = {}
    for each in await registry_tables.deployments(tx):
        known = None if each.release is None else await admission_tables.subject_of(tx, each.release, tx.tenant)
        if known is not None:
            case = await admission.case(tx, known, [each.environment])
            found[f"deployed in {each.environment}: {each.name}"] = (case, each.environment, str(tx.tenant))
    return found
