"""Parquet, row group by row group: strings wherever they are nested, numbers whose column turns out to hold identifiers."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

from strongroom.app.redaction.plan import Redactor

_ROWS: Final = 8192


class NoParquet(RuntimeError):  # noqa: N818 - said to a person
    """The package that reads Parquet is not installed."""


class Unreadable(ValueError):  # noqa: N818 - said to a person
    """The file is no Parquet, or holds what cannot be looked into."""


def _pyarrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise NoParquet("Parquet needs pyarrow: `pip install 'strongroom[data]'`.") from None


def rewrite(
    source: Path, target: Path | None, redactor: Redactor, kept: frozenset[str], progress: Callable[[int], None]
) -> tuple[int, list[str]]:
    """Write `source` rewritten to `target`, or only count where there is none; return rows and unchecked columns.

    Raises:
        NoParquet: pyarrow is missing.
        Unreadable: the file cannot be read, or a column holds bytes and is not among `kept`.
    """
    arrow, parquet = _pyarrow()
    try:
        file = parquet.ParquetFile(source)
    except (arrow.ArrowInvalid, OSError) as error:
        raise Unreadable(f"not a Parquet file: {str(error).splitlines()[0]}") from None
    with file:
        schema = file.schema_arrow
        redactor.counts.fields |= {name for name in schema.names if redactor.has(name) or name in kept}
        opaque = [
            field.name
            for field in schema
            if _holds(arrow, field.type, arrow.types.is_binary, arrow.types.is_large_binary)
        ]
        refused = [name for name in opaque if name not in kept]
        if refused:
            raise Unreadable(f"columns of bytes, which cannot be looked into: {', '.join(refused)}")
        changed = _schema(arrow, file, schema, redactor, kept)
        writer = None if target is None else parquet.ParquetWriter(target, changed)
        rows = 0
        try:
            for batch in file.iter_batches(batch_size=_ROWS):
                columns = [
                    _column(arrow, batch.column(index), schema.field(index), changed.field(index), redactor, kept)
                    for index in range(len(schema))
                ]
                if writer is not None:
                    writer.write_batch(arrow.record_batch(columns, schema=changed))
                rows += batch.num_rows
                progress(batch.nbytes)
        finally:
            if writer is not None:
                writer.close()
    return rows, [field.name for field in schema if field.name in opaque or _passes(arrow, field.type)]


def _passes(arrow: Any, kind: Any) -> bool:
    """Say whether values of a column pass unread: numbers but whole ones of its own, dates and times."""
    types = arrow.types
    if types.is_integer(kind):
        return False
    return _holds(arrow, kind, types.is_integer, types.is_floating, types.is_decimal, types.is_temporal)


def _holds(arrow: Any, kind: Any, *tests: Callable[[Any], bool]) -> bool:
    if any(test(kind) for test in tests):
        return True
    if arrow.types.is_dictionary(kind):
        return _holds(arrow, kind.value_type, *tests)
    return any(_holds(arrow, kind.field(index).type, *tests) for index in range(kind.num_fields))


def _is_text(arrow: Any, kind: Any) -> bool:
    return _holds(arrow, kind, arrow.types.is_string, arrow.types.is_large_string)


def _schema(arrow: Any, file: Any, schema: Any, redactor: Redactor, kept: frozenset[str]) -> Any:
    """Return the schema of what is written: a column of numbers in which something is found becomes text."""
    fields: list[Any] = []
    for field in schema:
        if (arrow.types.is_dictionary(field.type) and _is_text(arrow, field.type)) or (
            field.name not in kept and arrow.types.is_integer(field.type) and _identifies(file, field.name, redactor)
        ):
            fields.append(field.with_type(arrow.string()))
        else:
            fields.append(field)
    given = cast("dict[bytes, bytes]", schema.metadata or {})
    metadata = {key: value for key, value in given.items() if not key.startswith((b"pandas", b"ARROW"))}
    return arrow.schema(fields, metadata=metadata)


def _identifies(file: Any, name: str, redactor: Redactor) -> bool:
    for batch in file.iter_batches(batch_size=_ROWS, columns=[name]):
        for value in batch.column(0).to_pylist():
            if value is not None and redactor.peek(str(value), name):
                return True
    return False


def _column(arrow: Any, column: Any, old: Any, new: Any, redactor: Redactor, kept: frozenset[str]) -> Any:
    if old.name in kept or not (_is_text(arrow, old.type) or old.type != new.type):
        return column
    numbers = old.type != new.type and arrow.types.is_integer(old.type)
    values = [
        _value(str(v) if numbers and v is not None else v, old.name, old.name, redactor) for v in column.to_pylist()
    ]
    return arrow.array(values, type=new.type)


def _value(value: Any, name: str, path: str, redactor: Redactor) -> Any:
    whole: Any = value  # as it came: what a pattern narrows has no types inside
    match value:
        case str():
            return redactor.text(value, name, path)
        case list():
            return [_value(each, name, f"{path}[]", redactor) for each in whole]
        case dict():
            return {key: _value(each, str(key), f"{path}.{key}", redactor) for key, each in whole.items()}
        case tuple():  # an entry of a map
            return tuple(_value(each, name, path, redactor) for each in whole)
        case _:
            return value
