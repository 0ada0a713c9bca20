"""What people wrote of their acts, beside the log: the entry holds a commitment, and the words are sealed under their author's key.

Always true here:
- a fact that somebody wrote freely (`WRITTEN`) stands in no entry of a tenant's log, and so in nothing that is signed: what is
  there is SHA-256 over a random salt and the words;
- the words are sealed for (tenant, person, audit sidecar), the person being whom they are about where that is known, and their
  author otherwise: destroying that key erases them, and the log proves as before;
- words that cannot be sealed are not kept: what takes away goes on without them and says so, and everything else is refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final
from uuid import UUID

from strongroom.audit.model import Entry
from strongroom.kernel.ids import TenantId
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.store import TenantTx
from strongroom.vault import KeysDestroyed, Scope, SealBroken, Use, Vault, VaultUnavailable

WRITTEN: Final = ("reason", "note")
"""The facts of an entry that people write freely."""

SEALED: Final = "sealed sha256:"
ERASED: Final = "erased sha256:"
WITHHELD: Final = "(not kept: the vault was away)"
_SALT: Final = 32


@dataclass(frozen=True, slots=True)
class Words:
    """What is put beside an entry."""

    entry: UUID
    name: str
    subject: str
    sealed: bytes


def author(actor: str) -> str:
    """Return the name by which an author is looked up, as a person is: `account:tenant-admin/ada`."""
    return f"account:{actor}"


class Sidecars:
    """Seals words and opens them."""

    def __init__(self, vault: Vault) -> None:
        self._vault: Final = vault

    async def aside(
        self, tenant: TenantId, entry: Entry, *, needed: bool, about: str = ""
    ) -> tuple[Entry, list[Words]]:
        """Return the entry as it is logged, and the words that go beside it; `about`: whose these are, if not their author's.

        Raises:
            Refused: UNAVAILABLE when they cannot be sealed, and are `needed`.
        """
        said = {name: entry.detail[name] for name in WRITTEN if entry.detail.get(name)}
        if not said:
            return entry, []
        try:
            names = await self._vault.keys(Scope(tenant, Use.SUBJECT_NAME))
            subject = about or names.pseudonym(author(entry.actor))
            keys = await self._vault.keys(Scope(tenant, Use.AUDIT_SIDECAR, None, subject))
        except (VaultUnavailable, KeysDestroyed) as error:
            if needed and isinstance(error, VaultUnavailable):
                tell = (
                    "What was written of this cannot be sealed at the moment: the vault is away. Nothing was changed."
                )
                raise Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=str(error), tell=tell)) from None
            return replace(entry, detail={**entry.detail, **dict.fromkeys(said, WITHHELD)}), []
        words, facts = list[Words](), dict[str, str]()
        for name, text in said.items():
            plain = secrets.token_bytes(_SALT) + text.encode()
            facts[name] = SEALED + sha256(plain).hexdigest()
            words.append(Words(entry.id, name, subject, keys.seal(plain, str(entry.id), name)))
        return replace(entry, detail={**entry.detail, **facts}), words

    async def put(self, tx: TenantTx, words: Sequence[Words]) -> None:
        """Keep words, in the transaction of their entry."""
        for each in words:
            await tx.execute(
                "insert into audit.sidecar (tenant_id, entry_id, name, subject, sealed) values ($1, $2, $3, $4, $5)",
                tx.tenant,
                each.entry,
                each.name,
                each.subject,
                each.sealed,
            )

    async def back(self, tx: TenantTx, entries: Sequence[Entry]) -> list[Entry]:
        """Return entries with their words; those that were erased, or do not fit what was logged, say so."""
        wanted = [each.id for each in entries if any(each.detail.get(name, "").startswith(SEALED) for name in WRITTEN)]
        if not wanted:
            return list(entries)
        rows = await tx.fetch(
            "select entry_id, name, subject, sealed from audit.sidecar where tenant_id = $1 and entry_id = any($2::uuid[])",
            tx.tenant,
            wanted,
        )
        opened = {
            (row["entry_id"], row["name"]): await self.open(
                tx.tenant, Words(row["entry_id"], row["name"], row["subject"], bytes(row["sealed"]))
            )
            for row in rows
        }
        return [_told(each, opened) for each in entries]

    async def open(self, tenant: TenantId, words: Words) -> bytes | None:
        """Return salt and words; None when nobody can read them any more, or at the moment."""
        scope = Scope(tenant, Use.AUDIT_SIDECAR, None, words.subject)
        try:
            return await self._vault.open(scope, words.sealed, str(words.entry), words.name)
        except (VaultUnavailable, KeysDestroyed, SealBroken):
            return None


def text_of(plain: bytes) -> str:
    """Return the words of what was sealed."""
    return plain[_SALT:].decode()


def _told(entry: Entry, opened: dict[tuple[UUID, str], bytes | None]) -> Entry:
    facts = dict(entry.detail)
    for name in WRITTEN:
        logged = facts.get(name, "")
        if not logged.startswith(SEALED):
            continue
        plain, committed = opened.get((entry.id, name)), logged.removeprefix(SEALED)
        fits = plain is not None and sha256(plain).hexdigest() == committed
        facts[name] = text_of(plain) if fits and plain is not None else ERASED + committed
    return replace(entry, detail=facts)
