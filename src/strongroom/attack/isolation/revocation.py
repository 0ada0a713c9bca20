"""Cases 7 and 10: a revoked key, on every process, and in requests that had begun."""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack
from typing import Any, Final

from strongroom.attack.attempt import OK, UNAUTHORIZED, Attempt, question
from strongroom.attack.http import Line, whole
from strongroom.attack.staging import Builder, settle
from strongroom.attack.target import Key, Target
from strongroom.attack.verdict import Notes, case

WITHIN_S: Final = 1.0
"""After the answer to the revocation, no process takes the key for longer."""

_CONNECTIONS: Final = 24
_WATCH_S: Final = 2.5
"""How long it is used afterwards: longer than the lease of a snapshot, so that nothing brings it back."""

_PAUSE_S: Final = 0.02
_CHAT: Final = "/v1/chat/completions"
_STREAMED: Final = 48


@case(7, "a revoked key, on every gateway process")
def revoked_key(target: Target, notes: Notes) -> None:
    """Use a key over many connections while it is revoked with proof, and for longer than a lease afterwards."""
    at, key = Attempt(target, notes), _issued(target)
    uses: list[tuple[float, int]] = []
    with ExitStack() as stack:
        # Which process takes a connection is chance; so many, opened under load, end up on all of them.
        lines = [stack.enter_context(Line(target.gateway)) for _ in range(_CONNECTIONS)]
        ended = threading.Event()
        user = threading.Thread(target=_use, args=(lines, key, target.a.own, uses, ended))
        user.start()
        try:
            while not uses:  # it works while it lives
                ended.wait(0.01)
            revoked = at.as_operator("POST", f"/api/keys/{key.id}/revoke/prove", {"reason": "case 7"})
            at_time = time.monotonic()
            notes.hold(revoked.status == OK, f"the revocation was refused: {revoked.status}")
            ended.wait(_WATCH_S)
        finally:
            ended.set()
            user.join()
    last = max((sent for sent, status in uses if status == OK), default=0.0) - at_time
    notes.hold(uses[0][1] == OK, "control: the key did not work before it was revoked")
    proof: dict[str, Any] = revoked.json()["proof"] if revoked.status == OK else {"proven": False, "processes": []}
    notes.hold(proof["proven"], "the revocation is not proven")
    notes.hold(len(proof["processes"]) > 1, "no gateway process was asked for the proof")
    after_s = (proof.get("accepted_ms") or 0.0) / 1000
    notes.hold(after_s < WITHIN_S, f"by the proof, a process took it {after_s:.3f} s after it was revoked")
    notes.hold(last < 0, f"taken {last:.3f} s after the proof that nobody takes it")
    others = {status for _, status in uses} - {OK, UNAUTHORIZED}
    notes.hold(not others, f"answers other than 200 and 401: {sorted(others)}")
    at.works(target.a.dev, target.a.own, "A's other key lives on")
    notes.say(
        f"by the proof taken until {after_s * 1000:+.1f} ms after; seen {last * 1000:+.0f} ms, in {len(uses)} uses"
    )


@case(10, "a request in flight when its key is revoked")
def request_in_flight(target: Target, notes: Notes) -> None:
    """Begin a stream and half a request, revoke, and go on: neither brings the key back."""
    at, key = Attempt(target, notes), _issued(target)
    body = json.dumps(question(target.chat, stream=True) | {"max_tokens": _STREAMED}).encode()
    with Line(target.gateway) as streaming, Line(target.gateway) as half:
        streaming.begin("POST", _CHAT, key=key.secret, length=len(body))
        streaming.send(body)
        stream = streaming.stream()
        notes.hold(stream.status == OK, f"control: the stream did not begin: {stream.status}")
        half.begin("POST", _CHAT, key=key.secret, length=len(body))
        half.send(body[:10])
        revoked = at.as_operator("POST", f"/api/keys/{key.id}/revoke", {"reason": "case 10"})
        notes.hold(revoked.status == OK, f"the revocation was refused: {revoked.status}")
        time.sleep(WITHIN_S)
        half.send(body[10:])
        at.refused(half.answer(), "a request whose second half came after the revocation", UNAUTHORIZED)
        at.inspect(whole(stream), "the stream")  # whether it ends or is cut off: it was begun with a key that counted
        at.refused(
            streaming.ask("POST", _CHAT, key=key.secret, data=question(target.chat)),
            "the same connection",
            UNAUTHORIZED,
        )
    deadline = time.monotonic() + _WATCH_S
    while time.monotonic() < deadline:
        at.refused(at.data_plane("GET", "/v1/models", key), "the key, after the stream", UNAUTHORIZED)
    at.works(target.a.dev, target.a.own, "A's other key lives on")


def _issued(target: Target) -> Key:
    key = Builder(target.control, target.operator.secret).key(target.a.id, "dev", "inference", label="to be revoked")
    settle(target.gateway, key, target.a.own)
    return key


def _use(lines: list[Line], key: Key, model: str, uses: list[tuple[float, int]], ended: threading.Event) -> None:
    while not ended.wait(_PAUSE_S):  # the answers of a machine that is kept busy say less, not more
        for line in lines:
            sent = time.monotonic()
            uses.append((sent, line.ask("GET", f"/v1/models/{model}", key=key.secret).status))
