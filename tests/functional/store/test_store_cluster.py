"""The embedded server starts, stops, comes back after a crash, keeps to itself and says nothing it should not."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import pytest

from strongroom.store import Dsn, Unsafe, binaries, leftovers
from strongroom.store.cluster import Cluster
from strongroom.store.testing import TestServer, copy_server, private_cluster, server_uid


async def value(dsn: Dsn, sql: str) -> object:
    connection = await asyncpg.connect(**dsn.arguments())
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_a_new_server_is_as_promised(new_cluster: Cluster, place: Path) -> None:
    admin = await new_cluster.start()
    assert new_cluster.process is not None
    settings = {
        "listen_addresses": "",
        "data_checksums": "on",
        "fsync": "on",
        "server_encoding": "UTF8",
        "password_encryption": "scram-sha-256",
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
    }
    for name, wanted in settings.items():
        assert await value(admin, f"select current_setting('{name}')") == wanted
    assert owner(new_cluster.process.pid) == (server_uid() or os.geteuid()) != 0
    assert new_cluster.data.stat().st_mode & 0o777 == 0o700
    secret = place / "secrets" / "postgres"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert "trust" not in [line.split()[-1] for line in hba(new_cluster)]
    for process in leftovers.working_in(new_cluster.data):
        assert secret.read_bytes().strip() not in shown(process)


def owner(process: int) -> int:
    return Path(f"/proc/{process}").stat().st_uid


def shown(process: int) -> bytes:
    """What anybody may see of a process, and what its owner may."""
    return Path(f"/proc/{process}/cmdline").read_bytes() + Path(f"/proc/{process}/environ").read_bytes()


def hba(cluster: Cluster) -> list[str]:
    lines = (cluster.data / "pg_hba.conf").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


async def test_a_wrong_password_is_refused(cluster: Cluster) -> None:
    admin = await cluster.start()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(**admin.login(admin.user, "wrong").arguments())


async def test_it_keeps_its_data_over_a_stop(cluster: Cluster) -> None:
    admin = await cluster.start()
    await value(admin, "create table kept (a int)")
    await cluster.stop()
    assert leftovers.working_in(cluster.data) == []
    assert await value(await cluster.start(), "select to_regclass('kept')::text") == "kept"


async def test_it_comes_back_after_being_killed(cluster: Cluster) -> None:
    admin = await cluster.start()
    await value(admin, "create table kept (a int)")
    assert cluster.process is not None
    cluster.process.kill()
    await cluster.stop()
    assert (cluster.data / "postmaster.pid").exists()
    assert await value(await cluster.start(), "select to_regclass('kept')::text") == "kept"


async def test_a_lock_whose_pid_is_a_strangers_now_does_not_keep_it_down(cluster: Cluster, place: Path) -> None:
    # After a power loss the old pid can belong to anybody, also to another process of the server's own uid.
    await cluster.start()
    lock, socket_lock = cluster.data / "postmaster.pid", place / "run" / ".s.PGSQL.5432.lock"
    texts = [file.read_text() for file in (lock, socket_lock)]
    assert cluster.process is not None
    old = cluster.process.pid
    await cluster.stop()
    stranger = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE, user=server_uid())
    for file, text in zip((lock, socket_lock), texts, strict=True):
        file.write_text(text.replace(str(old), str(stranger.pid), 1))
        os.chown(file, server_uid() or -1, -1)
        file.chmod(0o600)
    try:
        await cluster.start()
    finally:
        stranger.kill()
        await stranger.wait()


async def test_a_second_server_on_the_same_data_is_refused(
    cluster: Cluster, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.start()
    monkeypatch.setattr("strongroom.store.cluster._LEFTOVER", 0.05)
    with pytest.raises(Unsafe, match="already runs on"):
        await private_cluster(place).start()


async def test_it_stops_when_its_parent_is_killed(postgres: TestServer, place: Path) -> None:
    copy_server(Path(postgres.made), place)
    script = f"""
import asyncio
from pathlib import Path
from strongroom.store.testing import private_cluster
async def main():
    cluster = private_cluster(Path({str(place)!r}))
    await cluster.start()
    print(cluster.process.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    assert await leftovers.ends(pid, 20.0)


async def test_the_log_carries_no_content(cluster: Cluster, place: Path) -> None:
    admin = await cluster.start()
    connection = await asyncpg.connect(**admin.arguments())
    await connection.execute("create table secretly (a int unique)")
    canary = "canary_7f3a"
    for statement in (
        f"select '{canary}'::int",
        f"table {canary}",
        f"do $$ begin raise '{canary}'; end $$",
    ):
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute(statement)
    with pytest.raises((asyncpg.PostgresError, asyncpg.DataError)):
        await connection.fetch("select ($1::text)::int", canary)
    await connection.close()
    await cluster.stop()
    log = (place / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert canary not in log
    assert (place / "postgres.log").stat().st_mode & 0o777 == 0o600


async def test_data_of_another_major_version_is_refused(cluster: Cluster) -> None:
    await cluster.start()
    await cluster.stop()
    (cluster.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(Unsafe, match=r"made by PostgreSQL 17, this is \d+"):
        await cluster.start()


async def test_something_else_in_the_datas_place_is_left_alone(new_cluster: Cluster) -> None:
    new_cluster.data.mkdir(parents=True)
    (new_cluster.data / "letter").write_text("mine")
    with pytest.raises(Unsafe, match="neither empty nor"):
        await new_cluster.start()
    assert (new_cluster.data / "letter").read_text() == "mine"


async def test_an_attempt_cut_short_leaves_nothing_that_counts(new_cluster: Cluster) -> None:
    making = new_cluster.data.with_name("making")
    making.mkdir(parents=True)
    (making / "PG_VERSION").write_text("18\n")
    await new_cluster.start()
    assert not making.exists()
    assert not making.with_name("making.secret").exists()


async def test_a_lost_password_is_said_and_not_replaced(cluster: Cluster, place: Path) -> None:
    await cluster.start()
    await cluster.stop()
    (place / "secrets" / "postgres").unlink()
    with pytest.raises(Unsafe, match="password is missing"):
        await cluster.start()


async def test_a_server_that_cannot_start_says_why(postgres: TestServer, place: Path) -> None:
    copy_server(Path(postgres.made), place)
    cluster = private_cluster(place, settings={"max_connections": "none"})
    with pytest.raises(Unsafe, match="max_connections"):
        await cluster.start()
    assert cluster.process is None


def test_root_is_refused(place: Path) -> None:
    with pytest.raises(Unsafe, match="does not run as root"):
        binaries.RunAs.numeric(0)
    assert place.exists()


def test_a_socket_path_that_is_too_long_is_refused(place: Path) -> None:
    with pytest.raises(Unsafe, match="longer than 107 bytes"):
        Cluster(home=place, run=place / ("x" * 100), secret=place, log=print, binaries=place, uid=server_uid())


@pytest.mark.parametrize("closed", ["pg", "run"])
async def test_a_closed_directory_is_named(place: Path, closed: str) -> None:
    if server_uid() is None:
        return  # one's own directories are never closed to oneself
    (place / "closed" / "run").mkdir(parents=True)
    (place / "closed").chmod(0o700)
    (place / "run").mkdir()
    cluster = Cluster(
        home=place / "closed" / "pg" if closed == "pg" else place / "pg",
        run=place / "closed" / "run" if closed == "run" else place / "run",
        secret=place / "secret",
        log=print,
        binaries=binaries.from_wheel(),
        uid=server_uid(),
    )
    with pytest.raises(Unsafe, match="lets no other uid through"):
        await cluster.start()


async def test_a_uid_without_a_name_works_without_user_namespaces(
    new_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)  # as where `unshare` is missing
    if os.geteuid() != 0 and not binaries.RunAs().has_name():
        with pytest.raises(Unsafe, match="no entry in /etc/passwd"):
            await new_cluster.start()
        return
    await new_cluster.start()
    owners = {path.lstat().st_uid for path in (new_cluster.data, *new_cluster.data.rglob("*"))}
    assert owners == {server_uid() or os.geteuid()}


async def test_ctrl_c_of_the_terminal_does_not_reach_it(cluster: Cluster) -> None:
    await cluster.start()
    assert cluster.process is not None
    assert os.getpgid(cluster.process.pid) == cluster.process.pid != os.getpgrp()
