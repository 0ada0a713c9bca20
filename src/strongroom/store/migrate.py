"""Forward-only migrations: numbered SQL files, each applied once, in one transaction, under one lock.

Always true here:
- what was applied is known by number, name and SHA-256; a file that was edited, lost or comes from newer code stops
  everything before anything is changed;
- the objects belong to `sr_owner`: the administrator's login is used for roles and grants, then put down by SET ROLE;
- afterwards no serving role can set its own tenant, or nobody serves.

A migration that must touch rows of tenants says `alter table … no force row level security` around it: the owner is
bound by row security too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING, Final

import asyncpg

from strongroom.store import roles
from strongroom.store.dsn import Dsn
from strongroom.store.errors import Unavailable, Unsafe, mapped

if TYPE_CHECKING:
    from strongroom.store.driver import Connection

OLDEST_SERVER: Final = 15
_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_LOCK: Final = 0x7372_6D69_6772_6174  # "srmigrat"
_LOCK_WAIT: Final = "60s"
_CONNECT_LIMIT: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file."""

    version: int
    name: str
    sql: str
    sha256: str


def known() -> list[Migration]:
    """Return the migrations of this code, in order.

    Raises:
        Unsafe: when a file is badly named or a number is missing.
    """
    found: list[Migration] = []
    for file in resources.files("strongroom.store.migrations").iterdir():
        if not file.name.endswith(".sql"):
            continue
        match = _NAME.fullmatch(file.name)
        if match is None:
            raise Unsafe(f"migration {file.name} is not named NNNN_what.sql")
        data = file.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        found.append(Migration(version=int(match[1]), name=match[2], sql=data.decode(), sha256=digest))
    found.sort(key=lambda migration: migration.version)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise Unsafe("migrations are not numbered 1, 2, 3 … without gap or double")
    return found


def pending(ours: Sequence[Migration], applied: Mapping[int, str]) -> list[Migration]:
    """Return what is still to be applied.

    Args:
        ours: the migrations of this code.
        applied: the SHA-256 of each migration that the database has had.

    Raises:
        Unsafe: when the database did not come from these files.
    """
    if applied and max(applied) > len(ours):
        raise Unsafe(
            f"the database is at migration {max(applied)}, this Strongroom knows {len(ours)}: it was used by a newer "
            "version; run that one, or restore a backup made before the upgrade"
        )
    if sorted(applied) != list(range(1, len(applied) + 1)):
        raise Unsafe(f"the database has had migrations {sorted(applied)}: one before the last is missing")
    for migration in ours[: len(applied)]:
        if applied[migration.version] != migration.sha256:
            raise Unsafe(
                f"migration {migration.version:04} ({migration.name}) was edited after it was applied; "
                "restore the file and put the change in a new one"
            )
    return list(ours[len(applied) :])


async def migrate(admin: Dsn, passwords: roles.Passwords, *, ours: Sequence[Migration] | None = None) -> list[str]:
    """Bring the roles, the grants and the tables of a database to this code's shape; return what was applied.

    Args:
        admin: a superuser's login to the database itself.
        passwords: of the serving roles; set anew on each run.
        ours: other migrations than this code's, for tests.

    Raises:
        Unavailable: when the database does not answer.
        Unsafe: when it cannot be brought to a shape that is safe to serve from.
    """
    steps = known() if ours is None else ours
    async with administrator(admin) as connection:
        await _refuse_server(connection)
        await _lock(connection)
        todo = pending(steps, await applied(connection))
        async with connection.transaction():
            await roles.ensure(connection, passwords)
            await _harden(connection, admin.database)
        for migration in todo:
            await _apply(connection, migration)
        await _refuse_open_context(connection)
    return [f"{migration.version:04}_{migration.name}" for migration in todo]


@asynccontextmanager
async def administrator(admin: Dsn) -> AsyncGenerator[Connection]:
    """Open one connection for work on the database itself.

    Raises:
        Unavailable: when the database does not answer.
    """
    with mapped():
        connection: Connection = await asyncpg.connect(**admin.arguments(), timeout=_CONNECT_LIMIT)
    try:
        with mapped():
            yield connection
    finally:
        await connection.close(timeout=_CONNECT_LIMIT)


async def applied(connection: Connection) -> dict[int, str]:
    """Return the SHA-256 of each migration that the database has had."""
    if await connection.fetchval("select to_regclass('store.migration') is null"):
        return {}
    rows = await connection.fetch("select version, sha256 from store.migration")
    return {row["version"]: row["sha256"] for row in rows}


async def _refuse_server(connection: Connection) -> None:
    major = connection.get_server_version().major
    if major < OLDEST_SERVER:
        raise Unsafe(f"PostgreSQL {major} is too old; {OLDEST_SERVER} is the oldest that Strongroom uses")
    if await connection.fetchval("select pg_is_in_recovery()"):
        raise Unsafe("this PostgreSQL is a standby; give the address of the primary")
    if await connection.fetchval("show server_encoding") != "UTF8":
        raise Unsafe("the database must be in UTF8")


async def _lock(connection: Connection) -> None:
    await connection.execute(f"set lock_timeout = '{_LOCK_WAIT}'")
    try:
        await connection.execute(f"select pg_advisory_lock({_LOCK})")
    except asyncpg.LockNotAvailableError:
        raise Unavailable(f"another process has been migrating this database for {_LOCK_WAIT}") from None
    await connection.execute("set lock_timeout = '10s'")


async def grant_connect(connection: Connection, database: str) -> None:
    """Let the serving roles in and everybody else stay out; a copy of a database does not copy this."""
    quoted = '"' + database.replace('"', '""') + '"'
    serving = ", ".join(roles.SERVING)
    await connection.execute(f"revoke all on database {quoted} from public")
    await connection.execute(f"grant connect on database {quoted} to {serving}")
    await connection.execute(f"grant create on database {quoted} to {roles.OWNER}")


async def _harden(connection: Connection, database: str) -> None:
    await grant_connect(connection, database)
    if not await connection.fetchval("select rolsuper from pg_roles where rolname = current_user"):
        await connection.execute(f"grant {roles.OWNER} to current_user")
    await connection.execute((resources.files("strongroom.store") / "harden.sql").read_text())


async def _apply(connection: Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(f"set local role {roles.OWNER}")
        await connection.execute(migration.sql)
        await connection.execute(
            "insert into store.migration (version, name, sha256) values ($1, $2, $3)",
            migration.version,
            migration.name,
            migration.sha256,
        )


async def _refuse_open_context(connection: Connection) -> None:
    # REVOKE by somebody who does not own the function only warns, as on managed services without a superuser.
    still = await connection.fetch(
        """
        select r.rolname from pg_catalog.pg_roles r where r.rolname = any($1::text[])
          and has_function_privilege(r.oid, 'pg_catalog.set_config(text, text, boolean)', 'execute')
        """,
        list(roles.SERVING),
    )
    if still:
        raise Unsafe(
            "set_config could not be revoked from PUBLIC on this PostgreSQL, so an injected expression could change "
            "the tenant; use a server on which the administrator is a superuser"
        )


async def server_now(admin: Dsn) -> datetime:
    """Return what time the database has."""
    async with administrator(admin) as connection:
        now: datetime = await connection.fetchval("select clock_timestamp()")
    return now
