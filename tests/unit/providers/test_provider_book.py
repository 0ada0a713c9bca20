"""What stands against a provider, and what a process knows of providers from the feed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from strongroom.app.doctor import _providers
from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.providers import Book, Engine, ProviderDocument, ProviderKind, Secret, obstacle, open_secret
from strongroom.providers.secrets import SCOPE, as_filed, is_secret, seal_secret
from strongroom.store.feed import FeedEntry
from strongroom.vault import DataKeys, Material, Purpose, PurposeKeys, SealBroken, seal

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
ONE, OTHER = UUID(int=1), UUID(int=2)
KEYS = DataKeys(SCOPE, Material("5" * 32, {1: b"k" * 32}, 1))
BEFORE = PurposeKeys(1, {Purpose.PROVIDER_SECRET: {1: b"o" * 32}})
GOOD = ProviderDocument(
    name="outside",
    kind=ProviderKind.OPENAI,
    engine=Engine.OTHER,
    base_url="https://models.example",
    ca=None,
    secret=None,
    secret_version=1,
    open_to=None,
    region="eu-central",
    agreement="DPA-1",
    assessed_on=date(2026, 1, 1),
    assessed_until=date(2026, 6, 15),
)


def told(document: ProviderDocument | None, tenant: TenantId = PLATFORM, body: bytes | None = None) -> FeedEntry:
    content = b"" if document is None else msgspec.json.encode(document)
    return FeedEntry(
        tenant=tenant,
        kind="provider",
        id=str(ONE),
        version=1,
        body=body or content,
        deleted=document is None and not body,
    )


def test_an_assessment_counts_on_its_last_day_and_not_a_second_longer() -> None:
    assert obstacle(GOOD, NOW) is None
    assert obstacle(GOOD, datetime(2026, 6, 15, 23, 59, 59, tzinfo=UTC)) is None
    assert obstacle(GOOD, datetime(2026, 6, 16, tzinfo=UTC)) == "not routed to: assessment ended 2026-06-15"
    assert obstacle(GOOD, datetime(2025, 12, 31, tzinfo=UTC)) == "not routed to: assessment begins 2026-01-01"
    for field in ("agreement", "region"):
        assert obstacle(replace(GOOD, **{field: None}), NOW) == f"not routed to: no {field}"
    assert obstacle(replace(GOOD, assessed_until=None), NOW) == "not routed to: no assessment"


def test_a_process_knows_what_is_registered_now_and_nothing_of_a_tenants_making() -> None:
    book = Book()
    book.apply([told(GOOD)], full=True)
    assert book.find(ONE) == GOOD
    book.apply([told(replace(GOOD, region="us"), tenant=TenantId(OTHER))], full=False)
    assert book.find(ONE) == GOOD
    book.apply([told(None, body=b'{"v":"provider/9"}')], full=False)  # of a later version: it is no provider now
    assert book.find(ONE) is None
    book.apply([told(GOOD)], full=False)
    book.apply([told(None)], full=False)
    assert (book.find(ONE), len(book)) == (None, 0)


def test_doctor_says_who_is_not_routed_to_and_why() -> None:
    book = Book()
    assert _providers(book, NOW).status == "ok"
    book.apply([told(replace(GOOD, assessed_until=date(2026, 6, 1)))], full=True)
    check = _providers(book, NOW)
    assert check.status == "failed"
    assert check.detail == "outside: not routed to: assessment ended 2026-06-01"
    assert "provider update" in check.fix


def test_a_secret_opens_in_its_own_place_alone_and_shows_itself_nowhere() -> None:
    place = (ONE, 3, ProviderKind.OPENAI, "https://models.example")
    sealed = seal_secret(KEYS, "sk-1", *place)
    assert open_secret(KEYS, sealed, *place).reveal() == b"sk-1"
    elsewhere = (
        (OTHER, *place[1:]),
        (ONE, 4, *place[2:]),
        (*place[:2], ProviderKind.ANTHROPIC, place[3]),
        (*place[:3], "https://attacker.example"),
    )
    for other in elsewhere:
        with pytest.raises(SealBroken):
            open_secret(KEYS, sealed, *other)
    assert "sk-1" not in f"{Secret(b'sk-1')!r} {Secret(b'sk-1')}"
    with pytest.raises(TypeError):
        Secret(b"sk-1").__reduce__()


@pytest.mark.parametrize("text", ["", "two words", "ü", "a\nb", "a\r\nx-injected: 1", "x" * 5000])
def test_what_could_not_stand_in_a_header_field_is_no_secret(text: str) -> None:
    assert not is_secret(text)


def test_what_an_earlier_version_sealed_under_the_keyring_is_brought_to_the_vault_unchanged() -> None:
    place = (ONE, 3, ProviderKind.OPENAI, "https://models.example")
    old = seal(BEFORE, Purpose.PROVIDER_SECRET, b"sk-1", str(ONE), "3", "openai", "https://models.example")
    with pytest.raises(SealBroken):
        open_secret(KEYS, old, *place)
    new = as_filed(BEFORE, KEYS, old, *place)
    assert open_secret(KEYS, new, *place).reveal() == b"sk-1"
    assert as_filed(BEFORE, KEYS, new, *place) == new  # what the vault's keys sealed is filed as it is
    with pytest.raises(SealBroken):
        as_filed(BEFORE, KEYS, old, ONE, 4, ProviderKind.OPENAI, "https://models.example")
