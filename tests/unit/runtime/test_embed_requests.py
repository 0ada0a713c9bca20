from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.runtime.embed_requests import read
from strongroom.runtime.errors import ProblemError


def ask(**fields: Any) -> tuple[list[str | list[int]], bool]:
    return read(json.dumps(fields).encode(), dimensions=384, vocabulary=30522)


@pytest.mark.parametrize(
    ("given", "items"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([[1], [2, 3]], [[1], [2, 3]]),
        (["a", [1]], ["a", [1]]),
    ],
)
def test_openais_four_shapes(given: object, items: object) -> None:
    assert ask(input=given) == (items, False)


def test_formats() -> None:
    assert ask(input="a", encoding_format="base64")[1]
    assert not ask(input="a", encoding_format="float", dimensions=384, user="x")[1]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"input": ""},
        {"input": []},
        {"input": [[]]},
        {"input": [""]},
        {"input": ["a", 1]},
        {"input": [-1]},
        {"input": [30522]},
        {"input": [[30522]]},
        {"input": ["a"] * 513},
        {"input": "a" * 16385},
        {"input": ["a" * 16385]},
        {"input": {"a": 1}},
        {"input": None},
        {"input": [1.5]},
        {"input": "a", "dimensions": 3},
        {"input": "a", "encoding_format": "hex"},
    ],
)
def test_everything_else_is_a_400(fields: dict[str, Any]) -> None:
    with pytest.raises(ProblemError) as caught:
        ask(**fields)
    assert caught.value.problem.status == 400
