"""A rule's anchors occur wherever its pattern matches: else what is found would depend on what else a text holds, and a stream leak."""

from __future__ import annotations

import pytest
from bench.privacy import made, shapes

from strongroom.privacy import every_kind
from strongroom.privacy.engine import Patterns
from strongroom.privacy.folding import fold

EVERY = Patterns(kinds=every_kind())


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_found_only_because_something_else_was_there(seed: int) -> None:
    texts = [
        *shapes.examples(160, seed),
        *shapes.examples(60, seed, locales=shapes.OTHER_SCRIPTS),
        *made.examples(120, seed),
    ]
    missed: list[str] = []
    for each in texts:
        data = fold(each.text).data
        met = {id(rule) for rule in EVERY.met(data)}
        missed += [
            f"{rule.kind}, {rule.reason}: {data[hit.start : hit.end]!r}"
            for rule in EVERY.rules
            if id(rule) not in met
            for hit in rule.hits(data)
        ]
    assert not missed
    assert len(texts) > 300, "the control"
