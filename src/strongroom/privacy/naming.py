"""Tier 2: what a token classifier says of a text, as spans. The model itself runs elsewhere; here is no I/O.

Always true here:
- what was read is added to what patterns and lexicon found, and takes nothing away (`model.resolve`);
- a text is read in windows that overlap, and of each token the window counts in which it stands farther from an end;
- the classifier does not see letter case, so a word that is written small must be surer than one that is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from strongroom.privacy.model import Span, Tier

LABELS: Final = (
    "GIVEN_NAME", "SURNAME", "EMAIL", "PHONE", "URL", "TAX_ID", "BANK_ACCOUNT", "ROUTING_NUMBER", "GOVERNMENT_ID", "PASSPORT",
    "DRIVERS_LICENSE", "BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "CITY", "STATE", "ZIP_CODE",
)  # fmt: skip
"""What the classifier tells apart: output 0 is none of them, then two outputs each, for a beginning and what goes on."""

OUTPUTS: Final = 1 + 2 * len(LABELS)

# Numbers and addresses of networks are tier 0's, which checks their digits; a classifier's guess at them is worth less.
_KINDS: Final[Mapping[str, str]] = {
    "GIVEN_NAME": "person",
    "SURNAME": "person",
    "CITY": "location",
    "STATE": "location",
    "BUILDING_NUMBER": "street_address",
    "STREET_NAME": "street_address",
    "SECONDARY_ADDRESS": "street_address",
    "ZIP_CODE": "postal_code",
}
KINDS: Final = frozenset(_KINDS.values())
"""The types that this tier adds to."""

LEAST: Final = 0.5
_SMALL: Final = 0.85
"""How sure one must be of a word without a capital."""
_REASON: Final = "a model of names"
_JOINS: Final = " .,-'\u2019\t"
_WINDOW: Final = 160
_OVERLAP: Final = 32
_NEAR: Final = 12  # characters between a postal code and the place or street that it belongs to


class Read(NamedTuple):
    """One token as the classifier reads it: where it stands in the text, the output's number, and how sure that is."""

    start: int
    end: int
    output: int
    score: float


def windows(count: int, *, size: int = _WINDOW, overlap: int = _OVERLAP) -> Iterator[tuple[int, int, int, int]]:
    """Yield the windows over `count` tokens: (first, end, counts from, counts to), which together count each token once."""
    start = 0
    counted = 0
    while counted < count:
        end = min(start + size, count)
        upto = count if end == count else end - overlap // 2
        yield start, end, counted, upto
        counted, start = upto, end - overlap


def spans_of(text: str, tokens: Iterable[Read]) -> list[Span]:
    """Return the spans that classified tokens come to."""
    found: list[Span] = []
    for token in tokens:
        kind = _KINDS.get(LABELS[(token.output - 1) // 2]) if token.output else None
        if kind is None or token.score < LEAST or token.end <= token.start:
            continue
        last = found[-1] if found else None
        if last is not None and last.kind == kind and _joined(text[last.end : token.start]):
            found[-1] = last._replace(end=token.end, confidence=max(last.confidence, token.score))
        else:
            found.append(Span(token.start, token.end, kind, token.score, _REASON, Tier.MODEL))
    words = [_whole(text, span) for span in found]
    return [span for span in words if _is_one(text, span, words)]


def _joined(between: str) -> bool:
    """Say whether two pieces are one: nothing between them, or what stands inside names and addresses."""
    return len(between) <= 2 and not between.strip(_JOINS)  # noqa: PLR2004 - a comma and a space


def _whole(text: str, span: Span) -> Span:
    """Return a span that ends where its words end: a piece of a name would leave the rest of it standing."""
    start, end = span.start, span.end
    while start > 0 and text[start - 1].isalpha() and text[start].isalpha():
        start -= 1
    while end < len(text) and text[end].isalpha() and text[end - 1].isalpha():
        end += 1
    return span._replace(start=start, end=end)


def _is_one(text: str, span: Span, beside: Sequence[Span]) -> bool:
    value = text[span.start : span.end]
    match span.kind:
        case "postal_code":
            return any(
                each.kind in {"location", "street_address"}
                and (span.start - each.end if each.end <= span.start else each.start - span.end) <= _NEAR
                for each in beside
            )
        case "street_address":
            return any(c.isalpha() for c in value) and (
                any(c.isdigit() for c in value) or _written_large(value) or span.confidence >= _SMALL
            )
        case _:
            return (
                len(value) > 1
                and any(c.isalpha() for c in value)
                and not _heads(text, span)
                and (_written_large(value) or span.confidence >= _SMALL)
            )


def _written_large(value: str) -> bool:
    """Say whether a word begins with a capital, or with a letter of a script that has none."""
    return any(word[:1].isalpha() and not word[:1].islower() for word in value.replace("-", " ").split())


def _heads(text: str, span: Span) -> bool:
    """Say whether a word is the name of a field rather than what stands in it: `city:`, `IBAN |`, `name=`."""
    behind = text[span.end : span.end + 3].lstrip("\"' ")
    return behind[:1] in {":", "=", "|"} and " " not in text[span.start : span.end]


class Listener:
    """Takes down the texts that something looks at, and finds nothing: so it is known what to have read beforehand."""

    def __init__(self) -> None:
        self.texts: dict[str, None] = {}

    def find(self, text: str) -> list[Span]:
        """Take a text down."""
        if text:
            self.texts[text] = None
        return []

    def quiet(self, text: str) -> bool:
        """Say no: whether there is something is what is to be found out."""
        del text
        return False

    def resolve(self, spans: Iterable[Span]) -> list[Span]:
        """Return what was found: nothing."""
        return list(spans)


class Known:
    """What was read of texts beforehand, as a detector; of other texts it knows nothing."""

    def __init__(self, read: Mapping[str, Sequence[Span]]) -> None:
        self._read = read

    def find(self, text: str) -> list[Span]:
        """Return what was read of a text."""
        return list(self._read.get(text, ()))
