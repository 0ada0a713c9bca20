"""A process's own copy of the feed, and the right to rely on it.

Always true here:
- the lease counts from the moment a read was *sent*: an answer that was long on its way proves nothing newer;
- a copy without a lease is not relied on: a frozen, cut off or lagging database makes `valid()` false within the lease;
- changes are applied in order of version, each once; when the database is not the one that was followed (another
  epoch, or a version that went back), everything is delivered again and replaces what was there;
- a standby never renews the lease: it may be any time behind the truth.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID

import asyncpg

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.store.driver import SETTINGS, Serving
from strongroom.store.dsn import Dsn
from strongroom.store.errors import Unavailable, mapped
from strongroom.store.feed import CHANNEL, FeedEntry

if TYPE_CHECKING:
    from strongroom.store.driver import Connection

LEASE: Final = 2.0
"""Seconds for which a read may be relied on, from the moment it was sent."""

POLL: Final = 0.5
"""Seconds between reads when no notification comes; a quarter of the lease, so three may be lost."""

_READ_LIMIT: Final = 1.0
_CONNECT_LIMIT: Final = 2.0
_RETRY_FIRST: Final = 0.05
_RETRY_LAST: Final = 1.0

_CHANGES: Final = """
    select v.version as latest, v.epoch, pg_catalog.pg_is_in_recovery() as is_standby,
           e.tenant_id, e.kind, e.id, e.version, e.body, e.deleted
    from feed.version v left join feed.entry e on e.version > $1
    order by e.version
"""  # one statement is one snapshot: the latest version and the entries belong together

OnChange: TypeAlias = Callable[[list[FeedEntry], bool], None]
"""Called with entries in order of version; the flag says that they are everything there is and replace the rest."""

_log: Final = logging.getLogger(__name__)


class Follower:
    """Follows the feed on a connection of its own, for as long as it is told to.

    `on_change` must not block. When it raises, nothing counts as applied and the lease is not renewed.
    """

    def __init__(
        self, dsn: Dsn, clock: Clock, on_change: OnChange, *, lease: float = LEASE, poll: float = POLL
    ) -> None:
        self._dsn: Final = dsn
        self._clock: Final = clock
        self._on_change: Final = on_change
        self._lease: Final = lease
        self._poll: Final = poll
        self._wake: Final = asyncio.Event()
        self._renewed: Final = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._epoch: UUID | None = None
        self.version = -1
        self.fresh_until = float("-inf")

    def start(self) -> None:
        """Begin to follow, in the background, until `close`."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name="feed follower")

    async def close(self) -> None:
        """Stop following; the lease runs out by itself."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def valid(self) -> bool:
        """Whether the copy may be relied on now."""
        return self._clock.boottime() < self.fresh_until

    async def ensure(self, within: float) -> bool:
        """Return whether the copy may be relied on, after one read shared by all who wait if it may not.

        Args:
            within: seconds to wait at most.
        """
        if self.valid():
            return True
        self._wake.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within), self._renewed:
                await self._renewed.wait_for(self.valid)
        return self.valid()

    async def refresh(self, within: float) -> bool:
        """Return whether the copy holds everything that was committed before this call.

        For whoever has just written and must read what it wrote. `within`: seconds to wait at most.
        """
        asked = self._clock.boottime()

        def newer() -> bool:
            return self.fresh_until - self._lease >= asked

        self._wake.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within), self._renewed:
                await self._renewed.wait_for(newer)
        return newer()

    async def _follow(self) -> None:
        pause = _RETRY_FIRST
        while True:
            try:
                connection = await self._connect()
                try:
                    while True:
                        self._wake.clear()
                        await self._read(connection)
                        pause = _RETRY_FIRST
                        await self._pause(self._poll)
                finally:
                    connection.terminate()
            except Unavailable as error:
                _log.warning("feed: %s", error)
            except Exception:  # noqa: BLE001 - following must not end; the lease runs out instead
                _log.exception("feed: a read could not be applied")
                self._epoch = None  # applied in part, perhaps: begin again with everything
            # A floor under the pause that a waiting request cannot shorten: a herd must not become a reconnect storm.
            await asyncio.sleep(_RETRY_FIRST)
            await self._pause(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries, guards nothing
            pause = min(pause * 2, _RETRY_LAST)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _connect(self) -> Connection:
        with mapped():
            connection: Connection = await asyncpg.connect(
                **self._dsn.arguments(),
                connection_class=Serving,
                timeout=_CONNECT_LIMIT,
                command_timeout=_READ_LIMIT,
                server_settings={**SETTINGS, "application_name": "strongroom follower"},
            )
            try:
                await connection.add_listener(CHANNEL, self._notified)
                connection.add_termination_listener(self._lost)
            except BaseException:
                connection.terminate()
                raise
        return connection

    def _notified(self, *_: object) -> None:
        self._wake.set()

    def _lost(self, _: object) -> None:
        self._wake.set()

    async def _read(self, connection: Connection) -> None:
        sent = self._clock.boottime()
        with mapped():
            rows = await connection.fetch(_CHANGES, self.version if self._epoch else -1)
            full = self._epoch is None or rows[0]["epoch"] != self._epoch or rows[0]["latest"] < self.version
            if full and self._epoch is not None:
                rows = await connection.fetch(_CHANGES, -1)
        head = rows[0]
        if head["is_standby"]:
            raise Unavailable("the database is a standby; it may be behind")
        entries = [_entry(row) for row in rows if row["version"] is not None]
        if entries or full:
            self._on_change(entries, full)
        self.version, self._epoch = head["latest"], head["epoch"]
        self.fresh_until = sent + self._lease
        async with self._renewed:
            self._renewed.notify_all()


def _entry(row: Any) -> FeedEntry:
    return FeedEntry(
        tenant=TenantId(row["tenant_id"]),
        kind=row["kind"],
        id=row["id"],
        version=row["version"],
        body=row["body"],
        deleted=row["deleted"],
    )
