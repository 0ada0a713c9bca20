"""Tensors in JSON: nested or flat, they are read as what was written; and nothing else is."""

from __future__ import annotations

import json
import math
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from strongroom.runtime.errors import ProblemError
from strongroom.runtime.tensors import decode

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "BOOL": st.booleans(),
    "FP32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "FP64": st.floats(allow_nan=False, allow_infinity=False),
    "BYTES": st.text(max_size=8),
    "INT16": st.integers(-(1 << 15), (1 << 15) - 1),
    "UINT64": st.integers(0, (1 << 64) - 1),
}


@st.composite
def tensors(draw: st.DrawFn) -> tuple[str, tuple[int, ...], list[Any]]:
    datatype = draw(st.sampled_from(sorted(VALUES)))
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    count = math.prod(shape)
    return datatype, shape, draw(st.lists(VALUES[datatype], min_size=count, max_size=count))


def nested(values: list[Any], shape: tuple[int, ...]) -> list[Any]:
    for length in reversed(shape[1:]):
        values = [values[start : start + length] for start in range(0, len(values), length)]
    return values


@given(tensors())
def test_flat_and_nested_are_read_as_they_were_written(tensor: tuple[str, tuple[int, ...], list[Any]]) -> None:
    datatype, shape, values = tensor
    for written in (values, nested(values, shape)):
        assert decode(json.dumps(written).encode(), datatype, shape, param="data") == values


@given(tensors(), st.integers(0, 3), st.booleans())
def test_one_too_many_or_too_few_is_refused(
    tensor: tuple[str, tuple[int, ...], list[Any]], place: int, more: bool
) -> None:
    datatype, shape, values = tensor
    wrong = values + values[:1] if more else values[:-1]
    with pytest.raises(ProblemError):
        decode(json.dumps(wrong).encode(), datatype, shape, param="data")
    if len(shape) > 1:
        rows = nested(values, shape)
        ragged = rows[place % len(rows)]
        ragged.append(ragged[0]) if more else ragged.pop()
        with pytest.raises(ProblemError):
            decode(json.dumps(rows).encode(), datatype, shape, param="data")
