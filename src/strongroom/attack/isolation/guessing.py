"""Cases 57 and 58: guessing what lies beside what one has, and reading errors for what they give away."""

from __future__ import annotations

import string
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from strongroom.attack.attempt import NOT_FOUND, OK, Attempt, question
from strongroom.attack.target import Target
from strongroom.attack.verdict import Notes, case

_BAD, _METHOD, _CONFLICT, _TOO_LARGE, _MEDIA = 400, 405, 409, 413, 415
_STATUSES: Final = (_BAD, 401, 403, NOT_FOUND, _METHOD, _CONFLICT, _TOO_LARGE, _MEDIA)
_HARMLESS: Final = {"OPTIONS": (204,)}
_ID: Final = string.digits + string.ascii_lowercase
_CHAT: Final = "/v1/chat/completions"
_TELLTALE: Final = (
    b"select ", b"insert ", b"update ", b" from ", b"relation", b"constraint", b"violates", b"duplicate key", b"sqlstate",
    b"row-level", b"asyncpg", b"postgres", b"litestar", b"msgspec", b"httptools", b"uvloop", b"traceback", b".py",
    b"line ", b"/home", b"/var", b"/tmp", b"/run", b"/usr", b"/work", b"strongroom.", b"sr_gateway", b"sr_control",
    b"sr_operator", b"0x7f", b"object at", b"exception", b".sock", b"llama", b"onnx", b"errno",
)  # fmt: skip


@case(57, "sequential ids, cursors and ETags")
def neighbours(target: Target, notes: Notes) -> None:
    """Look beside A's ids and B's for what is there, and use B's ids as cursors and tags."""
    at, a, b = Attempt(target, notes), target.a, target.b
    for number in (0, 1, 2, 1000):
        for path in ("/api/keys/{}", f"/api/tenants/{a.id}/keys/{{}}", "/api/tenants/{}", "/api/tenants/{}/keys"):
            at.refused(at.control_plane("GET", path.format(number)), "a number as an id")
    for key_id in (a.dev.id, b.dev.id):
        for near in (_next(key_id, 1), _next(key_id, -1)):
            at.refused(at.control_plane("GET", f"/api/keys/{near}"), "the key beside one")
    for tenant in (a.id, b.id):
        for step in (1, -1):
            at.refused(
                at.control_plane("GET", f"/api/tenants/{UUID(int=UUID(tenant).int + step)}"), "the tenant beside one"
            )
    issued = sorted(key.id for key in (*a.keys.values(), a.evaluator, a.admin))
    shared = max(_shared(one, other) for one, other in pairwise(issued))
    notes.hold(shared < len(a.dev.id) // 2, "ids of keys that were issued one after the other look alike")

    theirs: list[dict[str, Any]] = at.as_b("GET", f"/api/tenants/{b.id}/audit?limit=5").json()["data"]
    notes.hold(bool(theirs), "control: B's log cannot be read by B")
    for entry in theirs:
        # A's own log may name what A itself has asked for, ids of B's that it guessed among it.
        answer = at.read_log(f"?before={entry['id']}")
        notes.hold(answer.status != OK or not answer.json()["data"], "B's entry works as a cursor in A's log")
    own = at.read_log("?limit=1").json()["data"][0]["id"]
    older = at.read_log(f"?before={own}")
    notes.hold(bool(older.json()["data"]), "control: A's own entry does not work as a cursor")

    path = f"/api/tenants/{b.id}/keys"
    plain = at.control_plane("GET", path)
    for tag in (at.as_b("GET", path).field("etag") or f'"{b.id}"', "*", f'W/"{b.id}"'):
        for field in ("If-None-Match", "If-Match"):
            at.same(plain, at.control_plane("GET", path, fields={field: tag}), f"{field} on what is B's")
    since = {"If-Modified-Since": "Wed, 21 Oct 2037 07:28:00 GMT", "Range": "bytes=0-10"}
    at.same(plain, at.control_plane("GET", path, fields=since), "conditional fields on what is B's")
    notes.hold(at.as_b("GET", path).status == OK, "control: B does not see its own keys")


@case(58, "errors reveal no statement, path or name")
def telling_errors(target: Target, notes: Notes) -> None:
    """Provoke every kind of refusal and read it for what is inside."""
    at, a, b = Attempt(target, notes), target.a, target.b
    deep = b"[" * 5000
    bodies = (b"", b"{", b"null", b"[]", b"\xff\xfe", b'"\xed\xa0\x80"', b'{"model":1}', b"{}", deep, b'{"a":' * 2000,
              b'{"name":"\\u0000"}', b"1e999", b'{"model":"x","messages":"\';select pg_sleep(9)--"}')  # fmt: skip
    paths = (f"/api/tenants/{a.id}/keys", f"/api/tenants/{a.id}/workloads", f"/api/tenants/{a.id}/deployments",
             f"/api/keys/{'q' * 16}/revoke", f"/api/tenants/{b.id}/keys")  # fmt: skip
    for body in bodies:
        for path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings"):
            _silent(at, at.data_plane("POST", path, raw=body), path)
        for path in paths:
            _silent(at, at.control_plane("POST", path, raw=body), path.split("/")[-1])
    taken = {"environment": "dev", "name": "inference", "role": "inference", "owner": "x"}
    _silent(
        at, at.control_plane("POST", f"/api/tenants/{a.id}/workloads", data=taken), "a name that is taken", _CONFLICT
    )
    unknown = {"environment": "dev", "name": "y", "release": f"sha256:{'0' * 64}"}
    _silent(
        at,
        at.control_plane("POST", f"/api/tenants/{a.id}/deployments", data=unknown),
        "a release that is not there",
        400,
        403,
    )
    name = f"'; select * from identity.key where tenant_id = '{b.id}' --"  # noqa: S608 - an attempt at just that
    for path in (f"/api/keys/{name}", f"/api/tenants/{name}/keys", f"/api/tenants/{a.id}/audit?before={name}"):
        _silent(at, at.control_plane("GET", path.replace(" ", "+")), "a statement as an id")
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD"):
        # OPTIONS says what methods there are, and nothing else (RFC 9110 §9.3.7).
        _silent(
            at, at.control_plane(method, f"/api/tenants/{a.id}/keys"), method, *_STATUSES, *_HARMLESS.get(method, ())
        )
        _silent(at, at.data_plane(method, _CHAT), method)
    for more in ({"temperature": 99}, {"tools": [{"type": "x"}]}, {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "nope"}}}},
                 {"messages": [{"role": "user", "content": "x " * 20_000}]}, {"max_tokens": 2**40}, {"stop": ["x"] * 99}):  # fmt: skip
        _silent(at, at.data_plane("POST", _CHAT, data=question(target.chat) | more), "a request that cannot be met")
    large = at.control_plane("POST", f"/api/tenants/{a.id}/keys", raw=b'{"label":"' + b"x" * 200_000 + b'"}')
    _silent(at, large, "a body that is too large", _BAD, _TOO_LARGE)
    media = {"content-type": "text/plain"}
    _silent(
        at,
        at.control_plane("POST", f"/api/tenants/{a.id}/keys", raw=b"{}", fields=media),
        "a body of another kind",
        _BAD,
        _MEDIA,
    )
    at.works(a.dev, target.chat, "a request in good form")


def _silent(at: Attempt, answer: Any, what: str, *statuses: int) -> None:
    at.refused(answer, what, *(statuses or _STATUSES))
    found = answer.everything.lower()
    told = [each.decode().strip() for each in _TELLTALE if each in found]
    at.notes.hold(not told, f"{what}: the error tells of {', '.join(told)}")
    at.notes.hold(bool(answer.request_id), f"{what}: the error has no request id")


def _next(key_id: str, step: int) -> str:
    """Return the id that would follow if ids were counted."""
    return key_id[:-1] + _ID[(_ID.index(key_id[-1]) + step) % len(_ID)]


def _shared(one: str, other: str) -> int:
    """Return how many leading characters two ids share."""
    return next((at for at, (x, y) in enumerate(zip(one, other, strict=True)) if x != y), len(one))
