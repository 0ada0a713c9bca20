"""Whether a person stands on a list: what an erasure says of lists, which hold hashes and no person's pseudonym."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.privacy.custom import entry
from strongroom.store import TenantTx
from strongroom.valuelists import tables
from strongroom.valuelists.book import hashes_in, key_of
from strongroom.valuelists.model import objection
from strongroom.vault import Scope, Use, Vault


async def lists_with(tx: TenantTx, vault: Vault, name: str) -> Sequence[str]:
    """Return the lists of a tenant that this very name is on, by their names.

    Raises:
        VaultUnavailable: when the keystore cannot be asked.
    """
    if objection(name) is not None:
        return []  # it can be on none
    lists = await tables.every(tx)
    if not lists:
        return []
    keys, found = await vault.keys(Scope(tx.tenant, Use.VALUE_LIST)), list[str]()
    for each in lists:
        hashed = entry(key_of(keys, each.name), name)
        if any(hashed in hashes_in(packed) for _, packed in await tables.parts(tx, each.name)):
            found.append(each.name)
    return found
