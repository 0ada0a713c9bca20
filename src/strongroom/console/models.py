"""Releases, all at once: the installation's, a tenant's own, and what is on its way in or was refused."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from strongroom.console import place
from strongroom.console.place import Place
from strongroom.console.visit import Answer, Visit
from strongroom.kernel.principal import Environment
from strongroom.policy import Action, Kind, Resource
from strongroom.registry import Release
from strongroom.registry.admission.model import PROVEN, Standing
from strongroom.registry.content.quarantine import Stage
from strongroom.registry.releases.overview import Surveyed


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A release in a list.

    Attributes:
        href: its page.
        state: in a word: `serves`, `waits`, `unproven` or `revoked`.
        approved: where enough people have approved it.
        promoted: where the channel lets it be deployed.
    """

    release: Release
    href: str
    state: str
    approved: list[Environment]
    promoted: list[Environment]


async def listing(visit: Visit) -> Answer:
    """List the installation's releases."""
    return await _shown(visit, None)


async def of_tenant(visit: Visit) -> Answer:
    """List a tenant's own releases."""
    return await _shown(visit, await place.of(visit, "releases"))


async def _shown(visit: Visit, where: Place | None) -> Answer:
    own = None if where is None else where.tenant
    surveyed = await visit.parts.overview.survey(visit.who, own, visit.ask())
    uploads = await visit.parts.releases.uploads(visit.who, visit.ask())
    base = "/models" if where is None else f"{where.base}/releases"
    return visit.render(
        "models.html",
        place=where,
        rows=[_row(each, base) for each in surveyed if each.release.tenant == own],
        uploads=[each for each in uploads if each.tenant == own and each.stage is not Stage.ADMITTED],
        may_approve=visit.may(Action.MODEL_APPROVE, Resource(kind=Kind.RELEASE)),
    )


def address(base: str, name: str, version: str) -> str:
    """Return the address of a release's page."""
    return f"{base}/{quote(name, safe='')}/{quote(version, safe='')}"


def state(standing: tuple[Standing, ...]) -> str:
    """Return in a word where a release stands."""
    if any(each.lacks({"revocation"}) for each in standing):
        return "revoked"
    if any(each.lacks(PROVEN) for each in standing):
        return "unproven"
    return "serves" if any(each.may_serve for each in standing) else "waits"


def met(standing: tuple[Standing, ...], demand: str) -> list[Environment]:
    """Return where one demand is met."""
    return [each.environment for each in standing if not each.lacks({demand})]


def _row(each: Surveyed, base: str) -> Row:
    release = each.release
    return Row(
        release=release,
        href=address(base, release.name, release.version),
        state=state(each.standing),
        approved=met(each.standing, "approval"),
        promoted=met(each.standing, "channel"),
    )
