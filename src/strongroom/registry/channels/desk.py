"""Opens a channel for whoever changes it, and writes what comes of that: the one place where channels are signed.

Always true here:
- what is written was read before as everybody will read it: nothing is signed that would not be taken;
- what was written is remembered when it is read the next time, after its transaction: one that was undone is not held
  against the channel.
"""

from __future__ import annotations

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.channels import tables
from strongroom.registry.channels.client import Opened, Untrusted, root_of, verify
from strongroom.registry.channels.model import Channel, Content, Seen, Stored
from strongroom.registry.channels.reader import Reader
from strongroom.registry.channels.signing import Last, Publisher, Written, anchors
from strongroom.store import OperatorTx


class Desk:
    """Signs channels."""

    def __init__(self, reader: Reader, keys: RegistryKeys, clock: Clock) -> None:
        self._reader = reader
        self._publisher = Publisher(keys)
        self._keys = keys
        self._clock = clock

    async def open(self, tx: OperatorTx, channel: Channel) -> Opened:
        """Return a channel that is about to be changed; that its timestamp has ended does not matter, as a new one is made.

        Raises:
            Refused: UNAVAILABLE, when it cannot be believed.
        """
        await tables.lock(tx, channel)
        try:
            return await self._reader.open(tx, channel, renewing=True)
        except Untrusted as error:
            tell = (
                f"The channel {channel} cannot be changed: {error}. `strongroom channel recover {channel}` begins it "
                "anew from what can be believed."
            )
            raise Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=tell, tell=tell)) from None

    async def put(
        self, tx: OperatorTx, channel: Channel, content: Content, before: Opened, *, drill: bool = False
    ) -> None:
        """Make `content` what the channel says, or (drill) do all of that but write it."""
        now = self._clock.now()
        written = self._publisher.publish(channel, content, before.root, Last.of(before.seen), now)
        stored = await tables.stored(tx, channel)
        verify(_after(stored, written), anchors(self._keys, channel), before.seen, now)
        if not drill:
            await tables.write(tx, channel, written, now)

    async def renew(self, tx: OperatorTx, channel: Channel) -> str:
        """Make a channel that there never was, sign one anew that soon ends; return why that cannot be, if so."""
        await tables.lock(tx, channel)
        now = self._clock.now()
        try:
            stored = await tables.stored(tx, channel)
            if stored is None and self._reader.memory.seen(channel) is None:
                await tables.write(tx, channel, self._publisher.publish(channel, Content(), None, Last(), now), now)
                return ""
            before = await self._reader.open(tx, channel, renewing=True)
        except Untrusted as error:
            return str(error)
        written = None if stored is None else self._publisher.renew(channel, before, stored.snapshot, now)
        if written is not None:
            await tables.write(tx, channel, written, now)
        return ""

    async def recover(self, tx: OperatorTx, channel: Channel) -> Content:
        """Begin a channel anew above every version that was seen; what was revoked by then stays so. Return what it says.

        What its list says is taken over where that was signed by the channel's keys, though it be an older one; else it
        promotes nothing. The caller forgets what was seen once the transaction is over.

        Raises:
            Refused: UNAVAILABLE, when not even its roots hold.
        """
        await tables.lock(tx, channel)
        now, trusted, stored = self._clock.now(), anchors(self._keys, channel), await tables.stored(tx, channel)
        seen = self._remembered(channel)
        root, content, last = None, Content(), Last()
        if stored is not None:
            try:
                root = root_of(stored.roots, trusted)
            except Untrusted as error:
                tell = f"Not even the roots of {channel} hold ({error}): bring the database back from a backup."
                raise Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=tell, tell=tell)) from None
            try:
                opened = verify(stored, trusted, None, now, renewing=True)
                content, last = opened.content, Last.of(opened.seen)
            except Untrusted:
                pass  # then it promotes nothing until somebody promotes again
        if seen is not None:
            kept = tuple(each for each in seen.revoked if each not in content.revoked)
            content = msgspec.structs.replace(content, revoked=content.revoked + kept)
        known = Last.of(seen)
        number = max(last.number, known.number, await tables.highest(tx, channel))
        begun = Last(max(last.timestamp, known.timestamp), number)
        await tables.write(tx, channel, self._publisher.publish(channel, content, root, begun, now), now)
        return content

    def _remembered(self, channel: Channel) -> Seen | None:
        try:
            return self._reader.memory.seen(channel)
        except Untrusted:
            return None  # somebody who may has decided to go on without it


def _after(stored: Stored | None, written: Written) -> Stored:
    """Return a channel's metadata as it will lie there."""
    roots = {} if stored is None else dict(stored.roots)
    if written.root is not None:
        roots[written.root[0]] = written.root[1]
    assert written.snapshot is not None  # noqa: S101 - a whole new state
    assert written.targets is not None  # noqa: S101 - as above
    return Stored(roots=roots, timestamp=written.timestamp, snapshot=written.snapshot[1], targets=written.targets[1])
