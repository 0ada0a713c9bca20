"""Which numeric uid each role runs under when started as root. No OS user is made or needed."""

from __future__ import annotations

import os
from typing import Final

from strongroom.app.settings import Settings

POSTGRES: Final = 0
GATEWAY: Final = 1
CONTROL: Final = 2
FIRST_WORKER: Final = 16


def uid(settings: Settings, role: int) -> int | None:
    """Return the uid of `role`, or None when not started as root: everybody then shares the starter's."""
    return settings.installation.uid_base + role if os.geteuid() == 0 else None
