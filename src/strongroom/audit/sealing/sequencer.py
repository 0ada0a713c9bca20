"""The sequencer: entries into logs, heads to the notary, logs into the anchor, and what stands in the way into the pulse.

One round, in this order: seal what waits (at most `BATCH` entries a transaction), have heads signed, anchor what has grown,
say how things stand. A round may be cut anywhere: what was not finished is done by the next, in this process or another.

What is detected, and told in the pulse (so in `/readyz`, `doctor` and metrics):
- `forked`: the notary has signed a larger log than the database has, or another one. Nothing more is sealed there;
- `notary`: it does not answer; entries are sealed on, and nothing is signed;
- `contended`: another keeper holds the lock;
- a clock of the database that was set back is told as an entry `log.clock_back` in the installation's log.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

from strongroom.audit import tables as entries
from strongroom.audit.events import encode
from strongroom.audit.model import Entry, Outcome
from strongroom.audit.sealing import tables
from strongroom.audit.sealing.begin import begin_anew, first_origin
from strongroom.audit.sealing.cosigning import Cosigner
from strongroom.audit.sealing.model import ANCHOR, BATCH, Ask, Head, Trouble, Verdict
from strongroom.audit.sealing.proving import growth, proofs
from strongroom.audit.tlog import Note, NoteKey, leaf_hash
from strongroom.audit.tlog.anchor import BLIND_BYTES, Epoch
from strongroom.kernel.clock import Clock, rfc3339
from strongroom.kernel.ids import PLATFORM, TenantId, new_uuid
from strongroom.store import Sealer, SealTx

_BATCHES: Final = 4
_SET_BACK_S: Final = 1.0


class NotaryAway(Exception):  # noqa: N818 - said as "the notary is away"
    """The notary does not answer, or could not write down what it would sign."""


class NotaryClient(Protocol):
    """The way to the notary."""

    async def key(self) -> NoteKey:
        """Return its key.

        Raises:
            NotaryAway: when it does not answer.
        """
        ...

    async def sign(self, asks: Sequence[Ask]) -> list[Verdict]:
        """Return its verdicts.

        Raises:
            NotaryAway: when it does not answer.
        """
        ...


class Contended(Exception):  # noqa: N818 - said as "the lock is contended"
    """Another keeper seals, or has moved a head between our reading and our writing."""


class Regressed(Exception):  # noqa: N818 - said of a log that is shorter than it was
    """The database has less of a log than this process has sealed: it was turned back while we ran."""


class Sequencer:
    """Seals, signs and anchors, round by round."""

    def __init__(
        self,
        sealer: Sealer,
        notary: NotaryClient,
        clock: Clock,
        *,
        anchor_every_s: float = 5.0,
        tell: Callable[[str], None],
        cosigner: Cosigner | None = None,
    ) -> None:
        self._sealer: Final = sealer
        self._notary: Final = notary
        self._clock: Final = clock
        self._anchor_every_s: Final = anchor_every_s
        self._tell: Final = tell
        self._cosigner: Final = cosigner
        self._holder: Final = new_uuid()
        self._key: NoteKey | None = None
        self._sizes: Final[dict[tuple[TenantId, int], int]] = {}
        self._anchored: dict[tuple[TenantId, int], int] | None = None
        self._anchored_at = float("-inf")
        self.forked: Final[dict[TenantId, Verdict]] = {}
        self.trouble = Trouble.NONE
        self.sealed = 0
        self.signed = 0

    async def round(self) -> int:
        """Do one round and return how many entries were sealed.

        Raises:
            StoreError: when the database takes nothing; then the pulse says nothing either, and grows old by itself.
        """
        async with self._sealer.look() as tx:
            began = await tables.now(tx)
        said, trouble, count = "", Trouble.NONE, 0
        try:
            if self._key is None:
                await self._introduce()
            count = await self._seal_all()
            await self._sign()
            await self._anchor()
        except Regressed:
            await self._sign(every=True)  # whether that is a fork, the notary knows
        except NotaryAway as away:
            trouble, said = Trouble.NOTARY, str(away)
        except Contended as contended:
            trouble, said = Trouble.CONTENDED, str(contended)
        if self.forked and trouble is Trouble.NONE:
            trouble, said = Trouble.FORKED, self._about_forks()
        await self._beat(trouble, said, began, behind=count == _BATCHES * BATCH)
        if self.forked and await self._recovered():
            return count + 1
        return count

    async def _introduce(self) -> None:
        """Learn the notary's key, and have it look at every head before anything is sealed: a restored database shows here."""
        key = await self._notary.key()
        async with self._sealer.look() as tx:
            await tables.introduce(tx, key.name, str(key))
        self._key = key
        await self._sign(every=True)

    async def _seal_all(self) -> int:
        count = 0
        for _ in range(_BATCHES):
            sealed = await self._seal()
            count += sealed
            if sealed < BATCH:
                break
        self.sealed += count
        return count

    async def _seal(self) -> int:
        """Seal one batch and return how many entries it had."""
        moved: list[tuple[Head, int, bytes]] = []
        async with self._sealer.seal() as tx:
            if tx is None:
                raise Contended("another keeper seals the logs; one is enough")
            batch = await tables.waiting(tx, BATCH, self.forked)
            if not batch:
                return 0
            events: defaultdict[TenantId, list[tuple[Entry, bytes]]] = defaultdict(list)
            for each in batch:
                events[each.tenant].append((each.entry, encode(each.entry)))
            heads = await self._heads(tx, list(events))
            leaves = {
                tenant: [leaf_hash(event) for _, event in rows] for tenant, rows in events.items() if tenant in heads
            }
            grown = await growth(tx, [(heads[tenant], hashes) for tenant, hashes in leaves.items()])
            await tables.put_tiles(tx, {(head.tenant, head.epoch): tiles for head, tiles, _ in grown})
            moved = [(head, head.size + len(leaves[head.tenant]), root) for head, _, root in grown]
            places = [
                (tenant, entry.id, heads[tenant].epoch, heads[tenant].size + number, event)
                for tenant in leaves
                for number, (entry, event) in enumerate(events[tenant])
            ]
            if not await tables.move(tx, moved) or not await tables.seal(tx, places):
                raise Contended("a log was moved by somebody else meanwhile")
        for head, size, _ in moved:
            self._sizes[head.tenant, head.epoch] = size
        return len(places)

    async def _heads(self, tx: SealTx, tenants: Sequence[TenantId]) -> dict[TenantId, Head]:
        """Return the heads to seal at.

        Raises:
            Regressed: when a log is shorter than we have seen it.
        """
        found = await tables.heads(tx, tenants, lock=True)
        for tenant in tenants:
            head = found.get(tenant)
            if head is None:
                found[tenant] = await tables.begin(
                    tx, tenant, 1, first_origin(self._known_key().name, tenant), secrets.token_bytes(BLIND_BYTES)
                )
            elif head.size < self._sizes.get((tenant, head.epoch), 0):
                self._tell(f"audit log {head.origin}: the database has {head.size} entries, and had more")
                self._sizes.pop((tenant, head.epoch))
                raise Regressed
        return found

    async def _sign(self, *, every: bool = False) -> None:
        """Have the notary sign the heads that have grown, or look at every one."""
        async with self._sealer.look() as tx:
            heads = await tables.heads(tx)
            wanted = [
                head
                for head in heads.values()
                if head.size
                and head.tenant not in self.forked
                and (every or head.note is None or head.size > head.signed_size)
            ]
            asks = await proofs(tx, [(head, head.signed_size) for head in wanted])
        if not wanted:
            return
        verdicts = await self._notary.sign(asks)
        stale = [
            (index, head, verdict.known)
            for index, (head, verdict) in enumerate(zip(wanted, verdicts, strict=True))
            if verdict.why == "stale" and verdict.known is not None and verdict.known <= head.size
        ]
        if stale:  # it had signed one that we never came to keep
            async with self._sealer.look() as tx:
                again = await proofs(tx, [(head, known) for _, head, known in stale])
            for (index, _, _), verdict in zip(stale, await self._notary.sign(again), strict=True):
                verdicts[index] = verdict
        await self._keep(list(zip(wanted, verdicts, strict=True)))

    async def _keep(self, found: Sequence[tuple[Head, Verdict]]) -> None:
        good = [
            (head.tenant, head.epoch, head.size, await self._cosigned(head, verdict.note))
            for head, verdict in found
            if verdict.note
        ]
        for head, verdict in found:
            if not verdict.note:
                self._fork(head, verdict)
        if good:
            async with self._sealer.seal() as tx:
                if tx is None:
                    raise Contended("another keeper seals the logs; one is enough")
                await tables.signed(tx, good)
            self.signed += len(good)

    async def _cosigned(self, head: Head, note: str) -> str:
        """Return the anchor's note with the cosignatures of witnesses; another log's as it is."""
        if head.tenant != ANCHOR or self._cosigner is None:
            return note

        async def prove(old: int) -> Sequence[bytes]:
            async with self._sealer.look() as tx:
                (ask,) = await proofs(tx, [(head, old)])
            return ask.proof

        return str(await self._cosigner.cosigned(Note.parse(note), prove))

    async def _anchor(self) -> None:
        """Commit to every log in a new epoch of the anchor, if one has grown and it is time."""
        now = self._clock.boottime()
        if now - self._anchored_at < self._anchor_every_s or ANCHOR in self.forked:
            return
        async with self._sealer.seal() as tx:
            if tx is None:
                raise Contended("another keeper seals the logs; one is enough")
            if self._anchored is None:
                self._anchored = await tables.anchored(tx)
            heads = await tables.heads(tx)
            logs = [(head, head.note) for head in heads.values() if head.tenant != ANCHOR and head.note]
            fresh = [
                each for each in logs if self._anchored.get((each[0].tenant, each[0].epoch)) != each[0].signed_size
            ]
            if not fresh:
                return
            anchor = (await self._heads(tx, [ANCHOR]))[ANCHOR]
            number = await tables.next_anchor(tx)
            epoch = Epoch.over(number, {head.blind: Note.parse(note).text for head, note in logs})
            record = epoch.record(rfc3339(self._clock.now())).encode()
            ((_, tiles, root),) = await growth(tx, [(anchor, [leaf_hash(record)])])
            await tables.put_anchor(tx, number, anchor.epoch, anchor.size, record, b"".join(epoch.leaves))
            await tables.put_tiles(tx, {(ANCHOR, anchor.epoch): tiles})
            if not await tables.move(tx, [(anchor, anchor.size + 1, root)]):
                raise Contended("the anchor was moved by somebody else meanwhile")
            await tables.committed(
                tx, [(head.tenant, head.epoch, head.signed_size, note, number) for head, note in fresh]
            )
        self._anchored |= {(head.tenant, head.epoch): head.signed_size for head, _ in fresh}
        self._sizes[ANCHOR, anchor.epoch] = anchor.size + 1
        self._anchored_at = now
        await self._sign()

    async def _beat(self, trouble: Trouble, said: str, began: datetime, *, behind: bool) -> None:
        was, self.trouble = self.trouble, trouble
        async with self._sealer.look() as tx:
            before, anothers = await tables.before(tx, self._holder)
            if before is not None and (before - began).total_seconds() > _SET_BACK_S:
                await self._told_of_clock(tx, before, began)
            if anothers and trouble is Trouble.NONE:
                self.trouble, said = Trouble.CONTENDED, "another keeper seals the logs; one is enough"
            if not behind:
                await tables.beat(tx, self.trouble, said, began, self._holder)
        if self.trouble is not was:
            self._tell(f"audit log: {self.trouble.value or 'sound'}{f': {said}' if said else ''}")

    async def _told_of_clock(self, tx: SealTx, before: datetime, now: datetime) -> None:
        back = (before - now).total_seconds()
        self._tell(f"audit log: the database's clock went back by {back:.0f} s")
        entry = Entry(
            id=new_uuid(),
            at=self._clock.now(),
            actor="keeper",
            credential="",
            action="log.clock_back",
            resource="installation/audit-log/*",
            outcome=Outcome.ALLOWED,
            reason=f"the database's clock went back by {back:.0f} s; the order of the log does not depend on it",
            detail={"before": rfc3339(before), "after": rfc3339(now)},
        )
        await entries.append_as_keeper(tx, entry)

    def _fork(self, head: Head, verdict: Verdict) -> None:
        if head.tenant not in self.forked:
            self._tell(
                f"audit log {head.origin}: forked: the notary knows {verdict.known} entries, the database has {head.size}"
            )
        self.forked[head.tenant] = verdict

    def _about_forks(self) -> str:
        platform = " (the installation's among them)" if PLATFORM in self.forked else ""
        return (
            f"{len(self.forked)} logs{platform} do not follow from what the notary has signed: the database was restored or "
            "changed. Look into it, then `strongroom audit recover --reason …` lets them begin anew, linked"
        )

    async def _recovered(self) -> bool:
        """Let forked logs begin anew, if an operator has said so."""
        if not self.forked:
            return False
        async with self._sealer.seal() as tx:
            reason = None if tx is None else await tables.recovery(tx)
            if tx is None or reason is None:
                return False
            heads = await tables.heads(tx, list(self.forked), lock=True)
            for tenant, head in heads.items():
                await begin_anew(tx, self._known_key().name, head, self.forked[tenant], reason, self._clock.now())
        for tenant, head in heads.items():
            self._tell(f"audit log {head.origin}: begins anew")
            self._sizes[tenant, head.epoch + 1] = 1
        self.forked.clear()
        return True

    def _known_key(self) -> NoteKey:
        if self._key is None:
            raise NotaryAway("the notary has not told its key yet")
        return self._key
