"""The gateway's own stages in one process, without sockets and without a database: what is measured is ours and nothing else.

What stands in: an upstream that answers at once, a caller who reads at once, counters in memory, and a database that takes
every batch. Everything between is the product's: directory, snapshot, Cedar, rules, limits, dialects, spool, recorder.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import msgspec
from bench.gateway.load import PROMPT
from bench.gateway.mock_worker import EVENT, LAST, WHOLE
from bench.gateway.plane import DIGEST, LIMITS

from strongroom.gateway import Gateway, Recorder, Snapshot
from strongroom.gateway.fronting import SystemPrompt
from strongroom.gateway.limits import Leases, Ledger, Meter
from strongroom.gateway.limits.memory import MemorySource
from strongroom.gateway.screen import AskLimits
from strongroom.gateway.signing import SigningDesk
from strongroom.gateway.snapshot import Route
from strongroom.gateway.spool import Spool
from strongroom.gateway.upstreams import Upstreams
from strongroom.identity import Directory, documents, secretkey
from strongroom.identity.documents import CredentialDocument, TenantDocument
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.kernel.principal import Environment, Role
from strongroom.policy import Engine
from strongroom.registry import DEPLOYMENT, Operation, RouteDocument
from strongroom.registry.prompts import PinnedDocument
from strongroom.rules.documents import RulesDocument
from strongroom.store.feed import FeedEntry
from strongroom.store.follower import Follower
from strongroom.vault import Purpose, PurposeKeys
from strongroom.wire import Headers, Reply, Request

ACME = TenantId(UUID(int=1))
EVENTS = 200


class Lease:
    """The right to rely on what was told, looked at as the real one is."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self.version = 1
        self.fresh_until = float("inf")

    def valid(self) -> bool:
        return self._clock.boottime() < self.fresh_until


class Answered:
    """What an engine answers: at once, event by event."""

    status = 200

    def __init__(self, *, streams: bool) -> None:
        self._kind = b"text/event-stream" if streams else b"application/json"

    def header(self, name: bytes) -> bytes | None:
        return self._kind if name == b"content-type" else None

    async def read(self, max_bytes: int) -> bytes:
        assert max_bytes > len(WHOLE)
        return WHOLE

    async def stream(self) -> AsyncIterator[bytes]:
        for _ in range(EVENTS):
            yield EVENT
        yield LAST

    def close(self) -> None:
        pass


class Pool:
    """Stands in for the connections to a worker."""

    async def open_for(
        self,
        party: object,
        method: str,
        path: str,
        headers: Headers,
        body: bytes,
        *,
        timeout_s: float,
        secret: object = None,
    ) -> Answered:
        del party, method, path, headers, timeout_s, secret
        return Answered(streams=b'"stream":true' in body)


class Workers(Upstreams):
    def pool(self, route: Route) -> Any:
        del route
        return _POOL


_POOL = Pool()


class Client:
    """Reads an answer as it comes."""

    def __init__(self) -> None:
        self.started = self.finished = False
        self.status = 0
        self.pieces: list[bytes] = []

    async def send(self, status: int, headers: Headers, body: bytes = b"") -> None:
        del headers
        self.status = status
        self.started = self.finished = True
        self.pieces.append(body)

    def start(self, status: int, headers: Headers) -> None:
        del headers
        self.status = status
        self.started = True

    async def write(self, chunk: bytes) -> None:
        self.pieces.append(chunk)

    async def end(self) -> None:
        self.finished = True


class Transaction:
    async def execute(self, statement: str, *columns: object) -> str:
        del statement, columns
        return "INSERT 0 1"


class Appender:
    """A database that takes everything."""

    @asynccontextmanager
    async def append(self) -> AsyncGenerator[Transaction]:
        yield Transaction()

    async def close(self) -> None:
        pass


@dataclass
class Rig:
    gateway: Gateway
    recorder: Recorder
    leases: Leases
    whole: Request
    stream: Request

    async def ask(self, request: Request) -> Client:
        client = Client()
        await self.gateway.answer(request, cast("Reply", client))
        return client


def entry(tenant: TenantId, kind: str, name: str, body: object) -> FeedEntry:
    return FeedEntry(tenant=tenant, kind=kind, id=name, version=1, body=msgspec.json.encode(body), deleted=False)


def told(keys: PurposeKeys, pinned: PinnedDocument | None = None) -> tuple[list[FeedEntry], str]:
    """Return what the feed would say of one tenant with one key and one model, with a system prompt or not, and the key."""
    key = secretkey.mint(Role.INFERENCE, Environment.DEV)
    fingerprint = keys.mac(Purpose.KEY_PEPPER, key.text.encode())
    assert fingerprint is not None
    credential = CredentialDocument(
        fingerprint=fingerprint, pepper_version=1, role=Role.INFERENCE, name="inference", expires_at=4e9,
        tenant=ACME, environment=Environment.DEV, workload=UUID(int=7),
    )  # fmt: skip
    route = RouteDocument(
        environment=Environment.DEV, name="tiny", release=DIGEST, kind=Operation.CHAT, created=1, prompt=pinned
    )
    limits = RulesDocument(version=1, digest="", document=msgspec.Raw(msgspec.json.encode(LIMITS)))
    return [
        entry(PLATFORM, documents.TENANT, str(ACME), TenantDocument(name="acme")),
        entry(ACME, documents.CREDENTIAL, key.id, credential),
        entry(ACME, DEPLOYMENT, str(UUID(int=9)), route),
        entry(ACME, "rules.limits", "ceiling", limits),
    ], key.text


def request(key: str, **more: object) -> Request:
    """Return a request with the fields that the openai client sends."""
    body = json.dumps({"model": "tiny", "messages": [{"role": "user", "content": PROMPT}], **more}).encode()
    fields = [
        (b"host", b"127.0.0.1"), (b"authorization", b"Bearer " + key.encode()), (b"accept", b"application/json"),
        (b"content-type", b"application/json"), (b"user-agent", b"OpenAI/Python 3.54.0"),
        (b"x-stainless-lang", b"python"), (b"x-stainless-os", b"Linux"), (b"content-length", b"%d" % len(body)),
    ]  # fmt: skip
    return Request(method="POST", path="/v1/chat/completions", headers=fields, body=body, peer="127.0.0.1")


async def _database() -> Any:
    return Appender()


@contextmanager
def rig(directory: Path, prompt: str = "") -> Generator[Rig]:
    """Build a gateway on the running loop; `prompt`: what the model is told before each request, opened already."""
    clock = SystemClock()
    keys = PurposeKeys(1, {purpose: {1: bytes([number]) * 32} for number, purpose in enumerate(Purpose, 1)})
    snapshot = Snapshot(Directory(keys, clock, allow_demo=False), Engine.load())
    snapshot.follow(cast("Follower", Lease(clock)))
    entries, key = told(keys, PinnedDocument(digest=DIGEST, sealed=b"sealed") if prompt else None)
    snapshot.apply(entries, full=True)
    for front in snapshot.fronts():
        front.opened, front.until = SystemPrompt.of(DIGEST, prompt), math.inf
    recorder = Recorder(_database, clock, Spool(directory, "bench", clock))
    leases = Leases(MemorySource(lambda: int(clock.now().timestamp() * 1e6)), clock, processes=2)
    gateway = Gateway(
        snapshot, Workers(directory, b"0" * 32), recorder, clock, AskLimits(),
        SigningDesk(snapshot.signers, keys, _database, clock), Meter(Ledger(leases, clock), clock),
    )  # fmt: skip
    yield Rig(gateway, recorder, leases, request(key, max_tokens=64), request(key, max_tokens=EVENTS, stream=True))
