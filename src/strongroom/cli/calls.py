"""Asking the control API: one request, one answer, and every way it can go wrong in a sentence."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from strongroom.cli.failures import FAILED, UNDETERMINED, Failure, usage
from strongroom.cli.session import Session, decoded

_THEN: Final = {
    401: "Check the token: it may have expired or been revoked, and one that is bound counts with its key alone "
    "(`--proof-key`). `strongroom whoami -v` says which one is used.",
    403: "Ask with a credential that may do this (`--token-file`); approving is an approver's, and in production an operator takes an "
    "elevation for what is a tenant's.",
    404: "Check the name and the tenant; what is not yours to see looks the same as what is not there.",
    503: "Try again shortly; `strongroom doctor` looks at the reasons.",
}


_FORBIDDEN: Final = 403
_NOT_YOU: Final = "This credential "


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


def ask(
    session: Session,
    method: str,
    path: str,
    body: dict[str, object] | None = None,
    *,
    always: dict[str, object] | None = None,
) -> bytes:
    """Return the API's answer, as it stands.

    Args:
        session: where, and as whom.
        method: GET, POST, PUT or DELETE.
        path: as `place` makes it.
        body: fields to send; those that are None are left out.
        always: fields to send besides, null where they are None.

    Raises:
        Failure: for whatever is no success.
    """
    from strongroom.cli.calling import Caller  # noqa: PLC0415 - `--help` must not wait for TLS and the event loop

    fields = [(b"accept", b"application/json")]
    content = b""
    if body is not None:
        given = {name: value for name, value in body.items() if value is not None}
        content = msgspec.json.encode(given | (always or {}))
        fields.append((b"content-type", b"application/json"))
    with Caller(session) as caller:
        return answered(*caller.ask(method, path, fields, content))


def answered(status: int, answer: bytes) -> bytes:
    """Return an answer that is a success.

    Raises:
        Failure: for whatever is none.
    """
    if status >= 400:  # noqa: PLR2004 - RFC 9110 §15.5: from here on, a no
        raise _refused(status, answer)
    return answer


def get(session: Session, path: str) -> Any:
    """Return a decoded answer, for a command that needs it on the way to another."""
    return decoded(ask(session, "GET", path))


def _refused(status: int, answer: bytes) -> Failure:
    try:
        problem = msgspec.json.decode(answer, type=_Problem)
    except msgspec.MsgspecError:
        return Failure(f"The server answered {status}.", "Check --control.", UNDETERMINED)
    said = problem.detail if problem.param is None else f"{problem.param}: {problem.detail}"
    # What was refused for another reason than who asks says so itself: another credential would be told the same.
    hint = "" if status == _FORBIDDEN and not problem.detail.startswith(_NOT_YOU) else _THEN.get(status, "")
    then = [hint, f"(request {problem.request_id})" if problem.request_id else ""]
    return Failure(said, " ".join(part for part in then if part), UNDETERMINED if status in {502, 503} else FAILED)
