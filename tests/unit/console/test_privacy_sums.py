"""What the page of privacy draws: sums by type, day and model, with lengths that never hide what is there."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from strongroom.console.privacy import BAR, DAYS, bars, columns, places
from strongroom.gateway.reading import Met

FIRST = date(2026, 1, 1)
ROWS = st.lists(
    st.builds(
        Met,
        day=st.dates(FIRST, date(2026, 1, DAYS)),
        environment=st.sampled_from(["dev", "prod"]),
        target=st.sampled_from(["a", "b"]),
        direction=st.sampled_from(["input", "output"]),
        kind=st.sampled_from(["email", "iban", "api_key"]),
        often=st.integers(1, 10**9),
        requests=st.integers(1, 100),
    ),
    max_size=30,
)


@given(ROWS)
def test_whatever_was_met_is_counted_once_everywhere_and_seen(rows: list[Met]) -> None:
    total = sum(each.often for each in rows)
    by_type, by_day, by_place = bars(rows), columns(rows, FIRST), places(rows)
    assert sum(each.input + each.output for each in by_type) == total
    assert sum(each.input + each.output for each in by_day) == total
    assert sum(each.often for each in by_place) == total
    assert all(sum(count for _, count in each.kinds) == each.often for each in by_place)
    assert [each.day for each in by_day] == sorted({each.day for each in by_day})
    assert len(by_day) == DAYS
    for each in by_type:
        for count, width in ((each.input, each.input_width), (each.output, each.output_width)):
            assert (width > 0) is (count > 0)
            assert width <= BAR
    assert [each.input + each.output for each in by_type] == sorted(
        (each.input + each.output for each in by_type), reverse=True
    )
