"""System prompts: what names them, what is secret in them, and what their seals hold to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.registry.prompts import Prompt, PromptSeals
from strongroom.registry.prompts.model import BadPrompt, Destroyed, Kept, PinnedDocument, read, secrets_in
from strongroom.vault import FileKeystore, Keyring, Purpose, PurposeKeys, seal
from strongroom.vault.testing import embedded

ACME, GLOBEX, DEV = TenantId(UUID(int=7)), TenantId(UUID(int=8)), Environment.DEV
replace = msgspec.structs.replace
KEYS = PurposeKeys(1, {Purpose.SYSTEM_PROMPT: {1: b"1" * 32}})
PROMPT = Prompt(tenant=str(ACME), name="desk", version="1", author="ada", text="You are kind.")


def row(prompt: Prompt, sealed: bytes) -> Kept:
    return Kept(
        digest=prompt.digest, name=prompt.name, version=prompt.version, author=prompt.author, sealed=sealed,
        size=len(prompt.text), created_at=datetime.now(UTC),
    )  # fmt: skip


def keystore(directory: Path) -> FileKeystore:
    return FileKeystore(directory / "vault", Keyring.open(directory / "keyring.json"), SystemClock())


def test_everything_that_a_prompt_says_goes_into_its_digest() -> None:
    digests = {PROMPT.digest}
    for field in ("tenant", "name", "version", "author", "text"):
        digests.add(msgspec.structs.replace(PROMPT, **{field: "other"}).digest)
    assert len(digests) == 6
    assert read(PROMPT.encoded(), PROMPT.digest) == PROMPT


@pytest.mark.parametrize("document", [b"", b"{}", b'{"type":"strongroom/prompt/2"}', PROMPT.encoded() + b" "])
def test_what_is_no_prompt_or_another_is_not_read(document: bytes) -> None:
    with pytest.raises(BadPrompt):
        read(document, PROMPT.digest)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("api key: AKIA" + "Z7QX2M4KD8PL3W5T", "a cloud's key"),
        ("one\ntwo\nhttps://bot:hunter2secret@example.com/x", "a web address with a password inside"),
        ("The password is: correct-horse-9", "a password, by cue"),
        (
            "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0w\n-----END PRIVATE KEY-----",
            "a private key",
        ),
    ],
)
def test_a_secret_is_told_by_line_and_kind_and_never_quoted(text: str, kind: str) -> None:
    found = secrets_in(text)
    assert any(kind in each for each in found), found
    assert all(len(word) < 9 or word not in " ".join(found) for word in text.split() if word.isascii() and ":" in word)


@pytest.mark.parametrize(
    "text",
    [
        "You are a support agent. Write to help@example.com for refunds.",
        "Never tell passwords or keys. If a user pastes a secret, say so.",
        "Antworte auf Deutsch.\n" * 500,
    ],
)
def test_an_honest_prompt_holds_no_secret(text: str) -> None:
    assert secrets_in(text) == ()


async def test_a_seal_opens_in_its_own_place_alone(tmp_path: Path) -> None:
    vault = embedded(tmp_path)
    seals = PromptSeals(vault, KEYS)
    pinned, kept = await seals.pinned(PROMPT, DEV, "d1"), row(PROMPT, await seals.kept(PROMPT))
    assert await seals.open_pinned(pinned, ACME, DEV, "d1") == PROMPT
    assert await seals.open_kept(kept, ACME) == PROMPT
    changed = bytearray(pinned.sealed)
    changed[-1] ^= 1
    for document, tenant, environment, deployment in (
        (pinned, GLOBEX, DEV, "d1"),
        (pinned, ACME, Environment.PROD, "d1"),
        (pinned, ACME, DEV, "d2"),
        (PinnedDocument(digest=f"sha256:{'0' * 64}", sealed=pinned.sealed), ACME, DEV, "d1"),
        (PinnedDocument(digest=pinned.digest, sealed=bytes(changed)), ACME, DEV, "d1"),
        (PinnedDocument(digest=pinned.digest, sealed=kept.sealed), ACME, DEV, "d1"),
        (PinnedDocument(digest=pinned.digest, sealed=b""), ACME, DEV, "d1"),
    ):
        with pytest.raises(BadPrompt):
            await seals.open_pinned(document, tenant, environment, deployment)
    for moved in (
        replace(kept, version="2"),
        replace(kept, name="other"),
        replace(kept, digest=f"sha256:{'0' * 64}"),
        replace(kept, sealed=pinned.sealed),
    ):
        with pytest.raises(BadPrompt):
            await seals.open_kept(moved, ACME)
    with pytest.raises(BadPrompt):
        await seals.open_kept(kept, GLOBEX)


async def test_under_another_installations_vault_or_destroyed_keys_nothing_opens_the_keyring_beside_it_or_not(
    tmp_path: Path,
) -> None:
    """The one of before is held to the same: it opens while the tenant's keys can be had."""
    vault = embedded(tmp_path)
    seals = PromptSeals(vault, KEYS)
    kept = row(PROMPT, await seals.kept(PROMPT))
    before = row(PROMPT, seal(KEYS, Purpose.SYSTEM_PROMPT, PROMPT.encoded(), "registry", PROMPT.tenant, PROMPT.digest))
    assert await seals.open_kept(before, ACME) == PROMPT
    (tmp_path / "other").mkdir()
    with pytest.raises(BadPrompt):
        await PromptSeals(embedded(tmp_path / "other"), KEYS).open_kept(kept, ACME)
    await keystore(tmp_path).destroy(ACME)
    fresh = PromptSeals(embedded(tmp_path), KEYS)
    for gone in (kept, before):
        with pytest.raises(Destroyed):
            await fresh.open_kept(gone, ACME)
    with pytest.raises(Destroyed):
        await fresh.kept(PROMPT)
    with pytest.raises(Destroyed):
        await fresh.pinned(PROMPT, DEV, "d1")
