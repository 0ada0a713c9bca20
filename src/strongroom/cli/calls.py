"""Asking the control API: one request, one answer, and every way it can go wrong in a sentence."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from strongroom.cli.failures import FAILED, UNDETERMINED, Failure, usage
from strongroom.cli.session import Session, decoded
from strongroom.wire import ClientError, ConnectFailed, Pool, TcpTarget, client_context

_TIMEOUT_S: Final = 30.0
_ANSWER_LIMIT: Final = 16 * 2**20
_THEN: Final = {
    401: "Check the token: it may have expired or been revoked. `strongroom whoami -v` says which one is used.",
    403: "Ask with a credential whose role may do this.",
    404: "Check the name and the tenant; what is not yours to see looks the same as what is not there.",
    503: "Try again shortly; `strongroom doctor` looks at the reasons.",
}


class _Problem(msgspec.Struct):
    detail: str
    request_id: str = ""
    param: str | None = None


def place(*parts: str, **query: object) -> str:
    """Return the path below /api that `parts` name, with a query of what is given.

    Raises:
        Failure: for an empty part: `tenant delete ""` must not become a request about all of them.
    """
    if not all(parts):
        raise usage("A name or id must not be empty.")
    path = "/api/" + "/".join(quote(part, safe="") for part in parts)
    given = {name: str(value) for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def ask(session: Session, method: str, path: str, body: dict[str, object] | None = None) -> bytes:
    """Return the API's answer, as it stands.

    Args:
        session: where, and as whom.
        method: GET, POST or DELETE.
        path: as `place` makes it.
        body: fields to send; those that are None are left out.

    Raises:
        Failure: for whatever is no success.
    """
    url = session.server()
    token = session.token(url)
    ca = session.ca or (Path(os.environ["STRONGROOM_CA"]) if os.environ.get("STRONGROOM_CA") else None)
    secure = url.scheme == "https"
    try:
        target = TcpTarget(
            url.hostname or "", url.port or (443 if secure else 80), client_context(ca=ca) if secure else None
        )
    except OSError as error:
        raise usage(f"The authorities in {ca} cannot be used: {error.strerror or error}.") from None
    fields = [(b"authorization", f"Bearer {token}".encode()), (b"accept", b"application/json")]
    content = b""
    if body is not None:
        content = msgspec.json.encode({name: value for name, value in body.items() if value is not None})
        fields.append((b"content-type", b"application/json"))
    server = f"{url.scheme}://{url.netloc}"
    try:
        status, answer = asyncio.run(_exchange(target, method, path, fields, content))
    except ConnectFailed:
        raise Failure(
            f"Nothing answers at {server}.",
            "Is it running? Start it with `strongroom up`, or name another server with --control.",
            UNDETERMINED,
        ) from None
    except ClientError as error:
        raise Failure(
            f"The server at {server} did not answer properly: {error}.",
            "Whether it was done is not known; look before doing it again." if method != "GET" else "Try again.",
            UNDETERMINED,
        ) from None
    if status >= 400:  # noqa: PLR2004 - RFC 9110 §15.5: from here on, a no
        raise _refused(status, answer)
    return answer


def get(session: Session, path: str) -> Any:
    """Return a decoded answer, for a command that needs it on the way to another."""
    return decoded(ask(session, "GET", path))


async def _exchange(
    target: TcpTarget, method: str, path: str, fields: list[tuple[bytes, bytes]], content: bytes
) -> tuple[int, bytes]:
    pool = Pool(target, max_connections=1)
    try:
        async with pool.request(method, path, fields, content, timeout_s=_TIMEOUT_S) as response:
            return response.status, await response.read(_ANSWER_LIMIT)
    finally:
        await pool.close()


def _refused(status: int, answer: bytes) -> Failure:
    try:
        problem = msgspec.json.decode(answer, type=_Problem)
    except msgspec.MsgspecError:
        return Failure(f"The server answered {status}.", "Check --control.", UNDETERMINED)
    said = problem.detail if problem.param is None else f"{problem.param}: {problem.detail}"
    then = [_THEN.get(status, ""), f"(request {problem.request_id})" if problem.request_id else ""]
    return Failure(said, " ".join(part for part in then if part), UNDETERMINED if status in {502, 503} else FAILED)
