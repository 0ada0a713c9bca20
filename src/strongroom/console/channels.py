"""Channels: what may be deployed in each environment, what is frozen there, and what may serve nowhere any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from strongroom.console.commands import command
from strongroom.console.models import address
from strongroom.console.visit import STATUS, Answer, Visit, mendable
from strongroom.identity.approvals import Request
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Kind, Resource
from strongroom.registry.admission.model import PROMOTABLE
from strongroom.registry.channels.answers import Moved, Shown
from strongroom.registry.channels.model import Channel, RevokedKind

_REASON: Final = 1000
_SHOWN: Final = 5
_ABOUT: Final = Resource(kind=Kind.CHANNEL)


async def listing(visit: Visit) -> Answer:
    """Show how every channel is, and what each promotes."""
    found = [await visit.parts.channels.show(visit.who, each, visit.ask()) for each in Channel]
    names = sorted({each.name for shown in found for each in shown.promoted if each.current})
    current = {
        name: {
            str(shown.status.channel): each
            for shown in found
            for each in shown.promoted
            if each.current and each.name == name
        }
        for name in names
    }
    return visit.render("channels.html", found=found, current=current, address=address)


async def show(visit: Visit, problem: Refusal | None = None) -> Answer:
    """Show a channel, with what can be done about it."""
    channel = _channel(visit)
    found = await visit.parts.channels.show(visit.who, channel, visit.ask())
    environment = None if channel is Channel.REVOCATIONS else Environment(channel.value)
    may = {each: visit.may(each, _ABOUT) for each in (
        Action.CHANNEL_PROMOTE, Action.CHANNEL_ROLLBACK, Action.CHANNEL_FREEZE, Action.CHANNEL_UNFREEZE, Action.CHANNEL_REVOKE,
    )}  # fmt: skip
    return visit.render(
        "channel.html",
        status=200 if problem is None else STATUS[problem.kind],
        channel=channel,
        environment=environment,
        found=found,
        current=[each for each in found.promoted if each.current],
        earlier=sorted((each for each in found.promoted if not each.current), key=lambda each: each.at, reverse=True),
        promotable=await _promotable(visit, environment, found) if may[Action.CHANNEL_PROMOTE] else [],
        turnable=_turnable(found),
        releases=await _revocable(visit, found) if channel is Channel.REVOCATIONS else [],
        may=may,
        verbs=Action,
        address=address,
        may_log=visit.may(Action.AUDIT_READ_PLATFORM, Resource(kind=Kind.AUDIT_LOG)),
        problem=problem,
        entered=visit.form.entered,
    )


async def promote(visit: Visit) -> Answer:
    """Make a release the one of its name in an environment."""
    environment, form = _environment(visit), visit.form
    try:
        name, version = _release(form.raw("release"), "release")
        reason = form.line("reason", limit=_REASON)
        channels, approved = visit.parts.channels, _approved(visit)
        done = await channels.second.asked(
            visit.who,
            visit.ask(),
            lambda: channels.promote(visit.who, name, version, environment, reason, visit.ask(), approved),
        )
    except Refused as no:
        return await show(visit, _mendable(no))
    if isinstance(done, Request):
        return _proposed(visit, done)
    did = command("model", "promote", f"{name}@{version}", to=environment, reason=reason)
    said = f"{name}@{version} may be deployed in {environment} now. What is deployed of an older one goes on serving."
    return visit.done(f"/channels/{environment}", said, did)


def _approved(visit: Visit) -> UUID | None:
    """Return the proposal of exactly this that somebody else has approved, if one was named."""
    text = visit.form.raw("approved").strip()
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Refused(invalid("This is the id of a proposal, as its page shows it.", param="approved")) from None


def _proposed(visit: Visit, waits: Request) -> Answer:
    said = "Proposed. Once somebody else has approved it, come back here with its id."
    return visit.done(f"/proposals/{waits.id}", said, command("proposal", "show", str(waits.id)))


async def roll_back(visit: Visit) -> Answer:
    """Go back to an older release, or rehearse that."""
    environment, form = _environment(visit), visit.form
    drill = form.raw("verdict") != "go"
    try:
        name, version = _release(form.raw("older"), "older")
        reason = form.line("reason", limit=_REASON)
        channels, approved = visit.parts.channels, _approved(visit)
        went = await channels.second.asked(
            visit.who,
            visit.ask(),
            lambda: channels.roll_back(
                visit.who, environment, name, reason, visit.ask(), version=version, drill=drill, approved=approved
            ),
        )
    except Refused as no:
        return await show(visit, _mendable(no))
    if isinstance(went, Request):
        return _proposed(visit, went)
    did = command("model", "rollback", environment, name, to=version, drill=drill, reason=reason)
    how = "A drill: nothing was changed. It would go" if drill else "Gone"
    said = (
        f"{how} back from {went.left} to {went.now}, in {went.milliseconds} ms. {_moved(went.deployments, drill=drill)}"
    )
    return visit.done(f"/channels/{environment}", said, did)


async def freeze(visit: Visit) -> Answer:
    """Keep a name, a tenant or an environment as it is."""
    return await _hold(visit, "freeze")


async def unfreeze(visit: Visit) -> Answer:
    """End a freeze."""
    return await _hold(visit, "unfreeze")


async def revoke(visit: Visit) -> Answer:
    """Let a release, or what a key has signed, serve nowhere any more."""
    back, form = f"/channels/{Channel.REVOCATIONS}", visit.form
    if (stale := visit.stale(back)) is not None:
        return stale
    try:
        digest, signer = form.raw("digest").strip(), form.raw("signer").strip()
        if (not digest) == (not signer):
            raise Refused(invalid("Name a release or a signer's key, one of the two.", param="digest"))
        reason = form.line("reason", limit=_REASON)
        kind, of = (RevokedKind.DIGEST, digest) if digest else (RevokedKind.SIGNER, signer)
        stopped = await visit.parts.channels.holds.revoke(visit.who, kind, of, reason, visit.ask())
    except Refused as no:
        return await show(visit, _mendable(no))
    did = command("model", "revoke", *([digest] if digest else []), signer=signer, reason=reason)
    served = ", ".join(f"{each.tenant}/{each.environment}/{each.name}" for each in stopped.deployments[:_SHOWN])
    more = f" and {len(stopped.deployments) - _SHOWN} more" if len(stopped.deployments) > _SHOWN else ""
    said = (
        f"Revoked. Requests to {served}{more} are refused from now on."
        if served
        else "Revoked. Nothing was deployed of it."
        if digest or stopped.releases
        else "Revoked. What counts an approval or a publisher's signature of this key is judged anew."
    )
    return visit.done(back, said, did)


async def _hold(visit: Visit, verb: str) -> Answer:
    environment, form = _environment(visit), visit.form
    holds = visit.parts.channels.holds
    try:
        name = form.line("name", limit=200, required=False) or None
        called = form.raw("tenant").strip()
        tenant = await _tenant(visit, called) if called else None
        reason = form.line("reason", limit=_REASON)
        if verb == "freeze":
            await holds.freeze(visit.who, environment, name, tenant, reason, visit.ask())
        else:
            approved = _approved(visit)
            done = await visit.parts.channels.second.asked(
                visit.who,
                visit.ask(),
                lambda: holds.unfreeze(visit.who, environment, name, tenant, reason, visit.ask(), approved),
            )
            if isinstance(done, Request):
                return _proposed(visit, done)
    except Refused as no:
        return await show(visit, _mendable(no))
    did = command("model", verb, environment, name=name, tenant=called, reason=reason)
    what = name or called or f"All of {environment}"
    said = "is frozen: nothing of it is promoted, rolled back or deployed" if verb == "freeze" else "is frozen no more"
    return visit.done(f"/channels/{environment}", f"{what} {said}.", did)


async def _tenant(visit: Visit, called: str) -> TenantId:
    """Return the tenant that a form names; one that there is none of can be mended."""
    try:
        return await visit.parts.finder.tenant(visit.who, called, visit.ask())
    except Refused as no:
        if no.refusal.kind is RefusalKind.HIDDEN:
            raise Refused(invalid("There is no tenant of this name.", param="tenant")) from None
        raise


def _moved(deployments: Sequence[Moved], *, drill: bool) -> str:
    if not deployments:
        return "Nothing was deployed of it."
    gone = sum(each.moved for each in deployments)
    stays = [f"{each.tenant}/{each.name}: {each.because}" for each in deployments if not each.moved][:_SHOWN]
    verb = "would serve" if drill else "serve"
    return f"{gone} of {len(deployments)} deployments {verb} the older one. {' '.join(stays)}".strip()


async def _promotable(visit: Visit, environment: Environment | None, found: Shown) -> list[str]:
    """Return what could be promoted there: it has all that is demanded, and is not the current one."""
    if environment is None:
        return []
    current = {each.digest for each in found.promoted if each.current}
    surveyed = await visit.parts.overview.survey(visit.who, None, visit.ask())
    return [
        f"{each.release.name}@{each.release.version}"
        for each in surveyed
        if each.release.tenant is None
        and each.release.digest not in current
        and each.release.format.barred_from(environment) is None
        and any(one.environment is environment and not one.lacks(PROMOTABLE) for one in each.standing)
    ]


async def _revocable(visit: Visit, found: Shown) -> list[tuple[str, str]]:
    gone = {each.of for each in found.revoked}
    surveyed = await visit.parts.overview.survey(visit.who, None, visit.ask())
    return [
        (each.release.digest, f"{each.release.name}@{each.release.version}")
        for each in surveyed
        if each.release.digest not in gone
    ]


def _turnable(found: Shown) -> list[str]:
    """Return what could be gone back to: what was promoted before, of a name that has another now."""
    current = {each.name for each in found.promoted if each.current}
    return [each.called for each in found.promoted if not each.current and each.name in current]


def _mendable(no: Refused) -> Refusal:
    """Return what the form can be mended by; that a release lacks something is said beside the form too."""
    return no.refusal if no.refusal.kind is RefusalKind.FORBIDDEN and no.refusal.tell else mendable(no)


def _release(text: str, param: str) -> tuple[str, str]:
    name, _, version = text.partition("@")
    if not name or not version:
        raise Refused(invalid("Choose a release.", param=param))
    return name, version


def _channel(visit: Visit) -> Channel:
    try:
        return Channel(visit.params.get("channel", Channel.REVOCATIONS))
    except ValueError:
        raise Refused(hidden("no such channel")) from None


def _environment(visit: Visit) -> Environment:
    channel = _channel(visit)
    if channel is Channel.REVOCATIONS:
        raise Refused(hidden("no such environment"))
    return Environment(channel.value)
