"""What becomes of a deployment that was judged again: each grace counts by itself, and nothing makes one longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.registry.admission.again import Again, Lapse
from strongroom.registry.serving.model import Lack
from strongroom.registry.serving.settling import BARRED, UNTOLD, earliest, settle

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DIGEST, OTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
HOUR = timedelta(hours=1)
STALE = Again(lapses=(Lapse("scans", "The scan is old.", 2), Lapse("", "An evaluation is missing.", None)))


def at(hours: float, found: Again, before: Lack | None = None, digest: str = DIGEST) -> Lack | None:
    return settle(digest, before, found, NOW + HOUR * hours, HOUR)


def state(lack: Lack | None) -> str:
    return "" if lack is None else lack.state


def test_what_lacks_nothing_has_no_row_and_what_is_barred_stops_at_once() -> None:
    assert at(0, Again()) is None
    lack = at(0, Again(barred="It is not promoted to dev."))
    assert lack is not None
    assert (lack.state, lack.until_at) == ("stopped", NOW)


def test_a_rule_that_only_tells_never_stops() -> None:
    told = Again(lapses=(Lapse("", "An evaluation is missing.", None),))
    before = at(0, told)
    assert state(at(10_000, told, before)) == "told"


def test_the_grace_counts_from_the_first_look_and_the_earliest_end_counts() -> None:
    before = at(0, STALE)
    assert before is not None
    assert before.until_at == NOW + 2 * HOUR
    assert [state(at(hours, STALE, before)) for hours in (1.9, 2, 3)] == ["told", "stopped", "stopped"]
    both = Again(lapses=(*STALE.lapses, Lapse("strict", "Provenance is missing.", 1)))
    later = at(1.5, both, before)
    assert later is not None
    assert later.until_at == NOW + 2 * HOUR, "what began later ends later, by its own grace"


def test_what_healed_in_between_begins_anew_and_another_release_by_itself() -> None:
    before = at(0, STALE)
    healed = at(1, Again(lapses=STALE.lapses[1:]), before)
    assert state(at(2.5, STALE, healed)) == "told"
    assert state(at(2.5, STALE, before, OTHER)) == "told"


def test_what_cannot_be_told_is_bounded_and_told_again_begins_anew() -> None:
    blind = Again(untold="What is revoked cannot be told.")
    before = at(0, blind)
    assert [state(at(hours, blind, before)) for hours in (0.5, 1)] == ["told", "stopped"]
    assert at(1, Again(), before) is None


def test_of_two_beginnings_the_earlier_counts() -> None:
    old, new = at(0, STALE), at(1.5, STALE)
    for one, other in ((old, new), (new, old)):
        assert state(at(2.1, STALE, earliest(one, other))) == "stopped"
    assert earliest(None, old) is old
    assert earliest(new, None) is new


@pytest.mark.parametrize("name", [BARRED, UNTOLD])
def test_no_rule_is_called_so_that_its_grace_is_given_to_what_has_another(name: str) -> None:
    rule = Lapse(name, "The scan is old.", 720)
    found = Again(barred="It was revoked.", lapses=(rule,)) if name == BARRED else Again("", "It is away.", (rule,))
    before = at(0, found)
    lack = at(1, found, before)
    assert lack is not None
    assert (lack.state, lack.because.endswith(" The scan is old.")) == ("stopped", True)
    assert state(at(721, Again(lapses=(rule,)), before)) == "stopped"


def test_what_is_said_is_one_printable_line_whatever_is_quoted_in_it() -> None:
    lack = at(0, Again(lapses=(Lapse("", "It was built by a\x00b\n\u202e.", None),)))
    assert lack is not None
    assert lack.because == "It was built by a?b??."


def test_of_two_rules_that_have_no_name_and_one_grace_both_are_told_and_the_shorter_of_one_name_counts() -> None:
    same = "a rule of 24 hours"
    lack = at(0, Again(lapses=(Lapse(same, "The scan is old.", 1), Lapse(same, "Provenance is missing.", 24))))
    assert lack is not None
    assert (lack.because, lack.until_at) == ("The scan is old. Provenance is missing.", NOW + HOUR)


@given(st.lists(st.floats(-100, 100, allow_nan=False), min_size=1, max_size=6))
def test_however_a_clock_jumps_nothing_goes_on_longer_than_its_grace_from_the_lowest_time_it_showed(
    jumps: list[float],
) -> None:
    lack: Lack | None = None
    for hours in jumps:
        lack = at(hours, STALE, lack)
    assert state(at(min(jumps) + 2.01, STALE, lack)) == "stopped"
