"""Landlock: what a worker may open, enforced by the kernel on the process itself (landlock(7)).

Always true here:
- what is not listed is refused: reading, writing, listing, making, removing, executing, and TCP both ways;
- as much is handled as this kernel knows (its ABI version), and `describe` says what that is;
- once restricted, there is no way back, and every later thread is restricted too. Call it before any thread starts.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446  # equal on every architecture
_VERSION_FLAG, _PATH_BENEATH = 1, 1

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG, _MAKE_SOCK = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 9
_TRUNCATE = 1 << 14

_ABI_ONE: Final = (1 << 13) - 1  # execute … make_sym
_ABI_REFER, _ABI_TRUNCATE, _ABI_NET, _ABI_IOCTL, _ABI_SCOPE = 2, 3, 4, 5, 6
_NET_ALL, _SCOPE_ALL = 0b11, 0b11  # TCP bind and connect; abstract unix sockets and signals
_FOR_FILES: Final = _WRITE_FILE | _READ_FILE | _TRUNCATE | 1 | 1 << 15

READ: Final = _READ_FILE | _READ_DIR
SCRATCH: Final = (
    READ | _WRITE_FILE | _TRUNCATE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MAKE_SOCK
)  # no device nodes, no links, nothing executable


class LandlockUnavailableError(Exception):
    """The kernel has no Landlock, or it is not enabled."""


def abi() -> int:
    """Return the kernel's Landlock ABI version, 0 when there is none."""
    return max(0, _syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION_FLAG))


def describe(version: int) -> str:
    """Return one sentence on what that ABI version enforces."""
    if version == 0:
        return "This kernel has no Landlock."
    parts = ["files"]
    if version >= _ABI_NET:
        parts.append("TCP")
    if version >= _ABI_SCOPE:
        parts.append("abstract sockets and signals")
    return f"Landlock ABI {version} restricts {', '.join(parts)}."


def restrict(*, readable: Iterable[Path], scratch: Iterable[Path]) -> int:
    """Restrict this process for good and return the ABI version in force; needs no_new_privs.

    Args:
        readable: files and directories that may be read, with all below; absent ones are passed over.
        scratch: directories in which files and sockets may also be made, written and removed.

    Raises:
        LandlockUnavailableError: when nothing can be enforced.
    """
    version = abi()
    if version == 0:
        raise LandlockUnavailableError("this kernel has no Landlock")
    handled = _handled(version)
    attributes = struct.pack(
        "QQQ", handled, _NET_ALL if version >= _ABI_NET else 0, _SCOPE_ALL if version >= _ABI_SCOPE else 0
    )
    ruleset = _syscall(_CREATE, attributes, ctypes.c_size_t(_attribute_size(version)), 0)
    if ruleset < 0:
        raise LandlockUnavailableError(os.strerror(ctypes.get_errno()))
    try:
        for path in readable:
            _allow(ruleset, path, READ & handled)
        for path in scratch:
            _allow(ruleset, path, SCRATCH & handled)
        if _syscall(_RESTRICT, ruleset, 0) != 0:
            raise LandlockUnavailableError(os.strerror(ctypes.get_errno()))
    finally:
        os.close(ruleset)
    return version


def _handled(version: int) -> int:
    bits = _ABI_ONE
    for bit, since in ((13, _ABI_REFER), (14, _ABI_TRUNCATE), (15, _ABI_IOCTL)):
        bits |= 1 << bit if version >= since else 0
    return bits


def _attribute_size(version: int) -> int:
    return 24 if version >= _ABI_SCOPE else 16 if version >= _ABI_NET else 8


def _allow(ruleset: int, path: Path, access: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not stat.S_ISDIR(os.fstat(handle).st_mode):
                access &= _FOR_FILES  # the kernel refuses directory rights on a file
            rule = struct.pack("=Qi", access, handle)
            if _syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0) != 0:
                raise LandlockUnavailableError(f"{path}: {os.strerror(ctypes.get_errno())}")
        finally:
            os.close(handle)


def _syscall(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return int(libc.syscall(ctypes.c_long(number), *arguments))
