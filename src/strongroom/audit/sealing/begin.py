"""How logs are named, and how one that is forked begins anew: as an epoch whose first entry says what it follows."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final

from strongroom.audit.events import encode
from strongroom.audit.model import Entry, Outcome, plain
from strongroom.audit.sealing import tables
from strongroom.audit.sealing.model import ANCHOR, Head, Verdict
from strongroom.audit.sealing.notary import BEGIN_EPOCH
from strongroom.audit.sealing.proving import growth
from strongroom.audit.tlog import EMPTY_ROOT, Checkpoint, Note, leaf_hash
from strongroom.kernel.ids import PLATFORM, TenantId, new_uuid
from strongroom.store import SealTx

_KNOWN_NAMES: Final = {PLATFORM: "platform", ANCHOR: "anchor"}


def first_origin(base: str, tenant: TenantId) -> str:
    """Return the name of a new log. A tenant's is random: it tells nothing of the tenant."""
    return f"{base}/{_KNOWN_NAMES.get(tenant) or secrets.token_hex(8)}"


def next_origin(base: str, origin: str) -> str:
    """Return the name of the log that follows `origin`: with the next number, or under the new base if the key is another."""
    if not origin.startswith(f"{base}/"):
        return f"{base}/{origin.split('/')[2]}"
    name, _, number = origin.removeprefix(f"{base}/").partition("/")
    return f"{base}/{name}/{int(number or 1) + 1}"


async def begin_anew(tx: SealTx, base: str, head: Head, verdict: Verdict, reason: str, at: datetime) -> None:
    """End an epoch at what was signed of it as far as the database knows, and begin the next with an entry about that.

    Args:
        tx: the transaction, with the logs' lock.
        base: the notary's name.
        head: the log as the database has it.
        verdict: what the notary has signed of it.
        reason: the operator's.
        at: when.
    """
    root = Checkpoint.parse(Note.parse(head.note).text).root if head.note else EMPTY_ROOT
    await tables.end(tx, head, root)
    fresh = await tables.begin(tx, head.tenant, head.epoch + 1, next_origin(base, head.origin), head.blind)
    entry = Entry(
        id=new_uuid(),
        at=at,
        actor="keeper",
        credential="",
        action=BEGIN_EPOCH,
        resource="installation/audit-log/*" if head.tenant in _KNOWN_NAMES else f"tenant/{head.tenant}/audit-log/*",
        outcome=Outcome.ALLOWED,
        reason=plain(f"the log begins anew ({reason})"),
        detail={
            "follows": head.origin,
            "kept_size": str(head.signed_size),
            "signed_size": str(verdict.known or 0),
            "signed_root": verdict.root.hex(),
        },
    )
    event = encode(entry)
    ((_, tiles, new_root),) = await growth(tx, [(fresh, [leaf_hash(event)])])
    await tables.put_tiles(tx, {(fresh.tenant, fresh.epoch): tiles})
    if not await tables.move(tx, [(fresh, 1, new_root)]):
        raise RuntimeError("a log that was just begun is not there")
    if head.tenant == ANCHOR:
        await tables.put_anchor(tx, await tables.next_anchor(tx), fresh.epoch, 0, event, b"")
    else:
        await tables.append_first(tx, head.tenant, fresh.epoch, entry, event)
