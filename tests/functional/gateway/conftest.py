"""A gateway for these tests: real PostgreSQL, real feed, real keys and policy, the real edge on loopback.

`plane` has two tenants that look alike, with the models `tiny` (chat) and `vectors` (embeddings) in dev. Their workers
are doubles that a test tells what to answer (`plane.chat.behaviour = …`); `real` puts real sandboxed ones there.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from strongroom.app import demo_rules
from strongroom.captures.service import CaptureSessions
from strongroom.gateway import Gateway, Recorder, Snapshot
from strongroom.gateway.breaker import BreakerRule
from strongroom.gateway.fronts import Fronts
from strongroom.gateway.kept import Responses
from strongroom.gateway.limits import Leases, Ledger, Meter
from strongroom.gateway.limits.source import DatabaseSource
from strongroom.gateway.openai.errors import render_protocol_error
from strongroom.gateway.outside import Outside
from strongroom.gateway.provider_secrets import ProviderSecrets
from strongroom.gateway.screen import AskLimits
from strongroom.gateway.signing import SigningDesk
from strongroom.gateway.spool import Spool
from strongroom.gateway.tapes import Tapes
from strongroom.gateway.testing import Asked, WorkerDouble, chat, whole
from strongroom.gateway.upstreams import Upstreams, worker_socket
from strongroom.identity import Directory, Identity, KeyException
from strongroom.identity.accesstoken import public_keys
from strongroom.identity.accounts import Accounts
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, Name, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Ask, Engine, Gate
from strongroom.providers import Networks, Providers
from strongroom.providers.secrets import SCOPE
from strongroom.registry import Registry
from strongroom.registry.admission import Admission, RegistryKeys
from strongroom.registry.admission.testing import APPROVERS, admitted, digest_of, release_of
from strongroom.registry.channels.service import Channels
from strongroom.registry.model import Format, Operation
from strongroom.registry.prompts import Prompts, PromptSeals
from strongroom.rules import Level, Rules
from strongroom.store import Appender, Cabinet, Database, Lessor
from strongroom.store.follower import Follower
from strongroom.store.testing import TestDatabase
from strongroom.vault import Keyring, Purpose
from strongroom.vault.testing import embedded
from strongroom.wire import Limits, Server, TlsOptions, serve_tcp

PATIENCE_S = 10.0
OPERATOR = Principal(role=Role.OPERATOR, name="tests", credential=KeyId(""))
RELEASES = {
    "tiny": (digest_of("tiny"), Operation.CHAT),
    "vectors": (digest_of("vectors"), Operation.EMBEDDING),
    "rows": (digest_of("rows"), Operation.INFER),
}
DEV = Environment.DEV


@dataclass
class Answer:
    """One reply as it stood on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error, which has OpenAI's shape and this installation's id."""
        document = self.json
        assert list(document) == ["error"]
        error: dict[str, Any] = document["error"]
        assert set(error) == {"message", "type", "param", "code", "request_id"}
        assert error["request_id"] == self.headers["x-request-id"]
        assert error["request_id"].startswith("req_")
        return error

    @property
    def events(self) -> list[str]:
        """The data of each server-sent event."""
        return [part.removeprefix("data: ") for part in self.body.decode().split("\n\n") if part]


@dataclass
class Line:
    """A raw connection to the gateway."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> Answer:
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            body = b""
            if "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            elif headers.get("transfer-encoding") == "chunked":
                while size := int(await self.reader.readuntil(b"\r\n"), 16):
                    body += (await self.reader.readexactly(size + 2))[:-2]
                assert await self.reader.readexactly(2) == b"\r\n"
            return Answer(int(head[0].split(" ")[1]), headers, body)

    async def until(self, mark: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readuntil(mark)

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


@dataclass
class Plane:
    """The gateway and what surrounds it."""

    server: Server
    gateway: Gateway
    snapshot: Snapshot
    follower: Follower
    recorder: Recorder
    identity: Identity
    registry: Registry
    prompts: Prompts
    channels: Channels
    providers: Providers
    rules: Rules
    captures: CaptureSessions
    tapes: Tapes
    tenants: dict[str, TenantId]
    keys: dict[str, str] = field(repr=False)
    chat: WorkerDouble
    vectors: WorkerDouble
    rows: WorkerDouble
    sockets: Path
    stack: AsyncExitStack
    faults: list[BaseException] = field(default_factory=list[BaseException])

    @property
    def port(self) -> int:
        return self.server.port

    async def written(self) -> None:
        """Wait until what was recorded so far is in the database."""
        async with asyncio.timeout(10):
            while not await self.recorder.flush():  # noqa: ASYNC110 - the database is what is waited for
                await asyncio.sleep(0.05)  # it is away, or busy, and tells nobody when it is not

    async def serve_tls(self, tls: TlsOptions) -> Server:
        """Serve the same gateway over TLS."""
        server = await _serve(self.gateway, Limits(), self.faults, tls)
        self.stack.push_async_callback(server.close)
        return server

    async def serve(self, **limits: Any) -> Server:
        """Serve the same gateway under other limits of the wire."""
        server = await _serve(self.gateway, Limits(**limits), self.faults)
        self.stack.push_async_callback(server.close)
        return server

    async def line(self, port: int | None = None) -> Line:
        return Line(*await asyncio.open_connection("127.0.0.1", port or self.port))

    async def ask(
        self,
        path: str = "/v1/chat/completions",
        body: object = None,
        *,
        key: str | None = "acme",
        method: str = "POST",
        headers: tuple[str, ...] = (),
        port: int | None = None,
    ) -> Answer:
        """Ask once, over a connection of its own. `body` is JSON, or bytes as they are; `key` a tenant or a text."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(content)}", *headers]
        if key is not None:
            lines.append(f"authorization: Bearer {self.keys.get(key, key)}")
        line = await self.line(port)
        try:
            await line.say("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content)
            return await line.answer()
        finally:
            await line.close()

    async def known(self) -> None:
        """Wait until the gateway knows of everything that was committed before."""
        assert await self.follower.refresh(PATIENCE_S)

    async def deploy(self, tenant: str, name: str, of: str = "tiny", environment: Environment = DEV) -> None:
        digest = RELEASES[of][0]
        await self.registry.deploy(OPERATOR, self.tenants[tenant], environment, Name(name), digest, Ask())
        await self.known()

    async def deploy_with_prompt(self, tenant: str, name: str, text: str) -> None:
        """Deploy the chat model with a system prompt, approved as any."""
        place, called = self.tenants[tenant], Name(f"prompt-of-{name}")
        await self.prompts.add(OPERATOR, place, called, "1", text, Ask())
        approver = replace(OPERATOR, role=Role.APPROVER, name=APPROVERS[0])
        await self.prompts.approve(approver, place, called, "1", DEV, days=1, reason="test", ask=Ask())
        digest = RELEASES["tiny"][0]
        await self.registry.deploy(OPERATOR, place, DEV, Name(name), digest, Ask(), f"{called}@1")
        await self.known()

    async def rule(self, tenant: str, kind: str, document: object, level: Level = Level.CEILING) -> None:
        """Put a document of rules in force; None withdraws it."""
        who = (
            OPERATOR
            if level is Level.CEILING
            else replace(OPERATOR, role=Role.TENANT_ADMIN, tenant=self.tenants[tenant])
        )
        seen = await self.rules.history(who, self.tenants[tenant], kind, level, Ask(), limit=1)
        expected = seen[0].version if seen else 0
        await self.rules.write(
            who, self.tenants[tenant], kind, level, document, expected=expected, reason="test", ask=Ask()
        )
        await self.known()

    async def revoke(self, tenant: str, key_id: str) -> None:
        await self.identity.revoke_key(OPERATOR, self.tenants[tenant], KeyId(key_id), "test", Ask())
        await self.known()

    async def key(self, tenant: str, *, environment: Environment = DEV, ended: bool = False) -> Any:
        now = SystemClock().now()
        over = KeyException(reason="test", networks=("127.0.0.0/8",), expires_at=now)
        made = await self.identity.create_key(
            OPERATOR,
            self.tenants[tenant],
            environment=environment,
            workload=Name("inference"),
            exception=over if ended else None,
            ask=Ask(),
        )
        await self.known()
        return made


async def _serve(
    gateway: Gateway, limits: Limits, faults: list[BaseException], tls: TlsOptions | None = None
) -> Server:
    return await serve_tcp(
        gateway.handle,
        limits=limits,
        tls=tls,
        render_error=render_protocol_error,
        on_fault=lambda _, fault: faults.append(fault),
    )


async def healthy(asked: Asked) -> None:
    await asked.say(whole(chat()))


async def embeds(asked: Asked) -> None:
    await asked.say(
        whole({"object": "list", "data": [{"index": 0, "embedding": [0.5]}], "usage": {"prompt_tokens": 1}})
    )


async def predicts(asked: Asked) -> None:
    output = {"name": "score", "shape": [1, 2], "datatype": "FP32", "data": [0.25, 0.75]}
    await asked.say(whole({"model_name": "engine", "outputs": [output], "parameters": {"engine": "x"}}))


BEHAVIOURS = {"tiny": healthy, "vectors": embeds, "rows": predicts}


async def _people(
    identity: Identity, registry: Registry, rules: Rules, admission: Admission, channels: Channels, accounts: Accounts
) -> tuple[dict[str, TenantId], dict[str, str]]:
    tenants, keys = dict[str, TenantId](), dict[str, str]()
    releases = [
        release_of(name, kind, Format.ONNX if kind is Operation.INFER else Format.GGUF)
        for name, (_, kind) in RELEASES.items()
    ]
    await admitted(registry, admission, channels, accounts, OPERATOR, releases)
    for name in ("acme", "globex"):
        tenant = tenants[name] = TenantId((await identity.create_tenant(OPERATOR, Name(name), Ask())).id)
        await identity.create_workload(
            OPERATOR, tenant, environment=DEV, name=Name("inference"), role=Role.INFERENCE, owner="team", ask=Ask()
        )
        made = await identity.create_key(
            OPERATOR, tenant, environment=DEV, workload=Name("inference"), days=1, ask=Ask()
        )
        keys[name] = made.secret
        for model, (digest, _) in RELEASES.items():
            await registry.deploy(OPERATOR, tenant, DEV, Name(model), digest, Ask())
        for file in demo_rules.documents():  # what an unmodified client may ask of the demonstration
            of, level = file.kind.name, Level.CEILING
            await rules.write(OPERATOR, tenant, of, level, file.document, expected=0, reason="test", ask=Ask())
    return tenants, keys


async def _build(database: TestDatabase, home: Path, stack: AsyncExitStack) -> Plane:
    clock = SystemClock()
    keys = Keyring.open(home / "keyring.json").derive(*Purpose)
    token_keys = public_keys(keys.versions(Purpose.TOKEN_SIGNING))
    snapshot = Snapshot(Directory(keys, clock, allow_demo=True, token_keys=token_keys), Engine.load())
    follower = Follower(database.gateway, clock, snapshot.apply)
    snapshot.follow(follower)
    db = await Database.connect(database.control, database.operator)
    stack.push_async_callback(db.close)
    gate = Gate(db, Engine.load(), clock)
    admission = Admission(gate, RegistryKeys(keys), clock)
    vault = embedded(home)
    prompts = Prompts(gate, admission.approvals, PromptSeals(vault, keys), clock)
    identity, registry = Identity(gate, snapshot.directory, keys, clock), Registry(gate, clock, admission, prompts)
    channels = Channels(gate, admission, RegistryKeys(keys), clock)
    rules = Rules(gate, clock)
    tenants, texts = await _people(identity, registry, rules, admission, channels, Accounts(gate, keys, clock))
    recorder = Recorder(partial(Appender.connect, database.gateway), clock, Spool(home / "spool", "gateway-1", clock))
    networks = Networks(["127.0.0.0/8"])
    await vault.keys(SCOPE)
    providers = Providers(gate, vault, clock, networks, before=keys)
    outside = Outside(
        snapshot.provider,
        ProviderSecrets(vault, clock),
        networks,
        clock,
        rule=BreakerRule(failures=3, first_s=0.2, longest_s=1.0),
    )
    upstreams = Upstreams(home, keys.key(Purpose.CACHE_SCOPE), outside=outside)
    stack.push_async_callback(upstreams.close)
    desk = SigningDesk(snapshot.signers, keys, partial(Appender.connect, database.gateway), clock)
    stack.push_async_callback(desk.close)
    leases = Leases(DatabaseSource(partial(Lessor.connect, database.gateway)), clock, processes=1)
    meter = Meter(Ledger(leases, clock), clock)
    responses = Responses(partial(Cabinet.connect, database.gateway), vault, clock)
    tapes = Tapes(snapshot.captures, partial(Cabinet.connect, database.gateway, size=1), vault, clock)
    gateway = Gateway(
        snapshot, upstreams, recorder, clock, AskLimits(timeout_s=30), desk, meter, responses, vault=vault, tapes=tapes,
        fronts=Fronts(prompts.seals, clock),
    )  # fmt: skip
    faults: list[BaseException] = []
    server = await _serve(gateway, Limits(max_body_bytes=4 * 2**20), faults)
    doubles = {name: WorkerDouble(BEHAVIOURS[name]) for name in RELEASES}
    for name, double in doubles.items():
        await stack.enter_async_context(double.listening(worker_socket(home, DEV, RELEASES[name][0])))
    stack.push_async_callback(server.close)
    follower.start()
    stack.push_async_callback(follower.close)
    writing, leasing = asyncio.create_task(recorder.run()), asyncio.create_task(leases.run())
    taping = asyncio.create_task(tapes.run())
    tidying, keeping = asyncio.create_task(responses.run()), asyncio.create_task(vault.keep([SCOPE]))

    async def written() -> None:
        writing.cancel()
        leasing.cancel()
        tidying.cancel()
        keeping.cancel()
        taping.cancel()
        await asyncio.gather(writing, leasing, tidying, keeping, taping, return_exceptions=True)

    stack.push_async_callback(written)
    plane = Plane(
        server, gateway, snapshot, follower, recorder, identity, registry, prompts, channels, providers, rules,
        CaptureSessions(gate, vault, clock), tapes, tenants, texts,
        doubles["tiny"], doubles["vectors"], doubles["rows"], home, stack, faults,
    )  # fmt: skip
    await plane.known()
    return plane


@pytest.fixture(scope="module")
async def module_plane(shared_database: TestDatabase) -> AsyncGenerator[Plane]:
    with tempfile.TemporaryDirectory(prefix="sr-gw-") as name:
        async with AsyncExitStack() as stack:
            yield await _build(shared_database, Path(name), stack)


@pytest.fixture
async def plane(module_plane: Plane) -> AsyncGenerator[Plane]:
    """The module's gateway with healthy workers; no fault may have come up in it by the end of the test."""
    for name, double in (("tiny", module_plane.chat), ("vectors", module_plane.vectors), ("rows", module_plane.rows)):
        double.behaviour = BEHAVIOURS[name]
        double.asked.clear()
    module_plane.faults.clear()
    yield module_plane
    assert module_plane.faults == []


Build = Callable[[TestDatabase], Awaitable[Plane]]


@pytest.fixture
async def build() -> AsyncGenerator[Build]:
    """Make gateways over databases of a test's own."""
    with tempfile.TemporaryDirectory(prefix="sr-gw-") as name:
        async with AsyncExitStack() as stack:
            yield lambda database: _build(database, Path(name), stack)
