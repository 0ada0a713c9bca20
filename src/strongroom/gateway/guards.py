"""Makes the guard of each request, and gets for it what others must be asked for: keys of tokens, names that a model reads."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection
from functools import partial
from typing import Final, TypeVar

from strongroom.gateway.exchange.asks import Ask, EmbeddingAsk
from strongroom.gateway.guard import Guard, Read
from strongroom.gateway.guard_looks import Count, Rules, rules_of
from strongroom.gateway.guard_names import NameReader, NamesAway, Outcome
from strongroom.gateway.token_keys import NO_LISTS, TokenKeys
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal
from strongroom.privacy.tokens import Tokens, Vault
from strongroom.rules import Terms
from strongroom.rules.privacy import PRIVACY
from strongroom.valuelists import ListBook

_MOST: Final = 4096
_T = TypeVar("_T")
AT_ONCE: Final = 32_768
"""Bytes of a request that are looked at on the event loop; a longer one is looked at beside it, and stalls nobody."""
_BESIDE: Final = 2  # such looks at a time: threads share one lock, and more of them only take turns from the loop


class Guards:
    """Makes the guard of each request. One for a gateway process.

    Args:
        tokens: opens the keys of the tenants' tokens; without it tokens are under a key of this process.
        count: is told of each finding.
        names: has texts read by a model of names, where rules want that; without it none are read.
        outcome: is told what became of reading.
    """

    def __init__(
        self, tokens: TokenKeys | None, count: Count, names: NameReader | None = None, outcome: Outcome = lambda _: None
    ) -> None:
        self._tokens = tokens
        self._key = secrets.token_bytes(32)
        self._names = names
        self._outcome = outcome
        self._made: dict[Terms, Rules] = {}
        self._listed: dict[tuple[TenantId, Terms], Rules] = {}
        self._count = count
        self._turns = asyncio.Semaphore(_BESIDE)

    def __repr__(self) -> str:
        """Show no key."""
        return "Guards()"

    async def beside(self, look: Callable[[], _T]) -> _T:
        """Return what a look at something long comes to, done in a thread while the loop goes on."""
        async with self._turns:
            return await asyncio.to_thread(look)

    def of(self, terms: Terms, who: Principal) -> Guard:
        """Return the guard of one request."""
        made = self._made.get(terms)
        if made is None:
            if len(self._made) >= _MOST:
                self._made.clear()
            made = self._made[terms] = rules_of(terms.of(PRIVACY))
        guard = Guard(made, self._count, partial(self._vault, who))
        if guard.reads_output:
            guard.reading = partial(self._read, who)
        return guard

    async def listed(self, terms: Terms, who: Principal, book: ListBook) -> Guard | Refusal:
        """Return the guard of one request of a tenant with lists of its own, or why they cannot be looked up.

        The key is asked for each time, and remembered by the vault for a minute: one that was destroyed finds nothing.
        """
        if self._tokens is None or who.tenant is None:
            return NO_LISTS
        keys = await self._tokens.of_lists(who)
        if isinstance(keys, Refusal):
            return keys
        place = who.tenant, terms
        made = self._listed.get(place)  # terms are made anew with each change of the feed, and so of a list
        if made is None:
            if len(self._listed) >= _MOST:
                self._listed.clear()
            made = self._listed[place] = rules_of(terms.of(PRIVACY), book.detectors(who.tenant, keys))
        guard = Guard(made, self._count, partial(self._vault, who))
        if guard.reads_output:
            guard.reading = partial(self._read, who)
        return guard

    async def unlock(self, guard: Guard, who: Principal, subject: str, previous: str, sealed: bytes) -> Refusal | None:
        """Give a guard the vault of its request's tokens (`TokenKeys.open`); return why it cannot have one."""
        if self._tokens is None:
            return None
        vault = await self._tokens.open(who, subject, previous, sealed)
        if isinstance(vault, Refusal):
            return vault
        guard.use(vault, partial(self._tokens.seal, who, subject))
        return None

    async def read_ask(
        self, guard: Guard, who: Principal, ask: Ask, own: object, *, kept: bool, long: bool
    ) -> Refusal | None:
        """Have an ask read for names, for a guard that `reads_input`; return why it may not pass.

        Args:
            guard: looks at the ask afterwards.
            who: asks.
            ask: what is asked.
            own: what a dialect kept of it.
            kept: whether it is kept for a later request.
            long: whether to take it apart beside the loop.
        """
        listen = partial(guard.heard_ask, ask, own)
        texts = await self.beside(listen) if long else listen()
        return await guard.read_input(partial(self._read, who), texts, kept=kept or isinstance(ask, EmbeddingAsk))

    async def _read(self, who: Principal, texts: Collection[str], required: bool) -> Read | None:
        """Return what texts came to: nothing told of any, where they may pass unread; None where they may not."""
        if not texts:
            return {}
        try:
            if self._names is None:
                raise NamesAway("no names are read here")
            read: Read = await self._names.read(who, texts)
        except NamesAway:
            self._outcome("refused" if required else "passed")
            return None if required else {}
        self._outcome("read")
        return read

    def _vault(self, who: Principal) -> Vault:
        # One key a tenant, environment and workload, each framed by its length.
        scope = "".join(f"{len(part)}:{part}" for part in (str(who.tenant), str(who.environment), str(who.workload)))
        return Vault(Tokens(hmac.new(self._key, scope.encode(), hashlib.sha256).digest()))
