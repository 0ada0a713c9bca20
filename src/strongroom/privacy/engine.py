"""The detector: tier 0 always, tier 1 unless turned off, whatever else is handed in; and what each found, put together.

Pure and without state: the same text gives the same spans, in any thread. What a text holds is nowhere kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from strongroom.privacy.encoded import ANCHORS, ESCAPED, decoded, unescaped
from strongroom.privacy.folding import Folded, fold
from strongroom.privacy.kinds import DEFAULT_KINDS, KINDS
from strongroom.privacy.matching import Prefilter
from strongroom.privacy.model import Detector, Span, Strictness, Tier, alike, resolve
from strongroom.privacy.rules import PATTERNS, Rule

if TYPE_CHECKING:
    from strongroom.privacy.lexicon import Lexicon

DEFAULT_CONFIDENCE: Final = 0.5


class Patterns:
    """Tier 0 for some types: one pass of the prefilter, then only those rules of which an anchor occurs."""

    def __init__(self, rules: Iterable[Rule] = PATTERNS, kinds: Iterable[str] = DEFAULT_KINDS) -> None:
        wanted = frozenset(kinds)
        self.rules = tuple(rule for rule in rules if rule.kind in wanted)
        anchors = sorted({anchor for rule in self.rules for anchor in rule.anchors})
        places = {anchor: index for index, anchor in enumerate(anchors)}
        self._by_anchor: tuple[tuple[int, ...], ...] = tuple(
            tuple(number for number, rule in enumerate(self.rules) if any(places[a] == index for a in rule.anchors))
            for index in range(len(anchors))
        )
        self._of_one = tuple([self.rules[number] for number in of_anchor] for of_anchor in self._by_anchor)
        self.prefilter = Prefilter(anchors)

    def met(self, data: bytes) -> list[Rule]:
        """Return the rules of which an anchor occurs, for who has bytes that need no folding."""
        met = self.prefilter.hits(data)
        if not met:
            return []
        if len(met) == 1:
            return self._of_one[next(iter(met))]
        return [self.rules[number] for number in sorted({each for anchor in met for each in self._by_anchor[anchor]})]

    def spans(self, folded: Folded) -> list[Span]:
        """Return what the rules find, as indexes into the original text."""
        found: list[Span] = []
        for rule in self.met(folded.data):
            for start, end, confidence in rule.hits(folded.data):
                first, last = folded.original(start, end)
                found.append(Span(first, last, rule.kind, confidence, rule.reason))
        return found


class Engine:
    """Finds what is to be found in a text.

    Args:
        kinds: the types to look for.
        least: spans that are less sure than this are not told.
        lexicon: whether tier 1 (names, addresses, places) runs.
        more: detectors of a tenant's own, plug-ins, tier 2.
        unwrap: whether base64, hexadecimal and URL-encoded pieces are looked into, one level deep.
        strictness: what becomes of a type, more being stricter: where spans overlap, the strictest names the whole.
    """

    def __init__(
        self,
        kinds: Iterable[str] = DEFAULT_KINDS,
        *,
        least: float = DEFAULT_CONFIDENCE,
        lexicon: bool = True,
        more: Sequence[Detector] = (),
        unwrap: bool = True,
        strictness: Strictness = alike,
    ) -> None:
        self.kinds = frozenset(kinds)
        self._least = least
        self._patterns = _patterns(self.kinds)
        self._lexicon = _lexicon(self.kinds) if lexicon else None
        self._more = tuple(more)
        self._unwrap = unwrap
        self._strictness = strictness

    def find(self, text: str) -> list[Span]:
        """Return spans in order that do not overlap; see `resolve` for how overlapping ones are put together."""
        folded = fold(text)
        found = self._patterns.spans(folded)
        if self._unwrap and (met := ANCHORS.hits(folded.data)):
            found += self._inside(folded, met)
        if self._lexicon is not None:
            found += self._lexicon.spans(folded)
        for detector in self._more:
            found += [span for span in detector.find(text) if span.kind in self.kinds or span.kind not in KINDS]
        return self.resolve(span for span in found if span.confidence >= self._least) if found else []

    def resolve(self, spans: Iterable[Span]) -> list[Span]:
        """Return spans that do not overlap, as `find` would."""
        return resolve(spans, self._strictness)

    def plus(self, detector: Detector) -> Engine:
        """Return this engine with one more detector: it adds spans of this engine's types, and takes none away."""
        more = copy(self)
        more._more = (*self._more, detector)  # noqa: SLF001 - a copy of our own
        return more

    def quiet(self, text: str) -> bool:
        """Say whether `find` would find nothing because nothing that any rule begins with occurs: the cheapest look there is."""
        if self._lexicon is not None or self._more:
            return False
        data = fold(text).data
        return not self._patterns.prefilter.hits(data) and (not self._unwrap or not ANCHORS.hits(data))

    def _inside(self, folded: Folded, met: AbstractSet[int]) -> Iterable[Span]:
        if ESCAPED in met:
            yield from self._escaped(folded)
        for piece in decoded(folded.data, met):
            spans = self._patterns.spans(fold(piece.text))
            sure = [span for span in spans if span.confidence >= self._least]
            best = max(sure, key=lambda span: (self._strictness(span.kind), span.confidence), default=None)
            if best is not None:
                start, end = folded.original(piece.start, piece.end)
                yield Span(start, end, best.kind, best.confidence, f"{best.reason}, in {piece.encoding}", Tier.PATTERN)

    def _escaped(self, folded: Folded) -> Iterable[Span]:
        text, places = unescaped(folded.data)
        for span in self._patterns.spans(fold(text)):
            first, last = places[span.start], places[span.end]
            if last - first != span.end - span.start:  # without an escape in it, it is found as it stands
                start, end = folded.original(first, last)
                yield span._replace(start=start, end=end, reason=f"{span.reason}, in JSON's escapes")


@lru_cache(maxsize=64)
def _patterns(kinds: frozenset[str]) -> Patterns:
    return Patterns(PATTERNS, kinds)


@lru_cache(maxsize=64)
def _lexicon(kinds: frozenset[str]) -> Lexicon | None:
    from strongroom.privacy.lexicon import Lexicon  # noqa: PLC0415 - comes late: only who needs it waits

    lexicon = Lexicon(kinds)
    return lexicon if lexicon.finds_anything else None


def every_kind() -> frozenset[str]:
    """Return the names of all types in the registry."""
    return frozenset(KINDS)
