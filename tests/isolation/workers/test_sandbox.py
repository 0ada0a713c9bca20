"""Isolation tests 60 to 62 from the inside: a worker that has been taken over tries to get out.

As root, workers of their own uid, with namespaces and without; and the same as an ordinary user, in a process of its
own. A machine without namespaces fails here: it is not a machine to run tenants on.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from strongroom.confinement.tree import prepare_tree
from strongroom.runtime.sandbox import State, probe

PROGRAM = """
import json, os, subprocess, sys
from pathlib import Path
from strongroom.runtime.events import WorkerStarted
from strongroom.runtime.rig import Rig
from strongroom.runtime.spec import Kind
targets = json.loads(sys.argv[2])
with Rig([Kind.EMBEDDING], namespaces=sys.argv[1] == "namespaces",
         modules={Kind.EMBEDDING: "strongroom.runtime.probe_worker"}) as rig:
    answer = rig.ask(Kind.EMBEDDING, "/attempts", targets | {"pid": os.getpid()})
    left = sorted(path.name for path in rig.home.rglob("scratch/*/*") if not path.is_socket())
    family = [next(event.pid for event in rig.events if isinstance(event, WorkerStarted))]
    for pid in family:
        family += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    uid = Path(f"/proc/{family[-1]}").stat().st_uid if os.geteuid() else int(answer.json()["status"]["Uid"].split()[0])
    same = {"user": uid, "group": uid, "extra_groups": []} if os.geteuid() == 0 else {}
    attach = subprocess.run([sys.executable, "-S", "-c", sys.argv[3], str(family[-1])], **same)
    print(json.dumps({"report": answer.json(), "left": left, "attached": attach.returncode == 0}))
"""
ATTACH = """
import ctypes, os, sys
libc, pid = ctypes.CDLL(None), int(sys.argv[1])
ATTACH, DETACH = 16, 17
if libc.ptrace(ATTACH, pid, 0, 0) != 0:
    sys.exit(1)
os.waitpid(pid, 0)
libc.ptrace(DETACH, pid, 0, 0)
"""
ORDINARY = 12345
USERS = ["root", "ordinary"] if os.geteuid() == 0 else ["ordinary"]


@pytest.fixture(scope="module")
def targets() -> Generator[str]:
    """Return things that anyone outside a sandbox can reach."""
    with tempfile.TemporaryDirectory(prefix="sr-out-") as directory, socket.create_server(("127.0.0.1", 0)) as tcp:
        Path(directory).chmod(0o755)
        file = Path(directory) / "readable.txt"
        file.write_text("canary", encoding="ascii")
        file.chmod(0o644)
        path = Path(directory) / "open.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            path.chmod(0o666)
            listener.listen()
            yield json.dumps({"port": tcp.getsockname()[1], "socket": str(path), "file": str(file)})


def attempt(mode: str, user: str, targets: str) -> dict[str, Any]:
    tree = prepare_tree()
    other: dict[str, Any] = {"user": ORDINARY, "group": ORDINARY, "extra_groups": []} if user == "ordinary" else {}
    done = subprocess.run(  # noqa: S603 - our own program
        [str(tree.python), "-S", "-P", "-B", "-c", PROGRAM, mode, targets, ATTACH],
        env={**tree.environment(), "SECRET_OF_THE_HOST": "canary"},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
        **(other if os.geteuid() == 0 else {}),
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module", params=[f"{mode} {user}" for mode in ("namespaces", "process") for user in USERS])
def outcome(request: pytest.FixtureRequest, targets: str) -> tuple[str, dict[str, Any]]:
    mode, user = str(request.param).split()
    return mode, attempt(mode, user, targets)


def test_nothing_that_a_worker_tries_succeeds(outcome: tuple[str, dict[str, Any]]) -> None:
    mode, result = outcome
    succeeded = {item["name"] for item in result["report"]["outcomes"] if item["refused"] is None}
    # Without a mount namespace a socket that anyone may open is open to a worker too: the report says "weaker".
    assert succeeded == (set() if mode == "namespaces" else {"unix socket outside"})
    assert len(result["report"]["outcomes"]) > 50


def test_it_holds_no_privilege_and_cannot_be_dumped_or_attached_to(outcome: tuple[str, dict[str, Any]]) -> None:
    status = outcome[1]["report"]["status"]
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert int(status[name], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert status["Dumpable"] == "0"  # also: no ptrace by a process of the same user
    assert status["Core"] == "(0, 0)"
    assert set(status["Uid"].split()) == set(status["Gid"].split())
    assert "0" not in status["Uid"].split()
    assert not status["Groups"].split() or status["Groups"].split() == ["65534"]


def test_another_process_of_its_user_cannot_attach(outcome: tuple[str, dict[str, Any]]) -> None:
    mode, result = outcome
    ordinary = "12345" in result["report"]["status"]["Uid"] or os.geteuid() != 0
    # A user owns the user namespaces it makes, and may look into them: the report says "weaker".
    assert result["attached"] == (mode == "namespaces" and ordinary)


def test_it_sees_nothing_of_the_machine_and_its_scratch_works(outcome: tuple[str, dict[str, Any]]) -> None:
    report = outcome[1]["report"]
    assert report["root"] == []
    assert report["processes"] == 0
    assert report["scratch_works"]
    assert not [name for name in report["environment"] if "SECRET" in name]
    assert outcome[1]["left"] == []


def test_this_machine_can_make_namespaces() -> None:
    report = probe(prepare_tree(), own_uid=True)
    states = {measure.name: measure.state for measure in report.measures}
    for name in ("files", "network", "processes", "tmp", "seccomp", "privileges", "core-dumps", "weights"):
        assert states[name] is State.ACTIVE, report.facts.why_not
