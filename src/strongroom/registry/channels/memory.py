"""What this machine remembers of the channels, where a database or its backup cannot turn it back.

One small file a channel, written whole. Two processes of one installation share it: what stands in the file is never replaced
by something older.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from strongroom.registry.channels.client import Untrusted
from strongroom.registry.channels.model import Channel, Seen
from strongroom.vault.private import write_private


class Memory:
    """Remembers what was seen."""

    def __init__(self, directory: Path | None = None, owner: int | None = None) -> None:
        """Make a memory.

        Args:
            directory: where it is kept; None: as long as this object.
            owner: the uid that its files belong to; None: ours.
        """
        self._directory = directory
        self._owner = owner
        self._held: dict[Channel, Seen] = {}

    def seen(self, channel: Channel) -> Seen | None:
        """Return what was seen of a channel last.

        Raises:
            Untrusted: when that cannot be read: nothing is believed instead.
        """
        return self._held.get(channel) if self._directory is None else self._read(self._directory, channel)

    def keep(self, channel: Channel, seen: Seen) -> None:
        """Remember `seen`, unless something newer is remembered.

        Raises:
            Untrusted: when it cannot be written down.
        """
        before = self.seen(channel)
        if before is not None and _order(before) >= _order(seen):
            return
        if self._directory is None:
            self._held[channel] = seen
            return
        path = self._path(self._directory, channel)
        try:
            write_private(path, msgspec.json.encode(seen), replace=True)
            if self._owner is not None and os.geteuid() != self._owner:
                os.chown(path, self._owner, self._owner)
        except OSError as error:
            raise Untrusted(f"what was seen of it cannot be written down ({error.strerror})") from None

    def forget(self, channel: Channel) -> None:
        """Forget a channel, which begins anew: what it had revoked must stand in it by then."""
        self._held.pop(channel, None)
        if self._directory is not None:
            self._path(self._directory, channel).unlink(missing_ok=True)

    def _read(self, directory: Path, channel: Channel) -> Seen | None:
        try:
            return msgspec.json.decode(self._path(directory, channel).read_bytes(), type=Seen)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError):
            raise Untrusted("what this machine remembers of it cannot be read") from None

    @staticmethod
    def _path(directory: Path, channel: Channel) -> Path:
        return directory / f"{channel}.json"


def _order(seen: Seen) -> tuple[int, int]:
    return seen.root, seen.timestamp
