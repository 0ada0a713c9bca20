"""Who has signed in on this machine (`strongroom login`), by server: kept in files that nobody else can read.

Always true here:
- a file is written whole or not at all, and is its owner's alone from the first byte; one that others can read is refused;
- what has ended is not used, and nothing takes its place: another credential is another person's power.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult

import msgspec

from strongroom.cli.failures import Failure, usage

if TYPE_CHECKING:
    from strongroom.signatures.dpop import Prover

_OTHERS: Final = 0o077
_MAX_BYTES: Final = 64 * 1024
_PLAIN: Final = re.compile(r"[^A-Za-z0-9.-]")


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is signed in at a server, until `ends` (Unix seconds); `key` is the token's, in PEM."""

    control: str
    who: str
    token: str
    key: str
    ends: float

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Login({self.who})"

    def prover(self) -> Prover:
        """Return what proves that the token's key is held."""
        from strongroom.signatures import SecretKey  # noqa: PLC0415 - `--help` must not wait for cryptography
        from strongroom.signatures.dpop import Prover  # noqa: PLC0415 - as above

        return Prover(SecretKey.read(self.key))


def place(url: SplitResult) -> Path:
    """Return the file of a server."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    name = _PLAIN.sub("_", f"{url.scheme}-{url.netloc.lower()}")
    return Path(base).expanduser() / "strongroom" / "logins" / f"{name}.json"


def current(url: SplitResult) -> Login | None:
    """Return who is signed in at a server.

    Raises:
        Failure: when that has ended, or the file is not its owner's alone.
    """
    found = kept(url)
    if found is not None and found.ends <= time.time():
        raise usage(
            f"Your sign-in as {found.who} has ended.", "`strongroom login` begins another; `logout` forgets it."
        )
    return found


def kept(url: SplitResult) -> Login | None:
    """Return what is kept of a server, ended or not.

    Raises:
        Failure: when the file is not its owner's alone.
    """
    path = place(url)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise usage(f"{path} cannot be read: {error.strerror}.") from None
    if stat.S_IMODE(mode) & _OTHERS:
        raise Failure(f"{path} can be read by others.", "`strongroom logout`, and `strongroom login` again.")
    try:
        found = msgspec.json.decode(content, type=Login)
    except msgspec.MsgspecError:
        raise Failure(f"{path} cannot be read.", "`strongroom logout` removes it.") from None
    return found if found.control == f"{url.scheme}://{url.netloc}" else None


def keep(url: SplitResult, login: Login) -> Path:
    """Write who is signed in; return where.

    Raises:
        Failure: when it cannot be written.
    """
    path = place(url)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".login.")  # made 0600
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(login))
        Path(draft).replace(path)
    except OSError as error:
        raise Failure(
            f"{path} cannot be written: {error.strerror}.", "Say with XDG_CONFIG_HOME where it can."
        ) from None
    return path


def forget(url: SplitResult) -> bool:
    """Remove what is kept of a server; return whether there was anything."""
    try:
        place(url).unlink()
    except FileNotFoundError:
        return False
    return True
