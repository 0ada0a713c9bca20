"""What becomes of a deployment that was judged again. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from strongroom.registry.admission.again import Again
from strongroom.registry.serving.model import Lack

UNTOLD: Final = "?"
BARRED: Final = "!"
"""Under which names graces are counted, beside those of rules."""

_MOST_SAID: Final = 4000


def settle(digest: str, before: Lack | None, found: Again, now: datetime, untold: timedelta) -> Lack | None:
    """Return what a deployment lacks now; None: nothing.

    Args:
        digest: of the release that it serves.
        before: what it lacked when it was judged last; of another release, it says nothing.
        found: what it was judged to be.
        now: the time.
        untold: for how long what cannot be told is taken for a yes.
    """
    graces = _graces(found, untold)
    if not graces:
        return None
    known: Mapping[str, datetime] = before.since if before is not None and before.digest == digest else {}
    # A beginning that is still to come was written by a clock that has been put back, or by a hand: it gives no time.
    since = {name: min(known.get(name, now), now) for name in graces}
    ends = [since[name] + grace for name, (_, grace) in graces.items() if grace is not None]
    until = min(ends, default=None)
    return Lack(
        digest=digest,
        state="stopped" if until is not None and until <= now else "told",
        because=_line(" ".join(dict.fromkeys(said for said, _ in graces.values())))[:_MOST_SAID],
        since=since,
        first_at=min(since.values()),
        until_at=until,
    )


def _line(text: str) -> str:
    """Return a text as one printable line: it may quote others' evidence, and a database takes no text with a zero in it."""
    return "".join(each if each.isprintable() else "?" for each in text)


def earliest(one: Lack | None, other: Lack | None) -> Lack | None:
    """Return `one` with the earlier of two beginnings of each grace: a row that was changed gives nobody more time."""
    if one is None or other is None or one.digest != other.digest:
        return other if one is None else one
    names = {*one.since, *other.since}
    since = {name: min(each[name] for each in (one.since, other.since) if name in each) for name in names}
    return msgspec.structs.replace(one, since=since)


def _graces(found: Again, untold: timedelta) -> dict[str, tuple[str, timedelta | None]]:
    """Return what is lacking by the name under which its grace is counted: of two of one name, as rules may have, the shorter."""
    graces: dict[str, tuple[str, timedelta | None]] = {}
    for name, said, grace in _each(found, untold):
        before, known = graces.get(name, ("", None))
        shorter = min((each for each in (known, grace) if each is not None), default=None)
        graces[name] = (f"{before} {said}".strip(), shorter)
    return graces


def _each(found: Again, untold: timedelta) -> Iterator[tuple[str, str, timedelta | None]]:
    if found.barred:
        yield BARRED, found.barred, timedelta()
    if found.untold:
        yield UNTOLD, found.untold, untold
    for each in found.lapses:
        yield each.rule, each.because, None if each.hours is None else timedelta(hours=each.hours)
