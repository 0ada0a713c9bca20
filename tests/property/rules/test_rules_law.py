"""The law of narrowing: whatever a tenant writes, nothing is allowed that its ceiling alone does not allow."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Environment
from strongroom.rules import KINDS, Kind, Level, Standing, Subject
from strongroom.rules.disclosure import DISCLOSURE, LEAST, MOST, NARROWER, Disclosure, DisclosureRule
from strongroom.rules.kind import Document, encode
from strongroom.rules.resolve import Held, above, explain, settle

NAMES = st.sampled_from(["a", "b"])
KEYS = st.sampled_from(["0123456789abcdef", "fedcba9876543210"])


def few(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=2, unique=True).map(tuple)


def perhaps(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | of


BOOLEANS = [name for name in NARROWER if isinstance(getattr(LEAST, name), bool)]
RULES = st.builds(
    DisclosureRule,
    environments=few(st.sampled_from(Environment)),
    roles=few(st.sampled_from(["inference", "evaluation"])),
    models=few(NAMES),
    workloads=few(NAMES),
    keys=few(KEYS),
    top_logprobs=perhaps(st.integers(0, 20)),
    n=perhaps(st.integers(1, 16)),
    min_temperature=perhaps(st.floats(0, 2)),
    scores=perhaps(st.sampled_from(["label", "top1", "rounded", "full"])),
    max_output_tokens=perhaps(st.integers(1, 5000)),
    **{name: perhaps(st.booleans()) for name in BOOLEANS},
)
DOCUMENTS = st.lists(RULES, max_size=5).map(lambda rules: Document(rules=tuple(rules)))
SUBJECTS = st.builds(
    Subject,
    environment=st.sampled_from(Environment),
    role=st.sampled_from(["inference", "evaluation"]),
    workload=NAMES,
    key=KEYS.map(KeyId),
    model=NAMES,
)


def held(level: Level) -> st.SearchStrategy[Held[Any] | None]:
    """No document, one that cannot be read, or any that can."""
    return st.none() | (st.none() | DOCUMENTS).map(
        lambda document: Held(level=level, version=1, digest="d", document=document)
    )


STANDINGS = st.builds(Standing, default=held(Level.DEFAULT), ceiling=held(Level.CEILING), own=held(Level.OWN))


def within(kind: Kind[Any, Any], inner: Any, outer: Any) -> bool:
    return bool(kind.meet(inner, outer) == inner)


@settings(max_examples=40)
@given(STANDINGS, SUBJECTS)
def test_a_tenants_own_document_never_widens(standing: Standing[Any], subject: Subject) -> None:
    alone = Standing(default=standing.default, ceiling=standing.ceiling)
    assert within(DISCLOSURE, settle(DISCLOSURE, standing, subject), settle(DISCLOSURE, alone, subject))


@settings(max_examples=40)
@given(DOCUMENTS, SUBJECTS, st.randoms(use_true_random=False))
def test_the_order_of_rules_means_nothing(document: Document[Any], subject: Subject, chance: random.Random) -> None:
    shuffled = list(document.rules)
    chance.shuffle(shuffled)
    one, other = (
        Standing(ceiling=Held(level=Level.CEILING, version=1, digest="", document=each))
        for each in (document, Document(rules=tuple(shuffled)))
    )
    assert settle(DISCLOSURE, one, subject) == settle(DISCLOSURE, other, subject)


@settings(max_examples=40)
@given(STANDINGS, SUBJECTS)
def test_what_is_explained_is_what_holds(standing: Standing[Any], subject: Subject) -> None:
    terms = settle(DISCLOSURE, standing, subject)
    explained = {why.said.field: why.said.value for why in explain(DISCLOSURE, standing, subject)}
    assert Disclosure(**explained) == terms


@settings(max_examples=40)
@given(STANDINGS, SUBJECTS)
def test_a_document_that_cannot_be_read_allows_the_least(standing: Standing[Any], subject: Subject) -> None:
    broken: Held[Any] = Held(level=Level.CEILING, version=1, digest="", document=None)
    assert above(DISCLOSURE, Standing(default=standing.default, ceiling=broken), subject) == LEAST
    worse = Standing(default=standing.default, ceiling=standing.ceiling, own=broken)
    assert within(DISCLOSURE, settle(DISCLOSURE, worse, subject), LEAST)


@settings(max_examples=40)
@given(DOCUMENTS)
def test_a_document_is_read_as_it_was_written(document: Document[Any]) -> None:
    assert DISCLOSURE.decode(encode(document)) == document
    assert encode(DISCLOSURE.decode(encode(document))) == encode(document)


TERMS = st.builds(DISCLOSURE.own, st.lists(RULES, max_size=3))


@settings(max_examples=40)
@given(TERMS, TERMS, TERMS)
def test_meeting_is_what_taking_the_narrower_is(one: Disclosure, other: Disclosure, third: Disclosure) -> None:
    meet = DISCLOSURE.meet
    assert meet(one, one) == one
    assert meet(one, other) == meet(other, one)
    assert meet(meet(one, other), third) == meet(one, meet(other, third))
    assert meet(one, MOST) == one


def test_every_kind_has_the_least_within_everything() -> None:
    for kind in KINDS.values():
        assert within(kind, kind.ceiling(()), kind.own(()))
        assert within(kind, kind.unreadable, kind.own(()))
