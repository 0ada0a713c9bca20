"""The system calls a worker is refused, as a BPF program that it installs for good.

Always true here:
- the program is built and installed without help from outside (no libseccomp), and covers every thread of the process;
- another architecture's calling convention, and calls newer than the table, are refused: no way around by number;
- a refused call returns an error; the worker goes on, so that a library that merely asks is not a crash.

Installed in the worker, after the interpreter has started and before weights or requests: from then on the process
starts no program and no process, opens only unix sockets, signals only itself, and sees no debugging, mounting,
key, BPF, io_uring or clock-setting interface.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from strongroom.confinement.syscalls import AUDIT_ARCH, NEWEST_KNOWN, NUMBERS, SECCOMP

# <linux/filter.h>, <linux/bpf_common.h>: 8 bytes an instruction (code, jump if true, jump if false, operand)
_LOAD, _AND, _JUMP_EQUAL, _JUMP_GREATER, _RETURN = 0x20, 0x54, 0x15, 0x25, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16  # struct seccomp_data
_SET_MODE_FILTER, _FLAG_TSYNC = 1, 1

_AF_UNIX, _CLONE_THREAD = 1, 0x00010000
_TIOCSTI, _TIOCLINUX, _PR_SET_DUMPABLE = 0x5412, 0x541C, 4

REFUSED: Final = (
    "acct", "add_key", "adjtimex", "bpf", "capset", "chroot", "clock_adjtime", "clock_settime", "delete_module",
    "execve", "execveat", "fanotify_init", "finit_module", "fork", "fsconfig", "fsmount", "fsopen", "fspick",
    "init_module", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "kill", "lookup_dcookie",
    "mbind", "memfd_secret", "migrate_pages", "mknod", "mknodat", "modify_ldt", "mount", "mount_setattr",
    "move_mount", "move_pages", "mq_open", "msgctl", "msgget", "msgrcv", "msgsnd", "name_to_handle_at",
    "open_by_handle_at", "open_tree", "perf_event_open", "personality", "pidfd_getfd", "pidfd_open",
    "pidfd_send_signal", "pivot_root", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace",
    "quotactl", "quotactl_fd", "reboot", "request_key", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "semctl", "semget",
    "semop", "set_mempolicy", "setdomainname", "setfsgid", "setfsuid", "setgid", "setgroups", "sethostname", "setns",
    "setregid", "setresgid", "setresuid", "setreuid", "settimeofday", "setuid", "shmat", "shmctl", "shmdt", "shmget",
    "swapoff", "swapon", "syslog", "tkill", "umount2", "unshare", "uselib", "userfaultfd", "vfork", "vhangup",
    "vmsplice",
)  # fmt: skip
"""Answered EPERM. Where two spellings reach one thing (mount and fsopen, fork and clone) both are here or below."""

ABSENT: Final = ("clone3", "io_uring_enter", "io_uring_register", "io_uring_setup")
"""Answered ENOSYS, so that libraries take the older way (clone, epoll), which the filter can look into."""


class SeccompUnavailableError(Exception):
    """The kernel or the architecture takes no filter."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One look at an argument's low 32 bits: `argument & mask == value` refuses (or, with `allows`, lets pass)."""

    call: str
    argument: int
    value: int
    mask: int = 0xFFFFFFFF
    allows: bool = False


def conditions(pid: int) -> tuple[Condition, ...]:
    """Return what depends on an argument, for the process `pid`."""
    return (
        Condition("clone", 0, _CLONE_THREAD, mask=_CLONE_THREAD, allows=True),  # threads, never processes
        Condition("socket", 0, _AF_UNIX, allows=True),
        Condition("socketpair", 0, _AF_UNIX, allows=True),
        Condition("tgkill", 0, pid, allows=True),  # abort() and pthread_kill, never another process
        Condition("ioctl", 1, _TIOCSTI),  # CVE-2017-5226: typing into the terminal that started us
        Condition("ioctl", 1, _TIOCLINUX),  # CVE-2023-28100
        Condition("prctl", 0, _PR_SET_DUMPABLE),  # not to be made inspectable again
    )


def program(machine: str, pid: int) -> bytes:
    """Return the filter for `machine` as BPF.

    Raises:
        SeccompUnavailableError: for an architecture without a table.
    """
    numbers = NUMBERS.get(machine)
    if numbers is None:
        raise SeccompUnavailableError(f"no system call table for {machine}")
    code = [
        _op(_LOAD, _ARCH_AT),
        _op(_JUMP_EQUAL, AUDIT_ARCH[machine], jump=1),
        *_refuse(errno.ENOSYS),
        _op(_LOAD, _NUMBER_AT),
        _op(_JUMP_GREATER, NEWEST_KNOWN, otherwise=1),  # also every x32 number, which has bit 30 set
        *_refuse(errno.ENOSYS),
        *_matching((numbers[name] for name in ABSENT), errno.ENOSYS),
        *_matching((numbers[name] for name in REFUSED if name in numbers), errno.EPERM),
    ]
    for condition in conditions(pid):
        code += _look(numbers[condition.call], condition)
    code.append(_op(_RETURN, _ALLOW))
    return b"".join(code)


def install(machine: str | None = None) -> None:
    """Install the filter on every thread of this process; needs no_new_privs.

    Raises:
        SeccompUnavailableError: when the kernel refuses.
    """
    machine = machine or platform.machine()
    code = program(machine, os.getpid())
    held = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: unsigned short length, padding, pointer
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(SECCOMP[machine], _SET_MODE_FILTER, _FLAG_TSYNC, header) != 0:
        raise SeccompUnavailableError(os.strerror(ctypes.get_errno()))


def _op(code: int, operand: int, *, jump: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("HBBI", code, jump, otherwise, operand)


def _refuse(number: int) -> list[bytes]:
    return [_op(_RETURN, _ERRNO | number)]


def _matching(numbers: Iterable[int], error: int) -> list[bytes]:
    # One comparison and one return each: jumps are a byte long, so a shared target would not always be in reach.
    return [part for number in numbers for part in (_op(_JUMP_EQUAL, number, otherwise=1), *_refuse(error))]


def _look(number: int, condition: Condition) -> list[bytes]:
    refusal = _refuse(errno.EPERM)
    body = [
        _op(_LOAD, _ARGUMENTS_AT + 8 * condition.argument),  # little-endian: the low half comes first
        _op(_AND, condition.mask),
        _op(_JUMP_EQUAL, condition.value, **({"jump": 1} if condition.allows else {"otherwise": 1})),
        *refusal,
        _op(_LOAD, _NUMBER_AT),
    ]
    return [_op(_JUMP_EQUAL, number, otherwise=len(body)), *body]
