"""In which cell of a notebook a secret stands: its output as well as its source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

MOST: Final = 32 * 2**20
"""A notebook of more bytes is scanned as text, without saying in which cell."""


class _Cell(msgspec.Struct):
    """What is read of a cell; its outputs may be anything."""

    source: str | list[str] = ""
    outputs: list[Any] = []


class _Notebook(msgspec.Struct):
    """A notebook (nbformat 4)."""

    cells: list[_Cell]


def cells(data: bytes) -> list[tuple[str, bytes]] | None:
    """Return each cell's source and outputs with a name for it; None: it is no notebook."""
    try:
        notebook = msgspec.json.decode(data, type=_Notebook)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    named: list[tuple[str, bytes]] = []
    for number, cell in enumerate(notebook.cells, 1):
        named.append((f"cell {number}, source", "".join(cell.source).encode("utf-8", "replace")))
        outputs = "".join(_texts(cell.outputs))
        named.append((f"cell {number}, output", outputs.encode("utf-8", "replace")))
    return named


def _texts(outputs: object) -> Iterator[str]:
    """Yield the texts of a cell's outputs, whatever they are: streams, data by type, tracebacks."""
    match outputs:
        case str():
            yield outputs
        case list():
            # Of anything, as it was decoded: what is no text is passed over.
            for each in outputs:  # pyright: ignore[reportUnknownVariableType]  # see above
                yield from _texts(each)  # pyright: ignore[reportUnknownArgumentType]  # see above
        case dict():
            for each in outputs.values():  # pyright: ignore[reportUnknownVariableType]  # see above
                yield from _texts(each)  # pyright: ignore[reportUnknownArgumentType]  # see above
        case _:
            return
