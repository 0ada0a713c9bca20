"""What a worker does to itself before it looks at weights or requests.

Always true after `confine` returns:
- the process has its own uid (when it was given one), no capability and no way to gain any;
- it cannot be dumped, and another process of its user cannot attach to it, unless that user owns the namespace;
- it opens only what is listed, makes only unix sockets, starts no process (Landlock and seccomp);
- its memory, descriptors and file sizes are bounded.

A measure that fails stops the worker, unless the launcher's probe had found that this machine lacks it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
from pathlib import Path
from typing import Final

import msgspec

from strongroom.confinement import landlock, seccomp
from strongroom.confinement.syscalls import NUMBERS

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CAPABILITY_VERSION, _CAPABILITY_BYTES = 0x20080522, 24  # _LINUX_CAPABILITY_VERSION_3: two sets of three words

SYSTEM_READABLE: Final = (
    "/dev/null",
    "/dev/urandom",
    "/dev/zero",
    "/etc/ld.so.cache",
    "/lib",
    "/lib64",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/self",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/usr/lib",
    "/usr/lib64",
)
"""What a C library, a thread pool and an engine ask of the system; nothing here is anyone's secret."""


class Confinement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the launcher tells a worker to give up.

    Attributes:
        uid: numeric user and group to become, or None when the launcher has arranged it.
        memory_bytes: bound of private writable memory, or None when a control group bounds it.
        files: open descriptors.
        processes: processes and threads of this uid, or None where the count would include others' processes.
        file_bytes: the largest file it may write (scratch only).
        readable: files and directories besides the system's that may be read.
        scratch: directories that may be written.
        landlock: whether the machine has it.
        seccomp: whether the machine has it.
        die_with_parent: whether to ask the kernel for SIGKILL when the launcher's thread ends.
    """

    uid: int | None
    memory_bytes: int | None
    files: int
    processes: int | None
    file_bytes: int
    readable: tuple[str, ...]
    scratch: tuple[str, ...]
    landlock: bool
    seccomp: bool
    die_with_parent: bool


def confine(wanted: Confinement) -> None:
    """Give up everything that is not needed, in the one order that works."""
    _bound(wanted)
    if wanted.uid is not None:
        _become(wanted.uid)
    # After the change of uid, which resets both of these.
    if wanted.die_with_parent:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if wanted.landlock:
        landlock.restrict(
            readable=[Path(path) for path in (*SYSTEM_READABLE, *wanted.readable)],
            scratch=[Path(path) for path in wanted.scratch],
        )
    if wanted.seccomp:
        seccomp.install()


def _bound(wanted: Confinement) -> None:
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, wanted.files)
    _limit(resource.RLIMIT_FSIZE, wanted.file_bytes)
    _limit(resource.RLIMIT_MEMLOCK, 0)
    _limit(resource.RLIMIT_MSGQUEUE, 0)
    if wanted.processes is not None:
        _limit(resource.RLIMIT_NPROC, wanted.processes)
    if wanted.memory_bytes is not None:
        # DATA counts private writable pages, brk and anonymous maps alike (Linux >= 4.7); AS would also count the
        # mapped weights and every library's reserved address space.
        _limit(resource.RLIMIT_DATA, wanted.memory_bytes)


def _limit(which: int, wanted: int) -> None:
    _, hard = resource.getrlimit(which)
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(which, (value, value))


def _become(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)  # from 0: the kernel clears what is permitted and effective
    _clear_inheritable()


def _clear_inheritable() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    call = ctypes.c_long(NUMBERS[platform.machine()]["capset"])
    if libc.syscall(call, header, bytes(_CAPABILITY_BYTES)) != 0:
        raise OSError(ctypes.get_errno(), "capset failed")


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    if libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
