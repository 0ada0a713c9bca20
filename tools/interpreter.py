#!/usr/bin/env python3
"""Say whether the interpreter that runs this file can carry Strongroom.

Asked by `tools/install` of each candidate, so it must also run on a Python 3 that is too old. Prints one line,
`VERDICT VERSION PATH`, where the verdict is

- `open`: fit, and every folder on its way can be entered by any uid;
- `closed`: fit, but under a folder that only its owner can enter (a pyenv in /root, say). Started as root, Strongroom
  gives each role its own uid, which could not run such an interpreter;
- `unfit`: too old, or newer than the wheels in uv.lock.
"""

import os
import stat
import sys
from pathlib import Path

OLDEST = (3, 11)
NEWEST = (3, 14)


def way_is_open(path: Path) -> bool:
    """Return whether any uid can read and enter (or run) `path`, and enter each folder above it."""
    path = path.resolve()
    wanted = stat.S_IROTH | stat.S_IXOTH
    return path.stat().st_mode & wanted == wanted and all(
        folder.stat().st_mode & stat.S_IXOTH for folder in path.parents
    )


def main() -> None:
    """Print the verdict on this interpreter."""
    # In a virtual environment, the interpreter that it was made from.
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        verdict = "unfit"
    elif way_is_open(base) and way_is_open(Path(os.__file__).parent):
        verdict = "open"
    else:
        verdict = "closed"
    sys.stdout.write(f"{verdict} {version[0]}.{version[1]} {base}\n")


if __name__ == "__main__":
    main()
