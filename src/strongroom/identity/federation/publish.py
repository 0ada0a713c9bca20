"""Telling the gateways: rules and early ends of tokens go to the feed in the transaction that changes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from strongroom.identity.federation import tables
from strongroom.identity.federation.directory import ENDED, RULE, encode
from strongroom.identity.federation.model import EndedTokenDocument, FederationDocument, Rule, Terms, Token
from strongroom.kernel.ids import WorkloadId
from strongroom.store import TenantTx, feed


async def made(tx: TenantTx, workload: WorkloadId, rule: Rule, terms: Terms) -> None:
    """Tell of a new rule."""
    document = FederationDocument(
        workload=workload,
        name=rule.workload,
        role=rule.role,
        environment=rule.environment,
        kind=terms.kind,
        issuer=terms.issuer,
        audience=terms.audience,
        subject=terms.subject,
        claims=terms.claims,
        max_age_s=rule.max_age_s,
        token_s=rule.token_s,
        keys_url=terms.keys_url,
        keys=terms.keys,
        ca=terms.ca,
        networks=terms.networks,
        proof=terms.proof,
    )
    await feed.publish(tx, RULE, str(rule.id), encode(document))


async def gone(tx: TenantTx, rules: Iterable[UUID]) -> None:
    """Tell that rules have ended. From then on no token under them counts."""
    for each in rules:
        await feed.withdraw(tx, RULE, str(each))


async def end(tx: TenantTx, at: datetime, reason: str, workload: WorkloadId | None = None) -> None:
    """End a workload's rules, or all of the tenant's, and tell so."""
    await gone(tx, await tables.end_rules(tx, at, reason, workload=workload))


async def revoked(tx: TenantTx, token: Token) -> None:
    """Tell that a token counts no more. Nothing needs to know it once it would have ended by itself."""
    await feed.publish(tx, ENDED, token.id, encode(EndedTokenDocument(expires_at=token.expires_at.timestamp())))
