"""A deployment's system prompt is open for as long as the vault's answer holds, and a deployment without it answers nobody."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import UUID

import pytest

from strongroom.gateway.fronting import SystemPrompt
from strongroom.gateway.fronts import Front, Fronts
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.registry.prompts import PinnedDocument, Prompt, PromptSeals
from strongroom.vault import (
    LIFETIME_S,
    FileKeystore,
    Keyring,
    Material,
    PurposeKeys,
    Use,
    Vault,
    VaultUnavailable,
)

ACME, DEV = TenantId(UUID(int=7)), Environment.DEV
PROMPT = Prompt(tenant=str(ACME), name="desk", version="1", author="ada", text="You are kind.")


class Later(SystemClock):
    """Runs ahead by as much as it is told."""

    skipped = 0.0

    def boottime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME) + self.skipped


class Keys(FileKeystore):
    """A keystore that can be away, and counts what it is asked."""

    away = False
    asked = 0

    async def open(self, tenant: TenantId, use: Use) -> Material:
        self.asked += 1
        if self.away:
            raise VaultUnavailable("it is sealed; unseal it")
        return await super().open(tenant, use)


class Rig:
    def __init__(self, directory: Path) -> None:
        self.clock = Later()
        self.keys = Keys(directory / "vault", Keyring.open(directory / "keyring.json"), self.clock)

    def fronts(self) -> Fronts:
        """Return those of a process that has just started."""
        return Fronts(PromptSeals(Vault(self.keys, self.clock), PurposeKeys(1, {})), self.clock)

    async def front(self) -> Front:
        seals = PromptSeals(Vault(self.keys, self.clock), PurposeKeys(1, {}))
        return Front(await seals.pinned(PROMPT, DEV, "d1"), ACME, DEV, "d1")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def code(found: SystemPrompt | Refusal) -> tuple[RefusalKind, str | None]:
    assert isinstance(found, Refusal)
    return found.kind, found.code


async def test_it_is_opened_once_and_kept_open_while_it_is_asked_for(rig: Rig) -> None:
    front, fronts = await rig.front(), rig.fronts()
    found = await fronts.open(front)
    assert isinstance(found, SystemPrompt)
    assert (found.text, front.opened) == (PROMPT.text, found)
    assert rig.clock.boottime() < front.until <= rig.clock.boottime() + LIFETIME_S
    for _ in range(5):
        front.asked = True
        rig.clock.skipped += LIFETIME_S / 2
        assert await fronts.renew([front])
        assert front.opened is found
        assert rig.clock.boottime() < front.until
    rig.clock.skipped += LIFETIME_S  # nobody asked since
    asked = rig.keys.asked
    assert await fronts.renew([front])
    assert (front.opened, rig.keys.asked) == (None, asked), "what nobody asks for is let go of, and not asked for"
    assert isinstance(await fronts.open(front), SystemPrompt)


async def test_a_vault_that_is_away_at_the_start_is_a_no_that_says_so_until_it_is_back(rig: Rig) -> None:
    front, fronts = await rig.front(), rig.fronts()
    rig.keys.away = True
    refused = await fronts.open(front)
    assert code(refused) == (RefusalKind.UNAVAILABLE, "prompt_unavailable")
    assert isinstance(refused, Refusal)
    assert "unseal it" in refused.reason
    assert "unseal" not in refused.tell
    asked = rig.keys.asked
    assert await fronts.open(front) == refused
    assert rig.keys.asked == asked, "not asked again at once"
    rig.keys.away = False
    rig.clock.skipped += 2
    assert isinstance(await fronts.open(front), SystemPrompt)


async def test_a_vault_that_goes_away_ends_it_within_the_minute(rig: Rig) -> None:
    front, fronts = await rig.front(), rig.fronts()
    await fronts.open(front)
    rig.keys.away = front.asked = True
    rig.clock.skipped += LIFETIME_S / 2
    assert not await fronts.renew([front])
    assert rig.clock.boottime() < front.until, "an answer that was had is one"
    rig.clock.skipped += LIFETIME_S
    assert not await fronts.renew([front])
    assert front.opened is None
    assert code(await fronts.open(front)) == (RefusalKind.UNAVAILABLE, "prompt_unavailable")


async def test_destroyed_keys_end_it_at_the_next_renewal_and_no_other_tenants(rig: Rig) -> None:
    front, fronts = await rig.front(), rig.fronts()
    globex = TenantId(UUID(int=8))
    seals = PromptSeals(Vault(rig.keys, rig.clock), PurposeKeys(1, {}))
    theirs = await seals.pinned(Prompt(tenant=str(globex), name="d", version="1", author="b", text="B."), DEV, "d2")
    other = Front(theirs, globex, DEV, "d2")
    assert isinstance(await fronts.open(front), SystemPrompt)
    assert isinstance(await fronts.open(other), SystemPrompt)
    await rig.keys.destroy(ACME)
    front.asked = other.asked = True
    assert await fronts.renew([front, other])
    assert front.opened is None
    assert other.opened is not None
    assert code(await fronts.open(front)) == (RefusalKind.FORBIDDEN, "prompt_gone")


@pytest.mark.parametrize("what", ["sealed", "tenant", "environment", "deployment"])
async def test_what_was_changed_or_moved_opens_nowhere(rig: Rig, what: str) -> None:
    front = await rig.front()
    changed = bytes([*front.document.sealed[:-1], front.document.sealed[-1] ^ 1])
    moved = {
        "sealed": Front(PinnedDocument(digest=PROMPT.digest, sealed=changed), ACME, DEV, "d1"),
        "tenant": Front(front.document, TenantId(UUID(int=8)), DEV, "d1"),
        "environment": Front(front.document, ACME, Environment.PROD, "d1"),
        "deployment": Front(front.document, ACME, DEV, "d2"),
    }[what]
    assert code(await rig.fronts().open(moved)) == (RefusalKind.FORBIDDEN, "prompt_gone")
    assert PROMPT.text not in repr(moved)
    assert isinstance(await rig.fronts().open(front), SystemPrompt)
