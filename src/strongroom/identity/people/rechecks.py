"""Whether people who have signed on are still who they were: the provider is asked again while their sessions last.

Always true here:
- a sign-on that the provider no longer stands by, or that would be another role or tenant now, ends with all that came of it;
- a provider that cannot be asked three times in a row has not said yes, and the sign-on ends;
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
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refused
from strongroom.policy import Ask
from strongroom.signatures.jose import BadToken
from strongroom.store import StoreError

_MISSES: Final = 3
_log: Final = logging.getLogger(__name__)


@dataclass(slots=True, repr=False)
class _Held:
    """What is asked with, and what must come out."""

    refresh: str
    subject: str
    mapping: Mapping
    misses: int = 0


class Rechecks:
    """Asks about everybody who has signed on, in turn. One event loop."""

    def __init__(self, signon: SignOn, clock: Clock) -> None:
        self._signon: Final = signon
        self._clock: Final = clock
        self._held: Final[dict[KeyId, _Held]] = {}
        signon.remember = self._remember

    def _remember(self, sign_on: KeyId, refresh: str, subject: str, mapping: Mapping) -> None:
        self._held[sign_on] = _Held(refresh, subject, mapping)

    async def run(self) -> None:
        """End what an earlier process began, then ask for as long as this one lasts. Does nothing where nobody is to be asked."""
        every = self._signon.provider.recheck_s
        begun = not every
        while every:
            try:
                if not begun:
                    await self._signon.end_all(Ask(detail={"via": "recheck", "why": "the process began anew"}))
                    begun = True
                await self.look()
            except (Refused, StoreError) as error:
                _log.warning("sign-ons cannot be looked at again: %s", type(error).__name__)
            await asyncio.sleep(every)

    async def look(self) -> None:
        """Ask about each once; end those that are not what they were."""
        for sign_on, held in list(self._held.items()):
            if not isinstance(self._signon.still(sign_on), Principal):
                del self._held[sign_on]
                continue
            why = await self._changed(held)
            if why is not None:
                await self._signon.end(sign_on, Ask(detail={"via": "recheck", "why": why}))
                del self._held[sign_on]

    async def _changed(self, held: _Held) -> str | None:
        """Return why a sign-on ends, if it does."""
        try:
            claims, held.refresh = await self._signon.refreshed(held.refresh, held.subject)
        except (BadToken, Refusing) as error:
            return f"the provider no longer stands by it: {error}"
        except NoKeys as error:
            held.misses += 1
            return f"the provider could not be asked: {error}" if held.misses >= _MISSES else None
        held.misses = 0
        found = first_fitting(self._signon.provider.mappings, claims, self._clock.now())
        if found is None or (found.role, found.tenant) != (held.mapping.role, held.mapping.tenant):
            return "what the provider says of this person has changed"
        return None
