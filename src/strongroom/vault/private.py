"""Files of one owner: made 0600 in one step, whole or not at all, and believed only while nobody else may write them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from strongroom.vault.keystore import VaultUnavailable

_Shape = TypeVar("_Shape")
OTHERS: Final = 0o077
"""The bits of a mode by which others than the owner could read or write."""

MEND: Final = "restore HOME/secrets as a whole from its own backup"
"""What there is to do where a file of the keystore is not what it was."""


def write_private(path: Path, content: bytes, *, replace: bool) -> None:
    """Write 0600, synced, then given its name: a reader sees the old file or the new one, whole, power loss included.

    Raises:
        FileExistsError: when something has the name already and `replace` is false.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            path.hardlink_to(draft)  # the one way to give a name only if nothing has it
    finally:
        draft.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_private(path: Path, shape: type[_Shape]) -> _Shape:
    """Return what a file of the keystore holds.

    Raises:
        FileNotFoundError: when there is none.
        VaultUnavailable: when it cannot be read, others may read or write it, or it is damaged.
    """
    try:
        content, mode = path.read_bytes(), path.stat().st_mode
    except FileNotFoundError:
        raise
    except OSError as error:
        raise VaultUnavailable(f"{path} cannot be read: {error.strerror}") from None
    if mode & OTHERS:
        raise VaultUnavailable(f"{path} can be read or written by others (mode {mode & 0o777:o}); chmod 600 it")
    try:
        return msgspec.json.decode(content, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise VaultUnavailable(f"{path} is damaged; {MEND}") from None
