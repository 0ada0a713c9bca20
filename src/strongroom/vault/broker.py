"""The supervisor's door to the keystore: processes ask it over a unix socket and get data keys of their own uses, only.

Always true here:
- the keystore's credentials and roots stay in the supervisor; what crosses the socket is a data key, at most;
- a process is known by the token that its start was handed; a token opens the uses of its role and nothing else, and
  dies when the process's next start is handed another;
- whoever cannot be answered learns why in a sentence for an operator; what is not one of ours learns nothing.

One question a connection: a length of four bytes and MessagePack, both ways.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

import msgspec

from strongroom.kernel.ids import TenantId
from strongroom.vault.keystore import (
    Condition,
    Holding,
    KeysDestroyed,
    Keystore,
    Material,
    NoUnits,
    Use,
    VaultUnavailable,
    is_filed_name,
    is_unit,
)
from strongroom.vault.subjects import is_subject

_MOST_BYTES: Final = 8 * 2**20
_MOST_ASKED: Final = 16_384
_ASK_S: Final = 5.0
_LENGTH: Final = 4
_TOKEN_BYTES: Final = 32
_FILED: Final = frozenset({"secret", "put_secret", "drop_secret"})


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a process asks."""

    token: bytes
    verb: Literal[
        "open",
        "renew",
        "turn",
        "rewrap",
        "destroy",
        "check",
        "condition",
        "destroy_subject",
        "erased",
        "secret",
        "put_secret",
        "drop_secret",
        "settle",
        "dissolve",
    ]
    tenant: UUID = UUID(int=0)
    use: str = ""
    most: int = 0
    subject: str = ""
    make: bool = True
    name: str = ""
    version: int | None = None
    content: bytes = b""
    unit: str = ""
    at: float | None = None

    def __repr__(self) -> str:
        """Show no token."""
        return f"Question({self.verb})"


class Answer(msgspec.Struct, frozen=True):
    """What it is told: a field that its verb has, or why not."""

    no: Literal["", "unavailable", "unfit", "destroyed"] = ""
    why: str = ""
    incarnation: str = ""
    generations: dict[int, bytes] = {}
    current: int = 0
    left: int = 0
    condition: Condition | None = None
    uses: list[str] = []
    erased: dict[str, float] = {}
    version: int = 0
    content: bytes = b""

    def __repr__(self) -> str:
        """Show no key."""
        return f"Answer({self.no})"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a process may ask: tenants' keys of these uses, subjects' keys of those, and to manage them if it `manages`."""

    uses: frozenset[Use]
    manages: bool = False
    of_subjects: frozenset[Use] = frozenset()

    def lets(self, question: Question) -> bool:
        """Whether a question is one that this process may ask. A subject is named where one is meant, and nowhere else."""
        if question.subject and not is_subject(question.subject):
            return False
        if question.verb == "open":
            return question.use in (self.of_subjects if question.subject else self.uses)
        if question.verb in _FILED:
            may = self.manages or question.verb == "secret"
            return may and not question.subject and question.use in self.uses and is_filed_name(question.name)
        if question.verb in {"settle", "dissolve"} and not is_unit(question.unit):
            return False
        return self.manages and (question.subject != "") == (question.verb == "destroy_subject")


class Broker:
    """Answers the processes of one supervisor."""

    def __init__(self, keystore: Keystore) -> None:
        self._keystore: Final = keystore
        self._grants: Final[dict[str, tuple[bytes, Grant]]] = {}

    def admit(self, name: str, uses: Iterable[Use], *, manages: bool = False, of_subjects: Iterable[Use] = ()) -> bytes:
        """Return a fresh token for the process called `name`; the one before it is of no use any more."""
        token = secrets.token_bytes(_TOKEN_BYTES)
        self._grants[name] = (sha256(token).digest(), Grant(frozenset(uses), manages, frozenset(of_subjects)))
        return token

    @asynccontextmanager
    async def serving(self, path: Path, uids: frozenset[int]) -> AsyncGenerator[None]:
        """Answer on the unix socket `path` to processes of `uids`."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                await self._talk(reader, writer, uids)
            writer.close()

        _vacate(path)
        server = await asyncio.start_unix_server(answer, str(path))
        _let_in(path, uids)
        try:
            yield
        finally:
            server.close()
            _vacate(path)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, uids: frozenset[int]) -> None:
        if _peer(writer) not in uids:
            return
        async with asyncio.timeout(_ASK_S):
            length = int.from_bytes(await reader.readexactly(_LENGTH), "big")
            if length > _MOST_ASKED:
                return
            content = await reader.readexactly(length)
        try:
            question = msgspec.msgpack.decode(content, type=Question)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return
        answer = await self.answer(question)
        if answer is None:
            return
        content = msgspec.msgpack.encode(answer)
        writer.write(len(content).to_bytes(_LENGTH, "big") + content)
        async with asyncio.timeout(_ASK_S):
            await writer.drain()

    async def answer(self, question: Question) -> Answer | None:
        """Return the answer, or nothing to who may not ask that."""
        grant = self._grant(question.token)
        if grant is None or not grant.lets(question):
            return None
        try:
            return await self._done(question)
        except NoUnits as error:
            return Answer(no="unfit", why=str(error))
        except VaultUnavailable as error:
            return Answer(no="unavailable", why=str(error))
        except KeysDestroyed as error:
            return Answer(no="destroyed", why=str(error))
        except ValueError as error:  # a document that others can write, as in a business unit's own namespace
            return Answer(no="unavailable", why=f"what the keystore keeps cannot be read ({type(error).__name__})")

    async def _done(self, question: Question) -> Answer:
        if question.verb == "open":
            return await self._opened(question)
        if question.verb in _FILED:
            return await self._filed(question)
        if question.subject or question.verb == "erased":
            return await self._of_subjects(question)
        return await self._asked(question)

    async def _opened(self, question: Question) -> Answer:
        tenant, use = TenantId(question.tenant), Use(question.use)
        if question.subject:
            material = await self._keystore.open_subject(tenant, question.subject, use, make=question.make)
        else:
            material = await self._keystore.open(tenant, use)
        return Answer(incarnation=material.incarnation, generations=material.generations, current=material.current)

    async def _filed(self, question: Question) -> Answer:
        tenant, use, keystore = TenantId(question.tenant), Use(question.use), self._keystore
        if question.verb == "secret":
            return Answer(content=await keystore.secret(tenant, use, question.name, question.version or 0))
        if question.verb == "put_secret":
            return Answer(version=await keystore.put_secret(tenant, use, question.name, question.content))
        await keystore.drop_secret(tenant, use, question.name, question.version)
        return Answer()

    async def _of_subjects(self, question: Question) -> Answer:
        tenant = TenantId(question.tenant)
        if question.verb == "erased":
            return Answer(erased=await self._keystore.erased(tenant))
        return Answer(uses=await self._keystore.destroy_subject(tenant, question.subject, question.at))

    async def _asked(self, question: Question) -> Answer:
        tenant, keystore = TenantId(question.tenant), self._keystore
        if question.verb == "rewrap":
            return Answer(left=await keystore.rewrap(question.most))
        if question.verb == "check":
            return Answer(why=await keystore.check())
        if question.verb == "condition":
            return Answer(condition=await keystore.condition())
        if question.verb == "dissolve":
            return Answer(left=await keystore.dissolve(question.unit))
        if question.verb == "turn":
            await keystore.turn()
        elif question.verb == "settle":
            await keystore.settle(tenant, question.unit)
        elif question.verb == "renew":
            await keystore.renew(tenant)
        else:
            await keystore.destroy(tenant)
        return Answer()

    def _grant(self, token: bytes) -> Grant | None:
        digest = sha256(token).digest()  # of 256 random bits: comparing digests tells nothing of a token
        return next((grant for known, grant in self._grants.values() if known == digest), None)


class BrokeredKeystore:
    """The keystore as a process sees it, through its supervisor's broker."""

    def __init__(self, path: Path, token: bytes) -> None:
        self._path: Final = path
        self._token: Final = token

    def __repr__(self) -> str:
        """Show no token."""
        return "BrokeredKeystore()"

    async def open(self, tenant: TenantId, use: Use) -> Material:
        """Return data keys."""
        answer = await self._ask(Question(self._token, "open", tenant, use))
        return Material(answer.incarnation, answer.generations, answer.current)

    async def open_subject(self, tenant: TenantId, subject: str, use: Use, *, make: bool) -> Material:
        """Return a subject's key."""
        answer = await self._ask(Question(self._token, "open", tenant, use, subject=subject, make=make))
        return Material(answer.incarnation, answer.generations, answer.current)

    async def destroy_subject(self, tenant: TenantId, subject: str, at: float | None = None) -> list[str]:
        """Destroy a subject's keys."""
        return (await self._ask(Question(self._token, "destroy_subject", tenant, subject=subject, at=at))).uses

    async def erased(self, tenant: TenantId) -> dict[str, float]:
        """Return which subjects were erased, and when."""
        return (await self._ask(Question(self._token, "erased", tenant))).erased

    async def put_secret(self, tenant: TenantId, use: Use, name: str, sealed: bytes) -> int:
        """File a version of a sealed secret."""
        return (await self._ask(Question(self._token, "put_secret", tenant, use, name=name, content=sealed))).version

    async def secret(self, tenant: TenantId, use: Use, name: str, version: int) -> bytes:
        """Return a version of a filed secret."""
        return (await self._ask(Question(self._token, "secret", tenant, use, name=name, version=version))).content

    async def drop_secret(self, tenant: TenantId, use: Use, name: str, before: int | None) -> None:
        """Destroy versions of a filed secret."""
        await self._ask(Question(self._token, "drop_secret", tenant, use, name=name, version=before))

    async def settle(self, tenant: TenantId, unit: str) -> None:
        """Say of which business unit a tenant is."""
        await self._ask(Question(self._token, "settle", tenant, unit=unit))

    async def dissolve(self, unit: str) -> int:
        """Destroy the keys of a business unit's tenants."""
        return (await self._ask(Question(self._token, "dissolve", unit=unit))).left

    async def renew(self, tenant: TenantId) -> None:
        """Give a tenant a new key."""
        await self._ask(Question(self._token, "renew", tenant))

    async def turn(self) -> None:
        """Add a root."""
        await self._ask(Question(self._token, "turn"))

    async def rewrap(self, most: int) -> int:
        """Bring tenants under the newest root."""
        return (await self._ask(Question(self._token, "rewrap", most=most))).left

    async def destroy(self, tenant: TenantId) -> None:
        """Destroy a tenant's keys."""
        await self._ask(Question(self._token, "destroy", tenant))

    async def check(self) -> str:
        """Say that it can be used."""
        return (await self._ask(Question(self._token, "check"))).why

    async def condition(self) -> Condition:
        """Say how the keystore is."""
        found = (await self._ask(Question(self._token, "condition"))).condition
        if found is None:
            raise VaultUnavailable("the supervisor's answer cannot be read")
        return found

    async def _ask(self, question: Question) -> Answer:
        try:
            async with asyncio.timeout(2 * _ASK_S):
                answer = await self._exchanged(msgspec.msgpack.encode(question))
        except (OSError, asyncio.IncompleteReadError, TimeoutError, msgspec.MsgspecError) as error:
            raise VaultUnavailable(
                f"the supervisor does not answer for the vault ({type(error).__name__}); see HOME/logs, then restart "
                "`strongroom up`"
            ) from None
        if answer.no == "destroyed":
            raise KeysDestroyed(answer.why)
        if answer.no == "unfit":
            raise NoUnits(answer.why)
        if answer.no:
            raise VaultUnavailable(answer.why)
        return answer

    async def _exchanged(self, content: bytes) -> Answer:
        reader, writer = await asyncio.open_unix_connection(str(self._path))
        try:
            writer.write(len(content).to_bytes(_LENGTH, "big") + content)
            length = int.from_bytes(await reader.readexactly(_LENGTH), "big")
            if length > _MOST_BYTES:
                raise ConnectionError
            return msgspec.msgpack.decode(await reader.readexactly(length), type=Answer)
        finally:
            writer.close()


def _vacate(path: Path) -> None:
    path.unlink(missing_ok=True)


def _let_in(path: Path, uids: frozenset[int]) -> None:
    """Let other uids connect when there are any; which ones, the kernel tells us of each (SO_PEERCRED)."""
    path.chmod(0o600 if uids == frozenset({os.geteuid()}) else 0o666)


def _peer(writer: asyncio.StreamWriter) -> int:
    """Return the uid at the other end, as the kernel knows it."""
    sock: socket.socket = writer.get_extra_info("socket")
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[4:8], "little")


__all__ = ["Broker", "BrokeredKeystore", "Condition", "Holding"]
