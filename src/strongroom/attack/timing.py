"""Whether two kinds of questions can be told apart by how long the answers take.

Pairs are asked one after the other in random order, so that what drifts with the machine falls on both alike. The
statistic is the area under the ROC curve (AUC): how often a draw of one kind takes longer than one of the other; 0.5 is
no difference, and an attacker may look for either sign.

Error rate. With n pairs and no difference the AUC has a standard deviation of sqrt((2n + 1) / (12 n²)): 0.029 at 200
pairs. One sample leaves 0.5 ± 0.1 by chance in 5 of 10,000 cases. A difference is therefore believed only when a second,
fresh sample shows it with the same sign: by chance in 2 of 10,000,000 cases. A real AUC of 0.65 is seen in 9 of 10.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

PAIRS: Final = 200
LIMIT: Final = 0.6
_WARM_UP: Final = 20

Probe: TypeAlias = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was measured.

    Attributes:
        samples: the AUC of each sample that was taken: one, or two when the first looked like a difference.
        medians_us: median time of each kind in the last sample, in microseconds.
    """

    samples: tuple[float, ...]
    medians_us: tuple[float, float]

    @property
    def apart(self) -> bool:
        """Whether every sample shows a difference, and the same one."""
        return all(auc > LIMIT for auc in self.samples) or all(auc < 1 - LIMIT for auc in self.samples)

    def __str__(self) -> str:
        """Say it in one line."""
        areas = ", ".join(f"{auc:.3f}" for auc in self.samples)
        return f"AUC {areas} over {PAIRS} pairs each; medians {self.medians_us[0]:.0f} and {self.medians_us[1]:.0f} µs"


def compare(one: Probe, other: Probe, *, seed: int = 1) -> Comparison:
    """Ask both kinds and return how far their times are apart."""
    chance = random.Random(seed)  # noqa: S311 - the order of measurements, no secret
    for _ in range(_WARM_UP):
        one()
        other()
    areas: list[float] = []
    medians = (0.0, 0.0)
    while len(areas) < 2 and (not areas or not 1 - LIMIT <= areas[0] <= LIMIT):  # noqa: PLR2004 - a sample and a fresh one
        first, second = _sample(one, other, chance)
        areas.append(auc(first, second))
        medians = (sorted(first)[PAIRS // 2] * 1e6, sorted(second)[PAIRS // 2] * 1e6)
    return Comparison(tuple(areas), medians)


def auc(first: Sequence[float], second: Sequence[float]) -> float:
    """Return how often a value of `first` is above one of `second`, ties counted half (Mann-Whitney U, normalised)."""
    above = sum((x > y) + 0.5 * (x == y) for x in first for y in second)
    return above / (len(first) * len(second))


def _sample(one: Probe, other: Probe, chance: random.Random) -> tuple[list[float], list[float]]:
    first: list[float] = []
    second: list[float] = []
    for _ in range(PAIRS):
        pair = [(one, first), (other, second)]
        chance.shuffle(pair)
        for probe, times in pair:
            began = time.perf_counter()
            probe()
            times.append(time.perf_counter() - began)
    return first, second
