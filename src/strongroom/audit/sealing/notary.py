"""The notary: it signs heads of logs, and has a memory that no backup of the database can turn back.

Always true here:
- its key is made by it, lies in its directory, and leaves it never; losing the directory means a new key, which verifies as such;
- it signs a head only if it follows from the last one it signed for that log: by a consistency proof that it checks itself;
- it has written down what it is about to sign, and synced it, before the signature leaves it;
- its directory is no part of a backup: restoring it together with the database would restore its memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from strongroom.audit.events import decode
from strongroom.audit.sealing.model import Ask, Verdict
from strongroom.audit.tlog import (
    Checkpoint,
    Malformed,
    Note,
    NoteKey,
    NoteSigner,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)

BEGIN_EPOCH: Final = "log.begin_epoch"
"""The action of the first entry of a log that follows another."""

MEMORY: Final = "heads.jsonl"
_KEY: Final = "key.json"
_FORMAT: Final = 1
_COMPACT_BYTES: Final = 4 * 2**20


class NotaryBroken(Exception):  # noqa: N818 - said to an operator
    """The notary's directory cannot be used; the message says why and what to do."""


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    name: str
    seed: bytes

    def __repr__(self) -> str:
        return f"_KeyFile({self.name})"


class _Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the memory."""

    origin: str
    size: int
    root: bytes


class Notary:
    """Signs heads. One process has it: the directory is locked."""

    def __init__(self, directory: Path) -> None:
        """Open the directory, or make what is in it.

        Raises:
            NotaryBroken: when it is damaged, or another process has it.
        """
        self._directory: Final = directory
        self._lock: Final = _locked(directory)
        self._heads: Final[dict[str, _Signed]] = {}
        try:
            self._signer: Final = _signer(directory / _KEY)
            self._remember()
            self._memory: Final = os.open(
                directory / MEMORY, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
            _sync_directory(directory)
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def key(self) -> NoteKey:
        """The public half, named for the installation."""
        return self._signer.key

    def close(self) -> None:
        """Let go of the directory."""
        os.close(self._memory)
        os.close(self._lock)

    def sign(self, asks: Sequence[Ask]) -> list[Verdict]:
        """Return what is to be said of each head. Blocks for one sync, whatever their number.

        Raises:
            OSError: when the memory cannot be written; then nothing was signed.
        """
        verdicts = [self._judge(ask) for ask in asks]
        agreed = [ask for ask, refused in zip(asks, verdicts, strict=True) if refused is None]
        if len({ask.origin for ask in agreed}) != len(agreed):
            raise ValueError("a log is asked about once at a time")
        fresh = [_Signed(ask.origin, ask.size, ask.root) for ask in agreed]
        self._write(fresh)
        for each in fresh:
            self._heads[each.origin] = each
        return [self._signed(ask) if refused is None else refused for ask, refused in zip(asks, verdicts, strict=True)]

    def _signed(self, ask: Ask) -> Verdict:
        text = Checkpoint(ask.origin, ask.size, ask.root).text
        note = Note(text, (self._signer.sign(text, name=ask.origin),))
        return Verdict(note=str(note), known=ask.size, root=ask.root)

    def _judge(self, ask: Ask) -> Verdict | None:
        """Return why a head is not signed; None: it is."""
        if not self._is_ours(ask):
            return Verdict(why="malformed")
        known = self._heads.get(ask.origin)
        if known is None:
            return None if ask.old == 0 and not ask.proof and self._may_begin(ask) else Verdict(why="forked")
        return self._follows(ask, known)

    def _is_ours(self, ask: Ask) -> bool:
        try:
            Checkpoint(ask.origin, ask.size, ask.root)
        except Malformed:
            return False
        return ask.origin.startswith(f"{self.key.name}/")

    @staticmethod
    def _follows(ask: Ask, known: _Signed) -> Verdict | None:
        if ask.size < known.size or (ask.size == known.size and ask.root != known.root):
            return Verdict(known=known.size, root=known.root, why="forked")
        if ask.size == known.size:
            return None
        if ask.old != known.size:
            return Verdict(known=known.size, root=known.root, why="stale")
        if not verify_consistency(known.size, ask.size, ask.proof, known.root, ask.root):
            return Verdict(known=known.size, root=known.root, why="forked")
        return None

    def _may_begin(self, ask: Ask) -> bool:
        """Whether a log that is not known may begin: as the first of its name, or as what follows one that is known.

        `base/name/2` follows `base/name`: its first entry has to say so, with the size and root that were signed last.
        """
        parts = ask.origin.removeprefix(f"{self.key.name}/").split("/")
        if len(parts) == 1:
            return True
        number = int(parts[1]) if len(parts) == 2 and parts[1].isdigit() and len(parts[1]) < 9 else 0  # noqa: PLR2004 - name and number
        before = f"{self.key.name}/{parts[0]}" + ("" if number == 2 else f"/{number - 1}")  # noqa: PLR2004 - the first one has none
        last = self._heads.get(before)
        if number < 2 or last is None or ask.begins is None:  # noqa: PLR2004 - as above
            return False
        try:
            event = decode(ask.begins.entry)
        except ValueError:
            return False
        said = {name: event.unmapped.get(name) for name in ("follows", "signed_size", "signed_root")}
        true = {"follows": before, "signed_size": str(last.size), "signed_root": last.root.hex()}
        return (
            event.api.operation == BEGIN_EPOCH
            and said == true
            and verify_inclusion(leaf_hash(ask.begins.entry), 0, ask.size, ask.begins.path, ask.root)
        )

    def _remember(self) -> None:
        path = self._directory / MEMORY
        content = path.read_bytes() if path.exists() else b""
        *lines, rest = content.split(b"\n")
        try:
            for line in lines:
                each = msgspec.json.decode(line, type=_Signed)
                self._heads[each.origin] = each
        except msgspec.MsgspecError:
            raise NotaryBroken(
                f"{path} is damaged: what was signed before cannot be known. Keep the directory for the inquiry, move it "
                "away, and begin anew with `strongroom audit recover`"
            ) from None
        # The last line is whole, or was cut by a crash before its signature left: what it says was never signed.
        if rest or len(content) > _COMPACT_BYTES:
            self._compact(path)

    def _compact(self, path: Path) -> None:
        lines = b"".join(msgspec.json.encode(each) + b"\n" for each in self._heads.values())
        _write_whole(path, lines)

    def _write(self, fresh: Sequence[_Signed]) -> None:
        news = [each for each in fresh if self._heads.get(each.origin) != each]
        if not news:
            return
        start = os.fstat(self._memory).st_size
        try:
            content = b"".join(msgspec.json.encode(each) + b"\n" for each in news)
            if os.write(self._memory, content) != len(content):
                raise OSError("the memory could not be written whole")
            os.fdatasync(self._memory)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._memory, start)  # a full disk must not leave half a line before the next whole one
            raise


def _locked(directory: Path) -> int:
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise NotaryBroken(f"another notary has {directory}") from None
    return descriptor


def _signer(path: Path) -> NoteSigner:
    if not path.exists():
        # The memory without the key would be of another installation's logs, or of a key that is lost.
        if (path.parent / MEMORY).exists():
            raise NotaryBroken(f"{path} is missing, though logs were signed: put it back, or move {path.parent} away")
        name = f"strongroom/{secrets.token_hex(8)}"
        _write_whole(path, msgspec.json.encode(_KeyFile(_FORMAT, name, secrets.token_bytes(32))))
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_KeyFile)
        if found.format != _FORMAT:
            raise NotaryBroken(f"{path} is of another version")
        return NoteSigner(found.name, found.seed)
    except (msgspec.MsgspecError, Malformed, ValueError):
        raise NotaryBroken(f"{path} is damaged") from None


def _write_whole(path: Path, content: bytes) -> None:
    """Put a file in its place, whole and synced, or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
