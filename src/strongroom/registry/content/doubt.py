"""Files that are written before their row, or go after it: marked meanwhile, and settled by what the database says.

Always true here:
- a file with rows of people that the database does not know of is in doubt: no erasure would find it, so it is not left;
- the mark is on the disk before the file is, and goes after the transaction has ended: whoever is killed between leaves it;
- what is marked and has its row stays, and what has none is destroyed; what is not marked is never touched.

Beside `NAME` its mark is `.NAME.doubt`. Parts of files, `.` and 32 hex digits, are nobody's once their process has ended.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Generator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final
from uuid import UUID

from strongroom.kernel.ids import TenantId
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.registry.content.store import ContentStore, synced
from strongroom.registry.content.versions import all_of, remove

_MARK: Final = re.compile(r"\.(.+)\.doubt")
_PART: Final = re.compile(r"\.[0-9a-f]{32}")


class Doubt:
    """What is in doubt in one store. One event loop, and one process that writes."""

    def __init__(self, store: ContentStore) -> None:
        self._store: Final = store
        self._open: Final[Counter[Path]] = Counter()

    @contextmanager
    def about(self, *paths: Path, own: bool = False, ending: bool = False) -> Generator[None]:
        """Have files in doubt until what is done with them and with their rows is done; when it fails they stay so.

        Args:
            paths: the files.
            own: whether they are new and nothing else's: then they are removed at once when their rows were refused.
            ending: whether they are to go: on a full disk that is done without a mark.

        Raises:
            OSError: when the mark cannot be written; nothing was done then.
        """
        self._open.update(paths)
        try:
            with suppress(OSError) if ending else nullcontext():
                _put_marks(paths)
            yield
            self._clear(paths)
        except Refused as refused:
            if own and refused.refusal.kind is not RefusalKind.UNAVAILABLE:  # else nobody knows whether they were taken
                for path in paths:
                    remove(path)
                self._clear(paths)
            raise
        finally:
            self._open.subtract(paths)
            for path in paths:
                if not self._open[path]:
                    del self._open[path]

    def tenants(self) -> list[TenantId]:
        """Return whose files are in doubt, but for what is being done now."""
        found = {path.parent.name for path in self._left("*")}
        return sorted(TenantId(UUID(each)) for each in found if _is_id(each))

    def settle(self, tenant: TenantId, in_doubt: Collection[Path], named: Collection[Path]) -> int:
        """Keep of what was in doubt what has its row, and destroy the rest; return how many files that was.

        Args:
            tenant: whose.
            in_doubt: what `of` said before the database was asked.
            named: what the database has rows of.
        """
        gone = 0
        for path in set(in_doubt).intersection(self.of(tenant)):  # and nobody is at it again, or has settled it
            if path not in named:
                gone += bool(all_of(path))
                remove(path)
            _mark(path).unlink(missing_ok=True)
        return gone

    def of(self, tenant: TenantId) -> list[Path]:
        """Return a tenant's files that are in doubt, but for what is being done now."""
        return self._left(str(tenant))

    def clear_parts(self) -> None:
        """Remove what a process that has ended was writing. Before anything is written by this one."""
        for each in self._store.root.glob("*/.*"):
            if _PART.fullmatch(each.name):
                each.unlink(missing_ok=True)

    def _clear(self, paths: Collection[Path]) -> None:
        for path in paths:
            if self._open[path] == 1:
                _mark(path).unlink(missing_ok=True)

    def _left(self, owner: str) -> list[Path]:
        marks = [(each, _MARK.fullmatch(each.name)) for each in self._store.root.glob(f"{owner}/.*.doubt")]
        paths = [each.with_name(match[1]) for each, match in marks if match is not None]
        return [path for path in paths if not self._open[path]]


def _put_marks(paths: Collection[Path]) -> None:
    for path in paths:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _mark(path).touch(mode=0o600)
    for directory in {path.parent for path in paths}:
        synced(directory)


def _mark(path: Path) -> Path:
    return path.with_name(f".{path.name}.doubt")


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
