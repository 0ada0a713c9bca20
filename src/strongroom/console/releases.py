"""One release: what was said of it, why it may or may not serve where, what differs from another, and an approver's word.

An approval names the digest of what the page showed: what the name stands for by then may be another release.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from strongroom.console import place
from strongroom.console.commands import command
from strongroom.console.diffs import Line, difference
from strongroom.console.models import address, met, state
from strongroom.console.place import Place
from strongroom.console.visit import STATUS, Answer, Visit, mendable
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import Refusal, Refused, invalid
from strongroom.policy import Action, Kind, Resource
from strongroom.registry.admission.signed import MAX_DAYS
from strongroom.registry.releases.overview import Dossier, Surveyed
from strongroom.registry.scan.rules import RULES

_REASON: Final = 1000
_DAYS: Final = 90
_FILES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A file that is not the same in two releases; a digest is empty where it is not there."""

    path: str
    change: str
    before: str
    after: str


async def show(visit: Visit, problem: Refusal | None = None) -> Answer:
    """Show a release with everything that was said of it."""
    where = await _where(visit)
    own = None if where is None else where.tenant
    name, version = visit.params["name"], visit.params["version"]
    found = await visit.parts.overview.dossier(visit.who, name, version, own, visit.ask())
    others = await visit.parts.overview.survey(visit.who, own, visit.ask())
    missing = [each.environment for each in found.standing if each.lacks({"approval"})]
    return visit.render(
        "release.html",
        status=200 if problem is None else STATUS[problem.kind],
        place=where,
        base=address(_base(where), name, version),
        found=found,
        files=found.files[:_FILES],
        left_off=max(0, len(found.files) - _FILES),
        state=state(found.standing),
        promoted=met(found.standing, "channel"),
        rules=RULES,
        names=_names(visit, found),
        others=_others(others, found),
        may_approve=visit.may(Action.MODEL_APPROVE, Resource(kind=Kind.RELEASE)) and found.author != visit.who.name,
        may_channels=visit.may(Action.CHANNEL_READ, Resource(kind=Kind.CHANNEL)),
        environments=list(Environment),
        days=_DAYS,
        most=MAX_DAYS,
        problem=problem,
        entered={"environment": str(missing[0]) if missing else "", **visit.form.entered},
    )


async def approve(visit: Visit) -> Answer:
    """Say as an approver that what the page showed may be deployed in an environment, until a day."""
    where, form = await _where(visit), visit.form
    name, version = visit.params["name"], visit.params["version"]
    try:
        environment = form.choice("environment", Environment)
        reason, days = form.line("reason", limit=_REASON), _whole(form.raw("days"))
        tenant = None if where is None else where.tenant
        called = "" if where is not None else form.raw("tenant").strip()
        if called:
            tenant = await visit.parts.finder.tenant(visit.who, form.name("tenant"), visit.ask())
        standing = await visit.parts.admission.approve(
            visit.who,
            name,
            version,
            environment,
            tenant=tenant,
            days=days,
            reason=reason,
            ask=visit.ask(),
            digest=form.raw("digest"),
        )
    except Refused as no:
        return await show(visit, mendable(no))
    whose = called if where is None else where.name
    did = command("model", "approve", f"{name}@{version}", env=environment, tenant=whose, days=days, reason=reason)
    counted = next(each.because for each in standing.reasons if each.demand == "approval")
    return visit.done(address(_base(where), name, version), f"Approved in {environment}. {counted}", did)


async def waiting(visit: Visit) -> Answer:
    """Show what waits for the caller's approval."""
    found = await visit.parts.overview.awaiting(visit.who, visit.ask())
    name_of = visit.parts.directory.tenant_name
    rows = [
        (
            each,
            "" if each.owner is None else name_of(each.owner) or str(each.owner),
            address(_base_of(visit, each.owner), each.subject.name, each.subject.version),
        )
        for each in found
    ]
    keys = await visit.parts.registrar.list(visit.who, visit.ask())
    return visit.render(
        "approvals.html", rows=rows, keys=keys, may_approve=visit.may(Action.MODEL_APPROVE, Resource(kind=Kind.RELEASE))
    )


async def compare(visit: Visit) -> Answer:
    """Show what differs between a release and another: files by digest, chat templates as texts."""
    where, keeping = await _where(visit), visit.parts.keeping
    own = None if where is None else where.tenant
    name, version = visit.params["name"], visit.params["version"]
    with_name, _, with_version = visit.query.get("with", "").partition("@")
    try:
        if not with_name or not with_version:
            raise Refused(invalid("A release is NAME@VERSION.", param="with"))
        old = await visit.parts.overview.dossier(visit.who, with_name, with_version, own, visit.ask())
    except Refused as no:
        return await show(visit, mendable(no))
    new = await visit.parts.overview.dossier(visit.who, name, version, own, visit.ask())
    secret = (old.release.tenant or new.release.tenant) is not None and visit.who.tenant is None
    readable = not secret or visit.may(Action.MODEL_APPROVE, Resource(kind=Kind.RELEASE))
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    if readable:
        before = await keeping.templates(visit.who, with_name, with_version, own, visit.ask())
        after = await keeping.templates(visit.who, name, version, own, visit.ask())
    files = _changed(old, new)
    return visit.render(
        "release-diff.html",
        place=where,
        back=address(_base(where), name, version),
        before=f"{with_name}@{with_version}",
        after=f"{name}@{version}",
        files=files,
        same=len({each.path for each in new.files} - {each.path for each in files}),
        readable=readable,
        templates=await asyncio.to_thread(_templates, before, after),
        whose=None if where is None else where.name,
    )


def _templates(before: dict[str, str], after: dict[str, str]) -> list[tuple[str, list[Line]]]:
    return [(at, difference(before.get(at, ""), after.get(at, ""))) for at in sorted(before.keys() | after.keys())]


def _changed(old: Dossier, new: Dossier) -> list[Changed]:
    before, after = ({each.path: each.sha256 for each in of.files} for of in (old, new))
    return [
        Changed(
            path=path,
            change="added" if path not in before else "removed" if path not in after else "changed",
            before=before.get(path, ""),
            after=after.get(path, ""),
        )
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]


def _others(surveyed: list[Surveyed], found: Dossier) -> list[str]:
    """Return what it can be compared with: those of its name first."""
    mine = (found.release.name, found.release.version)
    pairs = [(each.release.name, each.release.version) for each in surveyed]
    ordered = sorted((each for each in dict.fromkeys(pairs) if each != mine), key=lambda each: each[0] != mine[0])
    return [f"{name}@{version}" for name, version in ordered]


def _names(visit: Visit, found: Dossier) -> dict[str, str]:
    """Return what the tenants of its approvals, and of deployments that lack something, are called."""
    name_of = visit.parts.directory.tenant_name
    tenants = {each.tenant for each in found.words if each.tenant is not None}
    tenants |= {str(each.tenant) for each in found.serving}
    return {each: name_of(TenantId(UUID(each))) or each for each in tenants}


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= MAX_DAYS):
        raise Refused(invalid(f"Give whole days, 1 to {MAX_DAYS}.", param="days"))
    return int(text)


async def _where(visit: Visit) -> Place | None:
    return await place.of(visit, "releases") if "tenant" in visit.params else None


def _base(where: Place | None) -> str:
    return "/models" if where is None else f"{where.base}/releases"


def _base_of(visit: Visit, owner: TenantId | None) -> str:
    return "/models" if owner is None else f"/tenants/{visit.parts.directory.tenant_name(owner) or owner}/releases"
