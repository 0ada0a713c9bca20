"""What a skops file may name, read from its schema before anything in it is built.

Always true here:
- a file is opened as a bounded archive, and every type and every loader that its schema names must be listed here; what
  is not listed is refused by name;
- what is listed is plain data and estimators that are arithmetic on arrays. Trees are not: their nodes are raw arrays
  that native code follows without looking (skops does not trust them either). Export a tree model as ONNX;
- functions, methods, partials and `__reduce__` have loaders of their own, and none of them is listed.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Final, cast

import msgspec

MAX_FILES: Final = 2048
MAX_BYTES: Final = 64 << 20
MAX_SCHEMA: Final = 8 << 20

_LOADERS: Final = frozenset(
    {"DTypeNode", "DictNode", "JsonNode", "ListNode", "NdArrayNode", "ObjectNode", "RandomStateNode", "SetNode", "SliceNode",
     "TupleNode", "TypeNode"}
)  # fmt: skip
_PLAIN: Final = {
    "builtins": "bool dict float int list set slice str tuple",
    "numpy": "bool bool_ dtype float32 float64 int32 int64 ndarray str_",
    "numpy.random.mtrand": "RandomState",
}
_ESTIMATORS: Final = {
    "sklearn.compose._column_transformer": "ColumnTransformer",
    "sklearn.impute._base": "SimpleImputer",
    "sklearn.linear_model._base": "LinearRegression",
    "sklearn.linear_model._coordinate_descent": "ElasticNet Lasso",
    "sklearn.linear_model._logistic": "LogisticRegression",
    "sklearn.linear_model._ridge": "Ridge RidgeClassifier",
    "sklearn.naive_bayes": "BernoulliNB GaussianNB MultinomialNB",
    "sklearn.neural_network._multilayer_perceptron": "MLPClassifier MLPRegressor",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.pipeline": "FeatureUnion Pipeline",
    "sklearn.preprocessing._data": "MaxAbsScaler MinMaxScaler Normalizer PolynomialFeatures RobustScaler StandardScaler",
    "sklearn.preprocessing._encoders": "OneHotEncoder OrdinalEncoder",
    "sklearn.preprocessing._label": "LabelBinarizer LabelEncoder",
}
ALLOWED: Final = frozenset(
    f"{module}.{name}" for module, names in {**_PLAIN, **_ESTIMATORS}.items() for name in names.split()
)


class UntrustedModelError(ValueError):
    """A skops file that is no such thing, or names what is not allowed; the text says which."""


def refuse_untrusted(data: bytes) -> None:
    """Look through a skops file without building anything of it.

    Raises:
        UntrustedModelError: naming the first few types that are not allowed, or what is wrong with the archive.
    """
    strange = sorted({found for found in _named(_schema(data)) if found is not None})
    if strange:
        raise UntrustedModelError(f"the file names what is not allowed: {', '.join(strange[:5])}")


def _schema(data: bytes) -> object:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > MAX_FILES or sum(member.file_size for member in members) > MAX_BYTES:
                raise UntrustedModelError(f"the archive has more than {MAX_FILES} files or {MAX_BYTES} bytes")
            if len({member.filename for member in members}) != len(members):
                raise UntrustedModelError("two files in the archive have one name")
            if archive.getinfo("schema.json").file_size > MAX_SCHEMA:
                raise UntrustedModelError(f"the schema has more than {MAX_SCHEMA} bytes")
            return msgspec.json.decode(archive.read("schema.json"))
    except (
        zipfile.BadZipFile,
        KeyError,
        NotImplementedError,
        RuntimeError,
        msgspec.MsgspecError,
        RecursionError,
    ) as error:
        raise UntrustedModelError(f"not a skops file: {type(error).__name__}") from None


def _named(schema: object) -> Iterator[str | None]:
    """Yield what each node of a schema names that is not allowed; None for one that is all right."""
    pending = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += cast("list[object]", node)
        elif isinstance(node, dict):
            known = cast("dict[str, object]", node)  # JSON has no other keys
            pending += known.values()
            yield _strange(known)


def _strange(node: dict[str, object]) -> str | None:
    named = {key: node[key] for key in ("__class__", "__module__", "__loader__") if key in node}
    if not named:
        return None
    full = f"{named.get('__module__')}.{named.get('__class__')}"[:120]
    if full not in ALLOWED:
        return full
    loader = str(named.get("__loader__"))[:60]
    return None if loader in _LOADERS else f"{full} by {loader}"
