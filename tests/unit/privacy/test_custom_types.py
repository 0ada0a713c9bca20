"""A tenant's own types: patterns with validators, dictionaries and lists of which only hashes are kept; plug-ins."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from strongroom.privacy import Engine, Tier
from strongroom.privacy.custom import BadPattern, CustomDetector, CustomPattern, HashedValues, entry
from strongroom.privacy.presidio import Presidio

KEY = b"k" * 32


def test_a_pattern_with_a_validator_finds_what_is_valid_only() -> None:
    own = CustomDetector(
        [CustomPattern("badge", r"\bBDG-\d{4}\b", "has_digit"), CustomPattern("member", r"\bM\d{8}\b", "none")]
    )
    text = "badge BDG-1234, member M12345678, BDG-12"
    spans = Engine(more=[own]).find(text)
    assert [(s.kind, text[s.start : s.end]) for s in spans] == [
        ("custom.badge", "BDG-1234"),
        ("custom.member", "M12345678"),
    ]
    valid = CustomDetector([CustomPattern("account", r"\d{16}", "luhn")])
    assert [s.start for s in valid.find("4111111111111111 4111111111111112")] == [0]


@pytest.mark.parametrize(
    ("pattern", "validator", "says"),
    [
        ("(a", "none", "missing"),
        ("a*", "none", "match everywhere"),
        ("a", "nonsense", "no validator"),
        ("", "none", "1 to 500"),
        (r"(?=a)", "none", "custom"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_with_a_reason(pattern: str, validator: str, says: str) -> None:
    with pytest.raises(BadPattern) as refused:
        CustomDetector([CustomPattern("custom", pattern, validator)])
    assert says in str(refused.value)


def test_a_list_knows_hashes_only_and_finds_its_values_however_they_are_written() -> None:
    listed = HashedValues("project", KEY, [entry(KEY, "Blue Heron"), entry(KEY, "C-99871")], most_words=2)
    text = "About BLUE  heron and c 99871, not blue sky."
    assert [text[s.start : s.end] for s in listed.find(text)] == ["BLUE  heron", "c 99871"]
    assert b"heron" not in b"".join(listed.entries)
    assert HashedValues("project", b"o" * 32, listed.entries, most_words=2).find(text) == []


@dataclass
class Result:
    entity_type: str
    start: int
    end: int
    score: float


class Analyzer:
    """Stands for Presidio's analyser, which is not installed here; the adapter is what is tried."""

    def analyze(self, *, text: str, language: str) -> list[Result]:
        assert language == "en"
        return [Result("PERSON", text.index("Zyx"), text.index("Zyx") + 3, 0.85), Result("ODD", 0, 1, 1.0)]


def test_a_plug_in_adds_and_takes_nothing_away() -> None:
    text = "a@b.example wrote to Zyx"
    spans = Engine(lexicon=False, more=[Presidio(Analyzer())]).find(text)
    assert [(s.kind, s.tier) for s in spans] == [("email", Tier.PATTERN), ("person", Tier.MODEL)]
