"""Who may say yes to what, and what the votes come to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.identity.approvals import State, digest_of
from strongroom.identity.approvals.model import Person, objection, state_of

ASKER = Person("account/1", "key/1")
ONE, TWO = Person("account/2", "key/2"), Person("account/3", "key/3")
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("voter", "before", "said"),
    [
        (ASKER, [], "of their own"),  # self-approval
        (Person("account/1", "key/9"), [], "of their own"),  # with another key of one's own
        (Person("account/9", "key/1"), [], "of their own"),  # under another name with the same key
        (ONE, [ONE], "already"),  # one person twice
        (Person("account/2", "key/9"), [ONE], "already"),  # one person with two keys
        (Person("account/9", "key/2"), [ONE], "another name"),  # one key under two ids
    ],
)
def test_nobody_approves_their_own_and_nobody_counts_twice(voter: Person, before: list[Person], said: str) -> None:
    """Isolation test 20."""
    assert said in (objection(ASKER, voter, before) or "")


def test_two_others_do() -> None:
    assert objection(ASKER, ONE, []) is None
    assert objection(ASKER, TWO, [ONE]) is None


moments = st.none() | st.just(NOW)


@given(denied=moments, approved=moments, used=moments, withdrawn=moments, late=st.booleans())
def test_a_no_counts_before_a_yes_and_only_time_ends_an_open_one(
    denied: datetime | None, approved: datetime | None, used: datetime | None, withdrawn: datetime | None, late: bool
) -> None:
    state = state_of(
        now=NOW,
        expires_at=NOW + timedelta(hours=-1 if late else 1),
        denied_at=denied,
        approved_at=approved,
        used_at=used,
        withdrawn_at=withdrawn,
    )
    if state is State.APPROVED:
        assert approved is not None
        assert (denied, used, withdrawn, late) == (None, None, None, False)
    assert (state is State.USED) == (used is not None)
    assert (state is State.OPEN) == ((denied, approved, used, withdrawn, late) == (None, None, None, None, False))


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4))
def test_a_digest_is_of_what_is_asked_and_not_of_how_it_is_written(subject: dict[str, object]) -> None:
    assert digest_of(dict(reversed(subject.items()))) == digest_of(subject)
    assert digest_of({**subject, "one more": 1}) != digest_of(subject)
