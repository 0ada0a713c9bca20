"""Files, jobs, events and errors as OpenAI's API writes them. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response

from strongroom.identity.problems import Problem
from strongroom.kernel.refusal import Refused, hidden
from strongroom.training.model import Event, Job, Status, TrainingFile

_TYPES: Final = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_FAULT: Final = 500
_HEX: Final = 32
_DATASET: Final = "dataset:"


def which_of(text: str, prefix: str) -> UUID:
    """Return the id that `text` writes.

    Raises:
        Refused: hidden for what can be none: it is not there.
    """
    tail = text.removeprefix(prefix)
    if text != prefix + tail or len(tail) != _HEX or any(each not in "0123456789abcdef" for each in tail):
        raise Refused(hidden(f"no {prefix.rstrip('-')} of that id"))
    return UUID(tail)


def input_of(text: str) -> UUID | str:
    """Return what a job is to train with: a file's id, or NAME@VERSION of a data set.

    Raises:
        Refused: hidden for what can be neither.
    """
    if not text.startswith(_DATASET):
        return which_of(text, "file-")
    called = text.removeprefix(_DATASET)
    if not all(called.partition("@")):
        raise Refused(hidden("no data set of that name"))
    return called


def file_of(file: TrainingFile) -> dict[str, Any]:
    """Return a file; what was masked in it is told by column."""
    masked = ", ".join(f"{name} ({count})" for name, count in sorted(file.replaced.items()))
    return {
        "id": f"file-{file.id.hex}",
        "object": "file",
        "bytes": file.bytes,
        "created_at": _seconds(file.created_at),
        "filename": file.name,
        "purpose": "fine-tune",
        "status": "processed",
        "status_details": f"Masked before it was kept, by column: {masked}." if masked else None,
        "strongroom": {
            "rows": file.rows,
            "columns": file.columns,
            "sha256": file.sha256,
            "kept_sha256": file.kept_sha256,
            "subject": file.subject,
        },
    }


def job_of(job: Job) -> dict[str, Any]:
    """Return a job."""
    failed = job.status is Status.FAILED
    hyper = job.asked.hyperparameters
    return {
        "id": job.called,
        "object": "fine_tuning.job",
        "created_at": _seconds(job.created_at),
        "error": {"code": job.code, "message": job.message, "param": None} if failed else None,
        "fine_tuned_model": f"{job.name}@{job.version}" if job.status is Status.SUCCEEDED else None,
        "finished_at": None if job.finished_at is None else _seconds(job.finished_at),
        "hyperparameters": {} if hyper is None else msgspec.to_builtins(hyper),
        "metadata": job.asked.metadata,
        "model": str(job.asked.model),
        "organization_id": "",
        "result_files": [],
        "seed": job.asked.seed or 0,
        "status": "running" if job.status is Status.DELIVERING else str(job.status),
        "trained_tokens": None,
        "training_file": job.asked.training_file,
        "validation_file": None,
        "strongroom": {
            "digest": job.digest or None,
            "dataset_sha256": job.file_sha256,
            "figures": job.figures,
            "credential": job.token_id,
        },
    }


def event_of(event: Event) -> dict[str, Any]:
    """Return an event."""
    return {
        "id": f"ftevent-{event.id.hex}",
        "object": "fine_tuning.job.event",
        "created_at": _seconds(event.at),
        "level": event.level,
        "message": event.message,
        "type": "message",
        "data": None,
    }


def page_of(data: list[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    """Return one page of things."""
    return {
        "object": "list",
        "data": data,
        "has_more": more,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }


def error_of(response: Response[Problem]) -> Response[Any]:
    """Return a refusal in the shape of OpenAI's, with the same status, fields and words."""
    problem = response.content
    fallback = "server_error" if problem.status >= _FAULT else "invalid_request_error"
    error = {
        "message": problem.detail,
        "type": _TYPES.get(problem.status, fallback),
        "param": problem.param,
        "code": None,
        "request_id": problem.request_id,
    }
    return Response(
        {"error": error}, status_code=problem.status, headers=response.headers, media_type="application/json"
    )


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
