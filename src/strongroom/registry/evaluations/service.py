"""What can be done about evaluations: bring answers to be scored and signed, read them, and tell what turned out to be right."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import Name, TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.registry import tables as registry_tables
from strongroom.registry.admission import tables as admission_tables
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.evaluations import drift, statements, tables
from strongroom.registry.evaluations.counting import Counting
from strongroom.registry.evaluations.model import Answered, Baseline, Day, Evaluated, Label, Labelled, Quality
from strongroom.registry.evaluations.pace import Pace
from strongroom.registry.evaluations.scoring import Told, score
from strongroom.registry.evaluations.suite import BadSuite, Suite, read
from strongroom.registry.model import Deployment
from strongroom.registry.prompts import Prompts
from strongroom.store import TenantTx

LASTS: Final = timedelta(days=90)
"""For how long an evaluation counts."""

FRESH: Final = timedelta(hours=24)
"""Answers older than this are not scored any more."""

MOST_LABELS: Final = 500
MOST_DAYS: Final = 90
_MOST_READ: Final = 20_000
_REQUEST: Final = re.compile(r"req_([0-9a-f]{32})")


class Evaluations:
    """Evaluations of releases, and how they do where they serve."""

    def __init__(self, gate: Gate, keys: RegistryKeys, prompts: Prompts, clock: Clock) -> None:
        self._gate = gate
        self._keys = keys
        self._prompts = prompts
        self._clock = clock
        self.counting = Counting(keys, clock)
        self._pace = Pace(clock)

    async def record(
        self,
        who: Principal,
        tenant: TenantId,
        environment: Environment,
        deployment: Name,
        suite: str,
        told: Sequence[Told],
        ask: Ask,
    ) -> Evaluated:
        """Score answers, sign what they come to, and keep it, passed or not.

        What is proven is that each case has an answer of its own in the records; what that said, and what was tried for a case
        of isolation, is the evaluator's word.

        Raises:
            Refused: INVALID for what is no suite, or answers that this deployment did not give; CONFLICT while the records
                do not have a request yet: it may be asked again in a second.
        """
        resource = Resource(kind=Kind.DEPLOYMENT, id=deployment, tenant=tenant, environment=environment)
        async with self._gate.permit(who, Action.MODEL_EVALUATE, resource, ask) as tx:
            place = await registry_tables.deployment_named(tx, environment, deployment)
            if place is None:
                raise Refused(hidden(f"no deployment {deployment} in {environment}"))
            if place.release is None or place.model is None or place.version is None:
                raise Refused(
                    invalid("A deployment of targets outside has no release to evaluate.", param="deployment")
                )
            found = _suite(suite)
            by_case = _by_case(found, told)
            now = self._clock.now()
            requests = Counter(each.request for each in told if each.request)
            await self._verify(tx, place, requests, now)
            prompt = None if place.prompt_digest is None else await self._prompts.text_of(tx, place.prompt_digest)
            came = await asyncio.to_thread(score, found, by_case, prompt)
            evaluated = Evaluated(
                release=place.release,
                name=place.model,
                version=place.version,
                tenant=str(tenant),
                environment=environment,
                deployment=str(place.id),
                prompt=place.prompt_digest,
                suite=found.called,
                suite_digest=found.digest,
                evaluator=str(who),
                cases=came.cases,
                metrics=came.metrics,
                thresholds=came.thresholds,
                passed=came.passed,
                failed=came.failed,
                answers=f"sha256:{hashlib.sha256(msgspec.json.encode(list(told), order='sorted')).hexdigest()}",
                requests=len(requests),
                baseline=_baseline(told),
                at=now,
                expires=now + LASTS,
            )
            statement = statements.evaluated(evaluated, self._keys.evaluator())
            await tables.insert(tx, place.release, environment, statement, now)
            return evaluated

    async def recent(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Evaluated]:
        """Return the evaluations of a tenant's deployments whose signatures hold, newest first."""
        resource = Resource(kind=Kind.DEPLOYMENT, tenant=tenant)
        async with self._gate.permit(who, Action.MODEL_QUALITY, resource, ask) as tx:
            return self.counting.read(await tables.of_tenant(tx), tenant=str(tx.tenant))

    async def label(
        self, who: Principal, tenant: TenantId, environment: Environment, labels: Sequence[Label], ask: Ask
    ) -> int | None:
        """Keep what turned out to be right for requests of a tenant in one environment.

        An administrator's are all kept, or none. A workload that evaluates is not told which requests there were: what a
        deployment that it may ask did not answer is passed over, with the same answer (None).

        Raises:
            Refused: INVALID for a request that is named twice, or (to an administrator) one that a release of the tenant did
                not answer there; LIMITED for a workload that tells more than its rate.
        """
        resource = Resource(kind=Kind.DEPLOYMENT, tenant=tenant, environment=environment)
        noted = replace(ask, detail={**ask.detail, "labels": str(len(labels))})
        async with self._gate.permit(who, Action.MODEL_LABEL, resource, noted) as tx:
            ids = _ids(labels)
            if who.role.is_workload:
                await self._tell(tx, who, environment, list(zip(ids, labels, strict=True)))
                return None
            known = await tables.answered(tx, ids)
            now = self._clock.now()
            for place, (identifier, each) in enumerate(zip(ids, labels, strict=True)):
                request = known.get(identifier)
                if request is None or request.release is None or request.environment != environment:
                    tell = "No release of this tenant answered this request in this environment."
                    raise Refused(invalid(tell, param=f"labels[{place}].request"))
                await tables.insert_label(tx, request, each, now)
            return len(labels)

    async def _tell(
        self, tx: TenantTx, who: Principal, environment: Environment, labels: list[tuple[UUID, Label]]
    ) -> None:
        workload = who.workload
        if workload is None:
            raise Refused(hidden("labels by no workload"))
        no = self._pace.take(str(workload), len(labels))
        if no is not None:
            raise Refused(no)
        open_to = [
            identifier
            for identifier, name in await tables.deployments(tx, environment)
            if self._may_label(tx, who, environment, identifier, name)
        ]
        await tables.tell_labels(tx, environment, open_to, labels, workload, self._clock.now())

    def _may_label(self, tx: TenantTx, who: Principal, environment: Environment, deployment: UUID, name: str) -> bool:
        """Whether a workload may tell of what a deployment answered: of one that it may ask itself."""
        if who.models is not None and name not in who.models:
            return False
        place = Resource(kind=Kind.DEPLOYMENT, id=str(deployment), tenant=tx.tenant, environment=environment)
        return all(self._gate.may(who, action, place) for action in (Action.MODEL_INVOKE, Action.MODEL_LABEL))

    async def quality(
        self, who: Principal, tenant: TenantId, environment: Environment, name: str, version: str, days: int, ask: Ask
    ) -> Quality:
        """Return how a release does in one environment of a tenant, over the last `days`.

        Raises:
            Refused: hidden for a release that there is not.
        """
        resource = Resource(kind=Kind.DEPLOYMENT, tenant=tenant, environment=environment)
        async with self._gate.permit(who, Action.MODEL_QUALITY, resource, ask) as tx:
            found = await admission_tables.subject_named(tx, name, version, tenant)
            if found is None:
                raise Refused(hidden(f"no release {name}@{version}"))
            subject = found.subject
            since = self._clock.now() - timedelta(days=days)
            labels = await tables.labels(tx, subject.digest, environment, since, _MOST_READ)
            rows = self.counting.read(
                await tables.of_tenant(tx, subject.digest), tenant=str(tx.tenant), release=subject.digest
            )
            here = [each for each in rows if each.environment is environment]
            counting = await self.counting.passing(tx, subject.digest, environment=environment)
        basis = next((each for each in here if each.baseline.labels), None)
        measured = _drift(labels, None if basis is None else basis.baseline)
        return Quality(
            name=name,
            version=version,
            release=subject.digest,
            environment=environment,
            days=days,
            labels=len(labels),
            accuracy=_accuracy(labels),
            by_day=_days(labels),
            prediction_psi=measured[0],
            score_psi=measured[1],
            score_ks=measured[2],
            drift=drift.word(measured[0], measured[1]),
            baseline="" if basis is None else basis.suite,
            evaluations=counting,
        )

    async def erase_all(self, who: Principal, tenant: TenantId, ask: Ask) -> None:
        """Erase a tenant's labels, as its deletion does."""
        resource = Resource(kind=Kind.TENANT, id=str(tenant), tenant=tenant)
        async with self._gate.permit(who, Action.TENANT_DELETE, resource, ask) as tx:
            await tables.erase_labels(tx, self._clock.now())

    async def _verify(self, tx: TenantTx, place: Deployment, requests: Counter[str], now: datetime) -> None:
        """Hold every request, and how many cases name it, against the tenant's records."""
        ids = {request: UUID(_REQUEST.sub(r"\1", request)) for request in requests}
        known = await tables.answered(tx, list(ids.values()))
        for request, identifier in sorted(ids.items()):
            record = known.get(identifier)
            if record is None:
                tell = f"The records do not have {request} as answered; ask again in a moment."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell, param="answers"))
            if not _of(record, place, now):
                raise Refused(
                    invalid(f"{request} was not answered by this deployment, or is too old.", param="answers")
                )
            if requests[request] > record.rows:
                tell = f"{requests[request]} cases name {request}, which had {record.rows} answers."
                raise Refused(invalid(tell, param="answers"))


def _ids(labels: Sequence[Label]) -> list[UUID]:
    """Return the ids of the requests that labels are about, each once."""
    ids = [UUID(each.request.removeprefix("req_")) for each in labels]
    seen = set[UUID]()
    for place, each in enumerate(ids):
        if each in seen:
            raise Refused(invalid("This request is named twice.", param=f"labels[{place}].request"))
        seen.add(each)
    return ids


def _of(record: Answered, place: Deployment, now: datetime) -> bool:
    return (
        record.deployment == place.id
        and record.release == place.release
        and record.environment == place.environment
        and record.at >= now - FRESH
    )


def _suite(text: str) -> Suite:
    try:
        return read(text.encode())
    except BadSuite as error:
        raise Refused(invalid(str(error), param="suite")) from None


def _by_case(suite: Suite, told: Sequence[Told]) -> dict[str, Told]:
    cases = {case.id: case for case in suite.cases}
    by_case: dict[str, Told] = {}
    named = Counter(each.request for each in told if each.request)
    for place, each in enumerate(told):
        if each.case not in cases or each.case in by_case:
            raise Refused(invalid("There is no such case, or it was answered already.", param=f"answers[{place}].case"))
        answers = each.text is not None or each.label is not None
        if (answers or each.request) and _REQUEST.fullmatch(each.request) is None:
            raise Refused(invalid("Each answer names its request, `req_…`.", param=f"answers[{place}].request"))
        if each.text is not None and named[each.request] > 1:
            tell = "A text is the answer to a request of its own; only rows are asked together."
            raise Refused(invalid(tell, param=f"answers[{place}].request"))
        by_case[each.case] = each
    return by_case


def _baseline(told: Sequence[Told]) -> Baseline:
    labels = Counter(each.label for each in told if each.label is not None)
    return drift.baseline(labels, [each.score for each in told if each.score is not None])


def _accuracy(labels: Sequence[Labelled]) -> float | None:
    return sum(each.label == each.predicted for each in labels) / len(labels) if labels else None


def _days(labels: Sequence[Labelled]) -> tuple[Day, ...]:
    by_day: dict[str, list[bool]] = {}
    for each in labels:
        by_day.setdefault(each.day, []).append(each.label == each.predicted)
    return tuple(
        Day(day=day, labels=len(right), accuracy=sum(right) / len(right)) for day, right in sorted(by_day.items())
    )


def _drift(labels: Sequence[Labelled], baseline: Baseline | None) -> tuple[float | None, float | None, float | None]:
    if baseline is None:
        return None, None, None
    told = drift.psi(*drift.aligned(baseline.labels, Counter(each.predicted for each in labels)))
    scores = [each.score for each in labels if each.score is not None]
    if not baseline.edges:
        return told, None, None
    now = drift.binned(scores, baseline.edges)
    return told, drift.psi(baseline.counts, now), drift.ks(baseline.counts, now)
