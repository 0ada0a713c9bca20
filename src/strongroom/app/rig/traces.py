"""Everything that an installation has written or shows, for searching: what is not found here, it has kept to itself.

Left out are the model files, which are known by their digest, and demo.json, which is meant to hold keys. The database is
read twice: as rows, so that compression hides nothing, and as the bytes of its files and its write-ahead log.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from strongroom.app.database import embedded_login
from strongroom.app.rig.installation import Installation
from strongroom.store import migrate

_TESTS_OWN: Final = ("pytest-", "strongroom-test-", "sr-", "org.chromium.")
"""How the directories of test runs, private installations and browsers begin, beside the one that is searched."""

_TABLES: Final = """
    select format('%I.%I', schemaname, tablename) from pg_catalog.pg_tables
    where schemaname not in ('pg_catalog', 'information_schema')
"""


async def written(installation: Installation, *, since: float) -> Iterator[tuple[str, bytes]]:
    """Return (name, content) pairs of all that `installation` has written.

    Args:
        installation: one of our own user, or anybody's if we are root.
        since: Unix time; files in the shared temporary directory count when they were changed after it.
    """
    rows = await _rows(installation)
    return _all(installation, rows, since)


def _all(installation: Installation, rows: bytes, since: float) -> Iterator[tuple[str, bytes]]:
    places = installation.places
    yield "rows", rows
    yield installation.output_path, Path(installation.output_path).read_bytes()
    skipped = {places.blobs, places.demo}
    for directory in dict.fromkeys((places.home, places.state, places.run)):
        yield from _files(directory, skipped, 0)
    for process in installation.processes():
        for name in ("cmdline", "environ"):
            yield from _file(Path(f"/proc/{process.pid}/{name}"))
        if _has_own_files(process.pid):
            for name in ("tmp", "dev/shm", "run", "var/tmp"):
                yield from _own_files(Path(f"/proc/{process.pid}/root/{name}"))
    shared_by_all = (tempfile.gettempdir(), "/tmp", "/dev/shm", "/var/tmp")  # noqa: S108 - to be read
    for shared in dict.fromkeys(map(Path, shared_by_all)):
        yield from _new_in(shared, {places.home}, since)


async def _rows(installation: Installation) -> bytes:
    login = embedded_login(installation.places)
    if login is None:
        raise FileNotFoundError("the embedded database does not run")
    found: list[str] = []
    async with migrate.administrator(login) as connection:
        await connection.execute("checkpoint")  # what the buffers hold goes into the files
        for (table,) in await connection.fetch(_TABLES):
            found += [str(row[0]) for row in await connection.fetch(f"select t::text from {table} t")]  # noqa: S608 - names from the catalogue, quoted there
    return "\n".join(found).encode()


def _new_in(shared: Path, skipped: set[Path], since: float) -> Iterator[tuple[str, bytes]]:
    """Yield what is new in a directory that the whole machine shares, but for what tests keep there themselves.

    A directory counts when something was made in it since: one that was there before, such as a checkout, is not walked.
    """
    with os.scandir(shared) as entries:
        for entry in entries:
            path = Path(entry.path)
            if path in skipped or entry.name.startswith(_TESTS_OWN) or entry.is_symlink():
                continue
            if entry.is_dir() and entry.stat().st_mtime >= since:
                yield from _files(path, skipped, since)
            elif _counts(path, since):
                yield from _file(path)


def _files(directory: Path, skipped: set[Path], since: float) -> Iterator[tuple[str, bytes]]:
    for parent, below, names in os.walk(directory, onerror=None):
        here = Path(parent)
        below[:] = [name for name in below if here / name not in skipped]
        for name in names:
            path = here / name
            if path not in skipped and _counts(path, since):
                yield from _file(path)


def _own_files(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what lies on the file system of `directory` itself: what is mounted below, such as a checkout, is read-only."""
    try:
        device = directory.stat().st_dev
    except OSError:
        return
    for parent, below, names in os.walk(directory):
        here = Path(parent)
        below[:] = [name for name in below if _device(here / name) == device]
        for name in names:
            if _counts(here / name, 0):
                yield from _file(here / name)


def _device(path: Path) -> int | None:
    try:
        return path.lstat().st_dev
    except OSError:  # gone meanwhile
        return None


def _counts(path: Path, since: float) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_mtime >= since


def _file(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        content = path.read_bytes()
    except OSError:  # gone meanwhile, or somebody else's
        return
    yield str(path), content


def _has_own_files(pid: int) -> bool:
    """Whether a process sees other mounts than we do, as a sandboxed worker does."""
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt") != os.readlink("/proc/self/ns/mnt")  # noqa: PTH115 - no path, a name
    except OSError:
        return False
