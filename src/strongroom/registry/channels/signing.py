"""Writes a channel's metadata: each version signed by the keys of its roles, and one more than the version before.

Always true here: a channel's keys are its own, and a role's are its own; what is signed anew has a higher version, also when
it says what an older one said (that is what going back is).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.channels.client import ONLINE, Opened
from strongroom.registry.channels.model import Channel, Content, Seen
from strongroom.registry.channels.paths import files_of
from strongroom.registry.channels.tuf import (
    Metadata,
    MetaFile,
    Role,
    Root,
    Signature,
    Snapshot,
    SSlibKey,
    Targets,
    Timestamp,
)
from strongroom.signatures.keys import PublicKey, SecretKey

FRESH: Final = timedelta(hours=1)
"""For how long a timestamp counts. Who holds a newer state back keeps this one alive no longer."""
RENEWED: Final = timedelta(minutes=40)
"""A timestamp that counts for less than this is signed anew."""
LASTS: Final = timedelta(days=365)
"""For how long the rest counts."""
LEFT: Final = timedelta(days=60)
"""With less than this left, it is signed anew."""
_RAW: Final = 32


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """New metadata of a channel, encoded; None where there is no new version.

    Attributes:
        root: version and bytes.
        targets: version and bytes.
        snapshot: version and bytes.
        timestamp: bytes.
    """

    root: tuple[int, bytes] | None
    targets: tuple[int, bytes] | None
    snapshot: tuple[int, bytes] | None
    timestamp: bytes


class Last(msgspec.Struct, frozen=True):
    """The versions that a channel goes on from: those of its timestamp, and of its list and snapshot."""

    timestamp: int = 0
    number: int = 0

    @classmethod
    def of(cls, seen: Seen | None) -> Last:
        """Return the versions that were seen last."""
        return cls() if seen is None else cls(seen.timestamp, max(seen.targets, seen.snapshot))


def raw_hex(key: PublicKey) -> str:
    """Return an Ed25519 key as TUF writes it."""
    return key.spki[-_RAW:].hex()


def tuf_key(key: PublicKey) -> SSlibKey:
    """Return an Ed25519 key as python-tuf takes it; its id is the key's own."""
    return SSlibKey(key.id, "ed25519", "ed25519", {"public": raw_hex(key)})


def anchors(keys: RegistryKeys, channel: Channel) -> frozenset[str]:
    """Return the installation's root keys of a channel, at which trust begins."""
    return frozenset(raw_hex(each.public) for each in keys.channel(channel, "root"))


class Publisher:
    """Signs one installation's channels."""

    def __init__(self, keys: RegistryKeys) -> None:
        self._keys = keys

    def publish(
        self, channel: Channel, content: Content, root: Metadata[Root] | None, last: Last, now: datetime
    ) -> Written:
        """Return `content` as the channel's next state.

        Args:
            channel: which.
            content: all that it says from now on.
            root: its root; None: it is new.
            last: the versions that it goes on from.
            now: the time.
        """
        written = self._root(channel, root, now)
        number = last.number + 1
        targets = Targets(version=number, expires=_until(now, LASTS), targets=files_of(content))
        encoded = self._sign(channel, "targets", Metadata(targets))
        snapshot = self._snapshot(channel, number, encoded, now)
        stamp = self._timestamp(channel, last.timestamp + 1, number, snapshot, now)
        return Written(root=written, targets=(number, encoded), snapshot=(number, snapshot), timestamp=stamp)

    def renew(self, channel: Channel, before: Opened, snapshot: bytes, now: datetime) -> Written | None:
        """Return the state that there is with a new timestamp, or signed anew as a whole; None: there is time."""
        last = Last.of(before.seen)
        if before.renewed - now < LEFT or self._replaced(channel, before.root.signed):
            return self.publish(channel, before.content, before.root, last, now)
        if before.fresh_until - now > RENEWED:
            return None
        stamp = self._timestamp(channel, last.timestamp + 1, before.seen.snapshot, snapshot, now)
        return Written(root=None, targets=None, snapshot=None, timestamp=stamp)

    def _replaced(self, channel: Channel, root: Root) -> bool:
        """Whether the keyring has newer keys than the channel's root names."""
        return any(
            root.roles[role].keyids != [self._keys.channel(channel, role)[0].public.id] for role in ("root", *ONLINE)
        )

    def _root(self, channel: Channel, before: Metadata[Root] | None, now: datetime) -> tuple[int, bytes] | None:
        old = None if before is None else before.signed
        if old is not None and not self._replaced(channel, old) and old.expires - now > LEFT:
            return None
        current = {role: self._keys.channel(channel, role)[0] for role in ("root", *ONLINE)}
        version = 1 if old is None else old.version + 1
        root = Root(
            version=version,
            expires=_until(now, LASTS),
            keys={key.public.id: tuf_key(key.public) for key in current.values()},
            roles={role: Role([key.public.id], 1) for role, key in current.items()},
            consistent_snapshot=True,
        )
        named = {each for signer in (root, old) if signer is not None for each in signer.roles["root"].keyids}
        signers = [key for key in self._keys.channel(channel, "root") if key.public.id in named]
        return version, _signed(Metadata(root), signers)

    def _snapshot(self, channel: Channel, number: int, targets: bytes, now: datetime) -> bytes:
        meta = MetaFile.from_data(number, targets, ["sha256"])
        snapshot = Snapshot(version=number, expires=_until(now, LASTS), meta={"targets.json": meta})
        return self._sign(channel, "snapshot", Metadata(snapshot))

    def _timestamp(self, channel: Channel, version: int, number: int, snapshot: bytes, now: datetime) -> bytes:
        meta = MetaFile.from_data(number, snapshot, ["sha256"])
        return self._sign(channel, "timestamp", Metadata(Timestamp(version, None, _until(now, FRESH), meta)))

    def _sign(self, channel: Channel, role: str, document: Metadata[Any]) -> bytes:
        return _signed(document, self._keys.channel(channel, role)[:1])


def _until(now: datetime, lasts: timedelta) -> datetime:
    return (now + lasts).replace(microsecond=0)  # TUF's time has whole seconds


def _signed(document: Metadata[Any], keys: list[SecretKey]) -> bytes:
    message = document.signed_bytes
    for key in keys:
        document.signatures[key.public.id] = Signature(key.public.id, key.sign(message).hex())
    return document.to_bytes()
