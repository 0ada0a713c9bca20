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
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

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
)
from strongroom.vault.questions import FILED, SIGNING, Answer, Grant, Question
from strongroom.vault.signing import MOST_BYTES, SigningKeyState, SigningRefused

_MOST_BYTES: Final = 8 * 2**20
_MOST_ASKED: Final = 16_384
_MOST_SIGNED: Final = MOST_BYTES + 1024  # a statement names every file of a model; nothing else is as long
_ASK_S: Final = 5.0
_LENGTH: Final = 4
_TOKEN_BYTES: Final = 32


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
            if length > _MOST_SIGNED:
                return
            content = await reader.readexactly(length)
        try:
            question = msgspec.msgpack.decode(content, type=Question)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return
        if length > _MOST_ASKED and question.verb != "sign":
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
        except (VaultUnavailable, KeysDestroyed, SigningRefused) as error:
            return Answer(no=_no(error), why=str(error))
        except ValueError as error:  # a document that others can write, as in a business unit's own namespace
            return Answer(no="unavailable", why=f"what the keystore keeps cannot be read ({type(error).__name__})")

    async def _done(self, question: Question) -> Answer:
        if question.verb == "open":
            return await self._opened(question)
        if question.verb in FILED:
            return await self._filed(question)
        if question.verb in SIGNING:
            return await self._signing(question)
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

    async def _signing(self, question: Question) -> Answer:
        signing, name = self._keystore.signing, question.name
        if question.verb == "sign":
            return Answer(content=await signing.sign(name, question.version or 0, question.content))
        if question.verb == "signing_keys":
            return Answer(signing=[await signing.one(name)] if name else await signing.every())
        return Answer(signing=[await (signing.make if question.verb == "make_signing_key" else signing.turn)(name)])

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
        self.signing: Final = BrokeredSigning(self._ask, token)

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
        if answer.no == "refused":
            raise SigningRefused(answer.why)
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


class BrokeredSigning:
    """The signing keys as a process sees them: it sends statements, and gets signatures."""

    def __init__(self, ask: Callable[[Question], Awaitable[Answer]], token: bytes) -> None:
        self._ask: Final = ask
        self._token: Final = token

    def __repr__(self) -> str:
        """Show no token."""
        return "BrokeredSigning()"

    async def make(self, name: str) -> SigningKeyState:
        """Make a key."""
        return await self._one("make_signing_key", name)

    async def every(self) -> list[SigningKeyState]:
        """Return all of them."""
        return (await self._ask(Question(self._token, "signing_keys"))).signing

    async def one(self, name: str) -> SigningKeyState:
        """Return one."""
        return await self._one("signing_keys", name)

    async def turn(self, name: str) -> SigningKeyState:
        """Add a version."""
        return await self._one("turn_signing_key", name)

    async def sign(self, name: str, version: int, message: bytes) -> bytes:
        """Return a signature."""
        return (await self._ask(Question(self._token, "sign", name=name, version=version, content=message))).content

    async def _one(
        self, verb: Literal["make_signing_key", "signing_keys", "turn_signing_key"], name: str
    ) -> SigningKeyState:
        found = (await self._ask(Question(self._token, verb, name=name))).signing
        if len(found) != 1:
            raise VaultUnavailable("the supervisor's answer cannot be read")
        return found[0]


def _no(
    error: VaultUnavailable | KeysDestroyed | SigningRefused,
) -> Literal["unavailable", "unfit", "destroyed", "refused"]:
    """Return in a word which no it is, as the process on the other side raises it again."""
    match error:
        case NoUnits():
            return "unfit"
        case KeysDestroyed():
            return "destroyed"
        case SigningRefused():
            return "refused"
        case _:
            return "unavailable"


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
