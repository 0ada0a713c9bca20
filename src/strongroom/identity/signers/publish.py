"""Telling the gateways: signers go to the feed in the transaction that changes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from strongroom.identity.signers import tables
from strongroom.identity.signers.directory import KIND
from strongroom.identity.signers.model import Signer, SignerDocument
from strongroom.kernel.ids import WorkloadId
from strongroom.signatures import PublicKey
from strongroom.store import TenantTx, feed


async def made(tx: TenantTx, workload: WorkloadId, signer: Signer, key: PublicKey) -> None:
    """Tell of a new signer."""
    document = SignerDocument(workload=workload, public_key=key.spki, expires_at=signer.expires_at.timestamp())
    await feed.publish(tx, KIND, key.id, msgspec.json.encode(document))


async def gone(tx: TenantTx, ids: Iterable[str]) -> None:
    """Tell that signers no longer count."""
    for each in ids:
        await feed.withdraw(tx, KIND, each)


async def end(tx: TenantTx, at: datetime, reason: str, workload: WorkloadId | None = None) -> None:
    """End a workload's signers, or all of the tenant's, and tell so."""
    await gone(tx, await tables.revoke(tx, at, reason, workload=workload))
