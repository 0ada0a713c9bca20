"""The public keys of other people's issuers: fetched from where a rule says, kept for a while, never without an end.

Always true here:
- an issuer is reached at checked addresses that are pinned (`wire.addresses`), redirects are not followed, and what a
  discovery document says of its key set counts only within the issuer's own origin: elsewhere the rule names it;
- keys are kept by everything that says where they come from, so no rule changes what another one's tokens are checked by;
- a token with a key that is not known makes one fetch, not one for each token; a fetch that failed is tried again later
  and later; keys that could not be refreshed for an hour are used no more.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from strongroom.kernel.clock import Clock
from strongroom.signatures.jose import BadToken, Jwt, KeySet, load_object
from strongroom.wire import ClientError, PinnedTarget, Pool, client_context
from strongroom.wire.addresses import LookUp, Networks, Place, Resolver, parse_base, system_look_up

FRESH_S: Final = 600.0
"""For how long fetched keys are used without asking again."""

STALE_S: Final = 3600.0
"""After how long they are used no more, though nothing better came."""

UNKNOWN_S: Final = 30.0
"""How often, at most, a key that is not known makes a fetch."""

_RETRY_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
_TIMEOUT_S: Final = 5.0
_MAX_DOCUMENT: Final = 256 * 1024
_MAX_SOURCES: Final = 1024
_DISCOVERY: Final = "/.well-known/openid-configuration"
_NO: Final = frozenset({400, 401})
_OK: Final = 200


class NoKeys(Exception):  # noqa: N818 - said to an operator, as a reason
    """A token cannot be checked: its issuer's keys are not to be had. The text says why."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where keys come from. `keys` is a key set itself; `bundle`: it is a trust domain's, not an issuer's."""

    issuer: str
    keys_url: str | None = None
    keys: str | None = None
    ca: str | None = None
    bundle: bool = False


@dataclass(slots=True)
class _Kept:
    keys: KeySet | None = None
    fetched: float = float("-inf")
    tried: float = float("-inf")
    failures: int = 0
    why: str = ""
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class _Document:
    found: dict[str, object] | None = None
    fetched: float = float("-inf")
    tried: float = float("-inf")
    failures: int = 0
    why: str = ""
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)

    def due(self, now: float) -> bool:
        if self.failures:
            return now - self.tried >= _RETRY_S[min(self.failures, len(_RETRY_S)) - 1]
        return now - self.fetched >= FRESH_S


class Refusing(NoKeys):
    """It was asked, and says no (status 400 or 401): asking again helps nothing."""


class Issuers:
    """Keeps the keys of issuers. One event loop."""

    def __init__(self, networks: Networks, clock: Clock, look_up: LookUp = system_look_up) -> None:
        self._networks: Final = networks
        self._clock: Final = clock
        self._look_up: Final = look_up
        self._kept: Final[OrderedDict[Source, _Kept]] = OrderedDict()
        self._documents: Final[OrderedDict[Source, _Document]] = OrderedDict()

    async def verified(self, source: Source, token: Jwt) -> bool:
        """Return whether a key of `source` made the signature of `token`.

        Raises:
            NoKeys: when no key is known that it could be.
        """
        kept = self._of(source)
        if source.keys is not None:
            kept.keys = kept.keys or _parsed(source.keys.encode(), source)
        else:
            await self._refresh(source, kept, token)
        if kept.keys is None:
            raise NoKeys(f"the issuer's keys cannot be fetched: {kept.why}")
        if source.keys is None and self._clock.boottime() - kept.fetched >= STALE_S:
            raise NoKeys(f"the issuer's keys are stale, and cannot be fetched: {kept.why}")
        verdict = kept.keys.verify(token)
        if verdict is None:
            raise NoKeys("the issuer has no such key")
        return verdict

    def _of(self, source: Source) -> _Kept:
        kept = self._kept.get(source)
        if kept is None:
            kept = self._kept[source] = _Kept()
            if len(self._kept) > _MAX_SOURCES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(source)
        return kept

    def _due(self, kept: _Kept, token: Jwt) -> bool:
        now = self._clock.boottime()
        if kept.failures:
            return now - kept.tried >= _RETRY_S[min(kept.failures, len(_RETRY_S)) - 1]
        if kept.keys is None or now - kept.fetched >= FRESH_S:
            return True
        return kept.keys.verify(token) is None and now - kept.tried >= UNKNOWN_S

    async def _refresh(self, source: Source, kept: _Kept, token: Jwt) -> None:
        if not self._due(kept, token):
            return
        async with kept.fetching:
            if not self._due(kept, token):  # somebody else has just been there
                return
            kept.tried = self._clock.boottime()
            try:
                async with asyncio.timeout(2 * _TIMEOUT_S):
                    kept.keys = await self._fetched(source)
            except (NoKeys, TimeoutError) as error:
                kept.failures += 1
                kept.why = str(error) or "it did not answer in time"
            else:
                kept.fetched, kept.failures, kept.why = kept.tried, 0, ""

    async def _fetched(self, source: Source) -> KeySet:
        url = source.keys_url
        if url is None:
            url = await self._discovered(source)
        return _parsed(await self.get(url, source.ca), source)

    async def _discovered(self, source: Source) -> str:
        found = await self._configuration(source)  # as new as the keys that it leads to
        url = found.get("jwks_uri")
        if not isinstance(url, str) or _origin(url) != _origin(source.issuer):
            raise NoKeys("the issuer's key set is not within its own origin; a rule can name it")
        return url

    async def configuration(self, source: Source) -> dict[str, object]:
        """Return an issuer's discovery document (OpenID Connect Discovery 1.0 §4), kept for as long as keys are.

        Anybody may make this be asked for: so it is fetched once, and after a failure later and later.

        Raises:
            NoKeys: when it cannot be fetched, or speaks for another issuer (§4.3).
        """
        kept = self._documents.setdefault(source, _Document())
        if len(self._documents) > _MAX_SOURCES:
            self._documents.popitem(last=False)
        if kept.due(self._clock.boottime()):
            async with kept.fetching:
                if kept.due(self._clock.boottime()):  # else somebody else has just been there
                    await self._renew(source, kept)
        if kept.found is None or self._clock.boottime() - kept.fetched >= STALE_S:
            raise NoKeys(kept.why)
        return kept.found

    async def _renew(self, source: Source, kept: _Document) -> None:
        kept.tried = self._clock.boottime()
        try:
            async with asyncio.timeout(2 * _TIMEOUT_S):
                kept.found = await self._configuration(source)
        except (NoKeys, TimeoutError) as error:
            kept.failures += 1
            kept.why = str(error) or "it did not answer in time"
        else:
            kept.fetched, kept.failures, kept.why = kept.tried, 0, ""

    async def _configuration(self, source: Source) -> dict[str, object]:
        content = await self.get(source.issuer.rstrip("/") + _DISCOVERY, source.ca)
        try:
            found: dict[str, object] = load_object(content, "discovery document")
        except BadToken as error:
            raise NoKeys(str(error)) from None
        if found.get("issuer") != source.issuer:
            raise NoKeys("its discovery document is of another issuer")
        return found

    async def get(self, url: str, ca: str | None) -> bytes:
        """Return the document at `url`.

        Raises:
            NoKeys: when there is none to be had.
        """
        return await self.ask("GET", url, ca)

    async def ask(
        self, method: str, url: str, ca: str | None, headers: tuple[tuple[bytes, bytes], ...] = (), body: bytes = b""
    ) -> bytes:
        """Return the body of the answer of status 200 to one request at a checked address.

        Raises:
            NoKeys: for everything else.
        """
        try:
            place = parse_base(url)
            tls = client_context(ca_text=ca) if place.secure else None
        except (ValueError, ssl.SSLError):
            raise NoKeys("its address or its authorities cannot be used") from None
        resolver = Resolver(place, self._networks, self._look_up)
        pool = Pool(PinnedTarget(place.host, place.port, resolver.addresses, tls), max_connections=1)
        fields = [(b"accept", b"application/json"), *headers]
        try:
            async with pool.request(method, place.path or "/", fields, body, timeout_s=_TIMEOUT_S) as answer:
                if answer.status in _NO:
                    raise Refusing(f"it answered with status {answer.status}")
                if answer.status != _OK:
                    raise NoKeys(f"it answered with status {answer.status}")
                return await answer.read(_MAX_DOCUMENT)
        except ClientError as error:
            raise NoKeys(f"{type(error).__name__}: {error}") from None
        finally:
            await pool.close()


def _parsed(content: bytes, source: Source) -> KeySet:
    try:
        return KeySet.parse(content, uses=("jwt-svid",) if source.bundle else ("sig",), used=source.bundle)
    except BadToken as error:
        raise NoKeys(str(error)) from None


def _origin(url: str) -> tuple[bool, str, int] | None:
    try:
        place: Place = parse_base(url)
    except ValueError:
        return None
    return place.secure, place.host, place.port
