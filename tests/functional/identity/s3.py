"""An S3-compatible store of somebody else's (moto) on loopback, and what goes wrong with one."""

from __future__ import annotations

import importlib
import io
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import repeat
from typing import Any, Final, TypeAlias

from werkzeug.serving import WSGIRequestHandler, make_server

from strongroom.registry.content import Bucket, Place

_moto: Any = importlib.import_module("moto.server")  # it says not what it exports
BUCKET, KEY = "weights", ("AKIDTEST", "a-secret-that-nobody-logs")
Respond: TypeAlias = Callable[..., Any]
Fault: TypeAlias = Callable[["Asked", Callable[[], tuple[str, list[tuple[str, str]], bytes]]], Any]
_DENIED: Final = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
_BROKEN: Final = b"<Error><Code>InternalError</Code><Message>no</Message></Error>"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request, as the store saw it."""

    method: str
    path: str
    query: str
    body: bytes = field(repr=False)
    authorization: str


@dataclass
class Store:
    """The store: what it was asked, and a fault, which may answer in its place."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list[Asked])
    fault: Fault | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def place(self, **more: Any) -> Place:
        return Place(endpoint=self.endpoint, bucket=BUCKET, region="us-east-1", key=KEY, **more)

    def bucket(self, **more: Any) -> Bucket:
        return Bucket(self.place(**more))

    def raw(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Ask the store as its owner does, past every fault."""
        fault, self.fault = self.fault, None
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(
                method,
                path,
                body,
                {"Authorization": "AWS4-HMAC-SHA256 Credential=owner/20260101/us-east-1/s3/aws4_request"},
            )
            answer = connection.getresponse()
            found = answer.read()
            assert answer.status < 300, (answer.status, found)
            return found
        finally:
            connection.close()
            self.fault = fault

    def count(self, method: str, query: str = "") -> int:
        return sum(each.method == method and query in each.query for each in self.asked)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the parent's name
        """Say nothing."""


@contextmanager
def serving() -> Generator[Store]:
    """Run a store with one empty bucket."""
    store, app = Store(), _moto.DomainDispatcherApplication(_moto.create_backend_app)

    def answer(environ: dict[str, Any], start: Respond) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        asked = Asked(
            method=environ["REQUEST_METHOD"],
            path=environ["PATH_INFO"],
            query=environ.get("QUERY_STRING", ""),
            body=body,
            authorization=environ.get("HTTP_AUTHORIZATION", ""),
        )
        store.asked.append(asked)

        def really(**changed: Any) -> tuple[str, list[tuple[str, str]], bytes]:
            told: list[Any] = []

            def begin(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
                told.extend((status, headers))

            inner = environ | {"wsgi.input": io.BytesIO(body)} | changed
            for name in [each for each, value in changed.items() if value is None]:
                inner.pop(name)
            content = b"".join(app(inner, begin))
            return told[0], list(told[1]), content

        status, headers, content = (store.fault or _honest)(asked, really)
        start(status, headers)
        return [content] if isinstance(content, bytes) else content

    server = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=_Quiet)
    store.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    store.raw("PUT", f"/{BUCKET}")
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _honest(_: Asked, really: Any) -> Any:
    return really()


def broken(_: Asked, __: Any) -> Any:
    """Answer 500."""
    return "500 Internal Server Error", [("Content-Type", "application/xml")], _BROKEN


def denied(_: Asked, __: Any) -> Any:
    """Answer 403."""
    return "403 Forbidden", [("Content-Type", "application/xml")], _DENIED


def truncated(asked: Asked, really: Any) -> Any:
    """Answer a GET of an object with half of what is announced."""
    status, headers, content = really()
    return status, headers, content[: len(content) // 2] if _of_object(asked) else content


def flipped(asked: Asked, really: Any) -> Any:
    """Answer a GET of an object with one bit changed, near its end."""
    status, headers, content = really()
    if not _of_object(asked):
        return status, headers, content
    return status, headers, content[:-20] + bytes([content[-20] ^ 1]) + content[-19:]


def endless(_: Asked, __: Any) -> Any:
    """Answer with bytes that go on, and say nothing of how many there are: the end comes when the other side has gone."""
    return "206 Partial Content", [("Content-Range", "bytes 0-99/100")], repeat(bytes(1 << 16))


def overwriting(_: Asked, really: Any) -> Any:
    """Know of no condition."""
    return really(HTTP_IF_NONE_MATCH=None)


def forgetful(asked: Asked, really: Any) -> Any:
    """List nothing, as a listing that lags."""
    status, headers, content = really()
    if asked.method == "GET" and "list-type=2" in asked.query:
        content = b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated></ListBucketResult>'
        headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
    return status, headers, content


def _of_object(asked: Asked) -> bool:
    return asked.method == "GET" and asked.path.count("/") > 1 and not asked.query
