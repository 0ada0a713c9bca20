"""Keys of subjects on disk: a file for each subject that has any, and a mark for each that was erased.

Always true here:
- files are 0600, written whole and synced before anything is sealed under what is in them;
- a subject's mark is synced before its keys are removed: what was erased is known as that, whatever stops us in between;
- a file that is damaged or readable by others is `VaultUnavailable`, and never replaced.

As with tenants' files, what is removed may stay on the medium, wrapped by its tenant's data key.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import msgspec

from strongroom.kernel.ids import TenantId
from strongroom.vault.keyring import KeyringBroken
from strongroom.vault.keystore import VaultUnavailable
from strongroom.vault.private import MEND, read_private, write_private
from strongroom.vault.subjects import PREFIX, checked


class _Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The wrapped keys of one subject, by their use."""

    subject: str
    uses: dict[str, bytes]

    def __repr__(self) -> str:
        """Show no key."""
        return f"_Subject({self.subject})"


class _Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That a subject was erased, and when: seconds since 1970."""

    erased_at: float


class SubjectFiles:
    """Subjects of all tenants below `directory`. Blocking; its owner calls it from one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory: Final = directory

    def uses(self, tenant: TenantId, subject: str) -> dict[str, bytes]:
        """Return a subject's wrapped keys."""
        path = self._path(tenant, subject)
        try:
            found = read_private(path, _Subject)
        except FileNotFoundError:
            return {}
        if found.subject != subject:
            raise VaultUnavailable(f"{path} is another subject's; {MEND}")
        return found.uses

    def put(self, tenant: TenantId, subject: str, uses: dict[str, bytes]) -> None:
        """Keep a subject's wrapped keys."""
        self._write(self._path(tenant, subject), msgspec.json.encode(_Subject(subject, uses)))

    def destroy(self, tenant: TenantId, subject: str, now: float) -> list[str]:
        """Mark a subject as erased, remove its keys, and return the uses that they were for."""
        try:
            held = sorted(self.uses(tenant, subject))
        except VaultUnavailable:
            held = []  # what cannot be read is removed all the same
        self._write(self._mark(tenant, subject), msgspec.json.encode(_Mark(now)))
        try:
            self._path(tenant, subject).unlink(missing_ok=True)
        except OSError as error:
            raise VaultUnavailable(f"a subject's keys cannot be removed: {error.strerror}") from None
        return held

    def erased(self, tenant: TenantId) -> dict[str, float]:
        """Return when each subject of a tenant was erased last."""
        marks = self._directory / str(tenant) / "erased"
        try:
            return {
                path.name: msgspec.json.decode(path.read_bytes(), type=_Mark).erased_at
                for path in marks.glob(f"{PREFIX}*")
            }
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise VaultUnavailable(f"{marks} cannot be read ({type(error).__name__}); {MEND}") from None

    def drop(self, tenant: TenantId) -> None:
        """Remove the keys of every subject of a tenant whose own keys are gone; the marks stay."""
        for bucket in (self._directory / str(tenant)).glob("[0-9a-f][0-9a-f]"):
            shutil.rmtree(bucket, ignore_errors=True)

    def _path(self, tenant: TenantId, subject: str) -> Path:
        name = checked(subject)
        return self._directory / str(tenant) / name[len(PREFIX) : len(PREFIX) + 2] / f"{name}.json"

    def _mark(self, tenant: TenantId, subject: str) -> Path:
        return self._directory / str(tenant) / "erased" / checked(subject)

    def _write(self, path: Path, content: bytes) -> None:
        try:
            for directory in (self._directory, path.parents[1], path.parent):
                directory.mkdir(mode=0o700, exist_ok=True)
            write_private(path, content, replace=True)
        except (OSError, KeyringBroken) as error:
            raise VaultUnavailable(f"{path.parent} cannot be written ({type(error).__name__})") from None
