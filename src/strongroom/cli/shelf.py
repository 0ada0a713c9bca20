"""`strongroom model verify`, `rescan`, `export` and `delete`: what is done with a release that is there."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import msgspec
from cyclopts import Parameter

from strongroom.cli import output
from strongroom.cli.calls import answered, ask, get, place
from strongroom.cli.failures import FAILED, OK, Failure, usage
from strongroom.cli.models import MODEL
from strongroom.cli.progress import over_bytes
from strongroom.cli.session import HERE, ONLINE, Session, decoded

_LONG_S: Final = 3600.0
_FILES: Final = ("path", "size", "sound", "because")
Whose = Annotated[
    str | None, Parameter(help="Of that tenant's own releases [default: the installation's, or your own].")
]


@MODEL.command(name="verify", group=ONLINE, help_epilogue="\nExit codes: 0 every file is what it was, 1 not.\n")
def verify(release: str, /, *, tenant: Whose = None, session: Session = HERE) -> int:
    """Hash every stored file of a release again, and hold it against its manifest.

    Args:
        release: NAME@VERSION.
        tenant: whose own it is.
        session: how to ask.
    """
    body = _asked(session, place("models", *named(release), "verify", tenant=tenant))
    found = decoded(body)
    if session.json:
        output.raw(body)
    else:
        output.listing(found["files"], _FILES, empty="It has no file.")
        output.note(f"{release} is {'sound' if found['sound'] else 'NOT what was stored: it will not be loaded'}.")
    return OK if found["sound"] else FAILED


@MODEL.command(name="rescan", group=ONLINE, help_epilogue="\nExit codes: 0 today's scanner called it clean, 1 not.\n")
def rescan(release: str, /, *, tenant: Whose = None, session: Session = HERE) -> int:
    """Scan a release again by today's rules; the verdict is signed and counts from here on.

    After an upgrade with other rules this is done by itself.

    Args:
        release: NAME@VERSION.
        tenant: whose own it is.
        session: how to ask.
    """
    body = _asked(session, place("models", *named(release), "rescan", tenant=tenant))
    scan = next(each for each in decoded(body)["standing"][0]["reasons"] if each["demand"] == "scan")
    if session.json:
        output.raw(body)
    else:
        output.note(scan["because"])
    return OK if scan["met"] else FAILED


@MODEL.command(
    name="export",
    group=ONLINE,
    help_epilogue="""
Example:
  strongroom model export churn@3 --to ./churn --tenant acme --token-file elevated.token

A tenant's own release is exported under an elevation for `model.export` on that tenant alone (`strongroom elevation request`).
""",
)
def export(
    release: str,
    /,
    *,
    to: Annotated[Path, Parameter(help="A directory that is not there yet.")],
    tenant: Whose = None,
    session: Session = HERE,
) -> None:
    """Take a release's files out of the installation, in the clear; every piece stands in the log.

    Args:
        release: NAME@VERSION.
        to: where to write them.
        tenant: whose own it is.
        session: how to ask.
    """
    from strongroom.cli.calling import Caller  # noqa: PLC0415 - `--help` must not wait for TLS and the event loop

    name, version = named(release)
    files: list[dict[str, Any]] = get(session, place("models", name, version, tenant=tenant))["files"]
    total, done = sum(each["size"] for each in files), 0
    if to.exists():
        raise usage(f"{to} is there already.", "Name a directory that is not there yet.")
    with Caller(session) as caller, over_bytes(quiet=session.json) as moved:
        for each in files:
            target, hasher, at = to / each["path"], hashlib.sha256(), 0
            path = partial(place, "models", name, version, "content", path=each["path"], tenant=tenant)
            piece = answered(*caller.ask("GET", path(offset=0), timeout_s=_LONG_S))  # a no comes before a file
            with _made(target) as file:
                while True:
                    file.write(piece)
                    hasher.update(piece)
                    at, done = at + len(piece), done + len(piece)
                    if moved is not None:
                        moved(each["path"], done, total)
                    if at >= each["size"] or not piece:
                        break
                    piece = answered(*caller.ask("GET", path(offset=at), timeout_s=_LONG_S))
            if hasher.hexdigest() != each["sha256"]:
                target.unlink()
                raise Failure(f"{each['path']} is not what its manifest names.", "`strongroom model verify` says more.")
    if session.json:
        output.raw(msgspec.json.encode({"release": release, "to": str(to), "files": files}))
    else:
        output.note(f"{len(files)} files of {release} are in {to}, each with the digest that its manifest names.")


@MODEL.command(name="delete", group=ONLINE, help_epilogue="")
def delete(release: str, /, *, tenant: Whose = None, session: Session = HERE) -> None:
    """Delete a release that nobody has deployed; its name and version never mean other bytes.

    Args:
        release: NAME@VERSION.
        tenant: whose own it is.
        session: how to ask.
    """
    output.raw(ask(session, "DELETE", place("models", *named(release), tenant=tenant)))
    if not session.json:
        output.note(f"{release} is deleted. Its files are gone where no other release has them.")


def _made(path: Path) -> BinaryIO:
    """Make a file that was not there.

    Raises:
        Failure: when it cannot be made.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb")
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}.", "Name a directory that can be made.") from None


def named(release: str) -> tuple[str, str]:
    """Return name and version.

    Raises:
        Failure: when it is not NAME@VERSION.
    """
    name, _, version = release.partition("@")
    if not name or not version:
        raise usage("A release is NAME@VERSION.", "`strongroom model list` shows what there is.")
    return name, version


def _asked(session: Session, path: str) -> bytes:
    """Return the answer to a POST that takes as long as reading every file."""
    from strongroom.cli.calling import Caller  # noqa: PLC0415 - as above

    with Caller(session) as caller:
        return answered(*caller.ask("POST", path, [(b"accept", b"application/json")], timeout_s=_LONG_S))
