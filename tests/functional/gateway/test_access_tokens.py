"""An access token at the gateway: taken like a key, on the workload's own account, and gone within a second."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING
from uuid import UUID

import openai
import pytest

from strongroom.identity.accesstoken import Claims, Signer
from strongroom.identity.federation import Kind, Rule, Terms
from strongroom.identity.federation.service import FederationService
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, Name, new_key_id
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Ask, Engine, Gate
from strongroom.store import Database
from strongroom.store.testing import TestDatabase
from strongroom.vault import Keyring, Purpose

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Plane

OPERATOR = Principal(role=Role.OPERATOR, name="tests", credential=KeyId(""))
DEV = Environment.DEV
BODY = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}]}
TERMS = Terms(
    kind=Kind.OIDC, issuer="https://issuer.example", audience="a", subject="s", claims={}, networks=("127.0.0.0/8",)
)


@pytest.fixture
async def federation(shared_database: TestDatabase) -> AsyncGenerator[FederationService]:
    db = await Database.connect(shared_database.control, shared_database.operator)
    clock = SystemClock()
    yield FederationService(Gate(db, Engine.load(), clock), clock)
    await db.close()


async def made(plane: Plane, federation: FederationService, tenant: str, terms: Terms = TERMS) -> Rule:
    rule = await federation.create(
        OPERATOR, plane.tenants[tenant], terms, environment=DEV, workload=Name("inference"), ask=Ask()
    )
    await plane.known()
    return rule


def signer(plane: Plane) -> Signer:
    keys = Keyring.open(plane.sockets / "keyring.json").derive(Purpose.TOKEN_SIGNING)
    return Signer(keys.current, keys.key(Purpose.TOKEN_SIGNING))


def token(plane: Plane, rule: UUID, *, lives: int = 600, environment: Environment = DEV) -> tuple[KeyId, str]:
    now = int(time.time())
    claims = Claims(new_key_id(), environment, rule, now, now + lives, None)
    return claims.id, signer(plane).mint(claims)


async def test_a_token_asks_what_the_workloads_key_asks(plane: Plane, federation: FederationService) -> None:
    rule = await made(plane, federation, "acme")
    _, text = token(plane, rule.id)
    assert (await plane.ask(body=BODY, key=text)).status == 200
    client = openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{plane.port}/v1", api_key=_giving(text), max_retries=0)
    async with client:
        answer = await client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "hello"}])
    assert answer.choices[0].message.content
    theirs = await made(plane, federation, "globex")
    _, other = token(plane, theirs.id)
    assert (await plane.ask(body=BODY, key=other)).status == 200
    found = [plane.snapshot.directory.authenticate(each, "127.0.0.1") for each in (text, plane.keys["acme"])]
    first, second = (each for each in found if isinstance(each, Principal))
    # Limits are kept by workload, so another token opens no second account.
    assert (first.tenant, first.environment, first.workload) == (second.tenant, second.environment, second.workload)


def _giving(text: str):  # type: ignore[no-untyped-def] # noqa: ANN202 - as openai takes it
    async def give() -> str:
        return text

    return give


async def test_what_is_wrong_with_a_token_is_not_told(plane: Plane, federation: FederationService) -> None:
    rule = await made(plane, federation, "acme")
    elsewhere = await made(
        plane,
        federation,
        "acme",
        Terms(kind=Kind.OIDC, issuer="https://i", audience="a", subject="s", claims={}, networks=("10.0.0.0/8",)),
    )
    now = int(time.time())
    stranger = Signer(1, bytes(32)).mint(Claims(new_key_id(), DEV, rule.id, now, now + 60, None))
    wrong = {
        "ended": token(plane, rule.id, lives=-1)[1],
        "of no rule": token(plane, UUID(int=7))[1],
        "of another environment": token(plane, rule.id, environment=Environment.PROD)[1],
        "from outside its networks": token(plane, elsewhere.id)[1],
        "by another signer": stranger,
        "a key that is none": "srk_inf_dev_0123456789abcdef_" + "0" * 49,
    }
    answers = {name: await plane.ask(body=BODY, key=text) for name, text in wrong.items()}
    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(wrong, 401)
    assert len({answer.json["error"]["message"] for answer in answers.values()}) == 1
    assert (await plane.ask(body=BODY, key=token(plane, rule.id)[1])).status == 200


async def test_a_token_is_refused_within_a_second_of_its_end(plane: Plane, federation: FederationService) -> None:
    tenant = plane.tenants["acme"]
    rule = await made(plane, federation, "acme")
    _, under_rule = token(plane, rule.id)
    assert (await plane.ask(body=BODY, key=under_rule)).status == 200
    await federation.end(OPERATOR, tenant, rule.id, "test", Ask())
    began = time.monotonic()
    while (await plane.ask(body=BODY, key=under_rule)).status != 401:
        assert time.monotonic() - began < 1.0
    assert (await plane.ask(body=BODY, key=under_rule)).status == 401
    assert (await plane.ask(body=BODY)).status == 200  # the workload's key counts still
