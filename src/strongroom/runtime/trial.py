"""Runs inside a trial sandbox: becomes another uid when it can, makes a file in /tmp, reads itself, and ends."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

_NOBODY = 65534


def main() -> int:
    """Return 0 when a worker could run here."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    with tempfile.NamedTemporaryFile(dir="/tmp"):
        Path("/proc/self/status").read_bytes()
        Path(__file__).read_bytes()
    return 0


if __name__ == "__main__":
    sys.exit(main())
