"""An ordinary user starts it: no root, no capability, one uid for everything, and everything in the home."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from strongroom.app.rig import Up
from strongroom.attack.http import Line

UID = 12345


def test_an_ordinary_user(start_up: Callable[..., Up], open_directory: Path, tmp_path: Path) -> None:
    uid = UID if os.geteuid() == 0 else None
    base = open_directory / "own"
    base.mkdir(mode=0o700)
    if uid is not None:
        os.chown(base, uid, uid)
    up = start_up(home=base / "home", uid=uid, output=tmp_path / "printed")
    installation = up.started()
    mine = UID if uid is not None else os.geteuid()
    assert {Path(f"/proc/{each.pid}").stat().st_uid for each in installation.processes("-D ")} == {mine}
    assert (installation.home / "pg" / "data" / "PG_VERSION").exists()
    assert (installation.home / "demo.json").stat().st_uid == mine
    demo = installation.demo
    chat = {"model": demo.models["chat"], "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
    with Line(demo.gateway) as line:
        assert (
            line.ask("POST", "/v1/chat/completions", key=demo.tenants["acme"]["dev"]["inference_key"], data=chat).status
            == 200
        )
    with Line(demo.control) as line:
        assert line.ask("GET", "/api/whoami", key=demo.operator.token).json()["role"] == "operator"
    ended = up.stop()
    assert (ended.code, ended.left) == (0, ()), ended
