"""Values of training files and jobs, and what a job may be asked for."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum, unique
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from strongroom.kernel.ids import parse_name
from strongroom.kernel.principal import Environment

LABEL: Final = "label"
MOST_BYTES: Final = 8 << 20
_BOUND: Final = re.compile(r"(?P<column>[^=,]{1,100})=(?P<low>-?[0-9.]{1,20}):(?P<high>-?[0-9.]{1,20})")


Level: TypeAlias = Literal["info", "warn", "error"]


@unique
class Trainer(StrEnum):
    """What can be trained: the `model` of a job."""

    LOGISTIC = "tabular-logistic"
    BOOSTING = "tabular-boosting"
    PRIVATE = "tabular-logistic-dp"


@unique
class Status(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DELIVERING = "delivering"  # told as running: too late to be cancelled
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self in LIVING


LIVING: Final = frozenset({Status.QUEUED, Status.RUNNING, Status.DELIVERING})


class BadAsk(ValueError):  # noqa: N818 - a value that says why
    """A job cannot be as it is asked for; `param` is the field at fault."""

    def __init__(self, tell: str, param: str) -> None:
        super().__init__(tell)
        self.param = param


class Hyperparameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it is trained; `auto` leaves it to the trainer."""

    n_epochs: Annotated[int, Meta(ge=1, le=500)] | Literal["auto"] = "auto"
    batch_size: Annotated[int, Meta(ge=1, le=100_000)] | Literal["auto"] = "auto"
    learning_rate_multiplier: Annotated[float, Meta(gt=0, le=100)] | Literal["auto"] = "auto"


class NewJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A job to be, as `POST /v1/fine_tuning/jobs` has it. What is not named here is not done, and therefore refused.

    Attributes:
        model: the trainer.
        training_file: what to train with: `file-…`, or `dataset:NAME@VERSION` of an admitted data set.
        suffix: the name of the release that is made.
        seed: of every random draw but the noise of a private run.
        metadata: `label`: the column to foretell; `drop`: columns to leave out; of a private run `epsilon`, `delta`,
            `clip` and `bounds`.
    """

    model: Trainer
    training_file: Annotated[str, Meta(max_length=150)]
    suffix: Annotated[str, Meta(min_length=1, max_length=63)]
    seed: Annotated[int, Meta(ge=0, le=(1 << 31) - 1)] | None = None
    hyperparameters: Hyperparameters | None = None
    metadata: Annotated[
        dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]], Meta(max_length=16)
    ] = msgspec.field(default_factory=dict[str, str])
    validation_file: None = None
    integrations: None = None


class Private(msgspec.Struct, frozen=True, kw_only=True):
    """What a private run promises, and within which bounds its numbers lie: bounds that were not read off the data.

    Attributes:
        epsilon: the most that it may spend.
        delta: the chance with which it may spend more.
        clip: the longest gradient that one row may have.
        bounds: each column's lowest and highest number; `*` for those that are not named.
    """

    epsilon: float
    delta: float
    clip: float
    bounds: dict[str, tuple[float, float]]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a job was asked for, checked."""

    trainer: Trainer
    label: str
    drop: tuple[str, ...]
    seed: int
    epochs: int | None
    batch: int | None
    rate: float | None
    private: Private | None = None


def plan_of(new: NewJob, label: str | None = None) -> Plan:
    """Return what a job asks for; `label` is the column that its data set's contract says to be the label.

    Raises:
        BadAsk: saying what cannot be done, and where it was asked for.
    """
    try:
        parse_name(new.suffix)
    except ValueError as error:
        raise BadAsk(f"`suffix` names the release that is made, and is no name: {error}.", "suffix") from None
    known = {"label", "drop"} | ({"epsilon", "delta", "clip", "bounds"} if new.model is Trainer.PRIVATE else set[str]())
    if unknown := sorted(new.metadata.keys() - known):
        raise BadAsk(
            f"{new.model} takes no {', '.join(unknown)} in `metadata`; it takes {', '.join(sorted(known))}.", "metadata"
        )
    hyper = new.hyperparameters or Hyperparameters()
    if new.model is Trainer.LOGISTIC and (hyper.batch_size != "auto" or hyper.learning_rate_multiplier != "auto"):
        raise BadAsk(f"{new.model} has no batches and no learning rate.", "hyperparameters")
    if new.model is Trainer.BOOSTING and hyper.batch_size != "auto":
        raise BadAsk(f"{new.model} has no batches.", "hyperparameters")
    return Plan(
        trainer=new.model,
        label=new.metadata.get("label", label or LABEL),
        drop=tuple(each.strip() for each in new.metadata.get("drop", "").split(",") if each.strip()),
        seed=new.seed or 0,
        epochs=None if hyper.n_epochs == "auto" else hyper.n_epochs,
        batch=None if hyper.batch_size == "auto" else hyper.batch_size,
        rate=None if hyper.learning_rate_multiplier == "auto" else hyper.learning_rate_multiplier,
        private=_private(new.metadata) if new.model is Trainer.PRIVATE else None,
    )


def _private(metadata: dict[str, str]) -> Private:
    values: dict[str, float] = {}
    for name, default, least, most in (
        ("epsilon", "3", 0.01, 50),
        ("delta", "1e-5", 1e-12, 0.01),
        ("clip", "1", 1e-3, 1e3),
    ):
        try:
            values[name] = float(metadata.get(name, default))
        except ValueError:
            raise BadAsk(f"`{name}` is no number.", "metadata") from None
        if not least <= values[name] <= most:
            raise BadAsk(f"`{name}` lies between {least} and {most}.", "metadata")
    text = metadata.get("bounds", "")
    bounds: dict[str, tuple[float, float]] = {}
    for each in text.split(","):
        found = _BOUND.fullmatch(each.strip())
        try:
            low, high = (float(found["low"]), float(found["high"])) if found else (0.0, 0.0)
        except ValueError:
            low = high = 0.0
        if found is None or not low < high:
            tell = (
                "`bounds` says in which range each column lies, as `age=18:90,*=-3:3`: a private run cannot read it off the "
                "data without telling of it."
            )
            raise BadAsk(tell, "metadata")
        bounds[found["column"].strip()] = (low, high)
    return Private(epsilon=values["epsilon"], delta=values["delta"], clip=values["clip"], bounds=bounds)


class TrainingFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file to train with, as it was kept.

    Attributes:
        sha256: of what was sent.
        kept_sha256: of what was kept: the same rows, with what points to one person masked.
        replaced: in how many rows of which column something was masked.
        subject: the column that says whom each row is about; what is kept there are pseudonyms, and nothing trains with it.
    """

    id: UUID
    environment: Environment
    name: str
    bytes: int
    rows: int
    columns: tuple[str, ...]
    sha256: str
    kept_sha256: str
    replaced: dict[str, int]
    created_at: datetime
    created_by: str
    subject: str | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job, and what became of it.

    Attributes:
        file: the file that it trains with; None: it trains with a data set.
        dataset: that data set's digest.
        file_name: what the file is called, or NAME@VERSION of the data set.
        file_sha256: of the file as it was sent, or of the data set's manifest.
        asked: what was asked for, as it came.
        name: of the release that it makes; with `version` the release's for good.
        token_id: its own credential, which ended with it.
        code: why it failed, in a word.
        digest: the release.
        figures: what was measured, and of a private run what it spent.
    """

    id: UUID
    environment: Environment
    workload: UUID
    created_by: str
    created_at: datetime
    file: UUID | None
    dataset: str | None
    file_name: str
    file_sha256: str
    asked: NewJob
    name: str
    version: str
    token_id: str
    status: Status
    started_at: datetime | None = None
    finished_at: datetime | None = None
    code: str = ""
    message: str = ""
    digest: str = ""
    figures: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])

    @property
    def input(self) -> UUID | str:
        """What it trains with: a file's id, or NAME@VERSION of a data set."""
        return self.file_name if self.file is None else self.file

    @property
    def called(self) -> str:
        """The job's id, as its API writes it."""
        return f"ftjob-{self.id.hex}"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a job said."""

    id: UUID
    at: datetime
    level: Level
    message: str
