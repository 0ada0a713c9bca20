"""How often a request asks its model: what a cap for life counts."""

from __future__ import annotations

import pytest

from strongroom.gateway.exchange.asks import InferAsk, Tensor
from strongroom.gateway.limits.claim import queries_of


@pytest.mark.parametrize(
    ("shapes", "here", "outside"),
    [
        ([(7, 3)], 7, 7),
        ([(7,)], 7, 7),
        ([(1, 500, 3)], 1, 500),  # a batch that hides behind its second dimension
        ([(4, 1, 5, 3)], 4, 20),
        ([(2, 3), (1, 50, 2)], 2, 50),
        ([()], 1, 1),
        ([], 1, 1),
    ],
)
def test_rows_count_and_before_a_provider_every_dimension_that_may_be_rows(
    shapes: list[tuple[int, ...]], here: int, outside: int
) -> None:
    inputs = tuple(Tensor(name=str(place), shape=shape, datatype="FP32", data=[]) for place, shape in enumerate(shapes))
    ask = InferAsk(model="m", inputs=inputs)
    assert (queries_of(ask), queries_of(ask, outside=True)) == (here, outside)
