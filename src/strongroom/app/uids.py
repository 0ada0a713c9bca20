"""Which numeric uid each role runs under when started as root. No OS user is made or needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from strongroom.app.settings import DEFAULT_UID_BASE, Settings

POSTGRES: Final = 0
GATEWAY: Final = 1
CONTROL: Final = 2
NOTARY: Final = 3
KEEPER: Final = 4
FIRST_WORKER: Final = 16
FIRST_BROUGHT: Final = 40
MOST_BROUGHT: Final = 24
"""Workers of releases that people brought, at most; each has a uid of its own."""

_COUNT: Final = 64
_SMALL_BASE: Final = 61_000
"""For user namespaces that map a few ten thousand uids only, as rootless containers do."""


def uid(settings: Settings, role: int) -> int | None:
    """Return the uid of `role`, or None when not started as root: everybody then shares the starter's."""
    if os.geteuid() != 0:
        return None
    base = settings.installation.uid_base
    if base == DEFAULT_UID_BASE and not _mapped(base):
        base = _SMALL_BASE
    return base + role


def _mapped(base: int) -> bool:
    """Whether this user namespace has the uids from `base` on."""
    ranges = [line.split() for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()]
    return any(int(first) <= base and base + _COUNT <= int(first) + int(count) for first, _, count in ranges)
