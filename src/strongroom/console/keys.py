"""Keys: which there are, issuing one, giving one a successor, ending one.

The text of a new key is in the answer to the form that issued it and nowhere else: the page may not be kept (no-store),
it is not reached by an address, and its form was spent, so reloading it makes no second key and shows no first one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from strongroom.console import place
from strongroom.console.commands import command
from strongroom.console.place import Place
from strongroom.console.visit import STATUS, Answer, Visit, mendable
from strongroom.identity import Key, NewKey
from strongroom.identity.rotation import MAX_OVERLAP_S
from strongroom.kernel.ids import KeyId, Name, parse_key_id, parse_name
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Kind, Resource

_SOON: Final = timedelta(days=7)
_MOST_HOURS: Final = max(MAX_OVERLAP_S.values()) / 3600
_SHOW: Final = ("all", "ending", "replaced")
_LABEL: Final = 100
_REASON: Final = 200
_SENT: Final = Refusal(
    kind=RefusalKind.CONFLICT,
    reason="a form that was sent already",
    tell="This form was sent already. The key it made was shown once; if you did not keep it, revoke it and issue another.",
)


async def listing(visit: Visit, problem: Refusal | None = None) -> Answer:
    """List a tenant's keys, dead ones included, and offer to issue one."""
    where = await place.of(visit, "keys")
    identity, who, tenant = visit.parts.identity, visit.who, where.tenant
    keys = await identity.list_keys(who, tenant, visit.ask())
    chosen = visit.query.get("show", "")
    show = chosen if chosen in _SHOW else "all"
    soon = visit.parts.clock.now() + _SOON
    mine = [key for key in keys if where.shows(key.environment)]
    listed = {
        "all": mine,
        "ending": [key for key in mine if key.status == "active" and _ends(key) <= soon],
        "replaced": [key for key in mine if key.replaced_by is not None],
    }
    entered = {"workload": _chosen(visit), **visit.form.entered}
    return visit.render(
        "keys.html",
        status=200 if problem is None else STATUS[problem.kind],
        place=where,
        keys=listed[show],
        show=show,
        counts={name: len(those) for name, those in listed.items()},
        active=sum(key.status == "active" for key in mine),
        workloads=[
            each for each in await identity.list_workloads(who, tenant, visit.ask()) if where.shows(each.environment)
        ],
        limits={each.name: each.max_key_days for each in await identity.list_environments(who, tenant, visit.ask())},
        may_create=visit.may(Action.KEY_CREATE, Resource(kind=Kind.KEY, tenant=tenant)),
        may_revoke=visit.may(Action.KEY_REVOKE, Resource(kind=Kind.KEY, tenant=tenant)),
        once=visit.session.open_form(),
        problem=problem,
        entered=entered,
    )


def _ends(key: Key) -> datetime:
    """Return when a key ends: a replaced one with its overlap, if that is sooner."""
    return key.expires_at if key.retires_at is None else min(key.expires_at, key.retires_at)


def _chosen(visit: Visit) -> str:
    """Return the choice that a link to this page made for its form: `environment/name`."""
    workload = visit.query.get("workload", "")
    return f"{visit.query.get('environment', '')}/{workload}" if workload else ""


async def create(visit: Visit) -> Answer:
    """Issue a key and show its text, this once."""
    where, form = await place.of(visit, "keys"), visit.form
    if not visit.session.spend(form.raw("once")):
        return await listing(visit, _SENT)
    try:
        environment, workload = _of_workload(visit)
        label, days = form.line("label", limit=_LABEL, required=False), form.days("days")
        made = await visit.parts.identity.create_key(
            visit.who,
            where.tenant,
            environment=environment,
            workload=workload,
            label=label,
            days=days,
            ask=visit.ask(),
        )
    except Refused as no:
        return await listing(visit, mendable(no))
    did = command(
        "key",
        "create",
        tenant=where.name,
        environment=environment,
        workload=workload,
        days=form.raw("days").strip(),
        label=label,
    )
    return _shown_once(visit, await place.of(visit, "keys", environment=environment), made, did)


def _of_workload(visit: Visit) -> tuple[Environment, Name]:
    """Return the workload that was chosen: the form says `environment/name`, since names repeat across environments."""
    environment, _, name = visit.form.raw("workload").partition("/")
    try:
        return Environment(environment), parse_name(name)
    except ValueError:
        raise Refused(invalid("Choose a workload.", param="workload")) from None


def _shown_once(visit: Visit, where: Place, made: NewKey, did: str) -> Answer:
    return visit.render("key-new.html", place=where, key=made.key, secret=made.secret, did=did, old=None)


async def show(visit: Visit, problem: Refusal | None = None) -> Answer:
    """Show what may be known of one key."""
    where = await place.of(visit)
    key = await visit.parts.identity.show_key(visit.who, where.tenant, _key_id(visit), visit.ask())
    resource = Resource(kind=Kind.KEY, id=key.id, tenant=where.tenant, environment=key.environment)
    return visit.render(
        "key.html",
        status=200 if problem is None else STATUS[problem.kind],
        place=await place.of(visit, "keys", environment=key.environment),
        key=key,
        may_revoke=visit.may(Action.KEY_REVOKE, resource),
        may_rotate=key.status == "active"
        and key.replaced_by is None
        and visit.may(Action.KEY_ROTATE, replace(resource, holder=key.role)),
        overlap=MAX_OVERLAP_S[key.environment] / 3600,
        once=visit.session.open_form(),
        problem=problem,
        entered=visit.form.entered,
    )


async def rotate(visit: Visit) -> Answer:
    """Give a key a successor, and show its text, this once."""
    where, key_id, form = await place.of(visit), _key_id(visit), visit.form
    if not visit.session.spend(form.raw("once")):
        return await show(visit, _SENT)
    compromised = form.raw("compromised") == "yes"
    try:
        reason = form.line("why", limit=_REASON)
        hours, days = _hours(form.raw("overlap").strip()), form.days("days")
        made = await visit.parts.rotation.rotate(
            visit.who,
            where.tenant,
            key_id,
            overlap_s=None if hours is None else hours * 3600.0,
            compromised=compromised,
            days=days,
            ask=visit.ask(reason=reason),
        )
    except Refused as no:
        return await show(visit, _of_form(mendable(no)))
    did = command(
        "key",
        "rotate",
        key_id,
        tenant=where.name,
        overlap="" if hours is None else f"{hours}h",
        compromised=compromised,
        days=form.raw("days").strip(),
        reason=reason,
    )
    there = await place.of(visit, "keys", environment=made.key.environment)
    return visit.render("key-new.html", place=there, key=made.key, secret=made.secret, did=did, old=made.old)


def _of_form(refusal: Refusal) -> Refusal:
    """Return a refusal that names the field of the form which the service knows by another name."""
    return replace(refusal, param="overlap") if refusal.param == "overlap_s" else refusal


def _hours(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text[:4]) <= _MOST_HOURS):
        raise Refused(invalid(f"Give whole hours, 0 to {_MOST_HOURS:g}, or leave it empty.", param="overlap"))
    return int(text)


async def revoke(visit: Visit) -> Answer:
    """End a key at once."""
    where, key_id = await place.of(visit), _key_id(visit)
    try:
        reason = visit.form.line("reason", limit=_REASON)
        await visit.parts.identity.revoke_key(visit.who, where.tenant, key_id, reason, visit.ask())
    except Refused as no:
        return await show(visit, mendable(no))
    did = command("key", "revoke", key_id, tenant=where.name, reason=reason)
    return visit.done(
        f"{where.base}/keys/{key_id}", f"Key {key_id} is revoked. The gateways refuse it from now on.", did
    )


def _key_id(visit: Visit) -> KeyId:
    key_id = parse_key_id(visit.params["key"])
    if key_id is None:
        raise Refused(hidden("not the id of a key"))
    return key_id
