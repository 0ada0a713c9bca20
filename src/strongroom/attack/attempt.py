"""One case under way: asks as A, looks at every answer for what is B's, and asks as B for the control."""

from __future__ import annotations

import time
from typing import Any, Final

from strongroom.attack.http import Answer, Line
from strongroom.attack.target import Key, Target, Tenant
from strongroom.attack.verdict import Notes

OK: Final = 200
UNAUTHORIZED: Final = 401
NOT_FOUND: Final = 404
_LOGGED: Final = (UNAUTHORIZED, 403, NOT_FOUND)
_LOGGED_S: Final = 10.0
_LOOK_S: Final = 0.05


class Attempt:
    """Asks and takes notes."""

    def __init__(self, target: Target, notes: Notes) -> None:
        self.target = target
        self.notes = notes
        self._secret = _of(target.b)

    # As A, or as somebody without a credential: whatever comes back must hold nothing of B's.

    def data_plane(self, method: str, path: str, key: Key | None = None, **request: Any) -> Answer:
        """Ask the gateway as A; `key` is A's for dev unless it is given."""
        return self._as_a(self.target.gateway, method, path, key or self.target.a.dev, **request)

    def control_plane(self, method: str, path: str, key: Key | None = None, **request: Any) -> Answer:
        """Ask the control API as A; `key` is A's administrator's unless it is given."""
        return self._as_a(self.target.control, method, path, key or self.target.a.admin, **request)

    def _as_a(self, url: str, method: str, path: str, key: Key, **request: Any) -> Answer:
        with Line(url) as line:
            answer = line.ask(method, path, key=key.secret, **request)
        self.inspect(answer, f"{method} {_shown(path, self.target)}")
        return answer

    def inspect(self, answer: Answer, what: str) -> None:
        """Note when an answer to A holds something of B's."""
        found = answer.everything.lower()
        self.notes.hold(not any(each in found for each in self._secret), f"{what}: the answer holds something of B's")

    def refused(self, answer: Answer, what: str, *statuses: int) -> None:
        """Note when an answer is not a refusal (404 unless other statuses are given)."""
        allowed = statuses or (NOT_FOUND,)
        self.notes.hold(
            answer.status in allowed, f"{what}: answered {answer.status}, not {' or '.join(map(str, allowed))}"
        )

    def same(self, one: Answer, other: Answer, what: str) -> None:
        """Note when two answers can be told apart."""
        self.notes.hold(one.likeness == other.likeness, f"{what}: the answers can be told apart")

    # The control: what A was refused does work for its owner.

    def works(self, key: Key, model: str, what: str) -> None:
        """Note when `key` cannot ask `model`."""
        status = self.ask_model(key, model).status
        self.notes.hold(status == OK, f"control: {what}: answered {status}")

    def ask_model(self, key: Key, model: str) -> Answer:
        """Ask a chat model for one token."""
        with Line(self.target.gateway) as line:
            return line.ask("POST", "/v1/chat/completions", key=key.secret, data=question(model))

    def as_operator(self, method: str, path: str, data: Any = None) -> Answer:
        """Ask the control API as the operator."""
        with Line(self.target.control) as line:
            return line.ask(method, path, key=self.target.operator.secret, data=data)

    def as_b(self, method: str, path: str, data: Any = None) -> Answer:
        """Ask the control API as B's administrator."""
        with Line(self.target.control) as line:
            return line.ask(method, path, key=self.target.b.admin.secret, data=data)

    # The log.

    def logged(self, answer: Answer, what: str) -> None:
        """Note when the refusal of A is not in A's own log. The gateway writes in batches: it may take a moment."""
        if answer.status not in _LOGGED:
            return  # another answer than these is noted by `refused`
        deadline = time.monotonic() + _LOGGED_S
        while not (found := self._entry(answer.request_id)) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        self.notes.hold(found, f"{what}: the refusal is not in the log")

    def read_log(self, query: str) -> Answer:
        """Read A's own log. It may name what A itself asked for, so only the canary must not be in it."""
        with Line(self.target.control) as line:
            path = f"/api/tenants/{self.target.a.id}/audit{query}"
            answer = line.ask("GET", path, key=self.target.a.admin.secret)
        self.notes.hold(self.target.canary.encode() not in answer.body, "A's log holds B's canary")
        return answer

    def _entry(self, request_id: str) -> bool:
        answer = self.read_log("?limit=200")
        entries: list[dict[str, Any]] = answer.json()["data"] if answer.status == OK else []
        return any(each["request_id"] == request_id and each["outcome"] == "refused" for each in entries)


def question(model: str, text: str = "Say one word.", **more: Any) -> dict[str, Any]:
    """Return a chat request for one token."""
    return {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 1, **more}


def _of(tenant: Tenant) -> tuple[bytes, ...]:
    """Return what must not reach another tenant, in lower case: names, ids, keys."""
    own = tenant.own.removeprefix("own-")
    keys = [key for each in (*tenant.keys.values(), tenant.evaluator, tenant.admin) for key in (each.id, each.secret)]
    return tuple(each.lower().encode() for each in (own, tenant.id, tenant.deployment, *keys))


def _shown(path: str, target: Target) -> str:
    return path.replace(target.canary, "…").split("?")[0][:80]
