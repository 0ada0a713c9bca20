"""`strongroom backup` and `strongroom restore`, on a home: the database is started for the occasion if it does not run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from strongroom.app.database import embedded_login, external, running_database
from strongroom.app.ground import lay_out, locked
from strongroom.app.installer import installer
from strongroom.app.layout import layout, make_private
from strongroom.app.refusals import CannotStart
from strongroom.app.settings import load
from strongroom.kernel.clock import SystemClock
from strongroom.runtime.tree import current_tree, prepare_tree
from strongroom.store import Dsn
from strongroom.store import backup as archives
from strongroom.store import format as formats
from strongroom.store.archive import Manifest
from strongroom.store.roles import Passwords
from strongroom.vault import Keyring


def backup(home: Path, archive: Path) -> Manifest:
    """Write a backup of the installation's database to `archive`; it may run meanwhile.

    Raises:
        StoreError: with what to do.
        CannotStart: when there is no installation in `home`.
    """
    return asyncio.run(_backup(home, archive))


def restore(home: Path, archive: Path, *, replace: bool = False, keep_keys: bool = False) -> Manifest:
    """Bring the installation's database back from `archive`; it must not run.

    Raises:
        StoreError: with what to do.
        CannotStart: when the installation runs.
    """
    make_private(home, 0o755 if os.geteuid() == 0 else 0o700)
    return asyncio.run(_restore(home, archive, replace=replace, keep_keys=keep_keys))


async def _backup(home: Path, archive: Path) -> Manifest:
    places, settings = layout(home), load(home).settings
    if settings.database.url is None and not places.postgres.exists():
        raise CannotStart(f"there is no installation in {places.home}; name it with --home")
    login = external(settings) if settings.database.url is not None else embedded_login(places)
    if login is not None:
        return await archives.backup(login, archive, clock=SystemClock())
    async with _stopped(home) as admin:
        return await archives.backup(admin, archive, clock=SystemClock())


async def _restore(home: Path, archive: Path, *, replace: bool, keep_keys: bool) -> Manifest:
    archives.read_manifest(archive)  # before anything is started: a damaged archive changes nothing
    async with _stopped(home) as admin:
        passwords = Passwords.generate()
        manifest = await archives.restore(admin, archive, passwords=passwords, replace=replace, keep_keys=keep_keys)
        # Written into what was restored: the log that came back could not know of it.
        async with installer(admin, passwords, Keyring.open(layout(home).keyring), demo=False) as seed:
            await seed.record_restore(manifest, keep_keys=keep_keys)
    formats.record(home)
    return manifest


@asynccontextmanager
async def _stopped(home: Path) -> AsyncGenerator[Dsn, None]:
    """Yield the administrator's login to a home's database that nothing else uses."""
    places, settings = layout(home), load(home).settings
    with locked(places.lock):
        formats.check(places.home)
        lay_out(places, settings)
        tree = prepare_tree() if os.geteuid() == 0 else current_tree()
        async with running_database(places, settings, tree) as admin:
            yield admin
