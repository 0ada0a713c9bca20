"""Where a database is and as whom to speak to it.

Always true here:
- the password is never shown: not by repr, not by str, not in an error;
- TCP that leaves this machine is TLS with the server's name checked, unless the URL says otherwise in so many words.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OPTIONS: Final = frozenset({"host", "port", "user", "sslmode", "sslrootcert"})
_TLS_MODES: Final = ("disable", "require", "verify-ca", "verify-full")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dsn:
    """One login to one database.

    Attributes:
        host: a host name, or the absolute path of the directory that holds the unix socket.
        tls: one of libpq's sslmode words: disable, require, verify-ca, verify-full.
        tls_ca: PEM file of the authorities to trust; None means the machine's own.
    """

    host: str
    database: str
    user: str
    password: str = field(repr=False)
    port: int = 5432
    tls: str = "verify-full"
    tls_ca: str | None = None

    @classmethod
    def parse(cls, url: str, *, password: str | None = None) -> Dsn:
        """Return the login that `postgresql://user[:password]@host[:port]/database[?sslmode=…]` names.

        Args:
            url: the address; `?host=/directory` names a unix socket, as libpq has it.
            password: replaces the one in the URL.

        Raises:
            ValueError: with the part that is missing or unknown, never with the URL itself.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"postgres", "postgresql"}:
            raise ValueError("a database URL starts with postgresql://")
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if unknown := sorted(options.keys() - _OPTIONS):
            raise ValueError(f"unknown in a database URL: {', '.join(unknown)}")
        host = options.get("host") or unquote(parts.hostname or "") or "localhost"
        near = host.startswith("/") or host in _LOOPBACK
        tls = options.get("sslmode", "disable" if near else "verify-full")
        if tls not in _TLS_MODES:
            raise ValueError(f"sslmode is one of {', '.join(_TLS_MODES)}")
        database = unquote(parts.path.lstrip("/"))
        user = options.get("user") or unquote(parts.username or "")
        if not database or not user:
            raise ValueError("a database URL names a user and a database")
        return cls(
            host=host,
            port=int(options.get("port") or parts.port or 5432),
            database=database,
            user=user,
            password=unquote(parts.password or "") if password is None else password,
            tls=tls,
            tls_ca=options.get("sslrootcert"),
        )

    def login(self, user: str, password: str) -> Dsn:
        """Return the same database as seen by another role."""
        return replace(self, user=user, password=password)

    def to(self, database: str) -> Dsn:
        """Return the same login to another database of the same server."""
        return replace(self, database=database)

    @property
    def is_socket(self) -> bool:
        """Whether this is a unix socket, where TLS has nothing to add."""
        return self.host.startswith("/")

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments for the driver's connect."""
        return {
            "host": self.host,
            "port": self.port,
            "database": self.database,
            "user": self.user,
            "password": self.password,
            "ssl": self._tls_context(),
        }

    def _tls_context(self) -> ssl.SSLContext | bool:
        if self.is_socket or self.tls == "disable":
            return False
        context = ssl.create_default_context(cafile=self.tls_ca)
        context.check_hostname = self.tls == "verify-full"
        if self.tls == "require":  # libpq's meaning: encrypted, the server's identity unchecked
            context.verify_mode = ssl.CERT_NONE
        return context

    def __str__(self) -> str:
        """Return user, place and database, for messages."""
        return f"{self.user}@{self.host}/{self.database}"
