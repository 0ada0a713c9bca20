"""The control API's routes over evaluations and live quality: decode, ask the service, encode."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from strongroom.identity import Finder
from strongroom.identity.bodies import NameText
from strongroom.identity.http import Asked, Listing, Who, name_of
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.principal import Environment
from strongroom.registry.evaluations.model import Evaluated, Label, Quality
from strongroom.registry.evaluations.scoring import Told
from strongroom.registry.evaluations.service import MOST_DAYS, MOST_LABELS, Evaluations
from strongroom.registry.evaluations.suite import MOST_BYTES, MOST_CASES

TheEvaluations: TypeAlias = NamedDependency[Evaluations]
TheFinder: TypeAlias = NamedDependency[Finder]
MOST_BODY: Final = 4 * MOST_BYTES
Days: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MOST_DAYS)]


class RecordEvaluation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answers to a suite, to be scored and signed."""

    environment: Environment
    deployment: NameText
    suite: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_BYTES, description="The suite, JSON lines.")]
    answers: Annotated[list[Told], msgspec.Meta(max_length=MOST_CASES)]


class TellLabels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What turned out to be right for requests."""

    environment: Environment
    labels: Annotated[list[Label], msgspec.Meta(min_length=1, max_length=MOST_LABELS)]


class KeptLabels(msgspec.Struct, frozen=True, kw_only=True):
    """How many labels were told, and how many of them kept; null: a workload is not told which requests there were."""

    told: int
    kept: int | None


class EvaluationList(Listing, frozen=True, kw_only=True):
    """Evaluations, in an answer."""

    data: list[Evaluated]


@post(
    "/tenants/{tenant:str}/evaluations",
    responses=WRITE,
    summary="Score and sign an evaluation",
    tags=["evaluations"],
    request_max_body_size=MOST_BODY,
)
async def record_evaluation(
    tenant: FromPath[str],
    data: JSONBody[RecordEvaluation],
    evaluations: TheEvaluations,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Evaluated:
    """Score what a deployment answered to a suite, and sign what it comes to. At most 4 MiB."""
    place = await finder.tenant(who, tenant, ask)
    return await evaluations.record(
        who, place, data.environment, name_of(data.deployment), data.suite, data.answers, ask
    )


@get("/tenants/{tenant:str}/evaluations", responses=READ, summary="List evaluations", tags=["evaluations"])
async def list_evaluations(
    tenant: FromPath[str], evaluations: TheEvaluations, finder: TheFinder, who: Who, ask: Asked
) -> EvaluationList:
    """Return the evaluations of a tenant's deployments, newest first."""
    return EvaluationList(data=await evaluations.recent(who, await finder.tenant(who, tenant, ask), ask))


@post("/tenants/{tenant:str}/labels", responses=WRITE, summary="Tell what was right", tags=["evaluations"])
async def tell_labels(
    tenant: FromPath[str],
    data: JSONBody[TellLabels],
    evaluations: TheEvaluations,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> KeptLabels:
    """Keep what turned out to be right for requests that a release answered.

    Of an administrator of the tenant: all of them, or none. Of a workload that evaluates: those that a deployment answered
    which it may ask itself, in its own environment; which these were is not said.
    """
    place = await finder.tenant(who, tenant, ask)
    kept = await evaluations.label(who, place, data.environment, data.labels, ask)
    return KeptLabels(told=len(data.labels), kept=kept)


@get(
    "/tenants/{tenant:str}/quality/{environment:str}/{name:str}/{version:str}",
    responses=READ,
    summary="Read live quality",
    tags=["evaluations"],
)
async def read_quality(
    tenant: FromPath[str],
    environment: FromPath[Environment],
    name: FromPath[str],
    version: FromPath[str],
    evaluations: TheEvaluations,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    days: FromQuery[Days] = 7,
) -> Quality:
    """Return live accuracy, drift and the evaluations that count of a release in one environment of a tenant."""
    place = await finder.tenant(who, tenant, ask)
    return await evaluations.quality(who, place, environment, name, version, days, ask)


ROUTES: Final = (record_evaluation, list_evaluations, tell_labels, read_quality)
"""What can be asked and said about evaluations."""
