"""A witness as a service that anybody can run (C2SP tlog-witness): one directory, one key, one HTTP port, no database.

Always true here:
- the new head is on the disk, synced, before its cosignature leaves: after a crash nothing is cosigned that contradicts it;
- one submission at a time, so no two can be judged by the same memory.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec

from strongroom.audit.tlog.merkle import Malformed
from strongroom.audit.tlog.note import COSIGNATURE, NoteKey, NoteSigner
from strongroom.audit.tlog.witness import MOST_BYTES, SIZE_TYPE, Answer, Seen, Submission, judge
from strongroom.wire import Handler, Reply, Request

_TEXT: Final = [(b"content-type", b"text/plain; charset=utf-8")]
_PATH: Final = "/add-checkpoint"


class WitnessBroken(Exception):  # noqa: N818 - said to an operator
    """The witness's directory cannot be used."""


class _Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    seed: bytes

    def __repr__(self) -> str:
        return f"_Key({self.name})"


class _Head(msgspec.Struct, frozen=True):
    size: int
    root: bytes


class Witness:
    """Cosigns heads of the logs that it was told of."""

    def __init__(
        self, directory: Path, name: str, logs: Iterable[NoteKey], *, now: Callable[[], float] = time.time
    ) -> None:
        """Open the directory, or make what is in it.

        Raises:
            WitnessBroken: when it is damaged, or of a witness of another name.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._heads: Final = directory / "heads.json"
        self._logs: Final = {key.name: key for key in logs}
        self._now: Final = now
        self._signer: Final = _signer(directory / "key.json", name)
        try:
            found = msgspec.json.decode(self._heads.read_bytes(), type=dict[str, _Head]) if self._heads.exists() else {}
        except msgspec.MsgspecError:
            raise WitnessBroken(f"{self._heads} is damaged: what was cosigned cannot be known any more") from None
        self._seen: Final = {origin: Seen(head.size, head.root) for origin, head in found.items()}

    @property
    def key(self) -> NoteKey:
        """The public half."""
        return self._signer.key

    def add(self, body: str) -> tuple[Answer, str]:
        """Judge a submission; return the answer and, if it is cosigned, the signature line. Blocks for a sync."""
        try:
            submission = Submission.parse(body)
        except Malformed:
            return Answer(HTTPStatus.BAD_REQUEST), ""
        answer = judge(submission, self._logs, self._seen)
        if answer.head is None:
            return answer, ""
        self._keep(answer.head.origin, Seen(answer.head.size, answer.head.root))
        return answer, f"{self._signer.cosign(submission.note.text, int(self._now()))}\n"

    def _keep(self, origin: str, seen: Seen) -> None:
        fresh = self._seen | {origin: seen}
        _write(self._heads, msgspec.json.encode({name: _Head(each.size, each.root) for name, each in fresh.items()}))
        self._seen[origin] = seen


def service(witness: Witness) -> Handler:
    """Return what answers on the witness's port."""
    turn = asyncio.Lock()

    async def answer(request: Request, reply: Reply) -> None:
        if request.method != "POST" or request.path != _PATH:
            return await reply.send(HTTPStatus.NOT_FOUND, _TEXT, b"POST /add-checkpoint\n")
        if len(request.body) > MOST_BYTES:
            return await reply.send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TEXT)
        async with turn:
            found, line = await asyncio.to_thread(witness.add, request.body.decode("utf-8", "replace"))
        if found.known is not None:
            fields = [(b"content-type", SIZE_TYPE.encode())]
            return await reply.send(found.status, fields, f"{found.known}\n".encode())
        return await reply.send(found.status, _TEXT, line.encode())

    return answer


def _signer(path: Path, name: str) -> NoteSigner:
    if not path.exists():
        _write(path, msgspec.json.encode(_Key(name, secrets.token_bytes(32))))
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Key)
        if found.name != name:
            raise WitnessBroken(f"{path} is of the witness {found.name}")
        return NoteSigner(found.name, found.seed, COSIGNATURE)
    except (msgspec.MsgspecError, Malformed, ValueError):
        raise WitnessBroken(f"{path} is damaged, or {name!r} is no name for a key") from None


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
