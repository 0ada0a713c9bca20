"""The embedded keystore's files: private, whole, never silently replaced."""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from strongroom.kernel.ids import PLATFORM, TenantId, new_uuid
from strongroom.vault import (
    Broker,
    BrokeredKeystore,
    FileKeystore,
    Keyring,
    KeysDestroyed,
    Keystore,
    Material,
    NoUnits,
    Scope,
    SealBroken,
    Use,
    Vault,
    VaultUnavailable,
)
from strongroom.vault.questions import Answer, Question

RESPONSE = Use.KEPT_RESPONSE


@dataclass
class Hands:
    """A clock that is set by hand."""

    at: datetime = field(default_factory=lambda: datetime(2026, 6, 1, tzinfo=UTC))

    def now(self) -> datetime:
        return self.at

    def boottime(self) -> float:
        return self.at.timestamp()

    def on(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def keystore(tmp_path: Path, clock: Hands) -> FileKeystore:
    return FileKeystore(tmp_path / "vault", Keyring.open(tmp_path / "keyring.json"), clock)


async def test_files_are_their_owners_alone_and_hold_no_key_in_the_clear(tmp_path: Path) -> None:
    tenant = TenantId(new_uuid())
    held = await keystore(tmp_path, Hands()).open(tenant, RESPONSE)
    (file,) = (tmp_path / "vault").iterdir()
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == (f"{tenant}.json", 0o600)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert msgspec.json.encode(held.generations[1]).strip(b'"') not in file.read_bytes()
    assert "generations" not in repr(held)


async def test_a_damaged_file_is_said_and_never_replaced(tmp_path: Path) -> None:
    tenant, clock = TenantId(new_uuid()), Hands()
    first = await keystore(tmp_path, clock).open(tenant, RESPONSE)
    file = tmp_path / "vault" / f"{tenant}.json"
    whole = file.read_bytes()
    for bad in (b"", b"{}", whole[:-9], whole.replace(b'"version":1', b'"version":2')):
        file.write_bytes(bad)
        with pytest.raises(VaultUnavailable, match="restore HOME/secrets"):
            await keystore(tmp_path, clock).open(tenant, RESPONSE)
        assert file.read_bytes() == bad
    file.write_bytes(whole)
    file.chmod(0o640)
    with pytest.raises(VaultUnavailable, match="chmod 600"):
        await keystore(tmp_path, clock).open(tenant, RESPONSE)
    file.chmod(0o600)
    assert await keystore(tmp_path, clock).open(tenant, RESPONSE) == first


async def test_another_tenants_file_under_this_ones_name_opens_nothing(tmp_path: Path) -> None:
    a, b, keys = TenantId(new_uuid()), TenantId(new_uuid()), keystore(tmp_path, Hands())
    await keys.open(a, RESPONSE)
    await keys.open(b, RESPONSE)
    ours, theirs = tmp_path / "vault" / f"{a}.json", tmp_path / "vault" / f"{b}.json"
    ours.write_bytes(theirs.read_bytes())
    with pytest.raises(VaultUnavailable, match="another tenant's"):
        await keys.open(a, RESPONSE)
    ours.write_bytes(theirs.read_bytes().replace(str(b).encode(), str(a).encode()))
    with pytest.raises(VaultUnavailable, match="does not open"):
        await keys.open(a, RESPONSE)


async def test_a_lost_keyring_is_said_and_nothing_is_made_in_its_place(tmp_path: Path) -> None:
    tenant = TenantId(new_uuid())
    await keystore(tmp_path, Hands()).open(tenant, RESPONSE)
    (tmp_path / "keyring.json").unlink()
    with pytest.raises(VaultUnavailable, match="does not open under this keyring"):
        await keystore(tmp_path, Hands()).open(tenant, RESPONSE)


async def test_a_new_generation_is_known_a_while_before_anything_is_sealed_under_it(tmp_path: Path) -> None:
    tenant, clock = TenantId(new_uuid()), Hands()
    keys = keystore(tmp_path, clock)
    early = Vault(keys, clock)
    scope = Scope(tenant, RESPONSE)
    first = (await early.keys(scope)).seal(b"1", "x")
    await keys.renew(tenant)
    late = Vault(keys, clock)
    second = (await late.keys(scope)).seal(b"2", "x")
    assert await early.open(scope, second, "x") == b"2"  # whoever remembers the older keys alone can open it
    clock.on(61)
    third = (await late.keys(scope)).seal(b"3", "x")
    assert [await late.open(scope, each, "x") for each in (first, second, third)] == [b"1", b"2", b"3"]
    assert (await keys.open(tenant, RESPONSE)).current == 2


async def test_keys_are_forgotten_after_a_minute_and_then_obey_the_keystore(tmp_path: Path) -> None:
    tenant, clock = TenantId(new_uuid()), Hands()
    keys = keystore(tmp_path, clock)
    vault, scope = Vault(keys, clock), Scope(tenant, RESPONSE)
    sealed = (await vault.keys(scope)).seal(b"said", "x")
    await keys.destroy(tenant)
    clock.on(59)
    assert await vault.open(scope, sealed, "x") == b"said"  # stated: a minute, in processes that had them
    clock.on(2)
    assert vault.held(scope) is None
    with pytest.raises(KeysDestroyed):
        await vault.open(scope, sealed, "x")


async def test_a_question_that_fails_is_asked_anew_and_many_at_once_ask_once() -> None:
    asked = 0

    class Once:
        async def open(self, tenant: TenantId, use: Use) -> Material:
            nonlocal asked
            del tenant, use
            asked += 1
            await asyncio.sleep(0)
            if asked == 1:
                raise VaultUnavailable("not yet")
            return Material("0" * 32, {1: bytes(32)}, 1)

    vault, scope = Vault(cast("Keystore", Once()), Hands()), Scope(PLATFORM, Use.PROVIDER_SECRET)
    with pytest.raises(VaultUnavailable):
        await vault.keys(scope)
    await asyncio.gather(*(vault.keys(scope) for _ in range(9)))
    assert asked == 2


async def test_processes_get_the_keys_of_their_own_uses_and_manage_nothing(tmp_path: Path) -> None:
    tenant, keys = TenantId(new_uuid()), keystore(tmp_path, Hands())
    broker, path = Broker(keys), tmp_path / "v.sock"
    me = frozenset({os.geteuid()})
    async with broker.serving(path, me):
        gateway = BrokeredKeystore(path, broker.admit("gateway-1", {RESPONSE}))
        control = BrokeredKeystore(path, broker.admit("control", {Use.PROVIDER_SECRET}, manages=True))
        assert await gateway.open(tenant, RESPONSE) == await keys.open(tenant, RESPONSE)
        refused = (
            gateway.open(tenant, Use.PROVIDER_SECRET),
            gateway.destroy(tenant),
            gateway.turn(),
            gateway.condition(),
            control.open(tenant, RESPONSE),
            BrokeredKeystore(path, b"guessed").open(tenant, RESPONSE),
        )
        for attempt in refused:
            with pytest.raises(VaultUnavailable, match="does not answer"):
                await attempt
        assert len((await control.condition()).holdings) == 1
        broker.admit("gateway-1", {RESPONSE})  # its next start: the token of the one before is of no use
        with pytest.raises(VaultUnavailable):
            await gateway.open(tenant, RESPONSE)
        for unfit in (control.settle(tenant, "retail"), control.dissolve("retail")):
            with pytest.raises(NoUnits, match="leave the business unit out"):  # and not as one that is away for now
                await unfit
        await control.destroy(tenant)
        fresh = BrokeredKeystore(path, broker.admit("gateway-1", {RESPONSE}))
        with pytest.raises(KeysDestroyed):
            await fresh.open(tenant, RESPONSE)
    with pytest.raises(VaultUnavailable, match="supervisor"):
        await control.check()


async def test_another_uid_is_not_answered(tmp_path: Path) -> None:
    broker, path = Broker(keystore(tmp_path, Hands())), tmp_path / "v.sock"
    async with broker.serving(path, frozenset({os.geteuid() + 1})):
        asking = BrokeredKeystore(path, broker.admit("gateway-1", {RESPONSE}))
        with pytest.raises(VaultUnavailable):
            await asking.open(TenantId(new_uuid()), RESPONSE)


async def test_what_is_no_question_gets_no_answer(tmp_path: Path) -> None:
    broker, path = Broker(keystore(tmp_path, Hands())), tmp_path / "v.sock"
    async with broker.serving(path, frozenset({os.geteuid()})):
        for junk in (b"\xff\xff\xff\xff", b"\0\0\0\x02{}", b"\0\0\0\x01\xc1"):
            reader, writer = await asyncio.open_unix_connection(str(path))
            writer.write(junk)
            assert await reader.read() == b""
            writer.close()


async def test_text_under_destroyed_keys_is_not_opened_by_keys_made_elsewhere(tmp_path: Path) -> None:
    """As in a restored backup on a machine with keys of its own (isolation test 32)."""
    tenant, clock = TenantId(new_uuid()), Hands()
    here, there = keystore(tmp_path, clock), FileKeystore(tmp_path / "w", Keyring.open(tmp_path / "k.json"), clock)
    scope = Scope(tenant, RESPONSE)
    sealed = (await Vault(here, clock).keys(scope)).seal(b"said", "x")
    with pytest.raises(SealBroken, match="not held here"):
        await Vault(there, clock).open(scope, sealed, "x")


async def test_a_process_gets_subjects_keys_of_its_uses_alone_and_erases_none(tmp_path: Path) -> None:
    jane, acme = f"sub_{'a' * 32}", TenantId(new_uuid())
    broker = Broker(FileKeystore(tmp_path / "vault", Keyring.open(tmp_path / "keyring.json"), Hands()))
    gateway = broker.admit("gateway-1", {Use.SUBJECT_NAME}, of_subjects={RESPONSE})
    control = broker.admit("control", (), manages=True)

    async def answered(token: bytes, verb: Any, **asked: Any) -> Answer | None:
        return await broker.answer(Question(token, verb, acme, **asked))

    assert await answered(gateway, "open", use=RESPONSE, subject=jane) is not None
    for verb, asked in (
        ("open", {"use": RESPONSE}),  # the tenant's own key of that use is another key
        ("open", {"use": Use.SUBJECT_NAME, "subject": jane}),
        ("open", {"use": RESPONSE, "subject": "../../keyring"}),
        ("destroy_subject", {"subject": jane}),
        ("erased", {}),
    ):
        assert await answered(gateway, verb, **asked) is None, verb
    assert await answered(control, "destroy_subject") is None, "whose?"
    assert await answered(control, "destroy", subject=jane) is None, "a tenant's end names no subject"
    erased = await answered(control, "destroy_subject", subject=jane)
    assert erased is not None
    assert erased.uses == [RESPONSE]
    listed = await answered(control, "erased")
    assert listed is not None
    assert list(listed.erased) == [jane]


async def test_a_subjects_file_that_is_damaged_or_anothers_opens_nothing_and_is_erased_all_the_same(
    tmp_path: Path,
) -> None:
    acme, jane, john = TenantId(new_uuid()), f"sub_{'a' * 32}", f"sub_{'b' * 32}"
    keys = FileKeystore(tmp_path / "vault", Keyring.open(tmp_path / "keyring.json"), Hands())
    for each in (jane, john):
        await keys.open_subject(acme, each, RESPONSE, make=True)
    of = {each: next((tmp_path / "vault").rglob(f"{each}.json")) for each in (jane, john)}
    good = of[john].read_bytes()
    for content, mode in ((good, 0o600), (b"{", 0o600), (of[jane].read_bytes(), 0o644)):
        of[jane].write_bytes(content)
        of[jane].chmod(mode)
        with pytest.raises(VaultUnavailable):
            await keys.open_subject(acme, jane, RESPONSE, make=True)
    await keys.destroy_subject(acme, jane)
    assert not of[jane].exists()
    with pytest.raises(KeysDestroyed):
        await keys.open_subject(acme, jane, RESPONSE, make=False)
    assert not of[jane].exists(), "looking makes no key"
