"""Commands about this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

Run = Any


def test_settings_are_explained_offline(inside: Run, tmp_path: Path) -> None:
    shown = inside("config", "explain")
    assert shown.code == 0
    assert shown.out.splitlines()[0].split() == ["NAME", "VALUE", "SOURCE", "DESCRIPTION"]
    rows = inside("config", "explain", "--json", env={"STRONGROOM_GATEWAY_PORT": "9000"}).json["data"]
    port = next(row for row in rows if row["name"] == "gateway.port")
    assert (port["value"], port["source"]) == (9000, "STRONGROOM_GATEWAY_PORT")
    (tmp_path / "strongroom.toml").write_text("[gateway]\nprot = 1\n")
    refused = inside("config", "explain", "--home", str(tmp_path))
    assert refused.code == 2
    assert "`gateway.prot` is no setting" in refused.err


def test_doctor_says_undetermined_where_nothing_runs(inside: Run) -> None:
    done = inside("doctor", "--json")
    checks = {check["name"]: check for check in done.json["data"]}
    assert checks["settings"]["status"] == "ok"
    assert checks["control API"]["status"] == "undetermined"
    assert done.code in {1, 3}
    assert "control API" not in inside("doctor", "--offline").out


def test_doctor_asks_what_runs(run: Run) -> None:
    names = {check["name"]: check["status"] for check in run("doctor", "--json").json["data"]}
    assert names["control: database"] == "ok"
    assert "control: database" in run("doctor").out


def test_doctor_fails_on_settings_that_cannot_be(inside: Run, tmp_path: Path) -> None:
    (tmp_path / "strongroom.toml").write_text("[nonsense]\nx = 1\n")
    assert inside("doctor", "--offline", "--home", str(tmp_path)).code == 1


def test_backup_without_an_installation(inside: Run, tmp_path: Path) -> None:
    done = inside("backup", str(tmp_path / "archive"))
    assert done.code == 1
    assert done.err.startswith("strongroom: there is no installation in ")
    assert "Traceback" not in inside("restore", str(tmp_path / "none")).err
    assert inside("restore", str(tmp_path / "none")).code == 1


def test_help_and_version(alone: Run) -> None:
    assert "Examples:" in alone("--help").out
    assert alone("--version").out.strip().count(".") == 2
    assert alone("key", "--help").out.count("Examples:") == 1  # its own, and not those of the whole


def test_help_loads_neither_the_app_room_nor_a_framework() -> None:
    program = "import sys; from strongroom.cli.main import run; run(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    loaded = set(done.stdout.split())
    assert "strongroom.cli.main" in loaded
    heavy = {
        "litestar",
        "asyncpg",
        "asyncio",
        "ssl",
        "cedarpy",
        "strongroom.app",
        "strongroom.store",
        "strongroom.wire",
    }
    assert not heavy & loaded
