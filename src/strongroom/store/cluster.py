"""The embedded PostgreSQL: a child process of ours that nobody else can reach or outlive.

Always true here:
- it listens on a unix socket only, asks for a SCRAM password there too, keeps checksums and syncs what it commits;
- its log never carries what a statement carried: statements, parameters and the errors that quote them stay out of it;
- it is stopped by SIGINT (fast: sessions end, data is safe), and gets that signal by itself when we are killed;
- it is ready when it says so, not after a while.

What the caller owes: `home` and the programs can be reached by the server's uid, and two of us never share a `home`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from strongroom.kernel.lines import follow
from strongroom.store import initdb, leftovers, migrate, naming
from strongroom.store.binaries import RunAs, dies_with_parent, is_open
from strongroom.store.dsn import Dsn
from strongroom.store.errors import Unsafe
from strongroom.store.roles import new_password

DATABASE: Final = "strongroom"
PORT: Final = 5432
READY: Final = 120.0
"""Seconds to wait for readiness; recovery after a power loss comes first."""
_STOP: Final = 30.0
_LEFTOVER: Final = 15.0
_SOCKET_LIMIT: Final = 107  # sockaddr_un.sun_path holds 108 bytes, the last one zero
_READY_SIGN: Final = b"database system is ready to accept connections"

_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0777",  # other uids connect; SCRAM decides
    "max_connections": "120",
    "shared_buffers": "64MB",
    "jit": "off",
    "fsync": "on",
    "password_encryption": "scram-sha-256",
    "authentication_timeout": "10s",
    "client_connection_check_interval": "2s",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    # The log: starts, stops, checkpoints' troubles, refused logins. ERROR stands below LOG in this scale: an error's
    # first line may quote a value ("invalid input syntax for type uuid: …"), and its caller gets it anyway.
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "log_lock_waits": "off",  # its message quotes the statement
}


class Cluster:
    """One embedded server.

    Attributes:
        process: the running server, for a supervisor to wait on; None when it does not run.
    """

    def __init__(
        self,
        *,
        home: Path,
        run: Path,
        secret: Path,
        log: Callable[[bytes], None],
        binaries: Path,
        uid: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the server; nothing happens yet.

        Args:
            home: directory for the data directory, made if absent; the server's alone.
            run: directory for the socket; short, and open to every uid that connects.
            secret: file with the superuser's password, made if absent.
            log: takes each line of the server's log.
            binaries: directory of PostgreSQL's programs, within reach of `uid`.
            uid: what to run as; None for our own, which must not be root's.
            settings: server settings to add or replace.

        Raises:
            Unsafe: when the uid or the length of the socket's path cannot work.
        """
        self._home: Final = home.absolute()
        self._run: Final = run.absolute()
        self._secret: Final = secret
        self._log: Final = log
        self._binaries: Final = binaries
        self._run_as: Final = RunAs.numeric(uid)
        self._settings: Final = {**_SETTINGS, "unix_socket_directories": str(self._run), **(settings or {})}
        self._pump: asyncio.Task[None] | None = None
        self.process: Process | None = None
        if len(os.fsencode(self._socket)) > _SOCKET_LIMIT:
            raise Unsafe(f"the path of the database's socket is longer than {_SOCKET_LIMIT} bytes: {self._socket}")

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._home / "data"

    @property
    def _socket(self) -> Path:
        return self._run / f".s.PGSQL.{PORT}"

    async def start(self) -> Dsn:
        """Start the server, made first if need be, and return the superuser's login to `DATABASE`.

        Raises:
            Unsafe: when it cannot be made or started; the message says what to do.
        """
        if self.process is not None:
            raise RuntimeError("the server has been started")
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._run_as.give(self._home)
        self._refuse_closed_doors()
        password = self._password()
        await initdb.ensure(self.data, binaries=self._binaries, run_as=self._run_as, password=password)
        await self._clear_leftovers()
        await self._launch()
        admin = Dsn(host=str(self._run), port=PORT, database=DATABASE, user=initdb.SUPERUSER, password=password)
        try:
            await _ensure_database(admin)
        except BaseException:
            await self.stop()
            raise
        return admin

    async def stop(self) -> None:
        """Stop the server and wait until it is gone; fast first, at once when that takes too long."""
        if self.process is None:
            return
        for sign in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(sign)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP):
                    await self.process.wait()
                    break
        self.process = None
        if self._pump is not None:
            await self._pump
            self._pump = None

    async def _launch(self) -> None:
        arguments = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        self.process = await asyncio.create_subprocess_exec(
            self._binaries / "postgres",
            "-D",
            self.data,
            *arguments,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=dies_with_parent(),
            # Ctrl-C goes to every process of the terminal's group; the server stops last, when we say so.
            process_group=0,
            **self._run_as.process(self._home),
        )
        ready = asyncio.get_running_loop().create_future()
        self._pump = asyncio.create_task(self._copy_log(self.process, ready), name="postgres log")
        try:
            async with asyncio.timeout(READY):
                await ready
        except TimeoutError:
            await self.stop()
            raise Unsafe(f"PostgreSQL was not ready within {READY:.0f} s; its log says why") from None
        except BaseException:
            await self.stop()
            raise

    async def _copy_log(self, process: Process, ready: asyncio.Future[None]) -> None:
        last = b""

        def take(line: bytes) -> None:
            nonlocal last
            last = line
            self._log(line)
            if _READY_SIGN in line and not ready.done():
                ready.set_result(None)

        assert process.stderr is not None  # noqa: S101 - made with a pipe
        await follow(process.stderr, take)
        if not ready.done():
            ready.set_exception(Unsafe(f"PostgreSQL did not start: {last.decode(errors='replace').strip()}"))

    def _refuse_closed_doors(self) -> None:
        if self._run_as.uid is None:
            return
        for path in (self.data, self._socket, self._binaries / "postgres"):
            if not is_open(path, self._run_as.uid):
                raise Unsafe(
                    f"uid {self._run_as.uid} cannot get to {path}: a directory above it lets no other uid through"
                )

    def _password(self) -> str:
        if self._secret.exists():
            return self._secret.read_text().strip()
        if (self.data / "PG_VERSION").exists():
            raise Unsafe(f"the database's password is missing: {self._secret} (put it back from your backup)")
        password = new_password()
        self._secret.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(password + "\n")
            file.flush()
            os.fsync(file.fileno())
        return password

    async def _clear_leftovers(self) -> None:
        """Wait out a killed server's processes, then forget a lock that only another program's pid keeps alive.

        PostgreSQL clears its own stale locks, except when the pid in one has been given to somebody else since. A lock is
        removed in that case alone, and only when no process works in the data directory any more: removing it under a
        living backend would corrupt data.

        Raises:
            Unsafe: when a server still runs on the data directory.
        """
        for pid in leftovers.working_in(self.data):
            if not await leftovers.ends(pid, _LEFTOVER):
                raise Unsafe(f"PostgreSQL (pid {pid}) already runs on {self.data}; stop it first")
        for lock in (self.data / "postmaster.pid", self._socket.with_name(self._socket.name + ".lock")):
            leftovers.remove_if_taken_over(lock)


async def _ensure_database(admin: Dsn) -> None:
    async with migrate.administrator(admin.to("postgres")) as connection:
        await naming.drop_left(connection, DATABASE)
        if not await connection.fetchval("select true from pg_database where datname = $1", DATABASE):
            await connection.execute(f"create database {DATABASE}")
