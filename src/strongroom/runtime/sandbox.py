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
from pathlib import Path
from typing import Final

from strongroom.confinement import landlock
from strongroom.confinement.syscalls import NUMBERS, SECCOMP
from strongroom.confinement.tree import RuntimeTree
from strongroom.runtime import bubblewrap, cgroups
from strongroom.runtime.measures import Facts, Measure, State, judge

__all__ = ["Facts", "Measure", "SandboxReport", "State", "examine", "judge", "probe"]

_TRIAL_S: Final = 20
_GET_ACTION_AVAIL, _RET_ERRNO = 2, 0x00050000


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
