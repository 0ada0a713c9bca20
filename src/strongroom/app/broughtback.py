"""Content that a backup holds, brought back beside what was restored: all of it or none, and nothing of whom is gone.

What a tenant had that has ended by the restored rows, or whose keys are destroyed in this home, stays away: nothing could open it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from strongroom.app.layout import Layout, make_private
from strongroom.kernel.ids import TenantId
from strongroom.store import Dsn, migrate
from strongroom.store import backup as archives
from strongroom.store.archive import Seal
from strongroom.store.attached import Moved
from strongroom.vault import FileKeystore

_KINDS = ("", "datasets", "training")


async def bring_back(
    archive: Path, seal: Seal | None, places: Layout, keystore: FileKeystore, admin: Dsn, moved: Moved | None
) -> None:
    """Put the files of an archive in the place of what lies there; each is held against its digest first.

    Raises:
        Unsafe: when the archive is damaged; what lies there stays then.
    """
    made = places.content.lstat() if places.content.exists() else None
    with tempfile.TemporaryDirectory(dir=places.content.parent, prefix=".content-") as name:
        fresh, before = Path(name) / "content", Path(name) / "before"
        fresh.mkdir(mode=0o700)
        archives.read_manifest(archive, seal, files=fresh, moved=moved)
        living = await _living(admin)
        for owner in [each for kind in _KINDS if (fresh / kind).is_dir() for each in (fresh / kind).iterdir()]:
            if not owner.is_dir():
                owner.unlink()  # nobody's
            elif owner.name not in {*_KINDS, "installation"} and not _opens(owner.name, living, keystore):
                shutil.rmtree(owner)
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


async def _living(admin: Dsn) -> set[UUID]:
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
