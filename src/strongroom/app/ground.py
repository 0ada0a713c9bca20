"""The ground that `up` stands on: lock, ports, directories, the processes of our own."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from strongroom.app import handover, metrics, uids
from strongroom.app.children import Child, ChildSpec
from strongroom.app.contents import s3_key
from strongroom.app.elevation_section import webhook_secret
from strongroom.app.handover import Handover
from strongroom.app.knock import pool_of, said
from strongroom.app.layout import STATES, Layout, make_private, reachable_by_all, record_state
from strongroom.app.options import Options
from strongroom.app.passport import Passport
from strongroom.app.refusals import FAILED, CannotStart
from strongroom.app.settings import ControlSection, Edge, GatewaySection, Loaded, Settings
from strongroom.app.uids import uid
from strongroom.audit import Trouble
from strongroom.audit.sealing.anchor_file import make as make_anchor_file
from strongroom.confinement.tree import RuntimeTree
from strongroom.identity.accesstoken import public_keys
from strongroom.kernel.clock import SystemClock
from strongroom.store import Dsn
from strongroom.store.roles import CONTROL, GATEWAY, KEEPER, OPERATOR, Passwords
from strongroom.vault import Broker, Keyring, Purpose, Use
from strongroom.wire import Pool

_BOTH: Final = frozenset({Use.PROVIDER_SECRET, Use.CAPTURE, Use.SUBJECT_NAME, Use.VALUE_LIST, Use.SYSTEM_PROMPT})
CONTROL_USES: Final = _BOTH | {Use.WEBHOOK, Use.WEIGHTS, Use.DATASET, Use.EVIDENCE}
GATEWAY_USES: Final = _BOTH | {Use.KEPT_RESPONSE, Use.PRIVACY_TOKEN}
"""What each process may seal and open; the supervisor's broker gives it no other key."""

CONTROL_OF_SUBJECTS: Final = frozenset(
    {Use.KEPT_RESPONSE, Use.CAPTURE, Use.PRIVACY_TOKEN, Use.AUDIT_SIDECAR, Use.SUBJECT_REQUEST}
)
GATEWAY_OF_SUBJECTS: Final = frozenset({Use.KEPT_RESPONSE, Use.CAPTURE, Use.PRIVACY_TOKEN})
"""What each may seal and open of one person's: control reads what a person is shown of theirs."""

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


def children(
    loaded: Loaded,
    options: Options,
    places: Layout,
    ports: Ports,
    admin: Dsn,
    passwords: Passwords,
    keyring: Keyring,
    broker: Broker,
    tree: RuntimeTree,
    tell: Callable[[str], None],
    log: Callable[[str, bytes], None],
) -> Iterator[Child]:
    """Yield the processes of our own: who seals the logs first, for control refuses changes without it; then control.

    Raises:
        CannotStart: when a file that the settings name cannot be used.
    """
    settings, clock = loaded.settings, SystemClock()
    try:
        scraper = metrics.token_digest(settings.control.metrics_token_file)
    except (OSError, ValueError) as error:
        raise CannotStart(f"`control.metrics_token_file`: {error}") from None
    sso_secret = _file("identity.sso_client_secret_file", settings.identity.sso_client_secret_file)
    sso_ca = _file("identity.sso_ca_file", settings.identity.sso_ca_file)

    token_keys = public_keys(keyring.derive(Purpose.TOKEN_SIGNING).versions(Purpose.TOKEN_SIGNING))
    try:
        hook = webhook_secret(settings.elevation)
    except (OSError, ValueError) as error:
        raise CannotStart(f"`elevation.webhook_secret_file`: {error}") from None

    def hand(
        name: str,
        edge: Edge | None,
        listen: socket.socket | None,
        roles: tuple[str, ...],
        purposes: Sequence[Purpose] = (),
        token: bytes = b"",
        *,
        notary: str = "",
        notary_socket: str = "",
        metrics_sockets: Path = places.metrics_sockets,
    ) -> int:
        return handover.pipe(
            Handover(
                name=name,
                supervisor=os.getpid(),
                settings=settings,
                logins={role: passwords.login(role, admin) for role in roles},
                keys=keyring.derive(*purposes).dump(),
                home=str(places.home),
                worker_sockets=str(places.worker_sockets),
                spool=str(places.spool),
                content=str(places.content) if name == "control" else "",
                content_key=s3_key(settings.content) if name == "control" else None,
                blobs=str(places.blobs) if name == "control" else "",
                metrics_sockets=str(metrics_sockets),
                metrics_token=scraper,
                vault_socket=str(places.vault_socket) if token else "",
                vault_token=token,
                token_keys=token_keys,
                sso_secret=sso_secret if name == "control" else None,
                sso_ca=sso_ca,
                webhook_secret=hook if name == "control" else b"",
                listen=None if listen is None else listen.fileno(),
                demo=options.demo,
                tls=None if edge is None else handover.read_tls(edge, ports.passport),
                keeper_metrics=str(places.keeper_metrics),
                notary=notary,
                notary_socket=notary_socket,
                channels=str(places.channels),
                sources=dict(loaded.sources),
            )
        )

    def child(name: str, role: str, listen: socket.socket | None, hand_over: Callable[[], int], number: int) -> Child:
        spec = ChildSpec(
            name=name,
            role=role,
            hand_over=hand_over,
            listen=None if listen is None else listen.fileno(),
            uid=uid(settings, number),
            log=partial(log, name),
        )
        return Child(spec, tree, clock, tell)

    def hand_control() -> int:
        roles = (CONTROL, OPERATOR)
        token = broker.admit("control", CONTROL_USES, manages=True, of_subjects=CONTROL_OF_SUBJECTS)
        return hand(
            "control",
            settings.control,
            ports.control,
            roles,
            (
                Purpose.KEY_PEPPER,
                Purpose.TOKEN_SIGNING,
                Purpose.REGISTRY,
                Purpose.SYSTEM_PROMPT,
                Purpose.DPOP_NONCE,
                Purpose.PROVIDER_SECRET,  # for what the first versions sealed under it
            ),
            token,
        )

    def hand_gateway(name: str) -> int:
        purposes = (
            Purpose.KEY_PEPPER,
            Purpose.CACHE_SCOPE,
            Purpose.ANSWER_SIGNING,
            Purpose.DPOP_NONCE,
            Purpose.KEPT_RESPONSE,
            Purpose.SYSTEM_PROMPT,
        )
        return hand(
            name,
            settings.gateway,
            ports.gateway,
            (GATEWAY,),
            purposes,
            broker.admit(name, GATEWAY_USES, of_subjects=GATEWAY_OF_SUBJECTS),
        )

    def hand_notary() -> int:
        return hand("notary", None, None, (), notary=str(places.notary), notary_socket=str(places.notary_socket))

    def hand_keeper() -> int:
        at = str(places.notary_socket)
        return hand("keeper", None, None, (KEEPER,), notary_socket=at, metrics_sockets=places.keeper_metrics)

    yield child("notary", "notary", None, hand_notary, uids.NOTARY)
    yield child("keeper", "keeper", None, hand_keeper, uids.KEEPER)
    yield child("control", "control", ports.control, hand_control, uids.CONTROL)
    for number in range(1, settings.gateway.processes + 1):
        name = f"gateway-{number}"
        yield child(name, "gateway", ports.gateway, partial(hand_gateway, name), uids.GATEWAY)


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


def _file(setting: str, path: str | None) -> str | None:
    """Return the text of a file that a setting names, if it names one.

    Raises:
        CannotStart: when it cannot be read, or holds nothing.
    """
    if path is None:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotStart(f"`{setting}`: {error}") from None
    if not text:
        raise CannotStart(f"`{setting}`: {path} is empty")
    return text


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
