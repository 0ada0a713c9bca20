"""What this machine lets a worker be confined by, found by trying, and said in plain sentences.

Always true here:
- a measure is `active` only when it was tried on this machine and works, `weaker` when something lesser stands in,
  `absent` when nothing does;
- the launcher acts on the same `Facts` that the report is made from: what is reported is what runs;
- nothing is switched off here: the strongest that works is always used.
"""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

from strongroom.runtime import bubblewrap, cgroups, landlock
from strongroom.runtime.cgroups import ControlGroups
from strongroom.runtime.syscalls import NUMBERS, SECCOMP
from strongroom.runtime.tree import RuntimeTree

_TRIAL_S: Final = 20
_GET_ACTION_AVAIL, _RET_ERRNO = 2, 0x00050000


@unique
class State(StrEnum):
    """How far a measure holds on this machine."""

    ACTIVE = "active"
    WEAKER = "weaker"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure: its name, how far it holds, and a sentence for people."""

    name: str
    state: State
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was found.

    Attributes:
        root: whether the launcher may give each worker its own uid.
        bwrap: the namespace program, when a trial run with it worked.
        why_not: what the trial said, when it did not.
        landlock: ABI version, 0 for none.
        seccomp: whether filters can be installed and this architecture has a table.
        groups: where control groups can be made, if anywhere.
    """

    root: bool
    bwrap: Path | None
    why_not: str
    landlock: int
    seccomp: bool
    groups: ControlGroups | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxReport:
    """Every measure and its state, and the facts behind them."""

    facts: Facts
    measures: tuple[Measure, ...]

    @property
    def is_full(self) -> bool:
        """Whether every measure is active."""
        return all(measure.state is State.ACTIVE for measure in self.measures)


def probe(tree: RuntimeTree, *, own_uid: bool) -> SandboxReport:
    """Try what this machine allows (about 0.1 s) and report it.

    Args:
        tree: what workers run from.
        own_uid: whether workers will be given a uid each; only root can.
    """
    facts = examine(tree)
    return SandboxReport(facts=facts, measures=judge(facts, own_uid=own_uid and facts.root))


def examine(tree: RuntimeTree) -> Facts:
    """Find out what this machine allows."""
    root = os.geteuid() == 0
    bwrap, why_not = _try_namespaces(tree, as_root=root)
    return Facts(
        root=root,
        bwrap=bwrap,
        why_not=why_not,
        landlock=landlock.abi(),
        seccomp=_has_seccomp(),
        # To be moved into a group, a worker must be found below its namespace's processes.
        groups=cgroups.find() if Path(f"/proc/self/task/{os.getpid()}/children").exists() else None,
    )


def judge(facts: Facts, *, own_uid: bool) -> tuple[Measure, ...]:
    """Return what the facts amount to (pure)."""
    return (*_identity(facts, own_uid=own_uid), *_views(facts), *_kernel(facts), *_bounds(facts, own_uid=own_uid))


def _identity(facts: Facts, *, own_uid: bool) -> tuple[Measure, ...]:
    namespaced = facts.bwrap is not None
    if own_uid:
        uid = Measure(name="uid", state=State.ACTIVE, sentence="Each worker runs under a uid of its own.")
    else:
        uid = Measure(
            name="uid",
            state=State.ABSENT,
            sentence="Workers share one uid with the gateway and the database; start as root to separate them.",
        )
    if own_uid or not namespaced:
        attach = Measure(
            name="debugging",
            state=State.ACTIVE,
            sentence="Workers cannot be dumped, and no process but root's can attach to one.",
        )
    else:
        attach = Measure(
            name="debugging",
            state=State.WEAKER,
            sentence="Workers leave no dump and cannot attach to anything, but the user who started them can attach "
            "to them: a user owns the user namespaces it makes.",
        )
    gains = Measure(
        name="privileges", state=State.ACTIVE, sentence="Workers hold no capability and can gain none (no_new_privs)."
    )
    return uid, attach, gains


def _views(facts: Facts) -> tuple[Measure, ...]:
    if facts.bwrap is not None:
        return (
            _active("files", "Workers see an interpreter and its libraries, read-only, and nothing else."),
            _active("network", "Workers are in an empty network namespace."),
            _active("processes", "Workers see no process but their own."),
            _active("tmp", "Workers have a private /tmp of 16 MiB that goes with them."),
        )
    why = f"No namespaces ({facts.why_not})."
    files = State.WEAKER if facts.landlock else State.ABSENT
    network = State.WEAKER if facts.seccomp else State.ABSENT
    return (
        Measure(
            name="files",
            state=files,
            sentence=f"{why} Landlock lets workers read system libraries and this program only."
            if facts.landlock
            else f"{why} Workers can read what their uid can read.",
        ),
        Measure(
            name="network",
            state=network,
            sentence=f"{why} Workers can make only unix sockets (seccomp), and reach those their uid may open."
            if facts.seccomp
            else f"{why} Workers share this machine's network.",
        ),
        Measure(name="processes", state=State.WEAKER, sentence=f"{why} Workers may see that other processes exist."),
        Measure(name="tmp", state=State.WEAKER, sentence=f"{why} Workers have a private directory, mode 0700."),
    )


def _kernel(facts: Facts) -> tuple[Measure, ...]:
    seccomp = (
        _active("seccomp", "Workers start no process and are refused about a hundred system calls.")
        if facts.seccomp
        else Measure(
            name="seccomp", state=State.ABSENT, sentence="This kernel or architecture takes no filter of ours."
        )
    )
    lock = (
        _active("landlock", landlock.describe(facts.landlock))
        if facts.landlock
        else Measure(name="landlock", state=State.ABSENT, sentence=landlock.describe(0))
    )
    return seccomp, lock


def _bounds(facts: Facts, *, own_uid: bool) -> tuple[Measure, ...]:
    if facts.groups is not None:
        version = facts.groups.version
        memory = _active("memory", f"A control group (version {version}) bounds each worker's memory.")
        count = _active("process-count", f"A control group (version {version}) bounds each worker's threads.")
    else:
        memory = Measure(
            name="memory",
            state=State.WEAKER,
            sentence="No control group can be made here; a resource limit bounds each worker's private memory.",
        )
        counted = own_uid or facts.bwrap is not None
        count = Measure(
            name="process-count",
            state=State.WEAKER if counted or facts.seccomp else State.ABSENT,
            sentence="No control group can be made here; a resource limit bounds each worker's threads."
            if counted
            else "No control group can be made here; workers start no process, but their threads are not bounded.",
        )
    return (
        memory,
        count,
        _active("core-dumps", "Workers leave no core dump."),
        _active("weights", "Weights are sealed in memory; each worker verifies the bytes it maps."),
    )


def _active(name: str, sentence: str) -> Measure:
    return Measure(name=name, state=State.ACTIVE, sentence=sentence)


def _try_namespaces(tree: RuntimeTree, *, as_root: bool) -> tuple[Path | None, str]:
    """Start this program inside bubblewrap, as a worker would be, and return (program, "") or (None, why not)."""
    bwrap = bubblewrap.find(tree)
    if bwrap is None:
        return None, "bubblewrap is not installed"
    command = bubblewrap.arguments(bwrap, tree, as_root=as_root, environment=tree.environment())
    try:
        done = subprocess.run(  # noqa: S603 - the program and every argument are ours
            [*command, *tree.command("strongroom.runtime.trial")],
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_TRIAL_S,
            env={},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"bubblewrap did not run: {type(error).__name__}"
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return None, said[-1][:200] if said else f"bubblewrap ended with {done.returncode}"
    return bwrap, ""


def _has_seccomp() -> bool:
    machine = platform.machine()
    if machine not in NUMBERS:
        return False
    action = ctypes.c_uint32(_RET_ERRNO)
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.syscall(SECCOMP[machine], _GET_ACTION_AVAIL, 0, ctypes.byref(action)) == 0)
