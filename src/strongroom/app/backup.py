"""`strongroom backup` and `strongroom restore`, on a home: the database is started for the occasion if it does not run."""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from strongroom.app import running
from strongroom.app.broughtback import mend, put, tenants_of, unpacked
from strongroom.app.database import embedded_login, external, running_database
from strongroom.app.ground import lay_out, locked
from strongroom.app.installer import installer, remembered
from strongroom.app.layout import Layout, layout, make_private
from strongroom.app.logs.model import Bounds
from strongroom.app.logs.sink import Sink
from strongroom.app.refusals import CannotStart
from strongroom.app.settings import load
from strongroom.confinement.tree import current_tree, prepare_tree
from strongroom.kernel.clock import SystemClock
from strongroom.store import Dsn
from strongroom.store import backup as archives
from strongroom.store import format as formats
from strongroom.store.archive import Manifest, Seal
from strongroom.store.attached import Moved
from strongroom.store.roles import Passwords
from strongroom.vault import FileKeystore, Keyring, Purpose, PurposeKeys

_VERSION_DIGITS: Final = 9


def backup(home: Path, archive: Path, *, content: bool = True, moved: Moved | None = None) -> Manifest:
    """Write a backup of the installation's database, and of its sealed content, to `archive`; it may run meanwhile.

    Raises:
        StoreError: with what to do.
        CannotStart: when there is no installation in `home`.
    """
    return asyncio.run(_backup(home, archive, content=content, moved=moved))


def restore(
    home: Path,
    archive: Path,
    *,
    replace: bool = False,
    keep_keys: bool = False,
    foreign: bool = False,
    content: bool = True,
    moved: Moved | None = None,
) -> Manifest:
    """Bring the installation's database and content back from `archive`; it must not run.

    Args:
        home: the installation's home.
        archive: what `backup` wrote.
        replace: restore over what is there.
        keep_keys: let credentials count again.
        foreign: take an archive that this home's keyring did not seal, and run what is in it as the administrator.
        content: bring the content back too, where the archive has any; what was there is gone then.
        moved: told how far that is.

    Raises:
        StoreError: with what to do.
        CannotStart: when the installation runs.
    """
    make_private(home, 0o755 if os.geteuid() == 0 else 0o700)
    return asyncio.run(
        _restore(home, archive, replace=replace, keep_keys=keep_keys, foreign=foreign, content=content, moved=moved)
    )


async def _backup(home: Path, archive: Path, *, content: bool, moved: Moved | None) -> Manifest:
    try:
        (places, _), settings = running.places(home), load(home).settings
    except running.UnseenError as error:
        raise CannotStart(f"{error}; back up as the user who runs Strongroom") from None
    if settings.database.url is None and not places.postgres.exists():
        raise CannotStart(f"there is no installation in {places.home}; name it with --home")
    login = external(settings) if settings.database.url is not None else embedded_login(places)
    seal = seal_of(places)
    beside = places.content if content and places.content.exists() else None
    if login is not None:
        return await archives.backup(login, archive, seal=seal, clock=SystemClock(), content=beside, moved=moved)
    async with _stopped(home) as admin:
        return await archives.backup(admin, archive, seal=seal, clock=SystemClock(), content=beside, moved=moved)


async def _restore(
    home: Path, archive: Path, *, replace: bool, keep_keys: bool, foreign: bool, content: bool, moved: Moved | None
) -> Manifest:
    seal = None if foreign else seal_of(layout(home))
    # Before anything is started: a damaged archive changes nothing.
    manifest = archives.read_manifest(archive, seal, moved=moved)
    places, clock = layout(home), SystemClock()
    async with _stopped(home) as admin, AsyncExitStack() as stack:
        if not replace:
            await archives.refuse_filled(admin)  # before gigabytes are unpacked
        fresh = None
        if content and manifest.files_sha256:
            fresh = stack.enter_context(unpacked(archive, seal, places, moved))
        passwords, keyring = Passwords.generate(), Keyring.open(places.keyring)
        keystore = FileKeystore(places.vault, keyring, clock)  # nothing is sealed or opened here
        memory = remembered(places, load(home).settings)

        async def noted(restored: Dsn, of: Manifest) -> None:
            """Write into what was restored that it was: the log that came back could not know of it."""
            async with installer(restored, passwords, keyring, keystore, memory, demo=False) as seed:
                await seed.record_restore(of, keep_keys=keep_keys)

        manifest = await archives.restore(
            admin, archive, seal=seal, passwords=passwords, replace=replace, keep_keys=keep_keys, noted=noted
        )
        if fresh is not None:
            await asyncio.to_thread(put, fresh, places, keystore, await tenants_of(admin))
            lay_out(places, load(home).settings)
        async with installer(admin, passwords, keyring, keystore, memory, demo=False) as seed:
            await seed.recover_channels()
    formats.record(home)
    return manifest


class _Seal:
    """The seal of one keyring: which of its keys, and the keyed digest under it."""

    def __init__(self, keys: PurposeKeys) -> None:
        self._keys = keys

    def make(self, manifest: bytes) -> bytes:
        """Return the seal of a manifest, under the current key."""
        digest = hmac.digest(self._keys.key(Purpose.BACKUP), manifest, "sha256")
        return f"{self._keys.current}:{digest.hex()}".encode()

    def fits(self, manifest: bytes, seal: bytes) -> bool:
        """Whether `seal` is of `manifest`, by a key that is held."""
        version, _, digest = seal.partition(b":")
        if not (version.isdigit() and len(version) <= _VERSION_DIGITS):
            return False
        expected = self._keys.mac(Purpose.BACKUP, manifest, version=int(version))
        return expected is not None and hmac.compare_digest(expected.hex().encode(), digest)


def seal_of(places: Layout) -> Seal:
    """Return the seal of a home's keyring.

    Raises:
        CannotStart: when there is none; a new one is not made, for it would fit no archive.
    """
    if not places.keyring.exists():
        raise CannotStart(
            f"there is no keyring in {places.home}: put HOME/secrets of the installation back first "
            "(restore without it takes --foreign-archive)"
        )
    return _Seal(Keyring.open(places.keyring).derive(Purpose.BACKUP))


@asynccontextmanager
async def _stopped(home: Path) -> AsyncGenerator[Dsn, None]:
    """Yield the administrator's login to a home's database that nothing else uses."""
    places, settings = layout(home), load(home).settings
    with locked(places.lock):
        formats.check(places.home)
        mend(places)
        lay_out(places, settings)
        tree = prepare_tree() if os.geteuid() == 0 else current_tree()
        sink = Sink(places.logs, SystemClock(), Bounds.of(settings.logs))
        try:
            async with running_database(places, settings, tree, sink.into("postgres")) as admin:
                yield admin
        finally:
            await asyncio.to_thread(sink.close)
