"""The answer to one request."""

from __future__ import annotations

from strongroom.wire.request import Headers


class Reply:
    """Writes one answer; exactly one of `send` or `start`…`end` per request.

    Framing fields (`content-length`, `transfer-encoding`, `connection`, `date`) belong to the wire: leave them out,
    except that `start` may be given a `content-length`, which is then held to.
    """

    @property
    def started(self) -> bool:
        """Whether a status has been written: from then on only `abort` can say that something went wrong."""
        raise NotImplementedError

    async def send(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """Write a whole answer and wait while the client is slow."""
        raise NotImplementedError

    def start(self, status: int, headers: Headers) -> None:
        """Write the head of a streamed answer at once (chunked unless a `content-length` is among `headers`)."""
        raise NotImplementedError

    async def write(self, chunk: bytes) -> None:
        """Write a piece of the body and wait while the client is slow. An empty piece writes nothing."""
        raise NotImplementedError

    async def end(self) -> None:
        """Finish a streamed answer."""
        raise NotImplementedError

    def abort(self) -> None:
        """Cut the connection, so that the client sees a truncated answer and not a clean end."""
        raise NotImplementedError
