"""Cases 11, 12 and 16: what a key's successor must not bring, how long the old one lasts, and a key that was handed over."""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from strongroom.attack.attempt import OK, UNAUTHORIZED, Attempt
from strongroom.attack.http import Answer
from strongroom.attack.staging import Builder, StagingError, heard, settle
from strongroom.attack.target import Key, Target
from strongroom.attack.verdict import Notes, case

_LIMITED, _CONFLICT = 429, 409
_CREATED: Final = (OK, 201)
_QUERIES: Final = 2
_MOST: Final = 40
"""Within so many requests every process has heard of a limit of two."""

_CONNECTIONS: Final = 12
_OVERLAP_S: Final = 3.0
_LATE_S: Final = 0.2
_LOGGED_S: Final = 10.0


@case(11, "a key is rotated, and its budget with it")
def rotated_budget(target: Target, notes: Notes) -> None:
    """Use up a workload's queries, rotate its key, and ask on with either: the budget is the workload's."""
    at, builder = Attempt(target, notes), Builder(target.control, target.operator.secret)
    with _workload(at, builder, "test") as (workload, key), _cap(at, workload):
        asked = 0
        while at.ask_model(key, target.chat).status != _LIMITED and asked < _MOST:
            asked += 1
        notes.hold(asked < _MOST, "control: the limit does not bite")
        made = _rotate(at, key, overlap_s=3600)
        notes.hold(_known(at, made), "control: the successor is not taken")
        for name, each in (("successor", made), ("old key", key)):
            spent = {at.ask_model(each, target.chat).status for _ in range(_CONNECTIONS)}
            # Which process takes a connection is chance, so one may not have heard of the successor yet: it says 401.
            held = _LIMITED in spent and spent <= {_LIMITED, UNAUTHORIZED}
            notes.hold(held, f"the {name} is answered {sorted(spent)} after the budget was used up")
        at.works(target.a.keys["test"], target.chat, "A's other workload")


@case(12, "a key in its overlap, and after")
def grace_ends(target: Target, notes: Notes) -> None:
    """Rotate with a short overlap: both keys count meanwhile, the old one says that it is old, and then it is dead."""
    at, builder = Attempt(target, notes), Builder(target.control, target.operator.secret)
    with _workload(at, builder, "prod") as (_, key):
        settle(target.gateway, key, target.chat)
        made = _rotate(at, key, overlap_s=_OVERLAP_S)
        until = time.monotonic() + _OVERLAP_S
        during = _look(at, key)  # before anything else: the overlap is short
        while during.status == OK and not during.field("deprecation") and time.monotonic() < until - _LATE_S:
            during = _look(at, key)  # a gateway process learns of the rotation a moment after it was made
        settle(target.gateway, made, target.chat)
        notes.hold(during.status == OK, f"control: the old key is answered {during.status} in its overlap")
        notes.hold(during.field("deprecation").startswith("@"), "an answer to the old key does not say that it is old")
        notes.hold(during.field("sunset").endswith(" GMT"), "an answer to the old key does not say when it ends")
        fresh = _look(at, made)
        notes.hold(
            fresh.status == OK and not fresh.field("deprecation"), "control: the successor is taken, and not old"
        )
        time.sleep(max(0.0, until + _LATE_S - time.monotonic()))  # the promise is a time
        notes.hold(_lookups(at, key) == {UNAUTHORIZED}, "the old key is taken after its overlap")
        notes.hold(_lookups(at, made) == {OK}, "control: the successor lives on")


@case(16, "a delivery that is opened twice")
def opened_twice(target: Target, notes: Notes) -> None:
    """Have a key delivered, open it, and open it again: it opens once, and the second time is in the log as a signal."""
    at, a = Attempt(target, notes), target.a
    data = {"environment": "dev", "workload": "inference", "deliver_s": 600}
    made = at.control_plane("POST", f"/api/tenants/{a.id}/keys", data=data)
    notes.hold(made.status in _CREATED and not made.json()["secret"], "control: a delivery shows no secret")
    delivery = Key(made.json()["delivery"]["id"], made.json()["delivery"]["token"])
    heard(target.gateway, delivery, a.own)
    at.refused(at.data_plane("GET", f"/v1/models/{a.own}", delivery), "a delivery at a model", 404)
    at.refused(at.control_plane("GET", f"/api/tenants/{a.id}/keys", delivery), "a delivery at the list of keys", 404)
    first = at.control_plane("POST", "/api/deliveries/open", delivery)
    notes.hold(first.status == OK, f"control: it does not open: {first.status}")
    key = Key(first.json()["key"]["id"], first.json()["secret"])
    settle(target.gateway, key, a.own)
    again = at.control_plane("POST", "/api/deliveries/open", delivery)
    at.refused(again, "opened again", _CONFLICT)
    notes.hold(key.secret.encode() not in again.everything, "the second opening shows the key")
    notes.hold(_signalled(at, again, "delivery-reopened"), "the second opening is no signal in A's log")
    at.as_operator("POST", f"/api/keys/{key.id}/revoke", {"reason": "case 16"})
    at.refused(at.control_plane("POST", "/api/deliveries/open", delivery), "opened after its key ended", UNAUTHORIZED)


@contextmanager
def _workload(at: Attempt, builder: Builder, environment: str) -> Generator[tuple[str, Key]]:
    """Yield a workload of A's that nothing else uses, and a key of it."""
    tenant, name = at.target.a.id, f"rotated-{secrets.token_hex(4)}"
    builder.workload(tenant, environment, name, owner="case")
    try:
        yield name, builder.key(tenant, environment, name)
    finally:
        builder.ask("DELETE", f"/api/tenants/{tenant}/workloads/{environment}/{name}")


@contextmanager
def _cap(at: Attempt, workload: str) -> Generator[None]:
    """Let one workload of A's ask each model twice, ever."""
    _limits(at, {"rules": [{"workloads": [workload], "lifetime_queries": _QUERIES}]})
    try:
        yield
    finally:
        _limits(at, None)


def _limits(at: Attempt, document: Any) -> None:
    path = f"/api/tenants/{at.target.a.id}/rules/limits"
    last = at.as_operator("GET", path).json()["last"].get("ceiling", 0)
    put = at.as_operator("PUT", f"{path}/ceiling", {"document": document, "expected": last, "reason": "case 11"})
    if put.status not in _CREATED:
        raise StagingError(f"PUT {path}: {put.status}")


def _rotate(at: Attempt, key: Key, **how: object) -> Key:
    made = at.as_operator("POST", f"/api/keys/{key.id}/rotate", how)
    if made.status not in _CREATED:
        raise StagingError(f"rotate: {made.status}")
    return Key(made.json()["key"]["id"], made.json()["secret"])


def _look(at: Attempt, key: Key) -> Answer:
    return at.data_plane("GET", f"/v1/models/{at.target.chat}", key)


def _lookups(at: Attempt, key: Key) -> set[int]:
    """Return how lookups by `key` are answered over many connections: which process takes one is chance."""
    return {_look(at, key).status for _ in range(_CONNECTIONS)}


def _known(at: Attempt, key: Key) -> bool:
    """Whether `key` is taken over every one of many connections, before long."""
    deadline = time.monotonic() + _LOGGED_S
    while _lookups(at, key) != {OK}:
        if time.monotonic() > deadline:
            return False
    return True


def _signalled(at: Attempt, answer: Answer, signal: str) -> bool:
    deadline = time.monotonic() + _LOGGED_S
    while time.monotonic() < deadline:
        entries: list[dict[str, Any]] = at.read_log("?limit=100").json()["data"]
        if any((e["request_id"], e["detail"].get("signal")) == (answer.request_id, signal) for e in entries):
            return True
        time.sleep(_LATE_S)
    return False
