"""Giving a restored database the name of the one that it replaces.

Always true here:
- both names change in one transaction: who is killed meanwhile leaves the one database under its name or the other, and
  never none, beside which the next start would make an empty one;
- what was replaced is dropped at the end, and what a killed restore left of it by the next one, or by the next start.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import asyncpg

from strongroom.store import migrate
from strongroom.store.dsn import Dsn
from strongroom.store.errors import Unsafe

if TYPE_CHECKING:
    from strongroom.store.driver import Connection

_AGAIN_S: Final = 0.05
_END: Final = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1"


def restoring(name: str) -> str:
    """Return what the database is called that is being restored to take a name."""
    return f"{name}_restoring"


async def take_name(server: Dsn, name: str) -> None:
    """Let the restored database have its name, and drop the one that had it.

    Raises:
        Unavailable: when the database does not answer.
        Unsafe: when the old one is not let go of within five seconds; both are then as they were.
    """
    old = f"{name}_replaced_{uuid4().hex[:8]}"
    async with migrate.administrator(server) as connection, migrate.administrator(server) as ending:
        there = await _is_there(connection, name)
        # The first rename locks the name, so that nobody connects any more, and waits until nobody is left.
        swapping = asyncio.ensure_future(_swap(connection, name, old if there else None))
        try:
            while not (await asyncio.wait({swapping}, timeout=_AGAIN_S))[0]:
                await ending.execute(_END, name)
        finally:
            await swapping
        if there:
            await connection.execute(f"drop database {quoted(old)} with (force)")


async def drop_left(connection: Connection, name: str) -> None:
    """Drop what killed restores left beside the database of this name."""
    pattern = re.compile(rf"{re.escape(name)}_(?:restoring|replaced_[0-9a-f]{{8}})")
    for row in await connection.fetch("select datname from pg_database"):
        if pattern.fullmatch(row["datname"]):
            await connection.execute(f"drop database if exists {quoted(row['datname'])} with (force)")


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


async def _swap(connection: Connection, name: str, old: str | None) -> None:
    try:
        async with connection.transaction():
            if old is not None:
                await connection.execute(f"alter database {quoted(name)} rename to {quoted(old)}")
            await connection.execute(f"alter database {quoted(restoring(name))} rename to {quoted(name)}")
    except asyncpg.ObjectInUseError:
        raise Unsafe(
            f"database {name} is in use and was not let go of: end what uses it, then restore again; nothing was replaced"
        ) from None


async def _is_there(connection: Connection, name: str) -> bool:
    return bool(await connection.fetchval("select true from pg_database where datname = $1", name))
