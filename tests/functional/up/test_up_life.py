"""One home's life: cold start, warm starts, each way to end, and a backup brought back. Told in order, as it is lived."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from strongroom.app.database import embedded_login
from strongroom.app.layout import layout
from strongroom.app.rig import Installation, Up, family, outlive
from strongroom.app.seed import DemoFile
from strongroom.attack.http import Line
from strongroom.identity.secretkey import read
from strongroom.registry.scan.testing.build import safetensors
from strongroom.store import migrate

KILLED_GONE_S = 20.0
"""Nobody tells the others when their supervisor is killed; the kernel does, and they finish what they answer."""


def status(installation: Installation, key: str, *, control: bool = False) -> int:
    demo = installation.demo
    with Line(demo.control if control else demo.gateway) as line:
        return line.ask("GET", "/api/whoami" if control else "/v1/models", key=key).status


def keys(demo: DemoFile) -> dict[str, str]:
    return {
        f"{tenant} {environment} {name}": key
        for tenant, environments in demo.tenants.items()
        for environment, named in environments.items()
        for name, key in named.items()
    }


def tokens(demo: DemoFile) -> dict[str, str]:
    return {"operator": demo.operator.token, **{name: each.token for name, each in demo.approvers.items()}}


async def expire(installation: Installation, key: str) -> None:
    """Let a credential end now, in its row and in what the gateways are told of it."""
    login = embedded_login(installation.places)
    assert login is not None
    key_id = read(key)
    async with migrate.administrator(login) as admin, admin.transaction():
        ends = None
        for table in ("identity.key", "identity.account_key"):
            sooner = f"update {table} set expires_at = created_at + interval '1 millisecond' where id = $1"  # noqa: S608 - two names from the line above
            ends = await admin.fetchval(f"{sooner} returning expires_at", key_id) or ends
        assert ends is not None
        body: dict[str, Any] = json.loads(await admin.fetchval("select body from feed.entry where id = $1", key_id))
        body["expires_at"] = ends.timestamp()
        version = await admin.fetchval("update feed.version set version = version + 1 returning version")
        await admin.execute(
            "update feed.entry set body = $2, version = $3 where id = $1", key_id, json.dumps(body).encode(), version
        )


def until(holds: Callable[[], bool], what: str, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.05)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("strongroom"))
    return subprocess.run([program, *words], check=False, capture_output=True, text=True, timeout=120)  # noqa: S603 - this program


@pytest.fixture
def home() -> Generator[Path]:
    """Return a home in a directory that lets no other uid through, as root's own directory does."""
    base = Path(tempfile.mkdtemp(prefix="sr-life-"))
    base.chmod(0o700)
    home = base / "home"
    try:
        yield home
    finally:
        state = (home / "state").resolve() if (home / "state").is_symlink() else None
        shutil.rmtree(base)
        if state is not None:
            shutil.rmtree(state)


def owners(installation: Installation, part: str) -> set[int]:
    return {Path(f"/proc/{each.pid}").stat().st_uid for each in installation.processes(part)}


@pytest.mark.timeout(400)
async def test_the_life_of_a_home(home: Path, tmp_path: Path) -> None:
    first, expired = await cold(home)
    second, archive = await warm(home, first, expired, tmp_path)
    content = layout(home).content
    (sealed,) = [each for each in (content / "installation").iterdir() if not each.name.startswith(".")]
    owner, data = content.stat().st_uid, sealed.read_bytes()
    sealed.unlink()
    restored = command("restore", str(archive), f"--home={home}", "--replace")
    assert restored.returncode == 0, restored
    assert (sealed.read_bytes(), sealed.stat().st_uid, content.stat().st_uid) == (data, owner, owner)
    assert {each.name for each in content.iterdir()} == {
        "installation"
    }  # the tenant that nobody knows did not come back
    brought_back(home, first, second, tmp_path)


async def cold(home: Path) -> tuple[DemoFile, set[str]]:
    with Up(home) as up:
        installation = up.started()
        first = installation.demo
        assert "migrations, 0001_foundation to " in installation.printed
        assert (home / "demo.json").stat().st_mode & 0o777 == 0o600
        if os.geteuid() == 0:  # the state lies where processes with uids of their own can get to
            assert installation.places.state.parent == Path("/var/lib/strongroom")
            assert (home / "state").resolve() == installation.places.state
            assert owners(installation, "app.processes gateway").isdisjoint({0})
        for name, key in keys(first).items():
            assert status(installation, key) == 200, name
        for name, token in tokens(first).items():
            assert status(installation, token, control=True) == 200, name

        expired = {"acme dev inference_key", "globex prod evaluation_key"}
        dead = [keys(first)[name] for name in expired]
        for credential in (*dead, first.operator.token):
            await expire(installation, credential)
        until(lambda: all(status(installation, key) == 401 for key in dead), "an expired key is refused")

        ended = up.stop(signal.SIGINT)  # Ctrl-C
        assert (ended.code, ended.left) == (0, ()), ended
        assert not installation.places.run.exists()
    return first, expired


async def warm(home: Path, first: DemoFile, expired: set[str], tmp_path: Path) -> tuple[DemoFile, Path]:
    with Up(home) as up:
        installation = up.started()
        second = installation.demo
        # The same state, and the same credentials but for those that had ended.
        assert "up to date" in installation.printed
        assert {name for name, key in keys(second).items() if key != keys(first)[name]} == expired
        assert {name for name, token in tokens(second).items() if token != tokens(first)[name]} == {"operator"}
        assert all(status(installation, key) == 200 for key in keys(second).values())
        assert all(status(installation, token, control=True) == 200 for token in tokens(second).values())
        assert all(status(installation, keys(first)[name]) == 401 for name in expired)

        # A backup while it runs; a key is revoked after it.
        bring(home, tmp_path)
        archive = tmp_path / "backup.tar"
        made = command("backup", str(archive), f"--home={home}")
        assert made.returncode == 0, made
        key_id = read(second.tenants["acme"]["dev"]["evaluation_key"])
        with Line(second.control) as line:
            path, reason = f"/api/keys/{key_id}/revoke", {"reason": "leak"}
            assert line.ask("POST", path, key=second.operator.token, data=reason).status == 200
        running = command("restore", str(archive), f"--home={home}", "--replace")
        assert running.returncode == 1, running
        assert "already runs" in running.stderr

        members = family(installation.pid)
        assert len(members) > 10
        up.stop(signal.SIGKILL)
        assert outlive(members, KILLED_GONE_S) == []
    return second, archive


def bring(home: Path, tmp_path: Path) -> None:
    """Bring a release, and leave what a tenant had that is no more."""
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(safetensors({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"\1" * 4))
    added = command("model", "add", str(weights), "--name=brought", "--version=1", f"--home={home}")
    assert added.returncode == 0, added
    ended = layout(home).content / str(uuid4())
    ended.mkdir()
    (ended / ("0" * 64)).write_bytes(b"sealed once")


def brought_back(home: Path, first: DemoFile, second: DemoFile, tmp_path: Path) -> None:
    with Up(home, variables={"STRONGROOM_AUDIT_ANCHOR_EVERY_S": "1"}) as up:
        installation = up.started()
        begins_anew(home, tmp_path / "export")
        third = installation.demo
        # What had ended when the backup was made, or since, stays so; and so does everything else that was in it.
        assert all(status(installation, key) == 401 for key in (*keys(first).values(), *keys(second).values()))
        assert all(status(installation, token, control=True) == 401 for token in tokens(second).values())
        assert all(status(installation, key) == 200 for key in keys(third).values())
        assert all(status(installation, token, control=True) == 200 for token in tokens(third).values())
        whole = command("model", "verify", "brought@1", f"--home={home}")
        assert whole.returncode == 0, whole

        ended = up.stop(signal.SIGTERM)
        assert (ended.code, ended.left) == (0, ()), ended
        assert "Every process that was started has ended" in ended.printed


def begins_anew(home: Path, out: Path) -> None:
    """The notary has seen more than the backup has: that is told, and the logs go on, linked, when an operator says so."""

    def stands(status: str) -> bool:
        checks = json.loads(command("doctor", f"--home={home}", "--json").stdout)["data"]
        found = {check["name"]: check for check in checks}["control: audit log"]
        return bool(found["status"] == status and (status == "ok" or "forked" in found["detail"]))

    until(lambda: stands("failed"), "the fork is told")
    assert command("audit", "recover", "--yes", "--reason=restored", f"--home={home}").returncode == 0
    until(lambda: stands("ok"), "the logs begin anew")
    exported = command("audit", "export", f"--out={out}", f"--home={home}")
    assert exported.returncode == 0, exported
    key = command("audit", "key", f"--home={home}").stdout.strip()
    checked = command("audit", "verify", str(out), f"--trust={key}")
    assert checked.returncode == 0, checked
    assert "epoch 2 began anew after epoch 1" in checked.stdout
