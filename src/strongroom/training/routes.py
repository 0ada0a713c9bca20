"""OpenAI's fine-tuning API on the control port, and the control API's own routes over what it does."""

from __future__ import annotations

from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from strongroom.identity import Finder, problems
from strongroom.identity.http import Asked, Listing, Who
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.refusal import Refused, invalid
from strongroom.training import form
from strongroom.training.files import PURPOSE, TrainingFiles
from strongroom.training.jobs import TrainingJobs
from strongroom.training.model import MOST_BYTES, Job, NewJob, Status
from strongroom.training.openai import error_of, event_of, file_of, input_of, job_of, page_of, which_of

TheFiles: TypeAlias = NamedDependency[TrainingFiles]
TheJobs: TypeAlias = NamedDependency[TrainingJobs]
TheFinder: TypeAlias = NamedDependency[Finder]

_ENVELOPE: Final = 1 << 16


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Say no as OpenAI's clients read it."""
    return error_of(problems.handle(request, error))


@post("/files", include_in_schema=False, request_max_body_size=MOST_BYTES + _ENVELOPE, status_code=200)
async def add_file(request: Request[Any, Any, Any], training_files: TheFiles, who: Who, ask: Asked) -> dict[str, Any]:
    """Take a file to train with."""
    await training_files.know(who, ask)  # who trains nothing is told so, whatever was sent
    sent = form.read(request.headers.get("content-type", ""), await request.body())
    return file_of(await training_files.add(who, sent, ask))


@get("/files", include_in_schema=False)
async def list_files(
    training_files: TheFiles,
    who: Who,
    ask: Asked,
    purpose: FromQuery[str | None] = None,
    limit: FromQuery[int] = 100,
    after: FromQuery[str | None] = None,
    order: FromQuery[str] = "desc",
) -> dict[str, Any]:
    """Return the files of the caller's environment."""
    found = [] if purpose not in {None, PURPOSE} else await training_files.every(who, ask)
    if order == "asc":
        found.reverse()
    told = [file_of(each) for each in found]
    if after is not None:
        places = [index for index, each in enumerate(told) if each["id"] == after]
        told = told[places[0] + 1 :] if places else []
    most = _most(limit)
    return page_of(told[:most], more=len(told) > most)


@get("/files/{file:str}", include_in_schema=False)
async def show_file(file: FromPath[str], training_files: TheFiles, who: Who, ask: Asked) -> dict[str, Any]:
    """Return a file: what it is, never what is in it."""
    return file_of(await training_files.show(who, which_of(file, "file-"), ask))


@delete("/files/{file:str}", include_in_schema=False, status_code=200)
async def delete_file(file: FromPath[str], training_files: TheFiles, who: Who, ask: Asked) -> dict[str, Any]:
    """Delete a file."""
    await training_files.delete(who, which_of(file, "file-"), ask)
    return {"id": file, "object": "file", "deleted": True}


@post("/fine_tuning/jobs", include_in_schema=False, status_code=200)
async def create_job(data: JSONBody[NewJob], training_jobs: TheJobs, who: Who, ask: Asked) -> dict[str, Any]:
    """Begin a job."""
    return job_of(await training_jobs.create(who, data, input_of(data.training_file), ask))


@get("/fine_tuning/jobs", include_in_schema=False)
async def list_jobs(
    training_jobs: TheJobs, who: Who, ask: Asked, limit: FromQuery[int] = 20, after: FromQuery[str | None] = None
) -> dict[str, Any]:
    """Return the jobs of the caller's environment, the newest first."""
    most = _most(limit)
    found = await training_jobs.every(who, ask, after=_after(after, "ftjob-"), most=most + 1)
    return page_of([job_of(each) for each in found[:most]], more=len(found) > most)


@get("/fine_tuning/jobs/{job:str}", include_in_schema=False)
async def show_job(job: FromPath[str], training_jobs: TheJobs, who: Who, ask: Asked) -> dict[str, Any]:
    """Return a job."""
    return job_of(await training_jobs.show(who, which_of(job, "ftjob-"), ask))


@post("/fine_tuning/jobs/{job:str}/cancel", include_in_schema=False, status_code=200)
async def cancel_job(job: FromPath[str], training_jobs: TheJobs, who: Who, ask: Asked) -> dict[str, Any]:
    """Cancel a job."""
    return job_of(await training_jobs.cancel(who, which_of(job, "ftjob-"), ask))


@get("/fine_tuning/jobs/{job:str}/events", include_in_schema=False)
async def list_events(
    job: FromPath[str],
    training_jobs: TheJobs,
    who: Who,
    ask: Asked,
    limit: FromQuery[int] = 20,
    after: FromQuery[str | None] = None,
) -> dict[str, Any]:
    """Return what a job said, the newest first."""
    most = _most(limit)
    which = which_of(job, "ftjob-")
    found = await training_jobs.events(who, which, ask, after=_after(after, "ftevent-"), most=most + 1)
    return page_of([event_of(each) for each in found[:most]], more=len(found) > most)


class TrainingJob(msgspec.Struct, frozen=True, kw_only=True):
    """A training job, and what became of it.

    Attributes:
        job: its id, as its API writes it.
        trainer: what trained.
        file: what the file is called that it trains with, or NAME@VERSION of the data set.
        file_sha256: of the file as it was sent, or of the data set's manifest.
        release: what it makes, by name and version; in the catalogue once the job has succeeded.
        message: what became of it, in a sentence.
        figures: what was measured, and of a private run what it spent.
    """

    job: str
    environment: str
    workload: str
    trainer: str
    file: str
    file_sha256: str
    release: str
    digest: str
    status: Status
    created_at: str
    finished_at: str | None
    code: str
    message: str
    figures: dict[str, Any]


class TrainingJobList(Listing, frozen=True, kw_only=True):
    """Training jobs, in an answer."""

    data: list[TrainingJob]


@get("/tenants/{tenant:str}/training/jobs", responses=READ, summary="List training jobs", tags=["training"])
async def list_training_jobs(
    tenant: FromPath[str], training_jobs: TheJobs, finder: TheFinder, who: Who, ask: Asked
) -> TrainingJobList:
    """Return the newest hundred training jobs of a tenant, in all its environments."""
    place = await finder.tenant(who, tenant, ask)
    found = await training_jobs.every(who, ask, tenant=place, most=100)
    return TrainingJobList(data=[_told(each) for each in found])


@get("/tenants/{tenant:str}/training/jobs/{job:str}", responses=READ, summary="See a training job", tags=["training"])
async def show_training_job(
    tenant: FromPath[str], job: FromPath[str], training_jobs: TheJobs, finder: TheFinder, who: Who, ask: Asked
) -> TrainingJob:
    """Return a training job, and what became of it."""
    place = await finder.tenant(who, tenant, ask)
    return _told(await training_jobs.show(who, which_of(job, "ftjob-"), ask, tenant=place))


@post(
    "/tenants/{tenant:str}/training/jobs/{job:str}/cancel",
    responses=WRITE,
    summary="Cancel a training job",
    tags=["training"],
)
async def cancel_training_job(
    tenant: FromPath[str], job: FromPath[str], training_jobs: TheJobs, finder: TheFinder, who: Who, ask: Asked
) -> TrainingJob:
    """Cancel a training job that waits or runs; its credential ends with it."""
    place = await finder.tenant(who, tenant, ask)
    return _told(await training_jobs.cancel(who, which_of(job, "ftjob-"), ask, tenant=place))


OPENAI: Final = (
    add_file,
    list_files,
    show_file,
    delete_file,
    create_job,
    list_jobs,
    show_job,
    cancel_job,
    list_events,
)
ROUTES: Final = (list_training_jobs, show_training_job, cancel_training_job)


def _told(job: Job) -> TrainingJob:
    return TrainingJob(
        job=job.called,
        environment=str(job.environment),
        workload=job.created_by,
        trainer=str(job.asked.model),
        file=job.file_name,
        file_sha256=job.file_sha256,
        release=f"{job.name}@{job.version}",
        digest=job.digest,
        status=job.status,
        created_at=job.created_at.isoformat(),
        finished_at=None if job.finished_at is None else job.finished_at.isoformat(),
        code=job.code,
        message=job.message,
        figures=job.figures,
    )


def _most(limit: int) -> int:
    if not 1 <= limit <= 100:  # noqa: PLR2004 - told in the message
        raise Refused(invalid("`limit` is 1 to 100.", param="limit"))
    return limit


def _after(text: str | None, prefix: str) -> UUID | None:
    return None if text is None else which_of(text, prefix)
