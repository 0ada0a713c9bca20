"""Tests keep their files in memory where there is room: databases and model files are written, synced and thrown away.

On a disk that is shared, waiting for it took more of a run than computing did. Nothing that is tested depends on what a
disk is beyond its file system: a process that is killed leaves its writes with the kernel, here as there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

import pytest

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - looked at before it is used
_WANTED: Final = 6 * 2**30
"""Bytes: several installations with their models and databases at a time, and as much again left over."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Let temporary files of this process and its children lie in memory, unless a place was chosen or there is none."""
    if "TMPDIR" not in os.environ and _has_room():
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None  # found anew by whoever asks next


def _has_room() -> bool:
    if not os.access(_MEMORY, os.W_OK) or os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        return False
    return min(shutil.disk_usage(_MEMORY).free, _available()) >= _WANTED


def _available() -> int:
    """Return what the kernel could give out without swapping."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
