"""`HOME/format.json`: which version of each on-disk format this installation is in.

Always true here:
- a format from newer code is refused before anything is opened, and so is a name that this code does not know;
- an older one is refused too, with what to do, until it has been migrated: `record` is called after that, not before;
- the file changes whole or not at all.

The database counts here by its feed documents and its tables' migrations; PostgreSQL's own major version stands in its
data directory, and `cluster` looks at that.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from strongroom.store.errors import Unsafe

CURRENT: Final[Mapping[str, int]] = {"home": 1, "database": 1, "feed": 1, "keyring": 1, "backup": 2}
"""What this code writes. Raise one together with the code that migrates it."""

MIGRATED_AT_START: Final = frozenset({"database", "backup"})
"""What is brought up to date by starting: older is fine."""

_FILE: Final = "format.json"


def check(home: Path, *, current: Mapping[str, int] = CURRENT) -> bool:
    """Return whether `home` has been used before; refuse formats that this code cannot work with.

    Raises:
        Unsafe: with what to do.
    """
    try:
        text = (home / _FILE).read_bytes()
    except FileNotFoundError:
        return False
    try:
        found = msgspec.json.decode(text, type=dict[str, int])
    except msgspec.DecodeError:
        raise Unsafe(f"{home / _FILE} is damaged; restore it from a backup") from None
    for name, version in found.items():
        _refuse(name, version, current)
    if missing := sorted(current.keys() - found.keys()):
        raise Unsafe(f"{home / _FILE} does not say the version of {', '.join(missing)}; restore it from a backup")
    return True


def record(home: Path, *, current: Mapping[str, int] = CURRENT) -> None:
    """Write down that everything in `home` is in this code's formats; do so once it is."""
    handle, name = tempfile.mkstemp(dir=home, prefix=f".{_FILE}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(dict(current)), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(home / _FILE)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    directory = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _refuse(name: str, version: int, current: Mapping[str, int]) -> None:
    ours = current.get(name)
    if ours is None or version > ours:
        raise Unsafe(f"the {name} format is at version {version}, newer than this Strongroom knows; run a newer one")
    if version < ours and name not in MIGRATED_AT_START:
        raise Unsafe(
            f"the {name} format is at version {version}, this Strongroom needs {ours}: back up with the version that "
            "wrote it and restore with this one"
        )
