"""What online commands do alike: an answer is shown as it came or for people, and somebody's request is decided by its digest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias

from cyclopts import Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get
from strongroom.cli.session import Session, decoded

Digest: TypeAlias = Annotated[
    str | None, Parameter(help="Approve only what has this digest [default: what is shown now].")
]


CHANGES: Final = ("who", "what", "times", "change", "before", "after")
"""What people are shown of each line of a dry run."""


def differing(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of a dry run with what differs alone: most of some twenty fields of a document stay as they were."""
    found = list[dict[str, Any]]()
    for row in rows:
        before, after = row["before"], row["after"]
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        both = {side: {name: row[side][name] for name in names if name in row[side]} for side in ("before", "after")}
        found.append({**row, **both})
    return found


def looked_at(kind: str, looked: int, callers: int) -> str:
    """Return what a document of a kind was held against."""
    if kind == "retention":
        return f"Of what rests now, {looked} rows of {callers} tenants would go another way."
    if kind == "approval":
        return f"Looked at {looked} releases that are promoted or deployed."
    return f"Looked at {looked} records and entries of {callers} callers."


def nothing_of(kind: str) -> str:
    """Return that a document of a kind would change nothing."""
    if kind == "retention":
        return "No day of rows would be dropped that is kept today, and none kept that would be dropped."
    if kind == "approval":
        return "No release would be refused that is not refused today, and none taken."
    return "Nobody would gain or lose."


def shown(session: Session, body: bytes, *, without: Collection[str] = ()) -> None:
    """Show an answer: with `--json` as it came, else its fields a line each, but for those `without` which people read it."""
    if session.json:
        output.raw(body)
    else:
        output.record({name: value for name, value in decoded(body).items() if name not in without})


def listed(session: Session, body: bytes, columns: Sequence[str], *, empty: str) -> None:
    """Show a list that was answered: with `--json` as it came, else as a table, or what `empty` says."""
    if session.json:
        output.raw(body)
    else:
        output.listing(decoded(body)["data"], columns, empty=empty)


def decided(
    session: Session,
    where: str,
    verdict: str,
    reason: str,
    digest: str | None,
    *,
    what: Callable[[dict[str, Any]], str],
) -> bytes:
    """Say yes or no to what somebody asked for at `where`; return the answer.

    Without a digest it is to what is there now, which is said first, by `what`.
    """
    if digest is None:
        found: dict[str, Any] = get(session, where)
        digest = str(found["digest"])
        if not session.json:
            output.note(f"{verdict}: {what(found)} ({digest})")
    return ask(session, "POST", f"{where}/{verdict}", {"digest": digest, "reason": reason})
