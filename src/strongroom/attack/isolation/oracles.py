"""Cases 55 and 56: what is missing and what is forbidden, a key that is unknown and one that is wrong, are one answer."""

from __future__ import annotations

import secrets
import string
import zlib
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from strongroom.attack import timing
from strongroom.attack.attempt import NOT_FOUND, OK, UNAUTHORIZED, Attempt, question
from strongroom.attack.http import Answer, Line
from strongroom.attack.target import Target
from strongroom.attack.verdict import Notes, case

_CHAT: Final = "/v1/chat/completions"
_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID: Final = string.digits + string.ascii_lowercase


@case(55, "missing or forbidden: same status, body, fields; timing AUC below 0.6")
def missing_or_forbidden(target: Target, notes: Notes) -> None:
    """Ask as A for what B has and for what nobody has, hundreds of times, in random order."""
    at, b = Attempt(target, notes), target.b
    nobody = f"own-canary-{secrets.token_hex(8)}"
    at.works(b.dev, b.own, "B asks its own model")
    shown = at.as_b("GET", f"/api/keys/{b.dev.id}")
    notes.hold(shown.status == OK, f"control: B does not see its own key: {shown.status}")
    key_path, tenant_path = "/api/keys/{}", "/api/tenants/{}/keys"
    with Line(target.gateway) as gateway, Line(target.control) as control:
        ours, admin = target.a.dev.secret, target.a.admin.secret

        def model(name: str) -> Callable[[], Answer]:
            return lambda: gateway.ask("POST", _CHAT, key=ours, data=question(name))

        def look(path: str) -> Callable[[], Answer]:
            return lambda: control.ask("GET", path, key=admin)

        _indistinct(at, "a model", model(b.own), model(nobody), NOT_FOUND)
        _indistinct(at, "a key", look(key_path.format(b.dev.id)), look(key_path.format("q" * 16)), NOT_FOUND)
        _indistinct(at, "a tenant", look(tenant_path.format(b.id)), look(tenant_path.format(uuid4())), NOT_FOUND)


@case(56, "unknown key or wrong secret: same status, body, fields; timing AUC below 0.6")
def unknown_or_wrong(target: Target, notes: Notes) -> None:
    """Present keys of the right shape and checksum: one with the id of B's key, one with an id that nobody has."""
    at = Attempt(target, notes)
    wrong, unknown = _forged(target.b.dev.id), _forged("".join(secrets.choice(_ID) for _ in range(16)))
    at.works(target.b.dev, target.b.own, "B's key with its own secret")
    with Line(target.gateway) as gateway, Line(target.control) as control:

        def knock(line: Line, key: str, *request: Any) -> Callable[[], Answer]:
            return lambda: line.ask(*request, key=key)

        for line, name, path in ((gateway, "gateway", "/v1/models"), (control, "control API", "/api/whoami")):
            _indistinct(
                at,
                f"a key at the {name}",
                knock(line, wrong, "GET", path),
                knock(line, unknown, "GET", path),
                UNAUTHORIZED,
            )


def _indistinct(
    at: Attempt, what: str, theirs: Callable[[], Answer], nobodys: Callable[[], Answer], status: int
) -> None:
    one, other = theirs(), nobodys()
    at.inspect(one, what)
    at.refused(one, what, status)
    at.same(one, other, what)
    measured = timing.compare(theirs, nobodys)
    at.notes.hold(not measured.apart, f"{what}: told apart by time: {measured}")
    at.notes.say(f"{what}: {measured}")


def _forged(key_id: str) -> str:
    """Return a key for dev of the right shape and checksum, with a secret of our own making."""
    body = f"srk_inf_dev_{key_id}_{''.join(secrets.choice(_BASE62) for _ in range(43))}"
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return body + digits
