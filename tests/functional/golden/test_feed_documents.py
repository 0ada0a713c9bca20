"""What stands in the feed is read by versions to come: bytes once written are read for ever, and fields are only added.

Each file in `feed/` holds one document as some version wrote it. Never change one; add another beside it.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

import msgspec
import pytest

from strongroom.canaries.documents import CanaryDocument
from strongroom.identity import documents
from strongroom.identity.documents import CredentialDocument, TenantDocument
from strongroom.identity.federation.model import EndedTokenDocument, FederationDocument
from strongroom.identity.federation.model import Kind as Issuing
from strongroom.identity.signers.model import SignerDocument
from strongroom.kernel.principal import Environment, Proof, Role
from strongroom.providers import Engine, ProviderDocument, ProviderKind
from strongroom.registry import Operation, RouteDocument, TargetDocument
from strongroom.rules.documents import RulesDocument
from strongroom.valuelists.model import ListDocument

FEED = Path(__file__).parent / "feed"
Told: TypeAlias = (
    TenantDocument
    | CredentialDocument
    | SignerDocument
    | FederationDocument
    | EndedTokenDocument
    | RouteDocument
    | RulesDocument
    | ProviderDocument
    | CanaryDocument
    | ListDocument
)
DOCUMENTS: dict[str, Told] = {
    "credential-1-honeytoken.json": CredentialDocument(
        fingerprint=bytes(range(32)),
        pepper_version=1,
        role=Role.INFERENCE,
        name="search",
        expires_at=1_800_000_000.5,
        tenant=UUID(int=1),
        environment=Environment.PROD,
        workload=UUID(int=2),
        honeytoken=True,
    ),
    "value-list-1.json": ListDocument("customers", bytes(range(32)), 3),
    "canary-1.json": CanaryDocument(word="qxkvdrmhwpnc", label="support", deployment=UUID(int=2)),
    "canary-1-retired.json": CanaryDocument(word="qxkvdrmhwpnc", label="a handbook", until=1_800_000_000.5),
    "signer-1.json": SignerDocument(workload=UUID(int=2), public_key=bytes(range(44)), expires_at=1_800_000_000.5),
    "federation-1.json": FederationDocument(
        workload=UUID(int=2),
        name="search",
        role=Role.INFERENCE,
        environment=Environment.PROD,
        kind=Issuing.GITHUB,
        issuer="https://token.actions.githubusercontent.com",
        audience="strongroom",
        subject="repo:octo/app:ref:refs/heads/main",
        claims={"repository_id": "1296269", "repository_owner_id": "583231"},
        max_age_s=3600,
        token_s=900,
        keys_url="https://keys.example/jwks",
        keys='{"keys":[]}',
        ca="PEM",
        networks=("10.0.0.0/8",),
        proof=Proof.DPOP,
    ),
    "ended-token-1.json": EndedTokenDocument(expires_at=1_800_000_000.5),
    "rules-1.json": RulesDocument(
        version=3, digest="0" * 64, document=msgspec.Raw(b'{"rules":[{"environments":["dev"],"seed":true}]}')
    ),
    "tenant-1.json": TenantDocument(name="acme"),
    "credential-1-workload.json": CredentialDocument(
        fingerprint=bytes(range(32)),
        pepper_version=3,
        role=Role.INFERENCE,
        name="search",
        expires_at=1_800_000_000.5,
        tenant=UUID(int=1),
        environment=Environment.PROD,
        workload=UUID(int=2),
        networks=("127.0.0.0/8", "::1/128"),
    ),
    "credential-1-replaced.json": CredentialDocument(
        fingerprint=bytes(32),
        pepper_version=1,
        role=Role.NOTEBOOK,
        name="n",
        expires_at=1.0,
        tenant=UUID(int=1),
        environment=Environment.DEV,
        workload=UUID(int=2),
        replaced_at=0.5,
    ),
    "credential-1-account.json": CredentialDocument(
        fingerprint=bytes(32), pepper_version=1, role=Role.OPERATOR, name="operator", expires_at=1.0, demo=True
    ),
    "deployment-1-targets.json": RouteDocument(
        environment=Environment.PROD,
        name="outside",
        kind=Operation.CHAT,
        created=1_800_000_000,
        targets=(TargetDocument(provider=UUID(int=5), model="m-1", weight=3, fallback=1),),
    ),
    "provider-1.json": ProviderDocument(
        name="outside",
        kind=ProviderKind.OPENAI,
        engine=Engine.VLLM,
        base_url="https://models.example:8443/eu",
        ca="PEM",
        secret=b"sealed",
        secret_version=2,
        open_to=(UUID(int=1),),
        region="eu-central",
        agreement="DPA-1",
        assessed_on=date(2026, 1, 1),
        assessed_until=date(2026, 12, 31),
    ),
    "deployment-1.json": RouteDocument(
        environment=Environment.DEV,
        name="smollm2-135m",
        release=f"sha256:{'0' * 64}",
        kind=Operation.CHAT,
        created=1_800_000_000,
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_was_written_is_read_and_what_is_written_is_the_same(name: str) -> None:
    stored = (FEED / name).read_bytes()
    document = DOCUMENTS[name]
    assert msgspec.json.decode(stored, type=type(document)) == document
    if isinstance(document, TenantDocument | CredentialDocument):
        assert documents.encode(document) == stored
    written = msgspec.json.encode(document)
    assert written == stored


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_field_that_a_later_version_added_is_no_obstacle(name: str) -> None:
    later = (FEED / name).read_bytes()[:-1] + b',"added_later":{"a":[1]}}'
    assert msgspec.json.decode(later, type=type(DOCUMENTS[name])) == DOCUMENTS[name]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_later_version_of_a_document_is_not_mistaken_for_this_one(name: str) -> None:
    later = (FEED / name).read_bytes().replace(b'/1"', b'/2"', 1)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(later, type=type(DOCUMENTS[name]))


def test_every_file_is_held_against_something() -> None:
    assert {path.name for path in FEED.iterdir()} == set(DOCUMENTS)
