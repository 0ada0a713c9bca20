"""What `strongroom up` refuses before it starts anything: with an exit code, a reason, and what to do."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from strongroom.app.rig import Ended, Installation, Up

StartUp: TypeAlias = Callable[..., Up]


@pytest.fixture
def refused(start_up: StartUp, request: pytest.FixtureRequest) -> Callable[..., Ended]:
    def refused(**options: object) -> Ended:
        up = start_up(request.node.name[:24], **options)
        ended = up.ended()
        assert not (up.home / "demo.json").exists()
        assert not (up.home / "pg").exists()
        return ended

    return refused


def test_a_port_in_use(refused: Callable[..., Ended]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = refused(ports=(port, 0))
        assert ended.code == 1
        assert f"cannot listen on 127.0.0.1:{port} for the gateway: Address already in use" in ended.printed
        assert "--port" in ended.printed
        ended = refused(ports=(0, port))
        assert ended.code == 1
        assert f"127.0.0.1:{port} for the control" in ended.printed
        assert "--control-port" in ended.printed


def test_demo_in_production_lists_everything_that_is_missing(refused: Callable[..., Ended]) -> None:
    ended = refused(variables={"STRONGROOM_INSTALLATION_MODE": "production"})
    assert ended.code == 2
    for missing in ("demo accounts and keys are refused in production mode", "database.url"):
        assert missing in ended.printed
    assert ended.printed.count("\n  - ") >= 2


def test_formats_of_newer_code(start_up: StartUp, open_directory: Path) -> None:
    home = open_directory / "newer"
    home.mkdir(mode=0o755)
    (home / "format.json").write_text(json.dumps({"home": 1, "database": 99, "feed": 1, "keyring": 1, "backup": 1}))
    ended = start_up("newer", home=home).ended()
    assert ended.code == 1
    assert "the database format is at version 99, newer than this Strongroom knows" in ended.printed
    assert not (home / "pg").exists()


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"STRONGROOM_GATEWAY_PROT": "1"}, "STRONGROOM_GATEWAY_PROT is no setting"),
        ({"STRONGROOM_GATEWAY_PROCESSES": "0"}, "gateway.processes"),
        ({"STRONGROOM_GATEWAY_HOST": "0.0.0.0"}, "plain HTTP is for loopback only"),  # noqa: S104 - to be refused
        ({"STRONGROOM_CONTROL_TLS_CERTIFICATE": "/nowhere.pem"}, "go together"),
    ],
)
def test_settings_that_cannot_be_used(refused: Callable[..., Ended], variables: dict[str, str], says: str) -> None:
    ended = refused(variables=variables)
    assert ended.code == 2
    assert says in ended.printed


def test_a_home_that_is_in_use(installation: Installation, start_up: StartUp) -> None:
    before = installation.processes("strongroom.")
    # Its output goes to a file of its own: the home's is the other's.
    up = start_up("second", home=installation.home, output=installation.home.with_name("second.out"))
    ended = up.ended()
    assert ended.code == 1
    assert f"already runs on {installation.home} (pid {installation.pid})" in ended.printed
    assert set(before) <= set(installation.processes()), "the first one lost a process"
