"""Providers' secrets stand in the vault: in the database is which version counts, and nothing that could be opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from strongroom.app.seed import INSTALLER
from strongroom.kernel.ids import KeyId, Name
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask
from strongroom.providers import ProviderKind
from strongroom.providers.model import Provider
from strongroom.providers.secrets import SCOPE, filed_as, seal_secret
from strongroom.providers.service import Change
from strongroom.vault import KeysDestroyed, Purpose, Vault, seal, version_of

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

NAME, BASE, SECRET = Name("outside"), "https://93.184.216.34", "sk-canary-5d1c"
FIRST, SECOND = (Change(base_url=BASE, owner="Team", secret=f"{SECRET}-{n}") for n in (1, 2))


async def stored(house: House, name: str = NAME) -> tuple[bytes | None, int]:
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        row = await connection.fetchrow(
            "SELECT secret, secret_version FROM providers.provider WHERE name = $1 ORDER BY created_at DESC", name
        )
        assert row is not None
        return row["secret"], row["secret_version"]
    finally:
        await connection.close()


async def put_back(house: House, name: str, secret: bytes) -> None:
    """Have a row hold what earlier versions of Strongroom wrote there."""
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        await connection.execute("UPDATE providers.provider SET secret = $2 WHERE name = $1", name, secret)
    finally:
        await connection.close()


async def added(house: House, name: Name = NAME) -> Provider:
    return await house.services.providers.add(INSTALLER, name, ProviderKind.OPENAI, FIRST, Ask())


def vault_of(house: House) -> Vault:
    return Vault(house.services.tenant_keys._keystore, house.services.clock)  # pyright: ignore[reportPrivateUsage]


async def opened(house: House, provider: Provider, number: int) -> bytes:
    """Open what a row refers to, as a gateway does."""
    secret, version = await stored(house, provider.name)
    filed, vault = version_of(secret or b""), vault_of(house)
    assert filed == number
    sealed = await vault.filing.read(SCOPE, filed_as(provider.id), number)
    return await vault.open(SCOPE, sealed, str(provider.id), str(version), "openai", BASE)


async def test_a_secret_is_filed_rotated_and_destroyed_with_its_provider(house: House) -> None:
    provider = await added(house)
    assert (await opened(house, provider, 1)).endswith(b"-1")
    await house.services.providers.change(INSTALLER, NAME, Change(owner="Others"), Ask())
    assert (await opened(house, provider, 1)).endswith(b"-1"), "another change files nothing anew"
    await house.services.providers.change(INSTALLER, NAME, SECOND, Ask())
    assert (await opened(house, provider, 2)).endswith(b"-2")
    with pytest.raises(KeysDestroyed):  # a backup of the database that refers to the old one finds nothing
        await vault_of(house).filing.read(SCOPE, filed_as(provider.id), 1)
    await house.services.providers.end(INSTALLER, NAME, Ask())
    assert (await stored(house))[0] is None
    with pytest.raises(KeysDestroyed):
        await vault_of(house).filing.read(SCOPE, filed_as(provider.id), 2)


async def test_who_moves_a_row_elsewhere_gets_a_secret_that_does_not_open(house: House) -> None:
    one, other = await added(house), await added(house, Name("attackers"))
    vault = vault_of(house)
    sealed = await vault.filing.read(SCOPE, filed_as(one.id), 1)
    for place in ((str(other.id), "1", "openai", BASE), (str(one.id), "1", "openai", "https://attacker.example")):
        with pytest.raises(Exception, match="changed, or belongs elsewhere"):
            await vault.open(SCOPE, sealed, *place)


async def test_what_stands_in_the_database_still_is_moved_step_by_step(house: House) -> None:
    providers, names = house.services.providers, [Name(f"p{n}") for n in range(4)]
    made = [await added(house, name) for name in names]
    keys = await vault_of(house).keys(SCOPE)
    first = seal(house.keys, Purpose.PROVIDER_SECRET, b"sk-0", str(made[0].id), "1", "openai", BASE)
    sealed = [seal_secret(keys, f"sk-{n}", made[n].id, 1, ProviderKind.OPENAI, BASE) for n in (1, 2)]
    for name, text in zip(names, [first, *sealed, b"\x02 what does not open, as when a row was edited"], strict=True):
        await put_back(house, name, text)
    steps = [await providers.move_secrets(INSTALLER, 2, Ask()) for _ in range(3)]
    assert [(step.moved, step.broken) for step in steps] == [(2, 0), (1, 1), (0, 1)]
    assert [step.left for step in steps] == [2, 0, 0]
    for n in range(3):
        assert await opened(house, made[n], 2) == f"sk-{n}".encode()
    assert (await stored(house, names[3]))[0] is not None, "what does not open is left to a person"


async def test_with_the_vault_away_no_secret_is_taken_and_what_was_ended_is_destroyed_later(
    house: House, tmp_path: Path
) -> None:
    provider, files = await added(house), tmp_path / "vault"
    filed = next((files / "filed").rglob(f"{provider.id}.json"))
    filed.chmod(0o644)  # the embedded keystore trusts no file that others can read: it says so, and nothing else
    with pytest.raises(Refused) as refused:
        await house.services.providers.change(INSTALLER, NAME, SECOND, Ask())
    assert refused.value.refusal.kind is RefusalKind.UNAVAILABLE
    assert version_of((await stored(house))[0] or b"") == 1, "nothing was changed"
    filed.parent.rename(away := filed.parent.with_name("away"))
    filed.parent.write_text("no directory")
    await house.services.providers.end(INSTALLER, NAME, Ask())
    assert version_of((await stored(house))[0] or b"") == 1, "what is to be destroyed stays known"
    filed.parent.unlink()
    away.rename(filed.parent)
    auditor = Principal(role=Role.AUDITOR, name="auditor", credential=KeyId(""))
    with pytest.raises(Refused):
        await house.services.providers.move_secrets(auditor, 1, Ask())
    assert filed.exists(), "who may only look destroys nothing"
    assert (await house.services.providers.move_secrets(INSTALLER, 1, Ask())).left == 0
    assert (await stored(house))[0] is None
    assert not filed.exists()


class Killed(BaseException):
    """What stands for SIGKILL."""


async def kill(*_: object) -> None:
    raise Killed


async def test_a_move_or_rotation_that_is_killed_anywhere_can_be_repeated_and_leaves_one_secret(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the vault has it and before the row says so, and after the row and before what it replaced is destroyed."""
    providers, provider, vault = house.services.providers, await added(house), vault_of(house)
    keys = await vault.keys(SCOPE)
    sealed = seal_secret(keys, f"{SECRET}-1", provider.id, 1, ProviderKind.OPENAI, BASE)
    await put_back(house, NAME, sealed)
    with monkeypatch.context() as patched:
        patched.setattr("strongroom.providers.tables.update", kill)
        with pytest.raises(Killed):
            await providers.move_secrets(INSTALLER, 9, Ask())
    assert (await stored(house))[0] == sealed, "it stands where it stood"
    assert (await providers.move_secrets(INSTALLER, 9, Ask())).moved == 1
    assert (await opened(house, provider, 3)).endswith(b"-1"), "the first filing and the killed one are older versions"
    assert (await providers.move_secrets(INSTALLER, 9, Ask())).moved == 0
    for older in (1, 2):
        with pytest.raises(KeysDestroyed):
            await vault_of(house).filing.read(SCOPE, filed_as(provider.id), older)
    with monkeypatch.context() as patched:
        patched.setattr("strongroom.providers.tables.update", kill)
        with pytest.raises(Killed):
            await providers.change(INSTALLER, NAME, SECOND, Ask())
    assert (await opened(house, provider, 3)).endswith(b"-1"), "what was not put in force is not used"
    with monkeypatch.context() as patched:
        patched.setattr(providers, "_dropped", kill)
        with pytest.raises(Killed):
            await providers.change(INSTALLER, NAME, SECOND, Ask())
    assert (await opened(house, provider, 5)).endswith(b"-2")
    assert await vault_of(house).filing.read(SCOPE, filed_as(provider.id), 3), (
        "the positive control: the old one is there"
    )
    await providers.move_secrets(INSTALLER, 9, Ask())
    for older in (3, 4):
        with pytest.raises(KeysDestroyed):
            await vault_of(house).filing.read(SCOPE, filed_as(provider.id), older)
    assert (await opened(house, provider, 5)).endswith(b"-2")
