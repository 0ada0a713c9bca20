"""`strongroom doctor` beside a real installation: it describes what runs, whoever asks, or says that it cannot tell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from strongroom.app.rig import Installation, Up, command_as
from strongroom.app.running import look

UID = 12345


@dataclass(frozen=True)
class Found:
    """What doctor said."""

    code: int
    status: dict[str, str]
    detail: dict[str, str]


def doctor(home: Path, uid: int | None = None) -> Found:
    command, environment = command_as(uid)
    done = subprocess.run(  # noqa: S603 - our own program
        [*command, "doctor", "--offline", "--json", "--home", str(home)],
        env=environment,
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
        capture_output=True,
        check=False,
        timeout=60,
        cwd="/",
    )
    assert done.stdout, done.stderr
    checks = json.loads(done.stdout)["data"]
    return Found(done.returncode, *({each["name"]: each[key] for each in checks} for key in ("status", "detail")))


def test_it_describes_what_runs(installation: Installation) -> None:
    found = doctor(installation.home)
    assert found.code == 0, found
    assert set(found.status.values()) == {"ok"}
    assert found.detail["gateway"] == f"{installation.demo.gateway} is ready"
    assert found.detail["control"] == f"{installation.demo.control} is ready"
    running = look(installation.home)
    assert running is not None
    assert running.pid == installation.pid
    short = [each for each in running.measures if each.state != "active"]
    for each in running.measures:
        assert found.detail[f"sandbox: {each.name}"].startswith(f"{each.state}: ")
    summary = found.detail["sandbox"]
    assert summary.startswith("weaker fallback in use: ") if short else summary == "full"
    assert all(f"{each.name} ({each.state})" in summary for each in short)


def test_another_user_is_not_told_that_it_does_not_run(installation: Installation) -> None:
    if os.geteuid() != 0:
        return  # an ordinary user cannot become another; the plain user's test looks the other way round
    found = doctor(installation.home, UID)
    assert found.code == 3
    assert set(found.status.values()) == {"undetermined"}
    assert not any("nothing runs" in each or "does not" in each for each in found.detail.values())


def test_a_plain_users_installation_is_described_to_root_as_it_is(
    start_up: Callable[..., Up], open_directory: Path, tmp_path: Path
) -> None:
    uid = UID if os.geteuid() == 0 else None
    base = open_directory / "seen"
    base.mkdir(mode=0o700)
    if uid is not None:
        os.chown(base, uid, uid)
    up = start_up(home=base / "home", uid=uid, output=tmp_path / "printed")
    home = up.started().home
    seen = doctor(home)
    assert seen.code == 0, seen
    assert "uid (" in seen.detail["sandbox"]  # all share one: root could do better, but that is not what runs
    assert seen.detail["sandbox: uid"].split(":")[0] in {"weaker", "absent"}
    assert seen.detail == doctor(home, uid).detail | {"disk": seen.detail["disk"]}

    (control,) = up.installation.processes("app.processes control")
    gateways = up.installation.processes("app.processes gateway")
    for each in (control, *gateways):
        os.kill(each.pid, signal.SIGSTOP)
    try:
        frozen = doctor(home)
    finally:
        for each in (control, *gateways):
            os.kill(each.pid, signal.SIGCONT)
    assert frozen.code == 1
    assert (frozen.status["gateway"], frozen.status["control"]) == ("failed", "failed")

    assert up.stop().code == 0
    assert not (home / "running.json").exists()
    own = doctor(home, uid)
    assert own.code == 3
    assert own.detail["gateway"] == own.detail["workers"] == "nothing runs on this home"
    assert "would be" in own.detail["sandbox"]
    assert own.detail["sandbox: uid"].startswith("would be ")
    if uid is not None:
        assert doctor(home).status["sandbox"] == "undetermined"
