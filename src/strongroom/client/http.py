"""The two requests that a client of tokens makes, by the standard library: no redirect is followed, no proxy is asked."""

from __future__ import annotations

import http.client
import ipaddress
import json
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

TIMEOUT_S: Final = 15.0
_MAX_BODY: Final = 64 * 1024


class NotAsked(OSError):  # noqa: N818 - an OSError, as every other way in which nobody answers
    """An address is not one that a token is sent to, or what answered there cannot be read."""


def ask(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, *, tls: ssl.SSLContext | None = None
) -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON object that `url` answers.

    Raises:
        OSError: when it cannot be asked, or what it answers is no JSON object.
    """
    status, _, found = answer(method, url, headers, body, tls=tls)
    return status, found


def answer(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, *, tls: ssl.SSLContext | None = None
) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return the status, the fields by lower-case name and the JSON object that `url` answers; raises as `ask`."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
        raise NotAsked("not an http(s) address")
    if parts.scheme == "http" and not is_loopback(host):
        raise NotAsked("a token is not sent over plain HTTP to another machine")
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            host, parts.port, timeout=TIMEOUT_S, context=tls or ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, body=body, headers=dict(headers))
        said = connection.getresponse()
        content = said.read(_MAX_BODY)
    except http.client.HTTPException as error:
        raise NotAsked(f"what answered there is no HTTP server: {type(error).__name__}") from None
    finally:
        connection.close()
    try:
        found: object = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise NotAsked(f"what answered there is not what was expected (status {said.status})")
    fields = {name.lower(): value for name, value in said.getheaders()}
    return said.status, fields, {str(name): value for name, value in found.items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - JSON


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
