"""Case 15: another issuer's token, wrong in every way that is known, shown once too often, or to another tenant's rule."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from strongroom.attack.attempt import OK, UNAUTHORIZED, Attempt
from strongroom.attack.http import Answer, Line
from strongroom.attack.staging import Builder, settle
from strongroom.attack.target import Key, Target
from strongroom.attack.verdict import Notes, case
from strongroom.identity.federation.testing import SigningKey, compact

GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE: Final = "urn:ietf:params:oauth:token-type:id_token"
_ISSUER: Final = "https://issuer.example"
_SUBJECT: Final = "repo:octo/app:ref:refs/heads/main"
_PIN: Final = {"repository_id": "1296269"}
_REPLAYS: Final = 6
_BAD: Final = 400
_GONE_S: Final = 20.0


def claims(**more: Any) -> dict[str, Any]:
    """Return what a right token says, but for what is given; None leaves one out."""
    now = int(time.time())
    said: dict[str, Any] = {"iss": _ISSUER, "aud": "strongroom", "sub": _SUBJECT, "iat": now, "exp": now + 300, **_PIN}
    said |= {"jti": uuid.uuid4().hex, **more}
    return {name: value for name, value in said.items() if value is not None}


def rule_for(builder: Builder, tenant: str, key: SigningKey, **more: str) -> str:
    """Make a rule for a tenant's workload `inference` in dev; return its id."""
    data = {
        "environment": "dev",
        "workload": "inference",
        "kind": "oidc",
        "issuer": _ISSUER,
        "audience": "strongroom",
        "subject": _SUBJECT,
        "claims": _PIN,
        "keys": msgspec.json.encode({"keys": [key.jwk]}).decode(),
        **more,
    }
    return str(builder.ask("POST", f"/api/tenants/{tenant}/federation", data)["id"])


def _exchange(at: Attempt, rule: str, token: str) -> Answer:
    form = {"grant_type": GRANT, "subject_token": token, "subject_token_type": TYPE, "audience": rule}
    with Line(at.target.control) as line:
        answer = line.ask(
            "POST",
            "/oauth2/token",
            raw=urlencode(form).encode(),
            fields={"content-type": "application/x-www-form-urlencoded"},
        )
    at.inspect(answer, "POST /oauth2/token")
    return answer


def _wrong(key: SigningKey) -> dict[str, Callable[[], str]]:
    stranger = SigningKey.make()
    header = {"alg": "none", "typ": "JWT", "kid": key.kid}
    return {
        "for another audience": lambda: key.token(claims(aud="sigstore")),
        "for another audience too": lambda: key.token(claims(aud=["strongroom", "sigstore"])),
        "of another issuer": lambda: key.token(claims(iss="https://other.example")),
        "about another subject": lambda: key.token(claims(sub=_SUBJECT + "/")),
        "of another repository by the same name": lambda: key.token(claims(repository_id="1")),
        "without the pinned id": lambda: key.token(claims(repository_id=None)),
        "by a key of nobody's": lambda: stranger.token(claims()),
        "by a key under the issuer's name": lambda: stranger.token(claims(), kid=key.kid),
        "with its own key": lambda: stranger.token(claims(), kid=key.kid, jwk=stranger.jwk),
        "unsigned": lambda: compact(header, claims(), lambda _: b"\x00"),
        "by the public key as a shared secret": lambda: key.as_shared_secret(claims()),
        "under another algorithm's name": lambda: key.token(claims(), alg="RS256"),
        "with an extension": lambda: key.token(claims(), crit=["exp"]),
        "that has ended": lambda: key.token(claims(exp=int(time.time()) - 60)),
        "that is too old": lambda: key.token(claims(iat=int(time.time()) - 7200)),
        "that does not count yet": lambda: key.token(claims(nbf=int(time.time()) + 300)),
    }


@case(15, "another issuer's token: wrong audience, issuer, subject id or algorithm, or shown again")
def exchanged_token(target: Target, notes: Notes) -> None:
    """Make a rule for A's workload, and try to get a token by everything but the right one."""
    at = Attempt(target, notes)
    builder, key = Builder(target.control, target.operator.secret), SigningKey.make()
    rule, theirs = rule_for(builder, target.a.id, key), rule_for(builder, target.b.id, SigningKey.make())
    try:
        right = key.token(claims())
        first = _exchange(at, rule, right)
        notes.hold(first.status == OK, f"control: the right token was answered {first.status}")
        refusals = {what: _exchange(at, rule, make()) for what, make in _wrong(key).items()}
        for _ in range(_REPLAYS):
            refusals["shown again"] = _exchange(at, rule, right)
        refusals["shown to B's rule"] = _exchange(at, theirs, key.token(claims()))
        refusals["shown to no rule"] = _exchange(at, str(uuid.uuid4()), key.token(claims()))
        for what, answer in refusals.items():
            at.refused(answer, what, _BAD)
            at.same(next(iter(refusals.values())), answer, "why it was refused")
        if first.status == OK:
            _use(at, Key("", str(first.json()["access_token"])), rule)
    finally:
        for tenant, each in ((target.a.id, rule), (target.b.id, theirs)):
            at.as_operator("DELETE", f"/api/tenants/{tenant}/federation/{each}")
    at.works(target.b.dev, target.b.own, "B asks its own model")


def _use(at: Attempt, token: Key, rule: str) -> None:
    """Use what was given out: for A's own model, for B's, and after its rule has ended."""
    target, notes = at.target, at.notes
    settle(target.gateway, token, target.a.own)
    at.works(token, target.a.own, "A's token asks A's model")
    at.refused(at.data_plane("GET", f"/v1/models/{target.b.own}", token), "A's token at B's model")
    text = token.secret
    flipped = text[:60] + ("A" if text[60] != "A" else "B") + text[61:]
    at.refused(at.ask_model(Key("", flipped), target.a.own), "a changed token", UNAUTHORIZED)
    at.as_operator("DELETE", f"/api/tenants/{target.a.id}/federation/{rule}")
    deadline, gone = time.monotonic() + _GONE_S, 0
    while gone < _REPLAYS and time.monotonic() < deadline:
        gone = gone + 1 if at.ask_model(token, target.a.own).status == UNAUTHORIZED else 0
    notes.hold(gone == _REPLAYS, "a token outlived its rule")
