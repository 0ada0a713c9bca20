"""System prompts: what names them, what is secret in them, and what their seals hold to."""

from __future__ import annotations

import msgspec
import pytest

from strongroom.registry.prompts import Prompt, PromptSeals
from strongroom.registry.prompts.model import BadPrompt, PinnedDocument, read, secrets_in
from strongroom.vault import Purpose, PurposeKeys

KEYS = PurposeKeys(1, {Purpose.SYSTEM_PROMPT: {1: b"1" * 32}})
PROMPT = Prompt(tenant="t", name="desk", version="1", author="ada", text="You are kind.")


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


def test_a_seal_opens_in_its_own_place_alone() -> None:
    seals = PromptSeals(KEYS)
    pinned, kept = seals.pinned(PROMPT, "d1"), seals.kept(PROMPT)
    assert seals.open_pinned(pinned, "t", "d1") == PROMPT
    assert seals.open_kept(kept, "t", PROMPT.digest) == PROMPT
    changed = bytearray(pinned.sealed)
    changed[-1] ^= 1
    for document, tenant, deployment in (
        (pinned, "u", "d1"),
        (pinned, "t", "d2"),
        (PinnedDocument(digest=f"sha256:{'0' * 64}", sealed=pinned.sealed), "t", "d1"),
        (PinnedDocument(digest=pinned.digest, sealed=bytes(changed)), "t", "d1"),
        (PinnedDocument(digest=pinned.digest, sealed=kept), "t", "d1"),
        (PinnedDocument(digest=pinned.digest, sealed=b""), "t", "d1"),
    ):
        with pytest.raises(BadPrompt):
            seals.open_pinned(document, tenant, deployment)
    other = PromptSeals(PurposeKeys(1, {Purpose.SYSTEM_PROMPT: {1: b"2" * 32}}))
    with pytest.raises(BadPrompt):
        other.open_pinned(pinned, "t", "d1")
