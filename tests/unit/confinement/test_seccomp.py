"""The filter, run as the kernel runs it, and its numbers beside libseccomp's (on every Debian: apt needs it)."""

from __future__ import annotations

import ctypes
import errno
import struct

import pytest

from strongroom.confinement import seccomp
from strongroom.confinement.syscalls import AUDIT_ARCH, NUMBERS

ORACLE = ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_name_arch
ORACLE.argtypes = (ctypes.c_uint32, ctypes.c_char_p)
ALLOW = 0x7FFF0000
PID = 4242


def resolve(machine: str, name: str) -> int:
    """Return the call's number; negative when the architecture has none."""
    return int(ORACLE(AUDIT_ARCH[machine], name.encode()))


def refused(number: int) -> int:
    return 0x00050000 | number


def run(machine: str, number: int, *arguments: int, arch: int | None = None) -> int:
    """Run the filter as the kernel would, on one call."""
    code = seccomp.program(machine, PID)
    wide = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<iIQ6Q", number, AUDIT_ARCH[machine] if arch is None else arch, 0, *wide)
    at = accumulator = 0
    while True:
        operation, jump, otherwise, operand = struct.unpack_from("HBBI", code, 8 * at)
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, operand)
            case 0x54:
                accumulator &= operand
            case 0x15:
                at += jump if accumulator == operand else otherwise
            case 0x25:
                at += jump if accumulator > operand else otherwise
            case 0x06:
                return int(operand)
            case _:
                raise AssertionError(operation)


@pytest.mark.parametrize("machine", sorted(NUMBERS))
def test_numbers_are_the_kernels(machine: str) -> None:
    for name, number in NUMBERS[machine].items():
        assert resolve(machine, name) == number, name


@pytest.mark.parametrize("machine", sorted(NUMBERS))
def test_whatever_an_architecture_has_of_the_list_is_refused(machine: str) -> None:
    for name in (*seccomp.REFUSED, *seccomp.ABSENT):
        known = resolve(machine, name)
        if known >= 0:
            assert NUMBERS[machine].get(name) == known, f"{name} is refused by name but {machine} lacks its number"
            wanted = errno.ENOSYS if name in seccomp.ABSENT else errno.EPERM
            assert run(machine, known) == refused(wanted), name


@pytest.mark.parametrize("machine", sorted(NUMBERS))
@pytest.mark.parametrize("name", ["read", "write", "openat", "mmap", "futex", "epoll_pwait", "accept4", "exit_group"])
def test_work_is_allowed(machine: str, name: str) -> None:
    assert run(machine, resolve(machine, name)) == ALLOW


@pytest.mark.parametrize("machine", sorted(NUMBERS))
def test_arguments_decide_where_they_must(machine: str) -> None:
    numbers = NUMBERS[machine]
    assert run(machine, numbers["clone"], 0x3D0F00) == ALLOW  # what pthread_create asks
    assert run(machine, numbers["clone"], 17) == refused(errno.EPERM)  # what fork asks
    assert run(machine, numbers["socket"], 1) == ALLOW
    for family in (2, 10, 16, 17, 38, 40):
        assert run(machine, numbers["socket"], family) == refused(errno.EPERM)
    assert run(machine, numbers["socket"], 1 | 2 << 32) == ALLOW  # the kernel reads 32 bits of it too
    assert run(machine, numbers["tgkill"], PID, 1, 6) == ALLOW
    assert run(machine, numbers["tgkill"], PID + 1, 1, 6) == refused(errno.EPERM)
    assert run(machine, numbers["ioctl"], 0, 0x5412) == refused(errno.EPERM)
    assert run(machine, numbers["ioctl"], 0, 0x5401) == ALLOW
    assert run(machine, numbers["prctl"], 4, 1) == refused(errno.EPERM)
    assert run(machine, numbers["prctl"], 15) == ALLOW


@pytest.mark.parametrize("machine", sorted(NUMBERS))
def test_other_doors_are_closed(machine: str) -> None:
    other = AUDIT_ARCH["aarch64" if machine == "x86_64" else "x86_64"]
    assert run(machine, 0, arch=other) == refused(errno.ENOSYS)
    assert run(machine, 0, arch=0x40000003) == refused(errno.ENOSYS)  # i386 on x86_64
    assert run(machine, 0x40000000 | 101) == refused(errno.ENOSYS)  # x32 ptrace
    assert run(machine, 9999) == refused(errno.ENOSYS)


def test_an_architecture_without_a_table_is_said() -> None:
    with pytest.raises(seccomp.SeccompUnavailableError, match="riscv64"):
        seccomp.program("riscv64", PID)
