"""Lists of a tenant's own values in the guard: found whole and in streams, by the tenant's key alone, never without it."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.gateway.exchange.answers import TextDelta
from strongroom.gateway.exchange.asks import ChatAsk, Message, TextPart
from strongroom.gateway.guard import Guard, uncounted
from strongroom.gateway.guard_looks import rules_of
from strongroom.gateway.guards import Guards
from strongroom.gateway.token_keys import TokenKeys
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import Refusal
from strongroom.privacy.actions import Action
from strongroom.privacy.custom import HashedValues, entry
from strongroom.privacy.tokens import Tokens, Vault
from strongroom.rules import Terms
from strongroom.rules.privacy import PRIVACY, Privacy
from strongroom.store.feed import FeedEntry
from strongroom.valuelists import ListBook
from strongroom.valuelists.book import LIST, key_of
from strongroom.valuelists.model import ListDocument, objection
from strongroom.vault import FileKeystore, Keyring, Scope, Use
from strongroom.vault import Vault as Keys

ACME, GLOBEX = TenantId(UUID(int=1)), TenantId(UUID(int=2))
VALUES = ("KD-4711-0815", "Projekt Nordlicht", "Zoë Quist")
ALL = dict.fromkeys(("secret", "identifier", "indirect"), Action.ALLOW)


def chat(text: str) -> ChatAsk:
    return ChatAsk(model="m", messages=(Message(role="user", parts=(TextPart(text),)),))


def spoken(ask: object) -> str:
    assert isinstance(ask, ChatAsk), ask
    part = ask.messages[0].parts[0]
    assert isinstance(part, TextPart)
    return part.text


def who(tenant: TenantId = ACME) -> Principal:
    return Principal(
        role=Role.INFERENCE, name="w", credential=KeyId("k"), tenant=tenant, environment=Environment.DEV,
        workload=WorkloadId(UUID(int=7)),
    )  # fmt: skip


def terms(**more: Action) -> Terms:
    actions = ALL | {f"custom.{name}": action for name, action in more.items()}
    return Terms({PRIVACY.name: Privacy(input=actions, output=actions)}, "v")


def told(tenant: TenantId, key: bytes, *, deleted: bool = False) -> FeedEntry:
    document = ListDocument("customers", b"".join(entry(key, value) for value in VALUES), 3)
    return FeedEntry(
        tenant=tenant, kind=LIST, id="customers.1", version=1, body=b"" if deleted else msgspec.json.encode(document),
        deleted=deleted,
    )  # fmt: skip


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(FileKeystore(tmp_path / "vault", Keyring.open(tmp_path / "keyring.json"), SystemClock()), SystemClock())


async def test_a_value_is_found_however_it_is_written_and_only_by_its_own_tenants_key(keys: Keys) -> None:
    book, guards = ListBook(), Guards(TokenKeys(keys), uncounted)
    for tenant in (ACME, GLOBEX):  # both tenants are told the very hashes of acme's key
        of = key_of(await keys.keys(Scope(ACME, Use.VALUE_LIST)), "customers")
        book.apply([told(tenant, of)], full=False)
    masked = terms(customers=Action.MASK)
    guard = await guards.listed(masked, who(), book)
    assert isinstance(guard, Guard)
    for text in (
        "for KD-4711-0815 today",
        "for kd 4711 0815 today",
        "for projekt-nordlicht, now",
        "for Zoe Quist's case",
    ):
        asked = guard.ask(chat(text))
        assert not isinstance(asked, Refusal)
        assert "[CUSTOM" in spoken(asked).upper(), text
        assert "4711" not in spoken(asked)
    assert guard.found["input", "custom.customers"] == 4
    other = await guards.listed(masked, who(GLOBEX), book)
    assert isinstance(other, Guard)
    assert spoken(other.ask(chat("for KD-4711-0815 today"))) == "for KD-4711-0815 today"
    plain = guard.ask(chat("for KD-4711-0816, Projekt Nordsee"))
    assert spoken(plain) == "for KD-4711-0816, Projekt Nordsee", "the control: what is not on it passes"


async def test_a_list_that_is_allowed_or_gone_finds_nothing(keys: Keys) -> None:
    book, guards = ListBook(), Guards(TokenKeys(keys), uncounted)
    of = key_of(await keys.keys(Scope(ACME, Use.VALUE_LIST)), "customers")
    book.apply([told(ACME, of)], full=False)
    assert ACME in book.held
    guard = await guards.listed(terms(customers=Action.ALLOW), who(), book)
    assert isinstance(guard, Guard)
    assert spoken(guard.ask(chat("KD-4711-0815"))) == "KD-4711-0815"
    blocked = await guards.listed(terms(customers=Action.BLOCK), who(), book)
    assert isinstance(blocked, Guard)
    assert isinstance(blocked.ask(chat("KD-4711-0815")), Refusal)
    book.apply([told(ACME, of, deleted=True)], full=False)
    assert ACME not in book.held


async def test_without_the_key_nothing_passes(keys: Keys) -> None:
    book = ListBook()
    of = key_of(await keys.keys(Scope(ACME, Use.VALUE_LIST)), "customers")
    book.apply([told(ACME, of)], full=False)
    assert isinstance(await Guards(None, uncounted).listed(terms(), who(), book), Refusal)


def test_a_document_or_a_broken_part_shows_no_hash() -> None:
    assert repr(ListDocument("x", b"secret" * 16, 1)) == "ListDocument(x)"
    book = ListBook()
    book.apply([FeedEntry(tenant=ACME, kind=LIST, id="x.1", version=1, body=b"{", deleted=False)], full=True)
    assert ACME not in book.held


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("abc", "fewer"),
        ("x" * 61, "more than 60"),
        ("a b c d e f g", "words"),
        ("---", "words"),
        ("KD-4711-0815", None),
    ],
)
def test_what_may_be_on_a_list(value: str, said: str | None) -> None:
    why = objection(value)
    assert (why is None) if said is None else (why is not None and said in why)
    assert why is None or value not in why


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(VALUES), st.text(alphabet="abcde ,.\n", max_size=90), st.text(alphabet="abcde ,.\n", max_size=90),
    st.lists(st.integers(1, 40), min_size=1, max_size=20),
)  # fmt: skip
def test_no_stream_lets_a_value_go_however_it_is_cut(value: str, before: str, after: str, sizes: list[int]) -> None:
    key = bytes(32)
    values = HashedValues("customers", key, [entry(key, each) for each in VALUES], 3)
    rules = rules_of(terms(customers=Action.MASK).of(PRIVACY), [values])
    text = f"{before} {value} {after}"

    def said(cuts: list[int]) -> str:
        guard = Guard(rules, uncounted, lambda: Vault(Tokens(bytes(32))))
        out, at, turn = "", 0, 0
        while at < len(text):
            size = cuts[turn % len(cuts)]
            passed = guard.events([TextDelta(0, text[at : at + size])])
            assert not isinstance(passed, Refusal)
            out += "".join(each.text for each in passed if isinstance(each, TextDelta))
            at, turn = at + size, turn + 1
        return out + "".join(each.text for each in guard.rest() if isinstance(each, TextDelta))

    whole = said([len(text)])
    assert value not in whole
    assert said(sizes) == whole
