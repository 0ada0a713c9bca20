"""Tokens under the tenant's own keys: its alone, the same after a renewal, gone with the tenant, put back in their conversation."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from msgspec import Struct

from strongroom.gateway.exchange.answers import CallDelta, Choice, Generation, Prediction
from strongroom.gateway.exchange.asks import ChatAsk, InferAsk, Message, Tensor, TextPart
from strongroom.gateway.guard import Guard
from strongroom.gateway.guards import Guards
from strongroom.gateway.recording import told
from strongroom.gateway.token_keys import TokenKeys
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.privacy.actions import Action
from strongroom.privacy.tokens import Vault, find
from strongroom.rules import Terms
from strongroom.rules.privacy import PRIVACY, Privacy
from strongroom.vault import FileKeystore, Keyring, Scope, Use
from strongroom.vault import Vault as Keys

ACME, GLOBEX = TenantId(UUID(int=1)), TenantId(UUID(int=2))
MAIL = "jane.roe@example.com"
TOKENISED = Terms({PRIVACY.name: Privacy(input={"secret": Action.MASK, "identifier": Action.TOKENISE, "indirect": Action.ALLOW})}, "v")  # fmt: skip


def who(tenant: TenantId = ACME, environment: Environment = Environment.DEV, workload: int = 7) -> Principal:
    return Principal(
        role=Role.INFERENCE, name="w", credential=KeyId("k"), tenant=tenant, environment=environment, workload=WorkloadId(UUID(int=workload)),
    )  # fmt: skip


class House:
    """A keystore, and guards that stand on it."""

    def __init__(self, home: Path) -> None:
        self.keystore = FileKeystore(home / "vault", Keyring.open(home / "keyring.json"), SystemClock())
        self.keys = Keys(self.keystore, SystemClock())
        self.tokens = TokenKeys(self.keys)
        self.guards = Guards(self.tokens, lambda *_: None)

    async def guard(self, by: Principal, previous: str = "", sealed: bytes = b"") -> Guard | Refusal:
        guard = self.guards.of(TOKENISED, by)
        assert guard.waits
        no = await self.guards.unlock(guard, by, "", previous, sealed)
        return guard if no is None else no

    async def token(self, by: Principal) -> str:
        guard = await self.guard(by)
        assert isinstance(guard, Guard), guard
        return spoken(guard.ask(chat(f"write to {MAIL}"))).removeprefix("write to ")

    def forget(self) -> None:
        """As a minute later."""
        for tenant in (ACME, GLOBEX):
            self.keys.forget(tenant)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def chat(text: str) -> ChatAsk:
    return ChatAsk(model="m", messages=(Message(role="user", parts=(TextPart(text),)),))


def spoken(ask: object) -> str:
    assert isinstance(ask, ChatAsk), ask
    part = ask.messages[0].parts[0]
    assert isinstance(part, TextPart)
    return part.text


async def test_the_same_value_has_the_same_token_for_one_workload_and_another_for_everybody_else(house: House) -> None:
    own = await house.token(who())
    assert find(own)
    assert await house.token(who()) == own
    others = [who(GLOBEX), who(environment=Environment.PROD), who(workload=8)]
    assert len({own, *[await house.token(each) for each in others]}) == 4


async def test_a_renewed_key_leaves_tokens_as_they_are(house: House) -> None:
    before = await house.token(who())
    await house.keystore.renew(ACME)
    house.forget()
    assert await house.token(who()) == before


async def test_a_tenant_that_is_shredded_has_no_tokens_any_more_and_another_keeps_its_own(house: House) -> None:
    mine, others = await house.token(who()), await house.token(who(GLOBEX))
    await house.keystore.destroy(ACME)
    house.forget()
    refused = await house.guard(who())
    assert isinstance(refused, Refusal)
    assert (refused.kind, refused.code) == (RefusalKind.UNAVAILABLE, "privacy_unavailable")
    assert mine not in refused.reason + refused.tell
    assert await house.token(who(GLOBEX)) == others


async def test_the_key_is_not_the_one_that_seals(house: House) -> None:
    keys = await house.keys.keys(Scope(ACME, Use.PRIVACY_TOKEN, Environment.DEV))
    material = await house.keystore.open(ACME, Use.PRIVACY_TOKEN)
    derived = keys.derived("token", "w")
    assert derived not in material.generations.values()
    assert derived != keys.derived("tokenw")
    assert derived != keys.derived("list", "w")
    assert derived != (await house.keys.keys(Scope(ACME, Use.PRIVACY_TOKEN, Environment.PROD))).derived("token", "w")


async def kept(house: House) -> tuple[str, bytes]:
    """Return a token of a conversation, and what was kept of it."""
    guard = await house.guard(who())
    assert isinstance(guard, Guard)
    token = spoken(guard.ask(chat(MAIL)))
    sealed = await guard.kept_tokens("resp_1")
    assert isinstance(sealed, bytes)
    assert MAIL.encode() not in sealed
    assert token.encode() not in sealed
    return token, sealed


def answered(guard: Guard | Refusal, text: str) -> str | None:
    assert isinstance(guard, Guard), guard
    told = guard.answer(Generation(choices=(Choice(text=text),)))
    assert isinstance(told, Generation)
    return told.choices[0].text


async def test_a_token_is_put_back_in_a_later_turn_of_its_conversation_and_after_a_renewal(house: House) -> None:
    token, sealed = await kept(house)
    await house.keystore.renew(ACME)
    house.forget()
    assert answered(await house.guard(who(), "resp_1", sealed), f"it is {token}") == f"it is {MAIL}"


async def test_elsewhere_a_token_stays_what_it_is(house: House) -> None:
    token, sealed = await kept(house)
    for by, previous in ((who(), "resp_2"), (who(workload=8), "resp_1"), (who(GLOBEX), "resp_1"), (who(environment=Environment.PROD), "resp_1")):  # fmt: skip
        assert answered(await house.guard(by, previous, sealed), f"it is {token}") == f"it is {token}"
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    assert answered(await house.guard(who(), "resp_1", changed), token) == token
    assert answered(await house.guard(who()), token) == token


async def test_nothing_is_kept_where_no_token_was_made(house: House) -> None:
    guard = await house.guard(who())
    assert isinstance(guard, Guard)
    assert spoken(guard.ask(chat("hello"))) == "hello"
    assert await guard.kept_tokens("resp_1") == b""


async def test_a_conversation_takes_over_tokens_and_nothing_else(house: House) -> None:
    token, _ = await kept(house)
    guard = await house.guard(who())
    assert isinstance(guard, Guard)
    vault = await house.tokens.open(who())
    assert isinstance(vault, Vault)
    vault.remember({token: MAIL, "the": "THE", token + " ": "x", "srt_x": "y"})
    assert dict(vault.known()) == {token: MAIL}


NAMED = {"secret": Action.MASK, "identifier": Action.MASK, "indirect": Action.ALLOW}


def masking() -> Guard:
    return Guards(None, lambda *_: None).of(Terms({PRIVACY.name: Privacy(input=NAMED, output=NAMED)}, "v"), who())


def tensor(name: str) -> Tensor:
    return Tensor(name=name, shape=(1,), datatype="FP32", data=[1.0])


def test_names_ids_and_parameters_of_predictions_are_looked_at() -> None:
    fine = InferAsk(model="m", inputs=(tensor("x"),), outputs=("score",), id="4111-1")
    assert masking().ask(fine) == fine
    for ask in (
        InferAsk(model="m", inputs=(tensor("x"),), outputs=(MAIL,)),
        InferAsk(model="m", inputs=(tensor("x"),), id=MAIL),
    ):
        assert isinstance(masking().ask(ask), Refusal)
    plain = Prediction(outputs=(tensor("score"),), parameters={"columns": ["a"]})
    assert masking().answer(plain) == plain
    assert isinstance(masking().answer(Prediction(outputs=(tensor(MAIL),))), Refusal)
    assert masking().answer(Prediction(outputs=(), parameters={"said": f"by {MAIL}"})) == Prediction(
        outputs=(), parameters={"said": "by [EMAIL]"}
    )


def test_ids_and_names_of_calls_in_a_stream_are_looked_at() -> None:
    fine = CallDelta(0, 0, "call_4111", "send", "{}")
    assert masking().events([fine]) == [fine]
    for wrong in (CallDelta(0, 0, "c", f"to_{MAIL}", "{}"), CallDelta(0, 0, MAIL, "send", "{}")):
        assert isinstance(masking().events([wrong]), Refusal)


def test_what_was_met_is_counted_once_though_it_is_told_again() -> None:
    guard = masking()
    guard.ask(chat(f"{MAIL} and {MAIL}"))

    class Own(Struct):
        instructions: str

    assert guard.echo(Own(f"write to {MAIL}")) == Own("write to [EMAIL]")
    assert guard.found == {("input", "email"): 2}
    assert told(guard.found) == '{"input":{"email":2}}'
