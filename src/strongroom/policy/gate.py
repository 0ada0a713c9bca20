"""The only way to a transaction: ask, be permitted, be recorded.

Always true here:
- the audit entry of what is permitted stands in the same transaction as what is done: both or neither;
- an installation-wide transaction (`OperatorTx`) never reaches a caller who belongs to a tenant, whatever the policies say.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

from strongroom.kernel.clock import Clock
from strongroom.kernel.events import Observer, ignore
from strongroom.kernel.principal import Principal
from strongroom.policy.engine import Engine
from strongroom.policy.model import Action, Resource
from strongroom.store import Database, OperatorTx, TenantTx


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What goes with a request into its audit entry, passed on by hand.

    Attributes:
        request_id: the id that the caller was told, so that both ends can name the same request.
        detail: a few short facts about what is asked; no content and no secrets.
    """

    request_id: str = ""
    detail: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Gate:
    """Decides, records, and hands out transactions."""

    def __init__(self, database: Database, engine: Engine, clock: Clock, observer: Observer = ignore) -> None:
        self._database = database
        self._engine = engine
        self._clock = clock
        self._observer = observer

    @asynccontextmanager
    async def permit(
        self, who: Principal, action: Action, resource: Resource, ask: Ask | None = None
    ) -> AsyncGenerator[TenantTx]:
        """Yield a transaction in the resource's tenant (in the caller's own when the resource has none).

        Raises:
            Refused: with `hidden` when the caller may not know the resource, with FORBIDDEN when it may.
        """
        raise NotImplementedError
        yield

    @asynccontextmanager
    async def permit_platform(
        self, who: Principal, action: Action, resource: Resource, ask: Ask | None = None
    ) -> AsyncGenerator[OperatorTx]:
        """Yield a transaction over the installation, for accounts that belong to no tenant.

        Raises:
            Refused: as `permit`.
        """
        raise NotImplementedError
        yield
