"""Whether people who have signed on are still who they were: the provider is asked again while their sessions last.

Always true here:
- a sign-on that the provider no longer stands by, or that would be another role or tenant now, ends with all that came of it;
- a provider that cannot be asked three times in a row, or read, has not said yes, and the sign-on ends;
- whom it says nothing of keeps nobody else from being asked about;
- refresh tokens are in this process's memory alone; after a restart nobody can be asked about, so all sign-ons end.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from strongroom.identity.federation.issuers import NoKeys, Refusing
from strongroom.identity.people.model import Mapping, first_fitting
from strongroom.identity.people.signon import SignOn
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId
from strongroom.kernel.lines import places
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refused
from strongroom.policy import Ask
from strongroom.signatures.jose import BadToken
from strongroom.store import StoreError

_MISSES: Final = 3
_AT_ONCE: Final = 8  # of the provider's answers that are awaited: one that is slow delays eight, and not everybody
_log: Final = logging.getLogger(__name__)


@dataclass(slots=True, repr=False)
class _Held:
    """What is asked with, and what must come out."""

    refresh: str
    subject: str
    mapping: Mapping
    misses: int = 0

    def missed(self, why: str) -> str | None:
        """Count that nobody has said yes; return `why`, once that was too often."""
        self.misses += 1
        return why if self.misses >= _MISSES else None


class Rechecks:
    """Asks about everybody who has signed on, in turn. One event loop."""

    def __init__(self, signon: SignOn, clock: Clock) -> None:
        self._signon: Final = signon
        self._clock: Final = clock
        self._held: Final[dict[KeyId, _Held]] = {}
        self._begun = False
        signon.remember = self._remember

    def _remember(self, sign_on: KeyId, refresh: str, subject: str, mapping: Mapping) -> None:
        self._held[sign_on] = _Held(refresh, subject, mapping)

    async def run(self) -> None:
        """End what an earlier process began, then ask for as long as this one lasts. Does nothing where nobody is to be asked."""
        every = self._signon.provider.recheck_s
        while every:
            try:
                if not self._begun:
                    await self._signon.end_all(Ask(detail={"via": "recheck", "why": "the process began anew"}))
                    self._begun = True
                await self.look()
            except (Refused, StoreError) as error:
                _log.warning("sign-ons cannot be looked at again: %s", type(error).__name__)
            await asyncio.sleep(every)

    async def look(self) -> None:
        """Ask about each once, a few at a time; end those that are not what they were."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def in_turn(sign_on: KeyId, held: _Held) -> None:
            async with turns:
                try:
                    await self._look_at(sign_on, held)
                except (Refused, StoreError) as error:
                    _log.warning("a sign-on cannot be looked at again: %s", type(error).__name__)

        await asyncio.gather(*(in_turn(*each) for each in list(self._held.items())))

    async def _look_at(self, sign_on: KeyId, held: _Held) -> None:
        if isinstance(self._signon.still(sign_on), Principal):
            why = await self._changed(held)
            if why is None:
                return
            await self._signon.end(sign_on, Ask(detail={"via": "recheck", "why": why}))
        self._held.pop(sign_on, None)

    async def _changed(self, held: _Held) -> str | None:
        """Return why a sign-on ends, if it does."""
        try:
            claims, held.refresh = await self._signon.refreshed(held.refresh, held.subject)
        except (BadToken, Refusing) as error:
            return f"the provider no longer stands by it: {error}"
        except NoKeys as error:
            return held.missed(f"the provider could not be asked: {error}")
        except Exception as error:  # noqa: BLE001 - whoever cannot be asked about was not said yes to, whatever the reason
            _log.error("a sign-on cannot be looked at again: %s", places(type(error), error.__traceback__))
            return held.missed("what the provider says of this person cannot be read")
        held.misses = 0
        found = first_fitting(self._signon.provider.mappings, claims, self._clock.now())
        if found is None or (found.role, found.tenant) != (held.mapping.role, held.mapping.tenant):
            return "what the provider says of this person has changed"
        return None
