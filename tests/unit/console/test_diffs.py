"""What differs between two texts is told line by line, and no text makes it take the square of its length."""

from __future__ import annotations

from strongroom.console.diffs import difference

LONG = [str(number) for number in range(5000)]


def told(before: list[str], after: list[str]) -> list[tuple[str, str]]:
    return [(each.how, each.text) for each in difference("\n".join(before), "\n".join(after))]


def test_a_changed_line_stands_between_those_around_it_wherever_it_is() -> None:
    assert told(["a"], ["a"]) == told([], []) == []
    around = [("same", "2497"), ("same", "2498"), ("same", "2499")]
    after = [("same", "2501"), ("same", "2502"), ("same", "2503")]
    changed = [*LONG[:2500], "new", *LONG[2501:]]
    assert told(LONG, changed) == [("at", "…"), *around, ("removed", "2500"), ("added", "new"), *after]
    assert told(["a", "b"], ["b"]) == [("at", "…"), ("removed", "a"), ("same", "b")]
    assert told(["a", "a"], ["a"]) == [("at", "…"), ("same", "a"), ("removed", "a")]


def test_of_texts_that_differ_in_thousands_of_lines_all_of_both_is_told() -> None:
    before = LONG * 4  # each line too seldom to be passed over: minutes, were it compared
    after = [*LONG[1::2], *LONG[::2]] * 4
    found = told(["head", *before], ["head", *after])
    assert found == [
        ("at", "…"), ("same", "head"), *(("removed", each) for each in before), *(("added", each) for each in after),
    ]  # fmt: skip
