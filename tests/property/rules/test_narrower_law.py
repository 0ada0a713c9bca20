"""The law of what is in force at once: it was shown to take away, so whoever asks, nothing is allowed that was not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.rules.test_rules_law import DOCUMENTS, STANDINGS, SUBJECTS, within

from strongroom.kernel.principal import Environment
from strongroom.rules import KINDS, Level, Standing, Subject
from strongroom.rules.access import ACCESS, AccessRule
from strongroom.rules.disclosure import DISCLOSURE, DisclosureRule
from strongroom.rules.kind import Document, Kind
from strongroom.rules.limits import LIMITS, LimitsRule
from strongroom.rules.narrower import objection
from strongroom.rules.resolve import Held, above, own

FORBID = '@id("{}") forbid (principal, action == Action::"{}", resource);'


def held(level: Level, *rules: Any) -> Held[Any]:
    return Held(level=level, version=1, digest="d", document=Document(rules=rules))


@settings(max_examples=60)
@given(STANDINGS, st.none() | DOCUMENTS, st.sampled_from(Level), SUBJECTS)
def test_what_is_shown_to_take_away_gives_nobody_anything(
    before: Standing[Any], document: Document[Any] | None, level: Level, subject: Subject
) -> None:
    new = None if document is None else Held(level=level, version=2, digest="e", document=document)
    after = before.with_(level, new)
    if objection(DISCLOSURE, level, before, after) is None:
        said = own if level is Level.OWN else above
        assert within(DISCLOSURE, said(DISCLOSURE, after, subject), said(DISCLOSURE, before, subject))


@pytest.mark.parametrize("kind", [each for each in KINDS.values() if each is not ACCESS], ids=lambda kind: kind.name)
def test_the_same_again_takes_away_and_so_does_a_tenants_first_document(kind: Kind[Any, Any]) -> None:
    """So that a no of this is not simply a no to everything."""
    ceiling = held(Level.CEILING)
    assert objection(kind, Level.CEILING, Standing(ceiling=ceiling), Standing(ceiling=ceiling)) is None
    assert objection(kind, Level.OWN, Standing(), Standing(own=held(Level.OWN))) is None


def test_one_rule_for_one_model_is_seen_and_named() -> None:
    before = Standing(ceiling=held(Level.CEILING, DisclosureRule(models=("a",), seed=True)))
    less = before.with_(Level.CEILING, held(Level.CEILING))
    more = before.with_(
        Level.CEILING, held(Level.CEILING, DisclosureRule(models=("b",), environments=(Environment.PROD,), seed=True))
    )
    assert objection(DISCLOSURE, Level.CEILING, before, less) is None
    said = objection(DISCLOSURE, Level.CEILING, before, more)
    assert said is not None
    assert "in prod, model b" in said


def test_withdrawing_prohibitions_gives_and_adding_them_takes_away() -> None:
    one, two = (AccessRule(forbid=FORBID.format(name, name)) for name in ("key.create", "key.rotate"))
    before = Standing(own=held(Level.OWN, one))
    assert objection(ACCESS, Level.OWN, before, before.with_(Level.OWN, held(Level.OWN, two, one))) is None
    for after in (None, held(Level.OWN, two), held(Level.OWN)):
        assert objection(ACCESS, Level.OWN, before, before.with_(Level.OWN, after)) is not None


def test_what_tells_too_many_apart_or_cannot_be_read_is_not_shown() -> None:
    wide = held(Level.OWN, LimitsRule(models=tuple(f"m{n}" for n in range(300)), requests_per_s=1))
    assert "too many" in str(objection(LIMITS, Level.OWN, Standing(), Standing(own=wide)))
    unread: Held[Any] = Held(level=Level.OWN, version=1, digest="d", document=None)
    assert objection(LIMITS, Level.OWN, Standing(), Standing(own=unread)) is not None
