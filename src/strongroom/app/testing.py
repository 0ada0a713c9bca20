"""A real control port for tests: the real application, on the real edge, over a real database, on loopback.

It runs in a thread with an event loop of its own, so that tests may be plain functions and the command line may be run
against it. `ControlPlane.run` runs a coroutine of the services there.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from strongroom.app.api import control_app
from strongroom.app.checks import Check, Status
from strongroom.app.environment import environment
from strongroom.app.seed import INSTALLER
from strongroom.app.services import Services
from strongroom.app.settings import Loaded, Settings
from strongroom.app.wiring import Base, Terms, make_services, parts_of
from strongroom.console import missing, pages
from strongroom.identity import Directory
from strongroom.identity.accesstoken import public_keys
from strongroom.identity.people import Provider
from strongroom.identity.signers import Signers
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import Name, TenantId
from strongroom.kernel.principal import Environment, Role
from strongroom.policy import Ask, Engine
from strongroom.providers import Networks
from strongroom.registry.admission.testing import admitted, release_of
from strongroom.rules import Rulebook
from strongroom.store import Database
from strongroom.store.feed import FeedEntry
from strongroom.store.follower import Follower
from strongroom.store.testing import TestDatabase, TestServer
from strongroom.vault import FileKeystore, Keyring, Purpose, PurposeKeys
from strongroom.wire import AsgiBridge, Limits, serve_tcp

_Result = TypeVar("_Result")
People: TypeAlias = Callable[[str], Provider]
"""Makes the provider that people sign on with, of the URL at which browsers reach the console."""

RELEASE: Final = release_of("tiny")
_PURPOSES: Final = (
    Purpose.KEY_PEPPER, Purpose.TOKEN_SIGNING, Purpose.REGISTRY, Purpose.SYSTEM_PROMPT, Purpose.PROVIDER_SECRET,
)  # fmt: skip
_CHECKS: Final = (Check(name="database", status=Status.OK, detail="answers"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """A running control port, with callers of every role and two tenants that look alike.

    Attributes:
        port: where it listens on 127.0.0.1.
        services: what its routes call.
        tokens: credentials by name: operator, approver, acme-admin, globex-admin, acme-inference, acme-evaluation.
        tenants: ids by name: acme, globex.
        key_ids: the living workload keys' ids, by tenant.
        run: runs a coroutine on the port's own loop.
        sockets: where gateway processes would have their private sockets.
    """

    port: int
    services: Services
    tokens: dict[str, str]
    tenants: dict[str, TenantId]
    key_ids: dict[str, str]
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    sockets: Path

    def __repr__(self) -> str:
        """Name the port only."""
        return f"ControlPlane({self.port})"

    @property
    def url(self) -> str:
        """Where the port is reached."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def control_plane(database: TestDatabase, directory: Path, *, people: People | None = None) -> Generator[ControlPlane]:
    """Serve over `database`, keeping keys in `directory`; `people` sign on with the provider that it makes of the URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="control plane", daemon=True)
    thread.start()

    def run(work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, loop).result(timeout=60)

    stack = AsyncExitStack()
    try:
        sockets = _made(directory / "sockets")
        services, port = run(_serve(database, directory, stack, people))
        tokens, tenants, key_ids = run(_people(services))
        yield ControlPlane(
            port=port, services=services, tokens=tokens, tenants=tenants, key_ids=key_ids, run=run, sockets=sockets
        )
    finally:
        run(stack.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


@contextmanager
def control_plane_of(server: TestServer, directory: Path, *, people: People | None = None) -> Generator[ControlPlane]:
    """Serve over a database of `server` that is there for this alone, as `control_plane` does."""
    with asyncio.Runner() as runner:
        manager = server.database()
        database = runner.run(manager.__aenter__())
        try:
            with control_plane(database, directory, people=people) as plane:
                yield plane
        finally:
            runner.run(manager.__aexit__(None, None, None))


async def loopback_look_up(host: str, port: int) -> list[str]:
    """Resolve numbers and `localhost` as everywhere; nothing else has an address in a test."""
    del port
    if host == "localhost":
        return ["127.0.0.1"]
    try:
        return [str(ip_address(host))]
    except ValueError:
        raise OSError("no such name in a test") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The services over a database, as the control process joins them, without a port."""

    services: Services
    keys: PurposeKeys = field(repr=False)
    db: Database


@asynccontextmanager
async def joined(
    database: TestDatabase,
    directory: Path,
    *,
    purposes: Collection[Purpose] = tuple(Purpose),
    rulebook: Rulebook | None = None,
    signers: Signers | None = None,
    production: bool = False,
    **terms: Any,
) -> AsyncGenerator[Joined]:
    """Yield the services over `database`, with keys below `directory`; `terms` are those of `Terms`."""
    clock, keyring = SystemClock(), Keyring.open(directory / "keyring.json")
    keys = keyring.derive(*purposes)
    token_keys = public_keys(keys.versions(Purpose.TOKEN_SIGNING))
    known = Directory(keys, clock, allow_demo=True, token_keys=token_keys)

    def told(entries: list[FeedEntry], full: bool) -> None:
        known.apply(entries, full=full)
        for each in (rulebook, signers):
            if each is not None:
                each.apply(entries, full=full)

    async def doctor() -> tuple[Check, ...]:
        return _CHECKS

    async with AsyncExitStack() as stack:
        follower = Follower(database.control, clock, told)
        db = await Database.connect(database.control, database.operator)
        stack.push_async_callback(db.close)
        base = Base(
            database=db,
            follower=follower,
            directory=known,
            engine=Engine.load(production=production),
            keys=keys,
            keystore=FileKeystore(directory / "vault", keyring, clock),
            clock=clock,
        )
        more = Terms(
            explain=Loaded(Settings(), {}).explain, doctor=doctor, rulebook=rulebook, signers=signers,
            production=production, **terms,
        )  # fmt: skip
        services = make_services(base, more)
        stack.push_async_callback(services.training_jobs.close)
        follower.start()
        stack.push_async_callback(follower.close)
        yield Joined(services=services, keys=keys, db=db)


async def _serve(
    database: TestDatabase, directory: Path, stack: AsyncExitStack, people: People | None
) -> tuple[Services, int]:
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    made = await stack.enter_async_context(
        joined(
            database,
            directory,
            purposes=_PURPOSES,
            rulebook=Rulebook(),
            signers=Signers(),
            networks=Networks(["127.0.0.0/8"]),
            content=_made(directory / "content"),
            blobs=directory / "blobs",
            sockets=directory / "sockets",
            issuer_networks=Networks(["127.0.0.0/8"]),
            provider=None if people is None else people(url),
            look_up=loopback_look_up,
            look=partial(environment, None),
        )
    )
    services = made.services
    parts = parts_of(services, services.engine, secure=False, demo=True)
    bridge = await stack.enter_async_context(
        AsgiBridge(control_app(services, pages=pages(parts), missing=missing(parts))).lifespan()
    )
    server = await serve_tcp(bridge, sock=listening, limits=Limits())
    stack.push_async_callback(server.close)
    if not await services.follower.ensure(10.0):
        raise RuntimeError("the feed could not be read")
    return services, server.port


def _made(directory: Path) -> Path:
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


async def _people(services: Services) -> tuple[dict[str, str], dict[str, TenantId], dict[str, str]]:
    """Make the callers: accounts of every role, and twin tenants with a workload and a key of each role."""
    ask, tokens, tenants, key_ids = Ask(), dict[str, str](), dict[str, TenantId](), dict[str, str]()
    for name, role in (("operator", Role.OPERATOR), ("approver", Role.APPROVER)):
        tokens[name] = (await services.accounts.create(INSTALLER, Name(name), role, ask=ask)).token
    await admitted(services.registry, services.admission, services.channels, services.accounts, INSTALLER, [RELEASE])
    for name in ("acme", "globex"):
        tenant = TenantId((await services.identity.create_tenant(INSTALLER, Name(name), ask)).id)
        tenants[name] = tenant
        admin = Name(f"{name}-admin")
        made = await services.accounts.create(INSTALLER, admin, Role.TENANT_ADMIN, tenant=tenant, ask=ask)
        tokens[admin] = made.token
        for role in (Role.INFERENCE, Role.EVALUATION):
            dev, workload = Environment.DEV, Name(str(role))
            await services.identity.create_workload(
                INSTALLER, tenant, environment=dev, name=workload, role=role, owner="team", ask=ask
            )
            key = await services.identity.create_key(INSTALLER, tenant, environment=dev, workload=workload, ask=ask)
            tokens[f"{name}-{role}"] = key.secret
            key_ids[name] = key.key.id
        await services.registry.deploy(INSTALLER, tenant, Environment.DEV, Name("tiny"), RELEASE.digest, ask)
    await services.follower.refresh(5.0)
    return tokens, tenants, key_ids
