"""What a machine's facts amount to: each measure of the sandbox, how far it holds, and a sentence for people.

Pure: the facts are found by `sandbox`, and what is judged here is what the launcher does with the same facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path

from strongroom.confinement import landlock
from strongroom.runtime.cgroups import ControlGroups


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
