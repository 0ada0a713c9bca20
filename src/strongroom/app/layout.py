"""Where everything of one installation lies on this machine.

HOME holds what an operator looks for (`demo.json`, `strongroom.toml`, `format.json`, the lock). State lies beside it in
HOME, unless processes with uids of their own could not get there: then it lies under /var/lib/strongroom, and
HOME/state tells where. Sockets lie in a directory of their own with a short name: a socket's path has 107 bytes.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEMO: Final = "demo.json"

_OTHERS_ENTER: Final = 0o001
_VAR: Final = Path("/var/lib/strongroom")


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
    def postgres(self) -> Path:
        """The embedded server's own directory."""
        return self.state / "pg"

    @property
    def blobs(self) -> Path:
        """Model files by content."""
        return self.state / "blobs"

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
    """Return the places that belong to `home`."""
    home = home.resolve()
    mark = hashlib.sha256(os.fsencode(home)).hexdigest()[:8]
    if os.geteuid() == 0:
        state = home if reachable_by_all(home) else _VAR / mark
        return Layout(home, state, Path("/run") / f"strongroom-{mark}")
    base = os.environ.get("XDG_RUNTIME_DIR")
    run = Path(base) if base and len(base) < 60 and os.access(base, os.W_OK) else Path("/tmp")  # noqa: S108, PLR2004 - the directory is made 0700 and checked; 60 leaves room in a socket's 107 bytes
    return Layout(home, home, run / f"strongroom-{os.geteuid()}-{mark}")


def reachable_by_all(path: Path) -> bool:
    """Whether every directory above `path` may be entered by any uid."""
    return all(parent.stat().st_mode & _OTHERS_ENTER for parent in path.parents if parent.exists())


def make_private(path: Path, mode: int = 0o700) -> None:
    """Make the directory `path`, ours and with `mode`, or take it when it is ours already.

    Raises:
        PermissionError: when somebody else made it, or it is a link: a squatter in a shared directory.
    """
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    found = path.lstat()
    if path.is_symlink() or found.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to somebody else; remove it or choose another --home")
    path.chmod(mode)


def find_home(given: Path | None) -> Path:
    """Return the home to use: what was given, else STRONGROOM_HOME, else ./.strongroom."""
    return given or Path(os.environ.get("STRONGROOM_HOME") or ".strongroom")
