"""Working directories that nobody has to clear up after who was killed.

Always true here:
- a directory is locked for as long as its maker lives, by the kernel: one that nobody has locked is left over;
- what is left over is removed by whoever makes the next one in the same place, and by `clear`;
- nothing is removed that is not this user's own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def scratch(place: Path | None, prefix: str) -> Generator[Path]:
    """Yield a new directory of mode 0700 in `place`, and remove it afterwards.

    Args:
        place: None: where this user's temporary files lie.
        prefix: what names of such directories begin with, there and nowhere else.
    """
    parent = Path(tempfile.gettempdir()) if place is None else place
    clear(parent, prefix)
    made, held = _made(parent, prefix)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(held)


def left_over(place: Path, prefix: str) -> Generator[Path]:
    """Yield the directories in `place` whose makers were killed, each locked until the next is asked for."""
    for each in sorted(place.glob(f"{prefix}*")):
        held = _locked(each)
        if held is None:
            continue
        try:
            yield each
        finally:
            os.close(held)


def clear(place: Path, prefix: str) -> None:
    """Remove what is left over in `place`."""
    for each in left_over(place, prefix):
        shutil.rmtree(each, ignore_errors=True)


def _made(parent: Path, prefix: str) -> tuple[Path, int]:
    while True:
        made = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
        held = _locked(made)
        if held is not None:
            return made, held
        # Somebody who clears up had it in the moment between its making and its lock: it is theirs to remove.


def _locked(path: Path) -> int | None:
    """Return a descriptor of a directory of our own that is locked by it; None: it is another's, in use, or not there."""
    with contextlib.suppress(OSError):
        held = os.open(path, _OPEN)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(held).st_uid == os.geteuid() and os.path.samestat(os.fstat(held), path.lstat()):
                return held
        except OSError:
            os.close(held)
            return None
        os.close(held)
    return None
