"""Where a browser on this machine brings the answer to a sign-in (RFC 8252 §7.3): one address, one answer, no name.

Always true here:
- what comes without this sign-in's own state is not listened to: another program, or a page in the browser, ends nothing;
- the answer names who gave it (RFC 9207), and another's is refused;
- the verifier (RFC 7636) never leaves this process but to the server that is asked.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

from strongroom.cli.failures import Failure, usage

_PATH: Final = "/callback"
_SAID: Final = (
    b"<!doctype html><html lang=en><meta charset=utf-8><link rel=icon href=data:,><title>Strongroom</title>"  # nothing more is asked
    b"<p>You can close this window and go back to the command line.\n"
)
_LOOK_S: Final = 0.5
_SLOW_S: Final = 10.0


class Loopback:
    """Listens on 127.0.0.1, as long as its block lasts."""

    def __init__(self, port: int, *, issuer: str) -> None:
        """Listen at `port`, 0 being wherever there is room; `issuer` is whose answer counts.

        Raises:
            Failure: when it cannot.
        """
        self._said: dict[str, str] | None = None
        self._issuer: Final = issuer
        self.state: Final = secrets.token_urlsafe(24)
        self.verifier: Final = secrets.token_urlsafe(48)
        try:
            self._server: Final = HTTPServer(("127.0.0.1", port), self._handler())
        except (OSError, OverflowError):
            raise usage(f"Port {port} of this machine cannot be listened at.", "Name another with --port.") from None
        self._server.timeout = _LOOK_S

    @property
    def redirect_uri(self) -> str:
        """Where the browser is sent."""
        return f"http://127.0.0.1:{self._server.server_port}{_PATH}"

    @property
    def challenge(self) -> str:
        """What the verifier's challenge is (`S256`)."""
        return base64.urlsafe_b64encode(sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        self._server.server_close()

    def wait(self, seconds: float) -> str:
        """Return the code that the browser brings.

        Raises:
            Failure: when it brings a no, or another's answer, or nothing in time.
        """
        until = time.monotonic() + seconds
        while self._said is None and time.monotonic() < until:
            self._server.handle_request()
        if self._said is None:
            raise Failure("Nobody signed in, in time.", "Run the command again.")
        if self._said.get("iss") != self._issuer:
            raise Failure("The answer is another server's; nothing was sent there.", "Run the command again.")
        if "error" in self._said or not self._said.get("code"):
            raise Failure("It was denied in the browser.")
        return self._said["code"]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            timeout = _SLOW_S

            def do_GET(self) -> None:
                said = owner._heard(self.path)
                self.send_response(200 if said else 404)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("cache-control", "no-store")
                self.send_header("content-length", str(len(_SAID) if said else 0))
                self.end_headers()
                self.wfile.write(_SAID if said else b"")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                del format, args  # a request line holds the code

        return Handler

    def _heard(self, target: str) -> bool:
        """Take an answer to this very sign-in; return whether it is one."""
        parts = urlsplit(target)
        said = {name: values[0] for name, values in parse_qs(parts.query).items() if len(values) == 1}
        if parts.path != _PATH or not hmac.compare_digest(said.get("state", "").encode(), self.state.encode()):
            return False
        self._said = self._said or said
        return True
