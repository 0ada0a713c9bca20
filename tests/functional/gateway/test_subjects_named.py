"""A caller says whose data a request is about; what is kept of that is a pseudonym, and what is kept of them opens with a key of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from strongroom.gateway.record_subject import commitment
from strongroom.store import migrate
from strongroom.store.testing import TestDatabase
from strongroom.vault import Scope, Use, VaultUnavailable

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Answer, Plane

JANE = "Jane-Canary@example.org"
SAID = [{"role": "user", "content": "hello"}]
TENSOR = {"name": "rows", "shape": [1, 2], "datatype": "FP32", "data": [1.0, 2.0]}
HEADER = (f"strongroom-subject: {JANE}",)
VERSION = ("anthropic-version: 2023-06-01",)

WAYS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "openai user": ("/v1/chat/completions", {"model": "tiny", "messages": SAID, "user": JANE}, ()),
    "openai safety identifier": (
        "/v1/chat/completions",
        {"model": "tiny", "messages": SAID, "user": "team-7", "safety_identifier": JANE},
        (),
    ),
    "openai embeddings": ("/v1/embeddings", {"model": "vectors", "input": "hello", "user": JANE}, ()),
    "openai responses": ("/v1/responses", {"model": "tiny", "input": "hello", "safety_identifier": JANE}, ()),
    "anthropic": (
        "/v1/messages",
        {"model": "tiny", "max_tokens": 5, "messages": SAID, "metadata": {"user_id": JANE}},
        VERSION,
    ),
    "open inference": ("/v2/models/rows/infer", {"inputs": [TENSOR]}, HEADER),
    "the header counts first": ("/v1/chat/completions", {"model": "tiny", "messages": SAID, "user": "b"}, HEADER),
}


async def subject_of(plane: Plane, tenant: str, name: str = JANE) -> str:
    vault: Any = plane.gateway
    keys = await vault._vault.keys(Scope(plane.tenants[tenant], Use.SUBJECT_NAME))
    return str(keys.pseudonym(name))


async def row_of(plane: Plane, database: TestDatabase, answer: Answer) -> Any:
    await plane.written()
    record = UUID(answer.headers["x-request-id"].removeprefix("req_"))
    async with migrate.administrator(database.admin) as admin:
        row = await admin.fetchrow("select * from gateway.record where id = $1", record)
    assert JANE.lower() not in str(row).lower()
    return row


@pytest.mark.parametrize("way", WAYS)
async def test_each_dialect_names_the_same_person_and_the_record_a_pseudonym(
    plane: Plane, shared_database: TestDatabase, way: str
) -> None:
    path, body, headers = WAYS[way]
    answer = await plane.ask(path, body, headers=headers)
    assert answer.status == 200, answer.body
    row = await row_of(plane, shared_database, answer)
    assert row["subject"] == await subject_of(plane, "acme")
    assert row["subject_seal"] == commitment(row["subject"], row["subject_salt"])
    for double in (plane.chat, plane.vectors, plane.rows):  # no engine hears of them
        assert all(JANE not in str(asked) for asked in double.asked)


async def test_who_is_not_named_is_not_linked_and_another_tenants_jane_is_another(
    plane: Plane, shared_database: TestDatabase
) -> None:
    path, body, _ = WAYS["openai user"]
    nobody = await row_of(plane, shared_database, await plane.ask(path, {**body, "user": None}))
    assert (nobody["subject"], nobody["subject_salt"], nobody["subject_seal"]) == (None, None, None)
    theirs = await row_of(plane, shared_database, await plane.ask(path, body, key="globex"))
    assert theirs["subject"] == await subject_of(plane, "globex")
    assert theirs["subject"] != await subject_of(plane, "acme")


@pytest.mark.parametrize("said", ["", "x" * 257, "a\tb", "\xff", f"sub_{'a' * 32}"])
async def test_a_name_that_is_none_is_a_clear_no_and_nothing_is_asked(plane: Plane, said: str) -> None:
    asked = len(plane.chat.asked)
    path, body, _ = WAYS["openai user"]
    answer = await plane.ask(path, body, headers=(f"strongroom-subject: {said}",))
    assert (answer.status, answer.error["param"]) == (400, "strongroom-subject")
    assert len(plane.chat.asked) == asked


async def test_a_dialects_own_field_takes_no_pseudonym_either(plane: Plane) -> None:
    path, body, _ = WAYS["openai user"]
    answer = await plane.ask(path, {**body, "user": f"sub_{'a' * 32}"})
    assert answer.status == 400


async def test_whom_nobody_could_find_again_is_not_served_while_the_vault_is_away(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway: Any = plane.gateway

    class Away:
        async def keys(self, scope: Scope) -> None:
            raise VaultUnavailable(f"sealed: {scope.use}")

    monkeypatch.setattr(gateway, "_vault", Away())
    path, body, _ = WAYS["openai user"]
    asked = len(plane.chat.asked)
    answer = await plane.ask(path, body)
    assert answer.status == 503
    assert "sealed" not in answer.error["message"]
    assert len(plane.chat.asked) == asked
    assert (await plane.ask(path, {**body, "user": None})).status == 200, "who names nobody needs no key"


async def test_a_kept_answer_of_hers_goes_with_her_key_and_nobody_elses_does(
    plane: Plane, shared_database: TestDatabase
) -> None:
    gateway: Any = plane.gateway
    kept: dict[str, str] = {}
    for name in (JANE, "john", ""):
        body = {"model": "tiny", "input": "hello", "store": True, **({"user": name} if name else {})}
        kept[name] = (await plane.ask("/v1/responses", body)).json["id"]
    for each in kept.values():
        assert (await plane.ask(f"/v1/responses/{each}", method="GET")).status == 200
    async with migrate.administrator(shared_database.admin) as admin:
        row = await admin.fetchrow("select * from gateway.response where id = $1", kept[JANE])
    assert row is not None
    assert row["subject"] == await subject_of(plane, "acme")
    acme, vault = plane.tenants["acme"], gateway._vault
    await vault._keystore.destroy_subject(acme, row["subject"])
    vault.forget(acme, row["subject"])  # as every process does within a minute
    assert (await plane.ask(f"/v1/responses/{kept[JANE]}", method="GET")).status == 404
    more = {"model": "tiny", "input": "more", "previous_response_id": kept[JANE]}
    assert (await plane.ask("/v1/responses", more)).status == 404
    for name in ("john", ""):
        assert (await plane.ask(f"/v1/responses/{kept[name]}", method="GET")).status == 200
    # Moved under another person's name by whoever can write rows, an answer does not open.
    async with migrate.administrator(shared_database.admin) as admin:
        await admin.execute("update gateway.response set subject = $1 where id = $2", row["subject"], kept["john"])
    assert (await plane.ask(f"/v1/responses/{kept['john']}", method="GET")).status == 404
