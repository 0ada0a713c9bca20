"""One request over the product's own client. Imported when something is asked: it brings TLS and the event loop."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Final, Self
from urllib.parse import SplitResult

from strongroom.cli.failures import UNDETERMINED, Failure, usage
from strongroom.wire import ClientError, ConnectFailed, Headers, Pool, TcpTarget, client_context

_TIMEOUT_S: Final = 30.0
_ANSWER_LIMIT: Final = 16 * 2**20


def exchange(
    url: SplitResult, ca: Path | None, method: str, path: str, fields: Headers, content: bytes
) -> tuple[int, bytes]:
    """Return (status, body) of the answer.

    Raises:
        Failure: UNDETERMINED when there is none.
    """
    with Line(url, ca) as line:
        return line.ask(method, path, fields, content)


class Line:
    """A connection that stays for several questions."""

    def __init__(self, url: SplitResult, ca: Path | None) -> None:
        """Name the server; nothing is sent yet."""
        self._target, self._server = _target(url, ca), f"{url.scheme}://{url.netloc}"
        self._runner = asyncio.Runner()
        self._pool: Pool | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        if self._pool is not None:
            self._runner.run(self._pool.close())
        self._runner.close()

    def ask(
        self, method: str, path: str, fields: Headers, content: bytes, *, timeout_s: float = _TIMEOUT_S
    ) -> tuple[int, bytes]:
        """Return (status, body) of the answer.

        Raises:
            Failure: UNDETERMINED when there is none.
        """
        status, _, body = self.answer(method, path, fields, content, timeout_s=timeout_s)
        return status, body

    def answer(
        self, method: str, path: str, fields: Headers, content: bytes, *, timeout_s: float = _TIMEOUT_S
    ) -> tuple[int, Headers, bytes]:
        """Return (status, fields, body) of the answer.

        Raises:
            Failure: UNDETERMINED when there is none.
        """
        try:
            return self._runner.run(self._asked(method, path, fields, content, timeout_s))
        except ConnectFailed as error:
            if isinstance(error.__cause__, ssl.SSLError):
                raise Failure(
                    f"The server at {self._server} did not prove who it is; nothing was sent.",
                    "Name its certificate's authority with --ca, and the host as its certificate has it with --control.",
                    UNDETERMINED,
                ) from None
            raise Failure(
                f"Nothing answers at {self._server}.",
                "Is it running? Start it with `strongroom up`, or name another server with --control.",
                UNDETERMINED,
            ) from None
        except ClientError as error:
            then = "Try again." if method == "GET" else "Whether it was done is not known: look before doing it again."
            said = f"The server at {self._server} did not answer properly: {error}."
            raise Failure(said, then, UNDETERMINED) from None

    async def _asked(
        self, method: str, path: str, fields: Headers, content: bytes, timeout_s: float
    ) -> tuple[int, Headers, bytes]:
        if self._pool is None:
            self._pool = Pool(self._target, max_connections=1)
        async with self._pool.request(method, path, fields, content, timeout_s=timeout_s) as response:
            return response.status, response.headers, await response.read(_ANSWER_LIMIT)


def _target(url: SplitResult, ca: Path | None) -> TcpTarget:
    host = url.hostname or ""
    if url.scheme == "http":
        return TcpTarget(host, url.port or 80)
    try:
        return TcpTarget(host, url.port or 443, client_context(ca=ca))
    except OSError as error:
        raise usage(f"The authorities in {ca} cannot be used: {error.strerror or error}.") from None
