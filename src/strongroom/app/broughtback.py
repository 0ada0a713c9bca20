"""Content that a backup holds, brought back beside what was restored: all of it or none, and nothing of whom is gone.

It is unpacked and checked before the database is touched, so that both change hands in one moment; what a restore that was
killed left is cleared up by the next start (`mend`).

What a tenant had that has ended by the restored rows, or whose keys are destroyed in this home, stays away: nothing could open it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

from strongroom.app.layout import Layout, make_private
from strongroom.kernel.ids import TenantId
from strongroom.store import Dsn, migrate
from strongroom.store import backup as archives
from strongroom.store.archive import Seal
from strongroom.store.attached import Moved
from strongroom.store.scratch import clear, left_over, scratch
from strongroom.vault import FileKeystore

_KINDS = ("", "datasets", "training")
_PREFIX, _FRESH, _BEFORE = ".content-", "content", "before"


@contextmanager
def unpacked(archive: Path, seal: Seal | None, places: Layout, moved: Moved | None) -> Generator[Path]:
    """Yield the files of an archive, each held against its digest, in a place from which they are `put` at once.

    Raises:
        Unsafe: when the archive is damaged; what lies there stays then.
    """
    with scratch(places.content.parent, _PREFIX) as work:
        fresh = work / _FRESH
        fresh.mkdir(mode=0o700)
        archives.read_manifest(archive, seal, files=fresh, moved=moved)
        yield fresh


def put(fresh: Path, places: Layout, keystore: FileKeystore, living: set[UUID]) -> None:
    """Put what was unpacked in the place of what lies there, but for what nobody can open: tenants that are not `living`."""
    made = places.content.lstat() if places.content.exists() else None
    for owner in [each for kind in _KINDS if (fresh / kind).is_dir() for each in (fresh / kind).iterdir()]:
        if not owner.is_dir():
            owner.unlink()  # nobody's
        elif owner.name not in {*_KINDS, "installation"} and not _opens(owner.name, living, keystore):
            shutil.rmtree(owner)
    before = fresh.parent / _BEFORE
    if made is not None:
        _owned(fresh, made.st_uid, made.st_gid)
        places.content.rename(before)
    try:
        fresh.rename(places.content)
    except OSError:
        if made is not None:
            before.rename(places.content)
        raise
    make_private(places.content, owner=None if made is None else made.st_uid)


def mend(places: Layout) -> str:
    """Clear up after backups and restores that were killed; return what is to be done besides, as a sentence, or nothing.

    While nothing else runs. What lay there before stays, unless what was to take its place has.
    """
    said = ""
    for left in left_over(places.content.parent, _PREFIX):
        if (left / _BEFORE).is_dir() and not places.content.exists():
            (left / _BEFORE).rename(places.content)
        if (left / _FRESH).is_dir():
            said = (
                "A restore was stopped before the content was in its place: the content is what it was before. "
                "Restore again, with --replace, unless that was wanted."
            )
        shutil.rmtree(left, ignore_errors=True)
    if places.content.exists():
        clear(places.content, archives.HELD)
    return said


async def tenants_of(admin: Dsn) -> set[UUID]:
    """Return the tenants that live by a database."""
    async with migrate.administrator(admin) as connection:
        rows = await connection.fetch("select tenant_id from identity.tenant where deleted_at is null")
    return {row["tenant_id"] for row in rows}


def _opens(owner: str, living: set[UUID], keystore: FileKeystore) -> bool:
    with suppress(ValueError):
        tenant = UUID(owner)
        return tenant in living and not keystore.gone(TenantId(tenant))
    return False


def _owned(below: Path, uid: int, gid: int) -> None:
    if os.geteuid() != 0:
        return
    for directory, _, files in os.walk(below):
        for each in (directory, *(os.path.join(directory, file) for file in files)):  # noqa: PTH118 - as `walk` gives them
            os.chown(each, uid, gid, follow_symlinks=False)
