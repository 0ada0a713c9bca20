"""How much of what people labelled is masked, and how much of what is masked was labelled.

A labelled span counts as found when at least 80 % of its characters are masked, whatever type the mask names: what matters is
that it does not leave. A masked span counts as right when at least half of it was labelled.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from strongroom.privacy import Span

FOUND = 0.8
RIGHT = 0.5

# Types of the public set whose shape, check digits or cue give them away.
STRUCTURED = frozenset(
    {
        "CREDIT_CARD",
        "EMAIL_ADDRESS",
        "IBAN_CODE",
        "US_SSN",
        "IP_ADDRESS",
        "PHONE_NUMBER",
        "DOMAIN_NAME",
        "US_DRIVER_LICENSE",
    }
)
# Which of ours speak for them.
STRUCTURED_KINDS = frozenset(
    {
        "credit_card", "email", "iban", "us_ssn", "us_itin", "ip_address", "phone", "url", "driver_licence", "mac_address", "aba_routing",
        "uk_nhs", "uk_nino", "national_id", "bank_account", "passport", "crypto_address", "account_id", "medical_record", "tax_id", "device_id",
    }
)  # fmt: skip


class Gold(NamedTuple):
    """A labelled span."""

    start: int
    end: int
    label: str


class Example(NamedTuple):
    """A text with its labels."""

    text: str
    gold: tuple[Gold, ...]


def read(path: Path) -> list[Example]:
    """Read a set in the form of presidio-research."""
    return [
        Example(
            each["full_text"],
            tuple(Gold(s["start_position"], s["end_position"], s["entity_type"]) for s in each["spans"]),
        )
        for each in json.loads(path.read_text())
    ]


@dataclass
class Score:
    """Counts of one type or of all."""

    found: int = 0
    missed: int = 0
    right: int = 0
    wrong: int = 0
    misses: list[str] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return self.found / max(1, self.found + self.missed)

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def f1(self) -> float:
        p, r = self.precision, self.recall
        return 2 * p * r / (p + r) if p + r else 0.0


def score(
    examples: Iterable[Example], find: Callable[[str], Sequence[Span]]
) -> tuple[Mapping[str, Score], Mapping[str, Score]]:
    """Return recall by label, and precision by our type."""
    labels: dict[str, Score] = defaultdict(Score)
    kinds: dict[str, Score] = defaultdict(Score)
    for text, gold in examples:
        spans = find(text)
        masked, labelled = bytearray(len(text)), bytearray(len(text))
        for span in spans:
            masked[span.start : span.end] = b"\1" * (span.end - span.start)
        for each in gold:
            labelled[each.start : each.end] = b"\1" * (each.end - each.start)
            share = sum(masked[each.start : each.end]) / max(1, each.end - each.start)
            at = labels[each.label]
            if share >= FOUND:
                at.found += 1
            else:
                at.missed += 1
                at.misses.append(
                    f"{text[each.start : each.end]!r} in {text[max(0, each.start - 40) : each.end + 20]!r}"
                )
        for span in spans:
            at = kinds[span.kind]
            if sum(labelled[span.start : span.end]) / (span.end - span.start) >= RIGHT:
                at.right += 1
            else:
                at.wrong += 1
                at.wrongs.append(
                    f"{text[span.start : span.end]!r} in {text[max(0, span.start - 40) : span.end + 20]!r}"
                )
    return labels, kinds


def total(recalls: Mapping[str, Score], precisions: Mapping[str, Score]) -> Score:
    """Return everything in one score."""
    return Score(
        sum(s.found for s in recalls.values()),
        sum(s.missed for s in recalls.values()),
        sum(s.right for s in precisions.values()),
        sum(s.wrong for s in precisions.values()),
    )
