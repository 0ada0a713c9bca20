"""Bringing system prompts that earlier versions sealed under the installation's keyring under their tenants' own keys.

Always true here:
- a prompt and every deployment that it is pinned to change in one transaction, or none of them does: whoever is killed in the
  middle has some prompts moved and some not, each of which opens, and the next start goes on;
- of a tenant whose keys were destroyed nothing is moved: what the keyring would still open, as in a restored backup, is erased;
- what does not open stays as it is, and is told: it opened nowhere before, either.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.registry.documents import DEPLOYMENT, RouteDocument
from strongroom.registry.prompts import tables
from strongroom.registry.prompts.model import BadPrompt, Destroyed, Kept, PinnedDocument
from strongroom.registry.prompts.seals import PromptSeals
from strongroom.registry.prompts.service import resource_of
from strongroom.store import TenantTx, feed
from strongroom.vault import is_under_keyring

_log: Final = logging.getLogger(__name__)
_MOVES: Final = {"changes": "seal: from the installation's keyring to the tenant's own keys"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How many prompts came under their tenants' keys, were erased with destroyed keys, and could not be moved and so stay."""

    moved: int = 0
    erased: int = 0
    broken: int = 0


class Mover:
    """Moves them."""

    def __init__(self, gate: Gate, seals: PromptSeals, clock: Clock) -> None:
        self._gate: Final = gate
        self._seals: Final = seals
        self._clock: Final = clock

    async def run(self, who: Principal, ask: Ask) -> Moved:
        """Move all that there are, one a transaction.

        One that may not be moved, by a policy of the installation's own, stays as one that does not open does.

        Raises:
            VaultUnavailable: when the vault cannot be asked; what was moved until then is.
            Refused: UNAVAILABLE when changes are not taken now.
        """
        async with self._gate.permit_platform(who, Action.TENANT_LIST, Resource(kind=Kind.TENANT), ask) as tx:
            found = await tables.to_move(tx)
        done = Moved()
        for tenant, name, version in found:
            try:
                erased = await self._one(who, tenant, name, version, ask)
            except (BadPrompt, Refused) as error:
                if isinstance(error, Refused) and error.refusal.kind is RefusalKind.UNAVAILABLE:
                    raise
                _log.error("the prompt %s@%s of tenant %s cannot be moved: %s", name, version, tenant, error)
                done = replace(done, broken=done.broken + 1)
            else:
                done = replace(done, moved=done.moved + (not erased), erased=done.erased + erased)
        return done

    async def _one(self, who: Principal, tenant: TenantId, name: str, version: str, ask: Ask) -> bool:
        """Move a prompt, and say whether it was erased instead."""
        noted = replace(ask, detail={**ask.detail, **_MOVES})
        async with self._gate.permit(who, Action.PROMPT_ADD, resource_of(tenant, name, version), noted) as tx:
            kept = await tables.locked(tx, name, version)
            if kept is None or not is_under_keyring(kept.sealed):
                return False  # another run was here
            try:
                prompt = await self._seals.open_kept(kept, tenant)
                await tables.reseal(tx, kept.digest, await self._seals.kept(prompt))
            except Destroyed:
                await tables.erase(tx, self._clock.now(), kept.digest)
                await self._pins(tx, kept, erased=True)
                return True
            await self._pins(tx, kept, erased=False)
        return False

    async def _pins(self, tx: TenantTx, kept: Kept, *, erased: bool) -> None:
        """Seal what deployments have of a prompt anew. One whose pin does not open keeps it, and answers nobody."""
        for deployment in await tables.deployments_of(tx, kept.digest):
            body = await feed.find(tx, DEPLOYMENT, deployment)
            route = None if body is None else msgspec.json.decode(body, type=RouteDocument)
            if route is None or route.prompt is None or not is_under_keyring(route.prompt.sealed):
                continue
            pinned = PinnedDocument(digest=route.prompt.digest, sealed=b"")
            if not erased:
                try:
                    prompt = await self._seals.open_pinned(route.prompt, tx.tenant, route.environment, deployment)
                except BadPrompt as error:
                    _log.error("the prompt of deployment %s cannot be moved: %s", deployment, error)
                    continue
                pinned = await self._seals.pinned(prompt, route.environment, deployment)
            moved = msgspec.structs.replace(route, prompt=pinned)
            await feed.publish(tx, DEPLOYMENT, deployment, msgspec.json.encode(moved))
