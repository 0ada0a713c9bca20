"""The system prompts of deployments, as a gateway process holds them: sealed, and open only while their tenant's keys are held.

Always true here:
- a prompt is opened when the first request needs it, and used for as long as the vault's answer holds: a vault that is sealed,
  cut off or was told to destroy the tenant's keys ends its use within that minute;
- those that are asked for are renewed ahead, so no request waits for the vault again; one that nobody asks is let go of;
- a deployment whose prompt cannot be opened answers nobody, says so, and takes no other deployment with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from strongroom.gateway.fronting import SystemPrompt
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.registry.prompts import PinnedDocument, PromptSeals
from strongroom.registry.prompts.model import BadPrompt
from strongroom.vault import LIFETIME_S, VaultUnavailable

_WAIT_S: Final = 3.0  # a request waits no longer for keys that nobody here has asked for yet
_RETRY_S: Final = 1.0
_SHUT: Final = float("-inf")
_log: Final = logging.getLogger(__name__)


class Front:
    """The system prompt of one deployment. While `until` lies ahead, `opened` is what may be used.

    Attributes:
        document: what the feed says.
        tenant: whose.
        environment: where the deployment is.
        deployment: its id.
        opened: the prompt; None: it is not open.
        until: until when it may be used (CLOCK_BOOTTIME).
        asked: whether a request needed it since it was last renewed.
        no: why it could not be opened when it was last tried.
        again: when it may be tried again.
    """

    __slots__ = ("again", "asked", "deployment", "document", "environment", "no", "opened", "tenant", "until")

    def __init__(self, document: PinnedDocument, tenant: TenantId, environment: Environment, deployment: str) -> None:
        self.document: Final = document
        self.tenant: Final = tenant
        self.environment: Final = environment
        self.deployment: Final = deployment
        self.opened: SystemPrompt | None = None
        self.until = _SHUT
        self.asked = False
        self.no: Refusal | None = None
        self.again = _SHUT

    def __repr__(self) -> str:
        """Show no text."""
        return f"Front({self.deployment})"

    def shut(self) -> None:
        """Forget the text."""
        self.opened, self.until = None, _SHUT


Known: TypeAlias = Callable[[], Iterable[Front]]


class Fronts:
    """Opens them and keeps them open. One event loop."""

    def __init__(self, seals: PromptSeals, clock: Clock) -> None:
        self._seals: Final = seals
        self._clock: Final = clock

    async def open(self, front: Front) -> SystemPrompt | Refusal:
        """Return a prompt for the request that needs it now, or why it cannot be had; a failure is not tried again at once."""
        if front.no is not None and self._clock.boottime() < front.again:
            return front.no
        try:
            async with asyncio.timeout(_WAIT_S):
                found = await self._seals.open_pinned(front.document, front.tenant, front.environment, front.deployment)
        except VaultUnavailable as error:
            return self._closed(front, _away(f"the vault: {error}"))
        except TimeoutError:
            return self._closed(front, _away("the vault does not answer in time"))
        except BadPrompt as error:
            return self._closed(front, _gone(str(error)))
        front.no = None
        front.opened, front.until = SystemPrompt.of(front.document.digest, found.text), self._seals.until(front.tenant)
        return front.opened

    async def keep(self, known: Known) -> None:
        """Renew what is in use until cancelled, and let go of the rest."""
        while True:
            all_had = await self.renew(known())
            await asyncio.sleep(LIFETIME_S / 3 if all_had else _RETRY_S)

    async def renew(self, known: Iterable[Front]) -> bool:
        """Renew once; return whether the vault answered for all. What could not be renewed is open until its minute is over."""
        found: dict[TenantId, float] = {}
        away: set[TenantId] = set()
        for front in list(known):
            if front.opened is None:
                continue
            tenant = front.tenant
            if front.asked and tenant not in found and tenant not in away:
                try:
                    found[tenant] = await self._seals.renew(tenant)
                except VaultUnavailable:
                    away.add(tenant)
                except BadPrompt as error:
                    found[tenant] = _SHUT
                    _log.error("system prompts of a tenant cannot be used any more: %s", error)
            if front.asked and tenant in found:
                front.until, front.asked = found[tenant], False
            if front.until <= self._clock.boottime():
                front.shut()
        return not away

    def _closed(self, front: Front, no: Refusal) -> Refusal:
        front.shut()
        if front.no is None or front.no.code != no.code:
            _log.error(
                "deployment %s answers nobody, since its system prompt cannot be had: %s", front.deployment, no.reason
            )
        front.no, front.again = no, self._clock.boottime() + _RETRY_S
        return no


def _away(reason: str) -> Refusal:
    return Refusal(
        kind=RefusalKind.UNAVAILABLE,
        reason=f"system prompt: {reason}",
        tell="The system prompt of this model cannot be opened at the moment, and it does not answer without. Try again later.",
        param="model",
        code="prompt_unavailable",
        audited=True,
    )


def _gone(reason: str) -> Refusal:
    return Refusal(
        kind=RefusalKind.FORBIDDEN,
        reason=f"system prompt: {reason}",
        tell="The system prompt of this model does not open any more, and it does not answer without: it has to be deployed anew.",
        param="model",
        code="prompt_gone",
        audited=True,
    )


UNOPENED: Final = _away("nothing here opens it")
