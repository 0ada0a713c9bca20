"""What this installation is, as one digest: what `strongroom runtime bom` tells of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from strongroom.confinement.tree import site_packages
from strongroom.registry.bills.installed import BadLock, look


@cache
def environment(lock: str | None) -> str:
    """Return the digest of the installation as it was at the first call; as `environment_now`."""
    return environment_now(lock)


def environment_now(lock: str | None) -> str:
    """Return the digest of the installation as it is now. That takes a second of CPU.

    Args:
        lock: path of the lock file that it was installed by; None: none.

    Raises:
        OSError: when something of it cannot be read.
    """
    try:
        return look(site_packages(), None if lock is None else Path(lock).read_bytes()).digest
    except BadLock as error:
        raise OSError(str(error)) from None
