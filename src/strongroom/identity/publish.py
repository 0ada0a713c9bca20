"""Telling the gateways: credentials and tenants go to the feed in the transaction that changes them."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

import msgspec

from strongroom.identity import documents
from strongroom.identity.documents import CredentialDocument, ElevationDocument, TenantDocument
from strongroom.identity.model import Account, Delivery, Key, Tenant, Ties, confirmation_of, key_ends
from strongroom.kernel.ids import KeyId, TenantId
from strongroom.kernel.principal import Proof, Role
from strongroom.store import OperatorTx, TenantTx, feed


async def tenant(tx: OperatorTx, made: Tenant) -> None:
    """Tell that a tenant exists."""
    await feed.publish(tx, documents.TENANT, str(made.id), documents.encode(TenantDocument(name=made.name)))


async def tenant_gone(tx: OperatorTx, tenant_id: TenantId) -> None:
    """Tell that a tenant is gone. From then on none of its credentials counts, whatever else is said of them."""
    await feed.withdraw(tx, documents.TENANT, str(tenant_id))


async def key(tx: TenantTx, made: Key, workload: UUID, fingerprint: bytes, pepper_version: int) -> None:
    """Tell of a key of `workload`, new or changed. It counts until it, its exception or its overlap ends."""
    ends, confirmation = key_ends(made.expires_at, made.exception, made.retires_at), confirmation_of(made)
    document = CredentialDocument(
        fingerprint=fingerprint,
        pepper_version=pepper_version,
        role=made.role,
        name=made.workload,
        expires_at=ends.timestamp(),
        tenant=tx.tenant,
        environment=made.environment,
        workload=workload,
        networks=() if made.exception is None else made.exception.networks,
        proof=msgspec.UNSET if confirmation is None else confirmation.proof,
        thumbprint=msgspec.UNSET if confirmation is None else confirmation.thumbprint,
        replaced_at=msgspec.UNSET if made.replaced_at is None else made.replaced_at.timestamp(),
        replaced_by=msgspec.UNSET if made.replaced_by is None else made.replaced_by,
        bindings=made.bindings or msgspec.UNSET,
        honeytoken=made.honeytoken or msgspec.UNSET,
    )
    await feed.publish(tx, documents.CREDENTIAL, made.id, documents.encode(document))


async def delivery(
    tx: TenantTx, made: Delivery, of: Key, workload: UUID, fingerprint: bytes, pepper_version: int
) -> None:
    """Tell of a delivery of the key `of`: a credential that hands it over and may do nothing else."""
    document = CredentialDocument(
        fingerprint=fingerprint,
        pepper_version=pepper_version,
        role=Role.DELIVERY,
        name=of.workload,
        expires_at=made.expires_at.timestamp(),
        tenant=tx.tenant,
        environment=of.environment,
        workload=workload,
    )
    await feed.publish(tx, documents.CREDENTIAL, made.id, documents.encode(document))


async def account_key(
    tx: OperatorTx,
    account: Account,
    key_id: KeyId,
    fingerprint: bytes,
    pepper_version: int,
    expires_at: float,
    ties: Ties,
    elevation: ElevationDocument | msgspec.UnsetType = msgspec.UNSET,
) -> None:
    """Tell of a new account token; `expires_at` in Unix seconds."""
    confirmation = ties.confirmation
    document = CredentialDocument(
        fingerprint=fingerprint,
        pepper_version=pepper_version,
        role=account.role,
        name=account.name,
        expires_at=expires_at,
        tenant=account.tenant,
        networks=ties.networks,
        demo=account.demo,
        proof=msgspec.UNSET if confirmation is None else confirmation.proof,
        thumbprint=msgspec.UNSET if confirmation is None else confirmation.thumbprint,
        elevation=elevation,
    )
    await feed.publish(tx, documents.CREDENTIAL, key_id, documents.encode(document))


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a command line holds for a person: a credential that can be presented, with proof of its key.

    Attributes:
        sign_on: the credential of the sign-on that it came of.
        fingerprint: of its text.
        pepper_version: what that was made under.
        thumbprint: of its key (RFC 7638).
    """

    sign_on: KeyId
    fingerprint: bytes
    pepper_version: int
    thumbprint: bytes


async def person(
    tx: OperatorTx,
    key_id: KeyId,
    role: Role,
    name: str,
    tenant: TenantId | None,
    *,
    at: float,
    expires_at: float,
    proven_at: float | None = None,
    subject: str = "",
) -> None:
    """Tell of somebody who has signed on elsewhere `at` a moment, until `expires_at` (Unix seconds).

    The fingerprint is of nothing: no text has it, so the credential holds a session up and can be shown by nobody.
    """
    document = CredentialDocument(
        fingerprint=secrets.token_bytes(32),
        pepper_version=1,
        role=role,
        name=name,
        expires_at=expires_at,
        tenant=tenant,
        signed_on_at=at,
        proven_at=msgspec.UNSET if proven_at is None else proven_at,
        subject=subject or msgspec.UNSET,
    )
    await feed.publish(tx, documents.CREDENTIAL, key_id, documents.encode(document))


async def held(tx: OperatorTx, key_id: KeyId, made: Held) -> bool:
    """Tell of what a command line holds: it is what the sign-on is that it came of, and ends with it.

    Return whether that counts still, looked up after the feed was locked (`sign_on_gone`); if not, let go of `tx`.
    """
    told = await person_of(tx, made.sign_on)
    if told is None:
        return False
    document = msgspec.structs.replace(
        told,
        fingerprint=made.fingerprint,
        pepper_version=made.pepper_version,
        proof=Proof.DPOP,
        thumbprint=made.thumbprint,
        sign_on=made.sign_on,
    )
    await feed.publish(tx, documents.CREDENTIAL, key_id, documents.encode(document))
    return await person_of(tx, made.sign_on) is not None


async def person_of(tx: OperatorTx, key_id: KeyId) -> CredentialDocument | None:
    """Return what was told of somebody who has signed on elsewhere; None for every other credential."""
    body = await feed.find(tx, documents.CREDENTIAL, key_id)
    return None if body is None else _person(body)


async def people_gone(tx: OperatorTx, now: float) -> None:
    """Tell that people whose time is over by `now` (Unix seconds) no longer count: nobody else withdraws them."""
    await gone(tx, [key_id for key_id, person in await _people(tx) if person.expires_at <= now])


async def sign_on_gone(tx: OperatorTx, key_id: KeyId) -> list[KeyId]:
    """Tell that a sign-on no longer counts, nor what came of it, and return all of them."""
    return await _ended(tx, lambda each, person: key_id in {each, person.sign_on})


async def subject_gone(tx: OperatorTx, subject: str) -> list[KeyId]:
    """Tell that nothing of a person, by the digest of who they are at the provider, counts any more; return what ended."""
    return await _ended(tx, lambda _, person: person.subject == subject)


async def _ended(tx: OperatorTx, which: Callable[[KeyId, CredentialDocument], bool]) -> list[KeyId]:
    """Withdraw until nothing is left: the first withdrawal locks the feed, so what is looked for again nobody adds to.

    Whoever adds looks afterwards whether what it came of is there still (`CommandLines`).
    """
    ended: list[KeyId] = []
    while found := [each for each, person in await _people(tx) if which(each, person)]:
        await gone(tx, found)
        ended += found
    return ended


async def _people(tx: OperatorTx) -> list[tuple[KeyId, CredentialDocument]]:
    told = [(KeyId(key_id), _person(body)) for key_id, body in await feed.living(tx, documents.CREDENTIAL)]
    return [(key_id, person) for key_id, person in told if person is not None]


def _person(body: bytes) -> CredentialDocument | None:
    with contextlib.suppress(msgspec.MsgspecError):  # what cannot be read counts for nobody
        document = msgspec.json.decode(body, type=CredentialDocument)
        return document if document.signed_on_at is not msgspec.UNSET else None
    return None


async def gone(tx: TenantTx | OperatorTx, key_ids: Iterable[KeyId]) -> None:
    """Tell that credentials no longer count."""
    for key_id in key_ids:
        await feed.withdraw(tx, documents.CREDENTIAL, key_id)
