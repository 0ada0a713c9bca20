"""Flows as values: a file of declarations, what it comes to, and whether it covers what was seen."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from strongroom.privacy import CUSTOM, KINDS, Classification, classification

MOST_BYTES: Final = 32 * 1024
"""What a file has at most."""
MOST_FLOWS: Final = 200

FILE: Final = re.compile(r"(\d{4})-([a-z0-9][a-z0-9-]{0,63})\.toml")
"""What a file is called: four digits, a name."""

PLACES: Final = ("workload", "model", "provider", "store", "account", "outside")
"""What a place begins with, before its colon."""

TEXT: Final = "text"
"""What a request or an answer says, whatever is found in it."""

OTHERS: Final = {
    TEXT: "what is asked and answered",
    "figures": "records of requests: names and numbers",
    "log": "entries of the audit log",
    "subject-data": "all that is kept of one person",
    "instructions": "system prompts",
    "weights": "files of models",
    "training-data": "data sets",
    "custom": "a type of the tenant's own",
}
"""The classes of data that are told by where they come from; all others are types that the guard finds."""

_WIDE: Final = frozenset({"*", *Classification})

Place = Annotated[
    str, Meta(min_length=3, max_length=256, pattern=r"^(?:workload|model|provider|store|account|outside):[^\s]+$(?!\n)")
]
Data = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[a-z0-9._*-]+$(?!\n)")]
Why = Annotated[str, Meta(min_length=1, max_length=256)]


class FlowsError(ValueError):
    """A file says something that cannot be taken."""


class Flow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A declared flow. `*` stands for any characters of a place.

    Attributes:
        source: from where; `from` in a file.
        destination: to where; `to` in a file.
        data: which classes of data: types (`email`), their classifications (`secret`, `identifier`, `indirect`), or those of
            `OTHERS`; `*`: any.
        why: what for.
    """

    source: Place = msgspec.field(name="from")
    destination: Place = msgspec.field(name="to")
    data: Annotated[tuple[Data, ...], Meta(min_length=1, max_length=64)]
    why: Why

    def covers(self, source: str, destination: str, data: str) -> bool:
        """Whether this declares that `data` goes from `source` to `destination`."""
        if not (fnmatchcase(source, self.source) and fnmatchcase(destination, self.destination)):
            return False
        return "*" in self.data or data in self.data or (data not in OTHERS and classification(data).value in self.data)


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A flow that an earlier file declared and that is to be no more, by its two places as they stand there."""

    source: Place = msgspec.field(name="from")
    destination: Place = msgspec.field(name="to")
    why: Why


class FlowFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file says: first what it withdraws, then what it declares."""

    flows: Annotated[tuple[Flow, ...], Meta(max_length=MOST_FLOWS)] = ()
    withdraw: Annotated[tuple[Withdrawn, ...], Meta(max_length=MOST_FLOWS)] = ()


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was applied: as it was, by whom, when and why. `approved_by` null: it took nobody else."""

    number: int
    name: str
    digest: str
    text: str
    author: str
    credential: str
    at: datetime
    reason: str
    approved_by: str | None = None


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """One class of data that was seen to go from one place to another. `declared` names the file that says so; null: none."""

    source: str
    destination: str
    data: str
    first_seen: datetime
    last_seen: datetime
    declared: int | None = None


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A flow that is declared now, and by which file."""

    file: int
    flow: Flow


def digest_of(text: str) -> str:
    """Return the digest of a file: SHA-256 of its very text, hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def parse(text: str) -> FlowFile:
    """Return what a file says.

    Raises:
        FlowsError: saying what is wrong.
    """
    if len(text.encode()) > MOST_BYTES:
        raise FlowsError(f"A file of flows has at most {MOST_BYTES // 1024} KiB.")
    try:
        found = msgspec.convert(tomllib.loads(text), FlowFile, strict=True)
    except tomllib.TOMLDecodeError as error:
        raise FlowsError(f"This is not TOML: {error}.") from None
    except msgspec.ValidationError as error:
        raise FlowsError(f"{_said(str(error))}.") from None
    except RecursionError:
        raise FlowsError("This is nested too deeply.") from None
    if not found.flows and not found.withdraw:
        raise FlowsError("The file declares nothing: write [[flows]] with from, to, data and why.")
    for each in found.flows:
        for data in each.data:
            if data not in _WIDE and not _is_class(data):
                raise FlowsError(f"There is no class of data called `{data}`.")
    return found


def standing(files: Sequence[Applied]) -> list[Declared]:
    """Return what the files come to, applied in their order.

    Raises:
        FlowsError: when one withdraws what is not declared before it.
    """
    declared = list[Declared]()
    for each in sorted(files, key=lambda file: file.number):
        declared = applied(declared, each.number, parse(each.text))
    return declared


def applied(before: Sequence[Declared], number: int, file: FlowFile) -> list[Declared]:
    """Return what is declared once `file` is applied too.

    Raises:
        FlowsError: when it withdraws what is not declared.
    """
    declared = list(before)
    for gone in file.withdraw:
        places = gone.source, gone.destination
        left = [each for each in declared if (each.flow.source, each.flow.destination) != places]
        if len(left) == len(declared):
            raise FlowsError(
                f"No flow from `{gone.source}` to `{gone.destination}` is declared that could be withdrawn."
            )
        declared = left
    return [*declared, *(Declared(file=number, flow=flow) for flow in file.flows)]


def judged(edges: Iterable[Edge], declared: Sequence[Declared]) -> list[Edge]:
    """Return the edges, each with the file that declares it."""
    return [msgspec.structs.replace(edge, declared=_by(edge, declared)) for edge in edges]


def _by(edge: Edge, declared: Sequence[Declared]) -> int | None:
    return next((each.file for each in declared if each.flow.covers(edge.source, edge.destination, edge.data)), None)


def _is_class(data: str) -> bool:
    return data in OTHERS or data in KINDS or data.startswith(CUSTOM)


def _said(error: str) -> str:
    """Return what msgspec said, without quoting what was written."""
    return "A place is KIND:NAME, such as workload:prod/search" if "matching regex" in error else error
