"""What a worker that has been taken over would try: each attempt says how the kernel answered.

Always true here: an attempt that succeeds does no harm and is undone by the process's end; each attempt is one function
that raises `OSError` when it is refused and returns when it is not.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from strongroom.confinement.syscalls import NUMBERS
from strongroom.runtime.spec import WorkerConfig

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_AF_VSOCK, _AF_ALG = 40, 38
_SHARED: Final = (Path("/dev/shm"), Path("/var/tmp"), Path("/run"), Path("/dev/mqueue"))  # noqa: S108 - tried, to be refused
_MACHINE: Final = os.uname().machine


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """Things outside that a worker must not reach.

    Attributes:
        port: a TCP port that listens on loopback outside.
        socket: a unix socket that anyone may connect to.
        file: a file that anyone may read.
        pid: a process outside, of the same user where there is no other.
    """

    port: int
    socket: str
    file: str
    pid: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one attempt went: `refused` names the errno; None means that it succeeded."""

    name: str
    refused: str | None
    found: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Every outcome, and what the process can see of itself."""

    outcomes: tuple[Outcome, ...]
    status: dict[str, str]
    root: tuple[str, ...]
    processes: int
    scratch_works: bool
    environment: tuple[str, ...]


def make_all(targets: Targets, config: WorkerConfig) -> Report:
    """Make every attempt."""
    wanted = {**_network(targets), **_files(targets, config), **_kernel(), **_processes(targets)}
    return Report(
        outcomes=tuple(_try(name, attempt) for name, attempt in wanted.items()),
        status=_status(),
        root=_listing(Path("/")),
        processes=sum(name.isdigit() for name in _listing(Path("/proc"))),
        scratch_works=_scratch_works(Path(config.scratch)),
        environment=tuple(sorted(os.environ)),
    )


def spill(data: bytes, scratch: Path) -> tuple[str, ...]:
    """Write `data` to a file in each place where files may be left; return the places that took it."""
    took: list[str] = []
    for place in (scratch, *_SHARED):
        with contextlib.suppress(OSError):
            (place / "spilt").write_bytes(data)
            took.append(str(place))
    return tuple(took)


def spilt(scratch: Path) -> tuple[str, ...]:
    """Return the files that lie in those places. What is mounted below them, as a checkout may be, was not left there."""
    return tuple(str(file) for place in (scratch, *_SHARED) for file in _files_of(place))


def _files_of(place: Path) -> list[Path]:
    found: list[Path] = []
    with contextlib.suppress(OSError):
        device = place.stat().st_dev
        for parent, below, names in os.walk(place):
            found += [Path(parent, name) for name in names]
            below[:] = [name for name in below if Path(parent, name).lstat().st_dev == device]
    return found


def _try(name: str, attempt: Callable[[], object]) -> Outcome:
    try:
        found = attempt()
    except OSError as error:
        return Outcome(name=name, refused=errno.errorcode.get(error.errno or 0, type(error).__name__))
    return Outcome(name=name, refused=None, found=str(found)[:80])


def _network(targets: Targets) -> dict[str, Callable[[], object]]:
    return {
        "tcp to loopback": lambda: socket.create_connection(("127.0.0.1", targets.port), 2).close(),
        "tcp listen": lambda: socket.create_server(("127.0.0.1", 0)).close(),
        "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
        "ipv6": lambda: socket.socket(socket.AF_INET6).close(),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
        "raw packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
        "vsock": lambda: socket.socket(_AF_VSOCK, socket.SOCK_STREAM).close(),
        "kernel crypto": lambda: socket.socket(_AF_ALG, socket.SOCK_SEQPACKET).close(),
        "unix socket outside": lambda: _connect(targets.socket),
    }


def _files(targets: Targets, config: WorkerConfig) -> dict[str, Callable[[], object]]:
    weights = config.files[0].descriptor
    source = Path(__file__)
    return {
        "read /etc/shadow": Path("/etc/shadow").read_bytes,
        "read /etc/passwd": Path("/etc/passwd").read_bytes,
        "list /home": lambda: next(Path("/home").iterdir()),
        "list /root": lambda: next(Path("/root").iterdir()),
        "list /var": lambda: next(Path("/var").iterdir()),
        "read a file outside": Path(targets.file).read_bytes,
        "write weights": lambda: os.write(weights, b"x"),
        "reopen weights for writing": lambda: os.open(f"/proc/self/fd/{weights}", os.O_RDWR),
        "truncate weights": lambda: os.ftruncate(weights, 0),
        "write the program": lambda: source.open("ab").close(),
        "replace the program": lambda: source.with_name("planted.py").touch(),
        "make a file executable by others": lambda: Path("/usr/lib/planted").touch(),
        "open a disk": lambda: os.open("/dev/vda", os.O_RDONLY),
        "make a device": lambda: os.mknod(f"{config.scratch}/device", 0o20600, os.makedev(1, 3)),
        "set the core pattern": lambda: Path("/proc/sys/kernel/core_pattern").write_text("|/x", encoding="ascii"),
        "allow core dumps": _allow_core_dumps,
        "fill the disk": lambda: _fill(Path(config.scratch) / "fill"),
    }


def _kernel() -> dict[str, Callable[[], object]]:
    calls: dict[str, tuple[int | bytes, ...]] = {
        "ptrace": (0, 0, 0, 0),
        "unshare": (_NEW_USER,),
        "setns": (0, _NEW_NET),
        "mount": (b"none", b"/tmp", b"tmpfs", 0, 0),
        "umount2": (b"/proc", 2),
        "pivot_root": (b"/", b"/"),
        "chroot": (b"/",),
        "fsopen": (b"tmpfs", 0),
        "bpf": (0, 0, 0),
        "io_uring_setup": (8, 0),
        "userfaultfd": (0,),
        "perf_event_open": (0, 0, -1, -1, 0),
        "keyctl": (0, -3, 0),
        "add_key": (b"user", b"x", b"x", 1, -3),
        "open_by_handle_at": (-100, 0, 0),
        "kexec_load": (0, 0, 0, 0),
        "init_module": (0, 0, 0),
        "personality": (0x0040000,),
        "capset": (0, 0),
        "setuid": (0,),
        "memfd_secret": (0,),
    }
    kernel: dict[str, Callable[[], object]] = {
        name: functools.partial(_call, name, *arguments) for name, arguments in calls.items()
    }
    kernel["become dumpable"] = lambda: _checked(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0))
    return kernel


def _processes(targets: Targets) -> dict[str, Callable[[], object]]:
    return {
        "fork": _fork,
        "execve": lambda: os.execve("/proc/self/exe", ["x", "-c", ""], {}),  # noqa: S606 - refused, or all is lost
        "signal outside": lambda: os.kill(targets.pid, 0),
        "signal the namespace's first process": lambda: os.kill(1, 0),
        "look into a process outside": lambda: Path(f"/proc/{targets.pid}/environ").read_bytes(),
        "copy memory of a process outside": lambda: _call("process_vm_readv", targets.pid, 0, 0, 0, 0, 0),
        "shared memory": lambda: _call("shmget", 0, 4096, 0o1600),
    }


def _connect(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def _fill(path: Path) -> None:
    try:
        with path.open("wb", buffering=0) as file:
            for _ in range(32):
                file.write(bytes(1 << 20))
    finally:
        path.unlink(missing_ok=True)


def _allow_core_dumps() -> None:
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    except ValueError as error:  # how Python says EPERM here
        raise PermissionError(errno.EPERM, "not allowed") from error


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def _call(name: str, *arguments: int | bytes) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    wide = [item if isinstance(item, bytes) else ctypes.c_long(item) for item in arguments]
    return _checked(int(libc.syscall(ctypes.c_long(NUMBERS[_MACHINE][name]), *wide)))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _status() -> dict[str, str]:
    wanted = {"Uid", "Gid", "Groups", "CapEff", "CapPrm", "CapInh", "CapAmb", "NoNewPrivs", "Seccomp"}
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    status = {
        name: " ".join(value.split()) for name, _, value in (line.partition(":") for line in lines) if name in wanted
    }
    libc = ctypes.CDLL(None)
    status["Dumpable"] = str(libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0))
    status["Core"] = str(resource.getrlimit(resource.RLIMIT_CORE))
    return status


def _listing(path: Path) -> tuple[str, ...]:
    with contextlib.suppress(OSError):
        return tuple(sorted(entry.name for entry in path.iterdir()))
    return ()


def _scratch_works(scratch: Path) -> bool:
    probe = scratch / "probe"
    probe.write_text("x", encoding="ascii")
    probe.unlink()
    return True
