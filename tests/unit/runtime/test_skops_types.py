"""What a skops file may name: the honest ones pass, everything that could run or read beyond its arrays is refused."""

from __future__ import annotations

import io
import json
import operator
import os
import zipfile
from functools import partial
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from strongroom.runtime.skops_types import MAX_BYTES, UntrustedModelError, refuse_untrusted

ROWS, TRUTH = np.arange(40.0).reshape(20, 2), np.arange(20) % 2


def columns() -> Any:
    first = make_pipeline(SimpleImputer(), StandardScaler())
    return ColumnTransformer([("number", first, [0]), ("kind", OneHotEncoder(handle_unknown="ignore"), [1])])


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(columns(), LogisticRegression()),
        MLPClassifier((2,), max_iter=2000, random_state=1),
        Ridge(),
    ],
    ids=["pipeline", "columns", "network", "regressor"],
)
def test_arithmetic_on_arrays_is_let_in(model: Any) -> None:
    refuse_untrusted(skops.io.dumps(model.fit(ROWS, TRUTH)))


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (RandomForestClassifier(2).fit(ROWS, TRUTH), "sklearn"),  # its nodes are followed without looking
        (FunctionTransformer(np.log1p), "sklearn.preprocessing._function_transformer"),
        ({"model": os.system}, "posix.system"),
        ([partial(eval, "1")], "functools.partial"),
        ((operator.methodcaller("run"),), "operator.methodcaller"),
        ({"a": "b".join}, "join"),
        (type("Canary", (), {})(), "Canary"),
        (np.random.default_rng(1), "numpy.random"),
    ],
    ids=["trees", "function", "system", "partial", "operator", "method", "class", "generator"],
)
def test_the_rest_is_refused_by_name(value: Any, named: str) -> None:
    with pytest.raises(UntrustedModelError, match=named):
        refuse_untrusted(skops.io.dumps(value))


def packed(schema: Any, **files: bytes) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", schema if isinstance(schema, bytes) else json.dumps(schema))
        for name, data in files.items():
            archive.writestr(name, data)
    return kept.getvalue()


def test_a_listed_type_by_an_unlisted_loader_is_refused() -> None:
    for loader in ("ReduceNode", "FunctionNode", "MethodNode", "OperatorFuncNode", "", None, ["ObjectNode"]):
        node = {"__class__": "dict", "__module__": "builtins", "__loader__": loader}
        with pytest.raises(UntrustedModelError, match=r"builtins\.dict by"):
            refuse_untrusted(packed({"content": [[node]]}))


def test_a_name_in_parts_is_judged_whole() -> None:
    for module, name in (("builtins.dict", ""), ("", "builtins.dict"), (None, "dict"), ("builtins", ["dict"])):
        with pytest.raises(UntrustedModelError):
            refuse_untrusted(packed({"__class__": name, "__module__": module, "__loader__": "DictNode"}))


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"\x80\x04N.", packed(b"{"), packed(b"[" * 20_000), packed(b"\xff")], ids=range(6)
)
def test_what_is_no_skops_file_is_refused(data: bytes) -> None:
    with pytest.raises(UntrustedModelError):
        refuse_untrusted(data)


def test_an_archive_that_unfolds_is_refused_before_it_is_read() -> None:
    with pytest.raises(UntrustedModelError, match="more than"):
        refuse_untrusted(packed({}, bomb=bytes(MAX_BYTES)))
