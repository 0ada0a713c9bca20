"""The control API's routes over releases: what one is, why it may serve where, and approving it."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from strongroom.identity import Finder
from strongroom.identity.http import Asked, Who
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.principal import Environment
from strongroom.registry.admission.model import Standing
from strongroom.registry.admission.service import MAX_DAYS, Admission, Shown

TheAdmission: TypeAlias = NamedDependency[Admission]
TheFinder: TypeAlias = NamedDependency[Finder]


class Approve(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An approval: where, for whom, how long, and why."""

    environment: Environment
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000, description="Why, in your words.")]
    tenant: Annotated[str, msgspec.Meta(min_length=1, max_length=63)] | None = None
    days: Annotated[int, msgspec.Meta(ge=1, le=MAX_DAYS, description="How long it lasts.")] = 90


@get("/models/{name:str}/{version:str}", responses=READ, summary="Show a release", tags=["models"])
async def show_model(
    name: FromPath[str],
    version: FromPath[str],
    admission: TheAdmission,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    tenant: FromQuery[str | None] = None,
) -> Shown:
    """Return a release's files, and why it may or may not be deployed in each environment.

    Of your tenant's, or of `tenant`'s, own release of this name, where there is one.
    """
    place = None if tenant is None else await finder.tenant(who, tenant, ask)
    return await admission.show(who, name, version, place, ask)


@post("/models/{name:str}/{version:str}/approvals", responses=WRITE, summary="Approve a release", tags=["models"])
async def approve_model(
    name: FromPath[str],
    version: FromPath[str],
    data: JSONBody[Approve],
    admission: TheAdmission,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Standing:
    """Say as an approver that a release may be deployed in an environment, until a day."""
    tenant = None if data.tenant is None else await finder.tenant(who, data.tenant, ask)
    return await admission.approve(
        who, name, version, data.environment, tenant=tenant, days=data.days, reason=data.reason, ask=ask
    )


ROUTES: Final = (show_model, approve_model)
"""What can be asked and said about a release."""
