"""How a rule is written: anchors that must occur, a pattern that finds candidates, and a judge that confirms them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from strongroom.privacy.checks import letters_and_digits
from strongroom.privacy.matching import Pattern, Spans

SURE: Final = 0.95
LIKELY: Final = 0.8
PERHAPS: Final = 0.6

DIGITS: Final = r"\d(?:[^0-9a-z]{0,2}\d){6}"
"""Anchor of numbers of seven digits and more, with at most two other characters between."""

BETWEEN: Final = r"[ \t\r\n./\x02-]?"
"""What may stand between the digits of a number, a line's end among it."""

# Between a cue and what it announces: separators, markup, and at most four words ("number on file is").
GAP: Final = r"[^A-Za-z0-9]{1,8}(?:[A-Za-z]{1,12}[^A-Za-z0-9]{1,4}){0,4}?"


class Hit(NamedTuple):
    """A confirmed candidate, as indexes into the folded view."""

    start: int
    end: int
    confidence: float


Judge: TypeAlias = Callable[[bytes, Spans], Iterable[Hit]]
Check: TypeAlias = Callable[[str], bool]


@dataclass(frozen=True)
class Rule:
    """One way to find one type.

    Attributes:
        kind: the type.
        reason: what speaks for it, for a report.
        anchors: small patterns, of which one occurs wherever `pattern` matches; letter case does not count.
        pattern: finds candidates.
        judge: confirms a candidate, or names the part of it that is meant.
        again: look for the next candidate inside one that was refused, not behind it.
    """

    kind: str
    reason: str
    anchors: tuple[str, ...]
    pattern: Pattern
    judge: Judge
    again: bool = True

    def hits(self, data: bytes) -> Iterable[Hit]:
        """Return what this rule finds in a folded view."""
        found: list[Hit] = []
        each = self.pattern.each(data)
        try:
            spans = next(each)
            while True:
                hits = list(self.judge(data, spans))
                found += hits
                # Behind what was found, not behind the match: it may have taken the neighbour that the next one needs.
                onward = max(hit.end for hit in hits) if hits else spans[0][0] + 1 if self.again else None
                spans = each.send(onward)
        except StopIteration:
            pass
        return found


def shape(
    kind: str,
    reason: str,
    anchors: Iterable[str],
    source: str,
    *,
    check: Check | None = None,
    confidence: float = SURE,
    group: int = 0,
    ignore_case: bool = False,
    apart: bytes = b"",
    again: bool = True,
) -> Rule:
    """Return a rule for something that its shape gives away.

    Args:
        kind: the type.
        reason: what speaks for it.
        anchors: of which one must occur.
        source: the pattern.
        check: what the letters and digits of the value, in capitals, must obey.
        confidence: how sure a match makes.
        group: which group of the pattern is the value.
        ignore_case: whether letter case does not count.
        apart: bytes that must not stand directly before or after the value.
        again: see `Rule`.
    """

    def judge(data: bytes, spans: Spans) -> Iterable[Hit]:
        start, end = spans[group]
        if start < 0 or touches(data, start, end, apart):
            return ()
        if check is not None and not check(letters_and_digits(data[start:end])):
            return ()
        return (Hit(start, end, confidence),)

    return Rule(kind, reason, tuple(anchors), Pattern(source, ignore_case=ignore_case), judge, again=again)


def cued(
    kind: str,
    cues: Iterable[str],
    value: str,
    *,
    check: Check | None = None,
    confidence: float = LIKELY,
    gap: str = GAP,
    reason: str = "",
    anchors: Iterable[str] = (),
) -> Rule:
    """Return a rule for a value that only a word before it gives away; `value` is case-sensitive, the cue is not."""
    words = tuple(cues)
    source = rf"(?:^|[^A-Za-z0-9])(?i:{'|'.join(words)}){gap}({value})(?:$|[^A-Za-z0-9])"
    said = reason or "a cue before it"
    return shape(kind, said, tuple(anchors) or words, source, check=check, confidence=confidence, group=1)


def touches(data: bytes, start: int, end: int, apart: bytes) -> bool:
    """Say whether a byte of `apart` stands directly before `start` or after `end`."""
    return bool(apart) and ((start > 0 and data[start - 1] in apart) or (end < len(data) and data[end] in apart))


def has_digit(value: str) -> bool:
    """Say whether a value has a digit: words have none."""
    return any(character.isdigit() for character in value)
