"""Runs a suite of evaluation against the real model, through the gateway's public API, as a caller of the environment.

Always true here:
- nothing is scored: what came back is handed on as the caller was told it, with the id of each request;
- a model is asked as its callers ask it, behind every rule that holds for the key: what a caller cannot get is not measured;
- a case of isolation or extraction is what this very caller can try (`probes`); nothing is measured with more rights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, cast

from strongroom.attack.http import Answer, Line
from strongroom.attack.probes import EXTRACTION, ISOLATION, Caller, plain
from strongroom.registry.evaluations.scoring import Told
from strongroom.registry.evaluations.suite import Case, Head, Suite

ROWS: Final = 256
"""How many rows of a table are asked about at once."""

_OK: Final = 200
_NOT_THERE: Final = 404
Moved = Callable[[int, int], None]
"""Told how many cases have been asked, and how many there are."""


class Turned(Exception):  # noqa: N818 - said to a person
    """The gateway does not let this caller ask this model at all; the message says how it was refused."""


def run(
    line: Line, key: str, model: str, suite: Suite, *, foreign: Sequence[str] = (), moved: Moved | None = None
) -> list[Told]:
    """Return what came back to each case.

    Args:
        line: a connection to the gateway.
        key: of a workload in the environment.
        model: what the deployment is called there.
        suite: what is asked.
        foreign: names that are models of other tenants or environments, for cases of isolation.
        moved: told how far it is.

    Raises:
        Turned: when the gateway refuses the caller, not the case.
    """
    told: list[Told] = []
    caller = Caller(line, key, model, foreign)
    for batch in _batches(suite.cases):
        if batch[0].inputs:
            told += _rows(line, key, model, suite.head, batch)
        elif batch[0].ask is not None:
            told.append(_text(line, key, model, suite.head, batch[0]))
        else:
            told.append(_tried(caller, batch[0]))
        if moved is not None:
            moved(len(told), len(suite.cases))
    return told


def _batches(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """Yield cases as they are asked: rows of one form together, everything else alone."""
    batch: list[Case] = []
    for case in cases:
        if batch and (not case.inputs or len(batch) == ROWS or _form(case) != _form(batch[0])):
            yield batch
            batch = []
        if case.inputs:
            batch.append(case)
        else:
            yield [case]
    if batch:
        yield batch


def _form(case: Case) -> list[tuple[Any, Any, Any]]:
    return [(each.get("name"), each.get("datatype"), each.get("shape")) for each in case.inputs]


def _text(line: Line, key: str, model: str, head: Head, case: Case) -> Told:
    messages = [{"role": "user", "content": case.ask}]
    if case.system is not None:
        messages.insert(0, {"role": "system", "content": case.system})
    body = {"model": model, "messages": messages, "max_tokens": head.max_output_tokens}
    answer = _answered(line.ask("POST", "/v1/chat/completions", key=key, data=body))
    try:
        text = str(answer.json()["choices"][0]["message"]["content"] or "") if answer.status == _OK else None
    except (KeyError, IndexError, TypeError):
        text = None
    return Told(case=case.id) if text is None else Told(case=case.id, request=answer.request_id, text=text)


def _rows(line: Line, key: str, model: str, head: Head, batch: list[Case]) -> list[Told]:
    inputs = [
        {**tensor, "shape": [len(batch), *tensor["shape"][1:]], "data": [value for case in batch for value in case.inputs[place]["data"]]}
        for place, tensor in enumerate(batch[0].inputs)
    ]  # fmt: skip
    answer = _answered(line.ask("POST", f"/v2/models/{model}/infer", key=key, data={"inputs": inputs}))
    outputs = _outputs(answer)
    labels = outputs.get(head.label, {}).get("data", [])
    if len(labels) != len(batch):
        return [Told(case=case.id) for case in batch]
    scores = _best(outputs.get(head.scores, {}).get("data", []), len(batch))
    return [
        Told(case=case.id, request=answer.request_id, label=str(label), score=score)
        for case, label, score in zip(batch, labels, scores, strict=True)
    ]


def _outputs(answer: Answer) -> dict[str, dict[str, Any]]:
    document: Any = answer.json() if answer.status == _OK else None
    if not isinstance(document, dict):
        return {}
    listed = cast("dict[str, list[dict[str, Any]]]", document).get("outputs", [])
    return {str(each["name"]): each for each in listed}


def _best(scores: list[Any], rows: int) -> list[float | None]:
    """Return the best score of each row, however many are told; none where they do not come out even."""
    if not scores or len(scores) % rows or not all(isinstance(each, int | float) for each in scores):
        return [None] * rows
    width = len(scores) // rows
    return [float(max(scores[at : at + width])) for at in range(0, len(scores), width)]


def _tried(caller: Caller, case: Case) -> Told:
    """Carry out a case of isolation or extraction, or ask a plain question."""
    if case.isolation is not None:
        return Told(case=case.id, hidden=ISOLATION[case.isolation](caller))
    if case.extraction is not None:
        return Told(case=case.id, hidden=EXTRACTION[case.extraction](caller))
    answer = plain(caller)
    return Told(case=case.id, request=answer.request_id, text="") if answer.status == _OK else Told(case=case.id)


def _answered(answer: Answer) -> Answer:
    if answer.status in {401, 403, _NOT_THERE}:
        raise Turned(
            f"The gateway answered {answer.status}: the key is not one of this environment, or may not ask this model."
        )
    return answer
