"""Where an upstream listens, and how a connection to it is made."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from strongroom.wire.upstream import Upstream


@dataclass(frozen=True, slots=True)
class UnixTarget:
    """An upstream on a unix socket."""

    path: Path

    @property
    def authority(self) -> str:
        """What goes into Host."""
        return "localhost"

    async def connect(self, upstream: Upstream) -> None:
        """Connect `upstream`."""
        await asyncio.get_running_loop().create_unix_connection(lambda: upstream, str(self.path))


@dataclass(frozen=True, slots=True)
class TcpTarget:
    """An upstream on TCP, with TLS when a context is given."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None

    @property
    def authority(self) -> str:
        """What goes into Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    async def connect(self, upstream: Upstream) -> None:
        """Connect `upstream`; with TLS, the certificate must be for `host`."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: upstream, self.host, self.port, ssl=self.tls)


@dataclass(frozen=True, slots=True)
class PinnedTarget:
    """An upstream on TCP whose addresses are looked up and checked by the caller, anew for each connection.

    What `addresses` returned is what is connected to, number by number: no resolver is asked in between, so a name cannot
    mean one thing when it is checked and another when it is used. Host and, with TLS, the name in the certificate stay
    `host`.
    """

    host: str
    port: int
    addresses: Callable[[], Awaitable[Sequence[str]]]
    tls: ssl.SSLContext | None = None

    @property
    def authority(self) -> str:
        """What goes into Host."""
        return TcpTarget(self.host, self.port, self.tls).authority

    async def connect(self, upstream: Upstream) -> None:
        """Connect `upstream` to the first address that answers.

        Raises:
            OSError: what `addresses` raised, or why the last of them could not be connected to.
        """
        loop = asyncio.get_running_loop()
        name = None if self.tls is None else self.host
        failed: OSError = ConnectionError("no address")
        for address in await self.addresses():
            try:
                await loop.create_connection(
                    lambda: upstream, _numeric(address), self.port, ssl=self.tls, server_hostname=name
                )
            except OSError as error:
                failed = error
            else:
                return
        raise failed


def _numeric(address: str) -> str:
    """Return `address`, which must be a number: a name would be looked up again.

    Raises:
        OSError: when it is none.
    """
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        raise OSError("not a numeric address") from None


Target: TypeAlias = UnixTarget | TcpTarget | PinnedTarget
