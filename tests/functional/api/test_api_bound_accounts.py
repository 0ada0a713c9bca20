"""A token of an account that is bound to its holder's key and networks: a copy of it opens nothing, in production it must be."""

from __future__ import annotations

import time
from typing import Any

import pytest

from strongroom.app.seed import INSTALLER
from strongroom.app.testing import ControlPlane
from strongroom.identity.accounts import FIRST_DAYS, Accounts, first_token
from strongroom.identity.model import Ties
from strongroom.kernel.ids import Name
from strongroom.kernel.principal import Confirmation, Proof, Role
from strongroom.kernel.refusal import Refused
from strongroom.policy import Ask as Asked
from strongroom.signatures import SecretKey
from strongroom.signatures.dpop import Prover
from strongroom.signatures.proofnonces import ProofNonces

Ask = Any
HERE = ["127.0.0.0/8"]


def test_a_bound_token_counts_with_proof_from_its_networks_and_so_does_the_next(plane: ControlPlane, ask: Ask) -> None:
    held = SecretKey.generate()
    prover, thief, me = Prover(held), Prover.generate(), f"{plane.url}/api/whoami"
    data = {"name": "bound-1", "role": "operator", "bound_to": held.public.pem(), "networks": HERE}
    made = ask("POST", "/api/accounts", by="operator", data=data)
    assert made.status == 201, made.text
    assert (made.body["proof"], made.body["thumbprint"], made.body["networks"]) == ("dpop", prover.thumbprint, HERE)

    def who(token: str, by: Prover | None, scheme: str = "DPoP") -> int:
        fields = {"authorization": f"{scheme} {token}"}
        fields |= {} if by is None else {"dpop": by.proof("GET", me, token=token)}
        return int(ask("GET", "/api/whoami", headers=fields).status)

    token = made.body["token"]
    assert who(token, prover) == 200
    assert [who(token, None), who(token, None, "Bearer"), who(token, thief), who(token, prover, "Bearer")] == [401] * 4
    again = ask("POST", "/api/accounts/bound-1/token", by="operator")  # nothing said: bound as before
    assert (again.body["thumbprint"], again.body["networks"]) == (prover.thumbprint, HERE)
    assert [who(token, prover), who(again.body["token"], prover), who(again.body["token"], None, "Bearer")] == [
        401,
        200,
        401,
    ]
    shown = ask("GET", f"/api/keys/{again.body['key_id']}", by="operator").body
    assert (shown["proof"], shown["thumbprint"], shown["networks"]) == ("dpop", prover.thumbprint, HERE)

    other = ask(
        "POST", "/api/accounts/bound-1/token", by="operator", data={"bound_to": thief_pem(), "networks": ["10.0.0.0/8"]}
    )
    assert other.body["thumbprint"] != prover.thumbprint
    assert who(other.body["token"], prover) == 401


def thief_pem() -> str:
    return SecretKey.generate().public.pem()


def test_a_token_from_elsewhere_is_refused_as_a_wrong_one_is(ask: Ask) -> None:
    made = ask(
        "POST", "/api/accounts", by="operator", data={"name": "away", "role": "approver", "networks": ["10.0.0.0/8"]}
    )
    assert made.status == 201, made.text
    away, wrong = (ask("GET", "/api/whoami", by=each) for each in (made.body["token"], "srk_opr_all_nonsense"))
    assert away.status == wrong.status == 401
    assert {**away.body, "request_id": ""} == {**wrong.body, "request_id": ""}


@pytest.mark.parametrize(
    ("data", "param"),
    [
        ({"networks": ["0.0.0.0/0"]}, "networks"),
        ({"networks": ["0.0.0.0/1", "128.0.0.0/1"]}, "networks"),
        ({"networks": ["::/0"]}, "networks"),
        ({"networks": ["10.0.0.1/8"]}, "networks"),
        ({"networks": ["here"]}, "networks"),
        ({"bound_to": "nonsense"}, "bound_to"),
        ({"bound_to": f"signer:{'0' * 32}"}, "bound_to"),
    ],
)
def test_what_binds_nothing_is_refused(ask: Ask, data: dict[str, Any], param: str) -> None:
    refused = ask("POST", "/api/accounts", by="operator", data={"name": "never", "role": "operator"} | data)
    assert (refused.status, refused.body["param"]) == (400, param)


def test_in_production_a_token_is_bound_or_is_the_first_for_a_day_and_from_here(plane: ControlPlane) -> None:
    services = plane.services
    strict = Accounts(services.gate, services.accounts._keys, services.clock, production=True, installer=True)
    bound = Ties(confirmation=Confirmation(Proof.DPOP, bytes(32)), networks=("10.0.0.0/8",))

    async def tried() -> None:
        async def create(name: str, ties: Ties | None) -> Any:
            return await strict.create(INSTALLER, Name(name), Role.OPERATOR, ties=ties, ask=Asked())

        for short in (None, Ties(networks=("10.0.0.0/8",))):
            with pytest.raises(Refused, match="In production a token is bound"):
                await create("free", short)
        with pytest.raises(Refused, match="In production a token is bound"):
            await create("free", Ties(confirmation=bound.confirmation))
        whole = await create("whole", bound)
        assert (whole.proof, whole.networks, whole.exception) == ("dpop", ("10.0.0.0/8",), None)
        assert (await strict.reissue(INSTALLER, Name("whole"), Asked())).networks == ("10.0.0.0/8",)

        first = await create("first", first_token())
        assert first.networks == ("127.0.0.0/8", "::1/128")
        assert (first.expires_at - services.clock.now()).total_seconds() <= FIRST_DAYS * 86_400
        with pytest.raises(Refused, match="In production a token is bound"):
            await strict.reissue(INSTALLER, Name("first"), Asked())  # an exception does not pass on

    plane.run(tried())


def test_where_nonces_are_wanted_a_proof_made_beforehand_is_worth_nothing(
    plane: ControlPlane, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, nonces = SecretKey.generate(), ProofNonces([b"n" * 32])
    prover, me = Prover(held), f"{plane.url}/api/whoami"
    data = {"name": "nonces", "role": "approver", "bound_to": held.public.pem(), "networks": HERE}
    token = ask("POST", "/api/accounts", by="operator", data=data).body["token"]
    monkeypatch.setattr(plane.services.door, "_nonces", nonces)

    def who(nonce: str | None, by: Prover = prover) -> Any:
        proof = by.proof("GET", me, token=token, nonce=nonce)
        return ask("GET", "/api/whoami", headers={"authorization": f"DPoP {token}", "dpop": proof})

    asked = who(None)
    assert (asked.status, asked.fields["www-authenticate"]) == (401, 'DPoP error="use_dpop_nonce"')
    given = asked.fields["dpop-nonce"]
    assert who(given).status == 200
    for wrong in ("guessed", ProofNonces([b"x" * 32]).give(time.time()), nonces.give(time.time() - 3600)):
        refused = who(wrong)
        assert (refused.status, "dpop-nonce" in refused.fields) == (401, True)
    thief = who(None, Prover.generate())  # who has not the key hears what a wrong token hears, and no nonce
    assert (thief.status, "dpop-nonce" in thief.fields) == (401, False)
    assert ask("GET", "/api/whoami", by="operator").status == 200  # what is not bound needs none
