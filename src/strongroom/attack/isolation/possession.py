"""Case 13: a token that is bound to a key, shown without proof of the key, with another's proof, or with one that was used."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from strongroom.attack.attempt import OK, UNAUTHORIZED, Attempt, question
from strongroom.attack.http import Answer, Line
from strongroom.attack.isolation.federation import GRANT, TYPE, claims, rule_for
from strongroom.attack.staging import Builder, StagingError
from strongroom.attack.target import Target
from strongroom.attack.verdict import Notes, case
from strongroom.identity.federation.testing import SigningKey
from strongroom.signatures.dpop import MAX_AGE_S, Prover

_PATH: Final = "/v1/chat/completions"
_REPLAYS: Final = 8
_SETTLED_S: Final = 20.0
_IN_A_ROW: Final = 8


def _bound(at: Attempt, rule: str, issuer: SigningKey, prover: Prover) -> str:
    """Exchange a token for one that is bound to the prover's key."""
    url = f"{at.target.control}/oauth2/token"
    form = {"grant_type": GRANT, "subject_token": issuer.token(claims()), "subject_token_type": TYPE, "audience": rule}
    fields = {"content-type": "application/x-www-form-urlencoded", "dpop": prover.proof("POST", url)}
    with Line(at.target.control) as line:
        answer = line.ask("POST", "/oauth2/token", raw=urlencode(form).encode(), fields=fields)
    made = answer.json()
    if answer.status != OK or made.get("token_type") != "DPoP":
        raise StagingError(f"no bound token was given out: {answer.status}")
    return str(made["access_token"])


def _send(at: Attempt, token: str, *proofs: str, scheme: str = "DPoP", model: str | None = None) -> Answer:
    body = json.dumps(question(model or at.target.a.own)).encode()
    with Line(at.target.gateway) as line:
        return line.ask(
            "POST",
            _PATH,
            raw=body,
            fields={"authorization": f"{scheme} {token}", "content-type": "application/json"}
            | ({"dpop": proofs[0]} if proofs else {}),
        )


def _attacks(at: Attempt, token: str, ours: Prover) -> dict[str, Callable[[], Answer]]:
    url, theirs, now = f"{at.target.gateway}{_PATH}", Prover.generate(), int(time.time())

    def by(prover: Prover, method: str = "POST", where: str = url, **more: Any) -> Callable[[], Answer]:
        said: dict[str, Any] = {"token": token, **more}
        return lambda: _send(at, token, prover.proof(method, where, **said))

    return {
        "without a proof": lambda: _send(at, token),
        "as a bearer token": lambda: _send(at, token, scheme="Bearer"),
        "as a bearer token with a right proof": lambda: _send(
            at, token, ours.proof("POST", url, token=token), scheme="Bearer"
        ),
        "with another key's proof": by(theirs),
        "with a proof for another method": by(ours, "GET"),
        "with a proof for another path": by(ours, where=f"{at.target.gateway}/v1/embeddings"),
        "with a proof for another host": by(ours, where=f"https://gateway.example{_PATH}"),
        "with a proof for another token": by(ours, token=token[:-1] + "0"),
        "with a proof for no token": by(ours, token=None),
        "with an old proof": by(ours, at=now - MAX_AGE_S - 5),
        "with a proof of the future": by(ours, at=now + 60),
        "with a broken proof": lambda: _send(at, token, ours.proof("POST", url, token=token)[:-2]),
        "with something else": lambda: _send(at, token, "nonsense"),
    }


@case(13, "a bound token without proof of its key, with another's, or with one that was shown before")
def bound_token(target: Target, notes: Notes) -> None:
    """Get a token that is bound to a key, and try to be answered as somebody who has only copied it."""
    at, issuer, ours = Attempt(target, notes), SigningKey.make(), Prover.generate()
    builder = Builder(target.control, target.operator.secret)
    rule, url = rule_for(builder, target.a.id, issuer, proof="dpop"), f"{target.gateway}{_PATH}"
    try:
        token = _bound(at, rule, issuer, ours)
        deadline, good = time.monotonic() + _SETTLED_S, 0
        while good < _IN_A_ROW and time.monotonic() < deadline:
            good = good + 1 if _send(at, token, ours.proof("POST", url, token=token)).status == OK else 0
        notes.hold(good == _IN_A_ROW, "control: with proof of its key the token was not answered")
        refusals: list[Answer] = []
        for what, attack in _attacks(at, token, ours).items():
            refusals.append(attack())
            at.inspect(refusals[-1], what)
            at.refused(refusals[-1], what, UNAUTHORIZED)
            at.same(refusals[0], refusals[-1], "why it was refused")
        used = ours.proof("POST", url, token=token)
        notes.hold(_send(at, token, used).status == OK, "control: a new proof was not taken")
        for _ in range(_REPLAYS):
            at.refused(_send(at, token, used), "with a proof that was shown before", UNAUTHORIZED)
        unbound = at.control_plane("POST", "/oauth2/token", raw=b"x", fields={})
        at.refused(unbound, "an exchange that is none", 400)
    finally:
        at.as_operator("DELETE", f"/api/tenants/{target.a.id}/federation/{rule}")
    at.works(target.a.dev, target.a.own, "A's key, which is bound to none, is taken without proof")
    at.works(target.b.dev, target.b.own, "B asks its own model")
