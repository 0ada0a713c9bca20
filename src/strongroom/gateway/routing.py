"""In which order a deployment's targets are asked. Pure: chance is handed in.

Always true here:
- every target comes exactly once; one of a higher fallback order comes after all of a lower one;
- within an order each is drawn with the probability that its weight is of the weights still there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from strongroom.registry import TargetDocument


def in_order(targets: Sequence[TargetDocument], draw: Callable[[], float]) -> Iterator[TargetDocument]:
    """Yield `targets` as they are to be tried.

    Args:
        targets: those of one deployment.
        draw: returns a number of [0, 1), uniformly.
    """
    for _, group in groupby(sorted(targets, key=_fallback), key=_fallback):
        yield from _drawn(list(group), draw)


def _drawn(left: list[TargetDocument], draw: Callable[[], float]) -> Iterator[TargetDocument]:
    while len(left) > 1:
        point = draw() * sum(target.weight for target in left)
        for index, target in enumerate(left):
            point -= target.weight
            if point < 0:
                yield left.pop(index)
                break
        else:  # rounding
            yield left.pop()
    yield from left


def _fallback(target: TargetDocument) -> int:
    return target.fallback
