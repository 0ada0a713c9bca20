"""Signing one's own requests: for the clients that people have already, without another dependency.

    signer = RequestSigner.from_file("signing-key.pem")
    client = openai.OpenAI(api_key=…, base_url=…, http_client=httpx.Client(auth=signer))

httpx takes any callable as `auth`; the same object serves its asynchronous client. It is called for each attempt, so a
retry has a nonce of its own.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from strongroom.signatures.keys import MAX_FILE_BYTES, BadKey, SecretKey
from strongroom.signatures.requests import CREDENTIALS, Parts, sign

_Request = TypeVar("_Request", bound=Any)
_OTHERS = 0o077


class RequestSigner:
    """Signs each request that is handed to it. One key, any thread."""

    def __init__(self, key: SecretKey) -> None:
        self._key = key

    def __repr__(self) -> str:
        """Name the key."""
        return f"RequestSigner({self._key.public.id})"

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read the private key (PEM) from a file that nobody else can read.

        Raises:
            BadKey: when others can read it, or when it holds no such key.
            OSError: when it cannot be read.
        """
        return cls(read_secret(Path(path)))

    def __call__(self, request: _Request) -> _Request:
        """Add the signature to an httpx request, in place, and return it. The body must be at hand, not a stream."""
        body: bytes = request.read()
        fields = {name: request.headers[name].encode("latin-1") for name in CREDENTIALS if name in request.headers}
        path, _, query = request.url.raw_path.partition(b"?")
        parts = Parts(
            method=request.method,
            scheme=request.url.scheme,
            host=request.headers["host"].encode("ascii"),
            path=path,
            query=query,
            fields=fields,
        )
        request.headers.update(sign(parts, body, self._key, int(time.time())))
        return request

    def fields(self, method: str, url: str, body: bytes, credential: str) -> dict[str, str]:
        """Return the fields to add to a request that something else sends.

        Args:
            method: in capitals.
            url: the whole of it, as it is asked for.
            body: as it will be sent.
            credential: the value of the field `Authorization`.
        """
        where = urlsplit(url)
        parts = Parts(
            method=method,
            scheme=where.scheme,
            host=where.netloc.rpartition("@")[2].encode("ascii"),
            path=(where.path or "/").encode("ascii"),
            query=where.query.encode("ascii"),
            fields={"authorization": credential.encode("latin-1")},
        )
        return sign(parts, body, self._key, int(time.time()))


def read_secret(path: Path) -> SecretKey:
    """Return the private key (PEM) of a file that nobody else can read.

    Raises:
        BadKey: when others can read it, or when it holds no such key.
        OSError: when it cannot be read.
    """
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        content = file.read(MAX_FILE_BYTES)
    if stat.S_ISREG(mode) and mode & _OTHERS:
        raise BadKey(f"{path} can be read by others (mode {mode & 0o777:o}): chmod 600 it, and register a new key")
    return SecretKey.read(content.decode("utf-8", "replace"))
