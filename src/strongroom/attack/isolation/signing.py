"""Case 14: a demanded signature, and every way around it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from strongroom.attack.attempt import OK, UNAUTHORIZED, Attempt, question
from strongroom.attack.http import Answer
from strongroom.attack.staging import Builder, StagingError
from strongroom.attack.target import Key, Target, Tenant
from strongroom.attack.verdict import Notes, case
from strongroom.signatures import SecretKey
from strongroom.signatures.client import RequestSigner
from strongroom.signatures.fields import base, content_digest, write_input, write_signature
from strongroom.signatures.requests import MAX_AGE_S, Parts, sign

_CHAT: Final = "/v1/chat/completions"
_CREATED: Final = (200, 201)
_IN_A_ROW: Final = 8
_SETTLED_S: Final = 20.0
_REPLAYS: Final = 12
"""Each over a connection of its own: which process takes one is chance, so many end up on all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """A deployment of A that takes signed requests only, and keys that were registered for different workloads."""

    target: Target
    model: str
    ours: SecretKey
    evaluators: SecretKey
    theirs: SecretKey

    @property
    def body(self) -> bytes:
        return json.dumps(question(self.model)).encode()

    @property
    def credential(self) -> str:
        return f"Bearer {self.target.a.dev.secret}"

    def signed(self, key: SecretKey, *, path: str = _CHAT, method: str = "POST", body: bytes = b"") -> dict[str, str]:
        url = f"{self.target.gateway}{path}"
        return RequestSigner(key).fields(method, url, body or self.body, self.credential)

    def parts(self) -> Parts:
        scheme, _, host = self.target.gateway.partition("://")
        fields = {"authorization": self.credential.encode()}
        return Parts(method="POST", scheme=scheme, host=host.encode(), path=_CHAT.encode(), query=b"", fields=fields)

    def made_at(self, created: int) -> dict[str, str]:
        return sign(self.parts(), self.body, self.ours, created)

    def covering(self, *components: str, **parameters: int | str | None) -> dict[str, str]:
        """Return fields that are signed rightly, but not over what they must cover, or not saying what they must."""
        said: dict[str, int | str | None] = {
            "created": int(time.time()),
            "nonce": secrets.token_urlsafe(18),
            "keyid": self.ours.public.id,
            "tag": "strongroom",
        }
        text = write_input(
            components, {name: value for name, value in (said | parameters).items() if value is not None}
        )
        digest = content_digest(self.body)
        signed = base(self.parts().values() | {"content-digest": digest}, (components, text))
        return {
            "content-digest": digest.decode(),
            "signature-input": f"s={text.decode()}",
            "signature": write_signature(b"s", self.ours.sign(signed)).decode(),
        }


@contextmanager
def _staged(at: Attempt) -> Generator[_Stage]:
    target = at.target
    builder = Builder(target.control, target.operator.secret)
    stage = _Stage(
        target=target,
        model=f"signed-{secrets.token_hex(4)}",
        ours=SecretKey.generate(),
        evaluators=SecretKey.generate(),
        theirs=SecretKey.generate(),
    )
    builder.deploy(target.a.id, "dev", stage.model, builder.releases()["chat"])
    try:
        _register(builder, target.a, "inference", stage.ours)
        _register(builder, target.a, "evaluation", stage.evaluators)
        _register(builder, target.b, "inference", stage.theirs)
        document = {"rules": [{"models": [stage.model], "requests": True}]}
        _rule(at, target.a.id, document)
        _settle(at, stage)
        yield stage
    finally:
        _rule(at, target.a.id, None)
        at.as_operator("DELETE", f"/api/tenants/{target.a.id}/deployments/dev/{stage.model}")


def _register(builder: Builder, tenant: Tenant, workload: str, key: SecretKey) -> None:
    data = {"environment": "dev", "workload": workload, "public_key": key.public.pem()}
    builder.ask("POST", f"/api/tenants/{tenant.id}/signers", data)


def _rule(at: Attempt, tenant: str, document: Any) -> None:
    path = f"/api/tenants/{tenant}/rules/signing"
    last = at.as_operator("GET", path).json()["last"].get("ceiling", 0)
    put = at.as_operator("PUT", f"{path}/ceiling", {"document": document, "expected": last, "reason": "case 14"})
    if put.status not in _CREATED:
        raise StagingError(f"PUT {path}: {put.status}")


def _settle(at: Attempt, stage: _Stage) -> None:
    """Wait until every process demands the signature and knows the signer."""
    deadline, good = time.monotonic() + _SETTLED_S, 0
    while good < _IN_A_ROW:
        unsigned, signed = _send(at, stage, {}), _send(at, stage, stage.signed(stage.ours))
        good = good + 1 if (unsigned.status, signed.status) == (UNAUTHORIZED, OK) else 0
        if time.monotonic() > deadline:
            raise StagingError("the gateway does not demand what was written")


def _send(
    at: Attempt, stage: _Stage, fields: dict[str, str], *, path: str = _CHAT, body: bytes = b"", key: Key | None = None
) -> Answer:
    kind = {"content-type": "application/json"}
    return at.data_plane("POST", path, key, raw=body or stage.body, fields=kind | fields)


_WHOLE: Final = ("@method", "@authority", "@path", "@query", "content-digest", "authorization")


def _attacks(stage: _Stage) -> dict[str, Callable[[], dict[str, str]]]:
    now = int(time.time())
    attacks: dict[str, Callable[[], dict[str, str]]] = {
        "no signature": dict,
        "a stale one": lambda: stage.made_at(now - MAX_AGE_S - 5),
        "one of the future": lambda: stage.made_at(now + 60),
        "over another method": lambda: stage.signed(stage.ours, method="PUT"),
        "over another path": lambda: stage.signed(stage.ours, path="/v1/completions"),
        "over another body": lambda: stage.signed(stage.ours, body=b"{}"),
        "by a key that nobody registered": lambda: stage.signed(SecretKey.generate()),
        "by a key of A's other workload": lambda: stage.signed(stage.evaluators),
        "by a key of B's": lambda: stage.signed(stage.theirs),
        "without a nonce": lambda: stage.covering(*_WHOLE, nonce=None),
        "for another purpose": lambda: stage.covering(*_WHOLE, tag="other"),
        "under another algorithm's name": lambda: stage.covering(*_WHOLE, alg="hmac-sha256"),
    }
    for left_out in _WHOLE:
        rest = tuple(name for name in _WHOLE if name != left_out)
        attacks[f"not over {left_out}"] = partial(stage.covering, *rest)
    return attacks


@case(14, "a signed request: replayed, stale, swapped, uncovered, or by another's key")
def signed_request(target: Target, notes: Notes) -> None:
    """Demand signatures for one deployment of A's, and try to be answered without a right one."""
    at = Attempt(target, notes)
    with _staged(at) as stage:
        refusals: list[Answer] = []
        for what, make in _attacks(stage).items():
            answer = _send(at, stage, make())
            at.refused(answer, what, UNAUTHORIZED)
            refusals.append(answer)
        used = stage.signed(stage.ours)
        notes.hold(_send(at, stage, used).status == OK, "control: a signed request was not answered")
        for _ in range(_REPLAYS):
            refusals.append(_send(at, stage, used))
            at.refused(refusals[-1], "the same once more", UNAUTHORIZED)
        for what, answer in (
            ("with another query", _send(at, stage, stage.signed(stage.ours), path=f"{_CHAT}?x=1")),
            ("with another body", _send(at, stage, stage.signed(stage.ours), body=stage.body + b" ")),
            ("with another key of A's", _send(at, stage, stage.signed(stage.ours), key=target.a.evaluator)),
        ):
            at.refused(answer, what, UNAUTHORIZED)
            refusals.append(answer)
        for answer in refusals[1:]:
            at.same(refusals[0], answer, "why it was refused")
        at.logged(refusals[0], "no signature")
        at.logged(refusals[-1], "with another key of A's")
        notes.say(f"{len(refusals)} refused, in {_REPLAYS} replays none was answered")
    at.works(target.a.dev, target.a.own, "what demands no signature is answered without one")
    at.works(target.b.dev, target.b.own, "B asks its own model")
