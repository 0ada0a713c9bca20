"""A model of names (tier 2) in the gateway: asked before a guard looks, so that looking itself waits for nobody.

Always true here:
- what the model tells is added to what patterns and lists found; it overrules nothing and lets nothing pass;
- a worker that is away, late or wrong is a no where the rules demand that it reads, and counted where they do not;
- what one tenant's text came to is remembered for that tenant alone, by a digest of the text, never by the text;
- of a stream that the model reads nothing leaves unread: texts go window by window (`guard_windows.py`), the rest at the end.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace as with_

from strongroom.gateway.exchange.answers import Call, CallDelta, Choice, Event, Finished, ReasoningDelta, TextDelta
from strongroom.gateway.limits.fair import FairPool
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.privacy import Span, Tier
from strongroom.rules.privacy import Reading
from strongroom.runtime.cachescope import HEADER
from strongroom.runtime.name_front import MAX_CHARACTERS, MAX_TEXTS, PATH
from strongroom.wire import ClientError, UnixTarget

CODE: Final = "privacy_unavailable"
TIMEOUT_S: Final = 5.0
MOST_HELD: Final = 1 << 20
"""Characters of a stream that are held for the model, and events: each counts as one."""
_REMEMBERED: Final = 8192
_MAX_ANSWER: Final = 16 << 20
_REASON: Final = "a model of names"
_HEADER: Final = HEADER.encode()
_log: Final = logging.getLogger(__name__)

Outcome: TypeAlias = Callable[[str], None]
"""Is told what became of reading: `read`, `passed` unread, or `refused`."""


def names_socket(directory: Path, environment: Environment) -> Path:
    """Return where the worker for names of an environment listens; dev, test and prod never share one."""
    return directory / f"{environment}-names.sock"


class NamesAway(Exception):  # noqa: N818 - said to an operator
    """Texts could not be read for names; the message says why."""


class _Told(msgspec.Struct):
    """What a worker answers: for each text its spans, as start, end, type and confidence."""

    spans: list[list[tuple[int, int, str, float]]]


class NameReader:
    """Has texts read by the workers for names. One for a gateway process.

    Args:
        directory: where workers listen.
        caller: makes the name by which a worker knows who asks (tenant, environment, workload).
        timeout_s: for one request's texts.
    """

    def __init__(
        self, directory: Path, caller: Callable[[str, str, str], bytes], *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._directory = directory
        self._caller = caller
        self._timeout_s = timeout_s
        self._pools: dict[Environment, FairPool] = {}
        self._known: OrderedDict[tuple[str, bytes], tuple[Span, ...]] = OrderedDict()
        self._said = ""

    async def read(self, who: Principal, texts: Collection[str]) -> dict[str, Sequence[Span]]:
        """Return what each text came to.

        Raises:
            NamesAway: it cannot be said of all of them.
        """
        tenant, environment = str(who.tenant), who.environment
        if environment is None:
            raise NamesAway("nobody asks here without an environment")
        found: dict[str, Sequence[Span]] = {}
        unread: dict[str, tuple[str, bytes]] = {}
        for text in texts:
            place = tenant, sha256(text.encode("utf-8", "surrogatepass")).digest()
            known = self._known.get(place)
            if known is None:
                unread[text] = place
            else:
                self._known.move_to_end(place)
                found[text] = known
        if unread:
            caller = self._caller(tenant, environment, str(who.workload))
            try:
                async with asyncio.timeout(self._timeout_s):
                    for some in _parts(unread):
                        for text, spans in zip(some, await self._ask(environment, tenant, caller, some), strict=True):
                            found[text] = self._known[unread[text]] = spans
            except (ClientError, TimeoutError, ValueError, msgspec.MsgspecError) as error:
                self._say(f"{environment}: {type(error).__name__}")
                raise NamesAway(
                    f"the worker for names in {environment} does not read: {type(error).__name__}"
                ) from None
            finally:
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
        self._said = ""
        return found

    async def _ask(
        self, environment: Environment, tenant: str, caller: bytes, texts: Sequence[str]
    ) -> list[tuple[Span, ...]]:
        pool = self._pools.get(environment)
        if pool is None:
            pool = self._pools[environment] = FairPool(UnixTarget(names_socket(self._directory, environment)))
        # A lone surrogate is no Unicode and cannot be sent; another character in its place moves nothing.
        body = msgspec.json.encode({"texts": [text.encode("utf-8", "replace").decode() for text in texts]})
        response = await pool.open_for(tenant, "POST", PATH, ((_HEADER, caller),), body, timeout_s=self._timeout_s)
        try:
            content = await response.read(_MAX_ANSWER)
            if response.status != 200:  # noqa: PLR2004 - HTTP's
                raise ValueError(f"it answered {response.status}")
        finally:
            response.close()
        told = msgspec.json.decode(content, type=_Told).spans
        if len(told) != len(texts):
            raise ValueError("it answered for other texts")
        return [_spans(text, each) for text, each in zip(texts, told, strict=True)]

    def _say(self, why: str) -> None:
        """Tell the operator, once until it reads again."""
        if self._said != why:
            self._said = why
            _log.error("texts are not read for names (%s); is `workers.names` on?", why)

    async def close(self) -> None:
        """Close the connections."""
        for pool in self._pools.values():
            await pool.close()


def _spans(text: str, told: Iterable[tuple[int, int, str, float]]) -> tuple[Span, ...]:
    spans = tuple(Span(start, end, kind, sure, _REASON, Tier.MODEL) for start, end, kind, sure in told)
    if any(not 0 <= span.start < span.end <= len(text) for span in spans):
        raise ValueError("it told of what is not in the text")
    return spans


def _parts(texts: Iterable[str]) -> Iterable[list[str]]:
    """Yield texts in parts that a worker takes at once.

    Raises:
        ValueError: one is longer than that.
    """
    part: list[str] = []
    size = 0
    for text in texts:
        if len(text) > MAX_CHARACTERS:
            raise ValueError("a text is longer than is read")
        if part and (size + len(text) > MAX_CHARACTERS or len(part) >= MAX_TEXTS):
            yield part
            part, size = [], 0
        part.append(text)
        size += len(text)
    if part:
        yield part


def must(reading: Reading, *, kept: bool) -> bool:
    """Say whether nothing may pass unread."""
    return reading is Reading.REQUIRED or (reading is Reading.KEPT and kept)


def unread(way: str) -> Refusal:
    """Return the no for what had to be read and could not be."""
    return Refusal(
        kind=RefusalKind.UNAVAILABLE,
        reason=f"privacy: the rules want {way} read for names, and no worker reads",
        tell="The privacy rules want this to be read for names, which cannot be done now. Try again later.",
        code=CODE,
    )


def as_choice(event: Event) -> Choice:
    """Return an event as a whole answer's part, for its texts."""
    match event:
        case TextDelta():
            return Choice(text=event.text)
        case ReasoningDelta():
            return Choice(reasoning=event.text)
        case CallDelta():
            return Choice(calls=(Call(id="", name="", arguments=event.arguments),))
        case _:
            return Choice()


TOO_LONG: Final = Refusal(
    kind=RefusalKind.UPSTREAM,
    reason="privacy: the answer is longer than can be held to be read for names",
    tell="The answer was longer than can be looked at here. Ask for a shorter one.",
    code=CODE,
)


class Whole:
    """A stream's events, held until all have come; what is said in pieces becomes one."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self.characters = 0

    def take(self, events: Iterable[Event]) -> bool:
        """Take events; say whether they may still be held."""
        for event in events:
            self.characters += 1  # an event that says nothing is held, too
            if isinstance(event, TextDelta | ReasoningDelta):
                self.characters += len(event.text)
            elif isinstance(event, CallDelta):
                self.characters += len(event.arguments)
            self._events.append(event)
        return self.fits

    @property
    def fits(self) -> bool:
        """Whether it may still be held."""
        return self.characters <= MOST_HELD

    def joined(self) -> list[Event]:
        """Return the events, with the pieces of a text in the place of the first; a call ends a text."""
        out: list[Event] = []
        open_: dict[tuple[int, type[Event]], int] = {}
        for event in self._events:
            if isinstance(event, TextDelta | ReasoningDelta):
                at = open_.get((event.choice, type(event)))
                if at is None:
                    open_[event.choice, type(event)] = len(out)
                    out.append(event)
                else:
                    out[at] = _together(out[at], event)
                continue
            if isinstance(event, CallDelta | Finished):
                for place in [each for each in open_ if each[0] == event.choice]:
                    del open_[place]
            out.append(event)
        return out


def _together(one: Event, other: TextDelta | ReasoningDelta) -> Event:
    if isinstance(one, TextDelta) and isinstance(other, TextDelta):
        scores = (*(one.scores or ()), *(other.scores or ())) or None
        return with_(one, text=one.text + other.text, scores=scores)
    assert isinstance(one, ReasoningDelta)  # noqa: S101 - kept by its type
    return with_(one, text=one.text + other.text)
