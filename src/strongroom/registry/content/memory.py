"""Whether a file fits into memory, asked before it is copied there: who brings one says how large it is, the machine does not grow."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

SPARE: Final = 256 << 20
"""What everything else on the machine keeps."""

_MEMINFO: Final = Path("/proc/meminfo")
_AVAILABLE: Final = "MemAvailable:"


class NoMemory(OSError):  # noqa: N818 - named for what there is
    """A file does not fit into the memory that this machine has now."""

    def __init__(self, wanted: int, room: int) -> None:
        super().__init__(
            errno.ENOMEM, f"it takes {wanted >> 20} MiB of memory, and this machine has {room >> 20} MiB for it now"
        )


def room() -> int:
    """Return how many bytes of files fit into memory now, by what the kernel says can be had without swapping.

    Raises:
        OSError: when it does not say.
    """
    for line in _MEMINFO.read_text(encoding="ascii").splitlines():
        if line.startswith(_AVAILABLE):
            return max(0, (int(line.split()[1]) << 10) - SPARE)
    raise OSError(errno.ENOSYS, "the kernel does not say how much memory there is")


def demand(size: int) -> None:
    """Hold a size against the memory that there is.

    Raises:
        NoMemory: when it does not fit.
        OSError: as `room`.
    """
    found = room()
    if size > found:
        raise NoMemory(size, found)
