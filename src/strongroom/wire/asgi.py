"""Runs an ASGI 3 application on the same edge (http and lifespan; no websockets)."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from strongroom.wire.reply import Reply
from strongroom.wire.request import Request


class AsgiBridge:
    """A `Handler` around an ASGI application.

    `async with AsgiBridge(app).lifespan() as bridge: await serve_tcp(bridge, …)`
    """

    def __init__(self, app: Any) -> None:
        raise NotImplementedError

    def lifespan(self) -> AbstractAsyncContextManager[AsgiBridge]:
        """Run the application's startup on entering and its shutdown on leaving; a failed startup raises."""
        raise NotImplementedError

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Answer one request through the application."""
        raise NotImplementedError
