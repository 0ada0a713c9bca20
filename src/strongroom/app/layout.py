"""Where everything of one installation lies on this machine.

HOME holds what an operator looks for (`demo.json`, `strongroom.toml`, `format.json`, the lock). Sockets lie in a
directory of their own with a short name: a socket's path has 107 bytes.

Always true here:
- where state lies is chosen once: in HOME, or under /var/lib/strongroom where other uids could not enter HOME. From then
  on the link HOME/state, or state found in HOME, decides: neither a mode above HOME nor HOME's name moves it;
- a home never takes over the state that another home has left under its name;
- a record is believed from who owns the home, or root, alone.
"""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEMO: Final = "demo.json"
STATE: Final = "state"

_OTHERS_ENTER: Final = 0o001
STATES: Final = Path("/var/lib/strongroom")
"""Where state is made that other uids could not get at in its home."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of one installation. Nothing is made by asking."""

    home: Path
    state: Path
    run: Path

    @property
    def demo(self) -> Path:
        """The demo's credentials: the one file with secrets that is meant to be read."""
        return self.home / DEMO

    @property
    def lock(self) -> Path:
        """Held by the one supervisor of this home."""
        return self.home / "lock"

    @property
    def secrets(self) -> Path:
        """The keyring and the database administrator's password; the supervisor's alone."""
        return self.home / "secrets"

    @property
    def keyring(self) -> Path:
        """The root keys."""
        return self.secrets / "keyring.json"

    @property
    def vault(self) -> Path:
        """Tenants' keys, where the keystore is the embedded one; never in a backup of the database."""
        return self.secrets / "vault"

    @property
    def vault_socket(self) -> Path:
        """Where the supervisor answers its processes for the vault."""
        return self.run / "v.sock"

    @property
    def postgres(self) -> Path:
        """The embedded server's own directory."""
        return self.state / "pg"

    @property
    def blobs(self) -> Path:
        """Model files by content."""
        return self.state / "blobs"

    @property
    def content(self) -> Path:
        """Releases that people brought, sealed, and what is on its way; control's alone to write."""
        return self.state / "content"

    @property
    def spool(self) -> Path:
        """Where gateways keep records on their way to the database."""
        return self.state / "spool"

    @property
    def notary(self) -> Path:
        """The notary's key and memory; no part of a backup, or restoring would turn its memory back."""
        return self.state / "notary"

    @property
    def channels(self) -> Path:
        """What was seen of the channels last; no part of a backup, or restoring would turn it back."""
        return self.state / "channels"

    @property
    def notary_socket(self) -> Path:
        """Where the notary listens, for the keeper alone."""
        return self.run / "n" / "notary.sock"

    @property
    def keeper_metrics(self) -> Path:
        """Where the keeper shows its figures to control, and to nobody else."""
        return self.run / "k"

    @property
    def metrics_sockets(self) -> Path:
        """Where processes show their figures to control, and to nobody else."""
        return self.run / "m"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.home / "logs"

    @property
    def worker_sockets(self) -> Path:
        """Where workers listen."""
        return self.run / "w"

    @property
    def postgres_socket(self) -> Path:
        """The directory where the embedded server listens."""
        return self.run / "pg"


def layout(home: Path) -> Layout:
    """Return the places that belong to `home`.

    Raises:
        PermissionError: when it cannot be found out, or the record of it is somebody else's.
    """
    home = home.resolve()
    mark = hashlib.sha256(os.fsencode(home)).hexdigest()[:8]
    state = recorded_state(home) or _fresh_state(home, mark)
    if os.geteuid() == 0:
        return Layout(home, state, Path("/run") / f"strongroom-{mark}")
    base = os.environ.get("XDG_RUNTIME_DIR")
    run = Path(base) if base and len(base) < 60 and os.access(base, os.W_OK) else Path("/tmp")  # noqa: S108, PLR2004 - the directory is made 0700 and checked; 60 leaves room in a socket's 107 bytes
    return Layout(home, state, run / f"strongroom-{os.geteuid()}-{mark}")


def recorded_state(home: Path) -> Path | None:
    """Return where the state of `home` was put when it was made; None if it was not made yet, or its record is lost.

    Raises:
        PermissionError: when it cannot be found out, or the record is somebody else's.
    """
    link = home / STATE
    try:
        owner = link.lstat().st_uid
        if owner not in {0, home.stat().st_uid}:
            raise PermissionError(errno.EPERM, "not made by the owner of the home", str(link))
        return Path(os.path.normpath(home / link.readlink()))
    except FileNotFoundError:
        return home if any((home / name).exists() for name in ("pg", "blobs")) else None


def _fresh_state(home: Path, mark: str) -> Path:
    """Return where state would be made; nothing of another home's is there."""
    if os.geteuid() != 0 or reachable_by_all(home):
        return home
    names = (mark, *(f"{mark}-{number}" for number in range(2, 1000)))
    return next(STATES / name for name in names if not (STATES / name).exists())


def record_state(places: Layout) -> None:
    """Write down where the state lies, before anything is put there."""
    if places.state != places.home and recorded_state(places.home) != places.state:
        (places.home / STATE).symlink_to(places.state)


def reachable_by_all(path: Path) -> bool:
    """Whether every directory above `path` may be entered by any uid."""
    return all(parent.stat().st_mode & _OTHERS_ENTER for parent in path.parents if parent.exists())


def make_private(path: Path, mode: int = 0o700, owner: int | None = None) -> None:
    """Make the directory `path`, ours and with `mode`, or take it when it is ours already.

    Args:
        path: the directory.
        mode: who may do what with it.
        owner: the uid of the process that it is for; None: ours.

    Raises:
        PermissionError: when somebody else made it, or it is a link: a squatter in a shared directory.
    """
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    found = path.lstat()
    if path.is_symlink() or found.st_uid not in {os.geteuid(), owner}:
        raise PermissionError(f"{path} belongs to somebody else; remove it or choose another --home")
    if owner is not None and found.st_uid != owner:
        os.chown(path, owner, owner)
    path.chmod(mode)
