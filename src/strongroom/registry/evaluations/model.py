"""The values of evaluations and of live quality."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from strongroom.kernel.principal import Environment
from strongroom.registry.evaluations.suite import Bound, Metric

LabelText: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, examples=["1"])]


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """How a release's answers were spread in an evaluation: what drift is measured against.

    Attributes:
        labels: how often each label was told.
        edges: inner edges of ten equally full bins of the scores, ascending; empty: no scores were told.
        counts: how many scores fell into each bin.
    """

    labels: dict[str, int]
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()


class Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluation says, once its signature was verified.

    Attributes:
        release: the digest of its manifest.
        name: of the release.
        version: of the release.
        tenant: in whose deployment, by id.
        environment: where.
        deployment: which, by id.
        prompt: the digest of the system prompt that was in front; null: none.
        suite: NAME@VERSION.
        suite_digest: of its bytes.
        evaluator: who brought the answers.
        cases: how many.
        metrics: what was measured.
        thresholds: what was demanded.
        passed: whether every threshold is met.
        failed: cases that are not as they should be, at most a hundred.
        answers: the digest of the answers that were scored.
        requests: how many requests of the records stand behind them.
        baseline: how the answers were spread.
        at: when it was signed.
        expires: when it ends to count.
    """

    release: str
    name: str
    version: str
    tenant: str
    environment: Environment
    deployment: str
    prompt: str | None
    suite: str
    suite_digest: str
    evaluator: str
    cases: int
    metrics: dict[Metric, float]
    thresholds: dict[Metric, Bound]
    passed: bool
    failed: tuple[str, ...]
    answers: str
    requests: int
    baseline: Baseline
    at: datetime
    expires: datetime


class Answered(msgspec.Struct, frozen=True):
    """A request of the records that was answered in full.

    Attributes:
        rows: how many answers it held, one but for rows of a table.
        subject: the pseudonym of whom it was about, if it named anybody.
    """

    id: UUID
    deployment: UUID | None
    release: str | None
    environment: str
    at: datetime
    rows: int = 1
    subject: str | None = None


class Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What turned out to be right for one request.

    Attributes:
        request: the id that the answer had, `req_…`.
        label: what turned out to be right.
        predicted: what the answer said.
        score: the answer's best score, where it was told.
    """

    request: Annotated[str, Meta(pattern=r"^req_[0-9a-f]{32}$(?!\n)", max_length=36)]
    label: LabelText
    predicted: LabelText
    score: float | None = None


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """A label as it is kept."""

    day: str
    label: str
    predicted: str
    score: float | None


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """Live accuracy of one day (UTC)."""

    day: str
    labels: int
    accuracy: float


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """How a release does where it serves.

    Attributes:
        name: of the release.
        version: of the release.
        release: its digest.
        environment: where.
        days: the window.
        labels: how many labels came back in it.
        accuracy: the share of answers that were right; null: no label came back.
        by_day: the same, by day.
        prediction_psi: how far what is predicted has moved from the baseline (population stability index).
        score_psi: how far the scores have.
        score_ks: the largest distance between both distributions of scores, at the baseline's edges.
        drift: `none`, `some` (PSI from 0.1), `much` (from 0.25), or `unknown`.
        baseline: the suite whose evaluation is the baseline; empty: there is none.
        evaluations: those that count now, newest first.
    """

    name: str
    version: str
    release: str
    environment: Environment
    days: int
    labels: int
    accuracy: float | None
    by_day: tuple[Day, ...]
    prediction_psi: float | None
    score_psi: float | None
    score_ks: float | None
    drift: str
    baseline: str
    evaluations: tuple[Evaluated, ...]
