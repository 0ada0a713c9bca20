"""Tables: what is one, what is none, and what is masked before one is kept."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.privacy.actions import Action
from strongroom.rules.privacy import Privacy
from strongroom.training import table
from strongroom.training.looking import Blocked, look
from strongroom.training.model import BadAsk, NewJob, Trainer, plan_of
from strongroom.training.table import LEAST_ROWS, BadTable, Table

_cells = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\x00"), max_size=20).map(str.strip)


def kept(column: str, value: str, rules: Privacy | None = None) -> tuple[str, dict[str, int]]:
    """Return what is kept of one value, and what is told of it."""
    found, told = look(Table((column, "label"), [[value, "a"]]), rules)
    return found.rows[0][0], told


@given(st.lists(st.tuples(_cells, _cells), min_size=LEAST_ROWS, max_size=40))
def test_what_is_written_is_read_again(rows: list[tuple[str, str]]) -> None:
    given_ = Table(("one", "label"), [[*row] for row in rows])
    assert table.read(table.write(given_)) == given_


@given(st.binary(max_size=300))
def test_bytes_are_a_table_or_told_to_be_none(data: bytes) -> None:
    with suppress(BadTable):
        found = table.read(data)
        assert all(len(row) == len(found.columns) for row in found.rows)


def test_what_points_to_one_person_is_masked_whatever_the_rules_allow() -> None:
    loose = Privacy(input={"secret": Action.ALLOW, "identifier": Action.ALLOW, "indirect": Action.ALLOW})
    for rules in (None, Privacy(), loose):
        value, told = kept("mail", "jane.doe@example.org", rules)
        assert "jane" not in value
        assert told == {"mail": 1}
    assert kept("iban", "DE89370400440532013000")[0] != "DE89370400440532013000"


def test_numbers_stay_as_they_are() -> None:
    for value in ("1", "-0.25", "1.5e-7", "20260101", "3.141592653589793"):
        assert kept("n", value) == (value, {})


def test_a_rule_that_blocks_lets_it_into_no_file_and_quotes_nothing() -> None:
    strict = Privacy(input={"secret": Action.BLOCK, "identifier": Action.BLOCK, "indirect": Action.ALLOW})
    with pytest.raises(Blocked) as no:
        kept("mail", "jane.doe@example.org", strict)
    assert "jane" not in str(no.value)
    assert "mail" in str(no.value)


@pytest.mark.parametrize(
    "asked",
    [
        {"suffix": "No"},
        {"metadata": {"epsilon": "3"}},
        {"model": Trainer.PRIVATE},
        {"model": Trainer.PRIVATE, "metadata": {"bounds": "a=1:1"}},
        {"model": Trainer.PRIVATE, "metadata": {"bounds": "*=0:1", "epsilon": "0"}},
        {"model": Trainer.PRIVATE, "metadata": {"bounds": "*=0:1", "delta": "nan"}},
    ],
)
def test_what_cannot_be_promised_is_not_begun(asked: dict[str, object]) -> None:
    fields: dict[str, object] = {"model": Trainer.LOGISTIC, "training_file": "x", "suffix": "m", **asked}
    with pytest.raises(BadAsk):
        plan_of(NewJob(**fields))  # type: ignore[arg-type]  # by name, so that each case says one thing
