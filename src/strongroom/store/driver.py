"""The driver's connection, without its call of `set_config`.

Before asyncpg looks up the parts of a type it has not met (any array but `text[]`), it turns JIT off with
`set_config('jit', …)`, which the serving roles may not call. Connections here are opened with JIT off, so it is told
that this server has no JIT to turn off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Held: TypeAlias = PoolConnectionProxy[asyncpg.Record]
    _Base = asyncpg.Connection[asyncpg.Record]
else:
    _Base = asyncpg.Connection

SETTINGS: Final = {"jit": "off"}


class Serving(_Base):
    """A connection of a serving role."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._server_caps: Any = self._server_caps._replace(jit=False)
