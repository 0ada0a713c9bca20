"""The ground that `up` stands on: lock, ports, directories; and that what stands on it answers."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.app import uids
from strongroom.app.knock import pool_of, said
from strongroom.app.layout import STATES, Layout, make_private, reachable_by_all, record_state
from strongroom.app.passport import Passport
from strongroom.app.refusals import FAILED, CannotStart
from strongroom.app.settings import ControlSection, Edge, GatewaySection, Settings
from strongroom.app.uids import uid
from strongroom.audit import Trouble
from strongroom.audit.sealing.anchor_file import make as make_anchor_file
from strongroom.wire import Pool

_BACKLOG: Final = 1024
_log: Final = logging.getLogger("strongroom")
_ANSWERS_S: Final = 60.0
_LOOK_S: Final = 0.1
_LOG_S: Final = 30.0  # how long a start waits for the audit log to be sound


@dataclass(frozen=True, slots=True)
class Ports:
    """Both listening sockets, bound before anything else runs."""

    gateway: socket.socket
    control: socket.socket
    gateway_url: str
    control_url: str
    passport: Passport


@contextmanager
def locked(path: Path) -> Generator[None, None, None]:
    """Hold the lock of a home.

    Raises:
        CannotStart: when another supervisor holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            raise CannotStart(
                f"Strongroom already runs on {path.parent} (pid {holder or 'unknown'}); stop it, or choose another --home"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def listening(gateway: GatewaySection, control: ControlSection) -> Generator[Ports, None, None]:
    """Bind and listen on both ports: a client that comes early waits in the queue.

    Raises:
        CannotStart: when one is taken or may not be used.
    """
    with (
        _listen("gateway", "--port", gateway, gateway.port) as first,
        _listen("control", "--control-port", control, control.port) as second,
    ):
        yield Ports(first, second, _url(gateway, first), _url(control, second), Passport.issue())


@contextmanager
def _listen(name: str, flag: str, edge: Edge, port: int) -> Generator[socket.socket, None, None]:
    family = socket.AF_INET6 if ":" in edge.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((edge.host, port))
        except OSError as error:
            raise CannotStart(
                f"cannot listen on {edge.host}:{port} for the {name}: {error.strerror}; "
                f"stop what uses it or choose another port ({flag})",
                FAILED,
            ) from None
        listener.listen(_BACKLOG)
        yield listener


def _url(edge: Edge, listener: socket.socket) -> str:
    host = f"[{edge.host}]" if ":" in edge.host else edge.host
    return f"{'https' if edge.tls_certificate else 'http'}://{host}:{listener.getsockname()[1]}"


def lay_out(places: Layout, settings: Settings) -> None:
    """Make the directories, each with the least rights that work.

    Raises:
        CannotStart: when processes with uids of their own could not get at the state.
        PermissionError: when the home is somebody else's.
    """
    own, enter = 0o700, 0o711
    shared = os.geteuid() == 0
    if places.home.stat().st_uid != os.geteuid():
        raise PermissionError(f"{places.home} belongs to somebody else; run this as its owner")
    record_state(places)
    if places.state != places.home:
        if places.state.parent == STATES:
            make_private(STATES, 0o755)
        make_private(places.state, 0o755 if shared else own)
    if shared and not reachable_by_all(places.state):
        raise CannotStart(
            f"the state of this home lies in {places.state}, where other uids cannot enter; "
            "let them through the directories above it (chmod o+x), or move the home to where they can"
        )
    for directory in (places.secrets, places.logs):
        make_private(directory, own)
    make_private(places.blobs, 0o755 if shared else own)
    for directory in (places.run, places.worker_sockets, places.run / "s"):
        make_private(directory, enter if shared else own)
    places.postgres_socket.mkdir(exist_ok=True)
    places.postgres_socket.chmod(0o755 if shared else own)
    make_private(places.content, own, uid(settings, uids.CONTROL))
    make_private(places.spool, own, uid(settings, uids.GATEWAY))
    make_private(places.metrics_sockets, own, uid(settings, uids.GATEWAY))
    make_private(places.keeper_metrics, own, uid(settings, uids.KEEPER))
    make_private(places.notary, own, uid(settings, uids.NOTARY))
    make_private(places.channels, own, uid(settings, uids.CONTROL))
    _make_anchor_file(settings)
    make_private(places.notary_socket.parent, own, uid(settings, uids.NOTARY))
    # One process makes its socket there, one other enters: what is made in it has the directory's group.
    for directory, reader in (
        (places.metrics_sockets, uids.CONTROL),
        (places.keeper_metrics, uids.CONTROL),
        (places.notary_socket.parent, uids.KEEPER),
    ):
        group = uid(settings, reader)
        if group is not None:
            os.chown(directory, -1, group)
            directory.chmod(0o2750)
    server = uid(settings, uids.POSTGRES)
    if server is not None:  # the directory above is ours alone to write, so this one is the one just made
        os.chown(places.postgres_socket, server, server)


def _make_anchor_file(settings: Settings) -> None:
    """Make the anchor file for the keeper. One that cannot be made now is told by the keeper, and asked for again by it."""
    if settings.audit.anchor_file is None:
        return
    path = Path(settings.audit.anchor_file)
    with contextlib.suppress(OSError):
        if not make_anchor_file(path, uid(settings, uids.KEEPER)) and not path.is_dir():
            _log.warning(
                "the anchor file %s can be rewritten: the kernel could not be told to take additions alone", path
            )


def refuse_lost_state(places: Layout, settings: Settings, *, used: bool) -> None:
    """Refuse to begin anew where a database was made before.

    Args:
        places: where it should be.
        settings: whether it is ours or yours.
        used: whether the home says that one was made (`store.format.check`).

    Raises:
        CannotStart: with what to do.
    """
    if used and settings.database.url is None and not (places.postgres / "data").exists():
        raise CannotStart(
            f"{places.home} has been used before, but its database is not in {places.postgres}: put it back there, or "
            "bring it back with `strongroom restore`; to begin anew, choose another --home"
        )


async def _answers(pool: Pool, tell: Callable[[str], None], since: float) -> bool:
    """Whether a port is ready, or waits for nothing but its audit log: an operator who looks into a fork, or much to seal.

    What an installation of before there were logs has in its table is sealed at the first start: that may be millions.
    """
    ready, text = await said(pool)
    forked = f"audit log: {Trouble.FORKED}" in text
    slow = "audit log: " in text and asyncio.get_running_loop().time() - since > _LOG_S
    if ready is not True and (forked or slow):
        tell(f"changes are refused until it is sound; {text.partition(chr(10))[2].strip()}")
    elif forked:
        tell(text.partition("\n")[2].strip())
    return ready is True or forked or slow


async def answering(ports: Ports, tell: Callable[[str], None]) -> None:
    """Wait until both ports say that they are ready.

    Raises:
        CannotStart: when they do not within a minute.
    """
    try:
        since = asyncio.get_running_loop().time()
        async with asyncio.timeout(_ANSWERS_S):
            for url in (ports.gateway_url, ports.control_url):
                pool = pool_of(url, ports.passport.context() if url.startswith("https:") else None)
                try:
                    while not await _answers(pool, tell, since):  # noqa: ASYNC110 - what is awaited is in other processes
                        await asyncio.sleep(_LOOK_S)
                finally:
                    await pool.close()
    except TimeoutError:
        raise CannotStart(f"not ready after {_ANSWERS_S:.0f} s; see `strongroom logs --level warning`") from None
