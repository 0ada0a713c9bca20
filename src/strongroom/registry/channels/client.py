"""Reads a channel as TUF 1.0.34 §5 says, without I/O: what comes out was signed, is fresh, and is no older than what was seen.

The steps bear the specification's numbers. `python-tuf` reads, writes and verifies the documents; its own client takes the
time from the machine and its memory from a directory, and so is what the tests hold this against.

Always true here:
- trust begins at a root that one of the installation's own root keys has signed, or at the one that was seen last;
- a threshold is met by distinct keys, not by distinct names of keys, and no root lowers one;
- hashes and lengths stand in every document and are compared, so documents of two states never mix;
- what was seen only grows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from strongroom.kernel.clock import rfc3339
from strongroom.registry.channels.model import Content, Freeze, Promoted, Revoked, Seen, Stored
from strongroom.registry.channels.paths import file_of, path_of
from strongroom.registry.channels.tuf import (
    DeserializationError,
    Metadata,
    MetaFile,
    RepositoryError,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

_T = TypeVar("_T", Root, Timestamp, Snapshot, Targets)
ONLINE: Final = ("timestamp", "snapshot", "targets")
_KINDS: Final[dict[str, type[Promoted | Freeze | Revoked]]] = {
    "releases": Promoted,
    "freezes": Freeze,
    "revoked": Revoked,
}


class Untrusted(ValueError):  # noqa: N818 - said to a person
    """A channel cannot be used; the message says why."""


class Stale(Untrusted):
    """A channel is what it was, and nobody has said for too long that it still is."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A channel that was verified.

    Attributes:
        content: what it says.
        seen: what is to be remembered of it.
        root: the root in force.
        fresh_until: when its timestamp ends.
        renewed: when the rest of it has to be signed anew.
    """

    content: Content
    seen: Seen
    root: Metadata[Root]
    fresh_until: datetime
    renewed: datetime


def verify(
    stored: Stored, anchors: Collection[str], seen: Seen | None, now: datetime, *, renewing: bool = False
) -> Opened:
    """Return what a channel says.

    Args:
        stored: its metadata.
        anchors: public keys, in hex, one of which has signed the root that trust begins at.
        seen: what was seen last.
        now: the time.
        renewing: for who signs the timestamp anew alone: all is looked at but whether it has ended.

    Raises:
        Stale: when it has ended.
        Untrusted: for whatever else.
    """
    try:
        return _verified(stored, anchors, seen, now, renewing=renewing)
    except (RepositoryError, DeserializationError, msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, Untrusted):
            raise
        raise Untrusted(f"its metadata does not hold ({type(error).__name__})") from None


def root_of(roots: dict[int, bytes], anchors: Collection[str]) -> Metadata[Root]:
    """Return the newest root that follows from the installation's own keys, whatever else holds.

    Raises:
        Untrusted: when there is none.
    """
    try:
        return _root(roots, anchors, None)
    except (RepositoryError, DeserializationError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, Untrusted):
            raise
        raise Untrusted(f"its roots do not hold ({type(error).__name__})") from None


def _verified(stored: Stored, anchors: Collection[str], seen: Seen | None, now: datetime, *, renewing: bool) -> Opened:
    root = _root(stored.roots, anchors, seen)
    # 5.3.10: the final root has not expired.
    _unexpired(root.signed, now, "root")
    keys = {role: tuple(sorted(root.signed.roles[role].keyids)) for role in ONLINE}
    seen = _recovered(seen, keys)

    # 5.4.2: signed by the root's keys. 5.4.3: no older than the one before. 5.4.4: not expired.
    timestamp = _signed(Timestamp, "timestamp", stored.timestamp, root.signed)
    digest = _sha256(stored.timestamp)
    if seen is not None and timestamp.version < seen.timestamp:
        raise Untrusted(f"its timestamp went back from version {seen.timestamp} to {timestamp.version}")
    if seen is not None and timestamp.version == seen.timestamp and digest != seen.timestamp_digest:
        raise Untrusted(f"there are two timestamps of version {timestamp.version}")
    if seen is not None and timestamp.snapshot_meta.version < seen.snapshot:
        raise Untrusted("its timestamp names an older snapshot than was seen")
    if not renewing:
        _unexpired(timestamp, now, "timestamp")

    # 5.5.2: the very bytes that the timestamp names. 5.5.5 and 5.6: no older, and not expired.
    _exactly(timestamp.snapshot_meta, stored.snapshot, "snapshot")
    snapshot = _signed(Snapshot, "snapshot", stored.snapshot, root.signed)
    named = snapshot.meta.get("targets.json")
    if snapshot.version != timestamp.snapshot_meta.version or named is None or len(snapshot.meta) != 1:
        raise Untrusted("its snapshot is not the one that the timestamp names")
    if seen is not None and named.version < seen.targets:
        raise Untrusted(f"its list went back from version {seen.targets} to {named.version}")
    _unexpired(snapshot, now, "snapshot")

    _exactly(named, stored.targets, "list")
    targets = _signed(Targets, "targets", stored.targets, root.signed)
    if targets.version != named.version:
        raise Untrusted("its list is not the one that the snapshot names")
    listed = _sha256(stored.targets)
    if seen is not None and targets.version == seen.targets and listed != seen.targets_digest:
        raise Untrusted(f"there are two lists of version {targets.version}")
    _unexpired(targets, now, "list")

    content = _content(targets)
    gone = () if seen is None else tuple(each for each in seen.revoked if each not in content.revoked)
    if gone:
        raise Untrusted(f"it does not know any more that {gone[0].of} was revoked")
    return Opened(
        content=content,
        seen=Seen(
            root=root.signed.version,
            root_digest=_sha256(stored.roots[root.signed.version]),
            timestamp=timestamp.version,
            timestamp_digest=digest,
            snapshot=snapshot.version,
            targets=targets.version,
            targets_digest=listed,
            keys=keys,
            revoked=content.revoked,
        ),
        root=root,
        fresh_until=timestamp.expires,
        renewed=min(root.signed.expires, snapshot.expires, targets.expires),
    )


def _root(roots: dict[int, bytes], anchors: Collection[str], seen: Seen | None) -> Metadata[Root]:
    """Return the newest root, reached step by step from where trust begins (5.3)."""
    found = _trusted(roots, anchors, seen)
    while (follows := found.signed.version + 1) in roots:
        new = _read(Root, roots[follows])
        # 5.3.4: by a threshold of the root's keys before, and of its own. 5.3.5: exactly one version on.
        if not (_enough(found.signed, "root", new) and _enough(new.signed, "root", new)):
            raise Untrusted(f"its root of version {follows} is not signed by enough keys of the one before and its own")
        if new.signed.version != follows:
            raise Untrusted(f"its root of version {follows} is another")
        _sound(new.signed, found.signed)
        found = new
    if len(roots) > found.signed.version or max(roots) != found.signed.version:
        raise Untrusted("there are roots that do not follow from one another")
    return found


def _trusted(roots: dict[int, bytes], anchors: Collection[str], seen: Seen | None) -> Metadata[Root]:
    """Return the root at which trust begins: the one that was seen last, or the first one, by a key of the installation."""
    first = 1 if seen is None else seen.root
    if first not in roots:
        raise Untrusted(f"its root of version {first} is missing")
    found = _read(Root, roots[first])
    if found.signed.version != first:
        raise Untrusted(f"its root of version {first} is another")
    if seen is not None and _sha256(roots[first]) != seen.root_digest:
        raise Untrusted(f"its root of version {first} is not the one that was seen")
    if seen is None and not _enough(found.signed, "root", found, anchors=anchors):
        raise Untrusted("no key of this installation has signed its root")
    _sound(found.signed, None)
    if not _enough(found.signed, "root", found):
        raise Untrusted("its root is not signed by its own keys")
    return found


def _sound(root: Root, before: Root | None) -> None:
    """Refuse a root that would let one key count as two, or fewer keys do than before."""
    for name, role in root.roles.items():
        material = [root.keys[each].keyval["public"] for each in role.keyids]
        if len(set(material)) != len(material):
            raise Untrusted(f"its root names one key twice for {name}")
        if role.threshold > len(material):
            raise Untrusted(f"its root demands more keys for {name} than it names")
        if before is not None and role.threshold < before.roles[name].threshold:
            raise Untrusted(f"its root demands fewer keys for {name} than the one before")


def _recovered(seen: Seen | None, keys: dict[str, tuple[str, ...]]) -> Seen | None:
    """Forget what a key that was replaced has signed (5.3.11): who had it could have run far ahead."""
    if seen is None or seen.keys == keys:
        return seen
    newer = seen.keys["targets"] != keys["targets"]
    return msgspec.structs.replace(
        seen,
        timestamp=0,
        timestamp_digest="",
        snapshot=0,
        targets=0 if newer else seen.targets,
        targets_digest="" if newer else seen.targets_digest,
    )


def _read(kind: type[_T], data: bytes) -> Metadata[_T]:
    found: Metadata[Any] = Metadata[Any].from_bytes(data)
    if not isinstance(found.signed, kind):
        raise Untrusted(f"it holds a document of another kind in the place of its {kind.type}")
    return found


def _signed(kind: type[_T], role: str, data: bytes, root: Root) -> _T:
    found = _read(kind, data)
    if not _enough(root, role, found):
        said = "list" if role == "targets" else role
        raise Untrusted(f"its {said} is not signed by enough of the keys that its root names")
    return found.signed


def _enough(root: Root, role: str, document: Metadata[Any], *, anchors: Collection[str] | None = None) -> bool:
    """Whether distinct keys enough have signed; with `anchors`, whether one of those has."""
    result = root.get_verification_result(role, document.signed_bytes, document.signatures)
    material = {str(key.keyval["public"]) for key in result.signed.values()}
    return bool(material & set(anchors)) if anchors is not None else len(material) >= result.threshold


def _exactly(meta: MetaFile, data: bytes, what: str) -> None:
    if meta.hashes is None or meta.length is None:
        raise Untrusted(f"its {what} is named without length and hash")
    try:
        meta.verify_length_and_hashes(data)
    except RepositoryError:
        raise Untrusted(f"its {what} is not the one that is named: parts of two states are mixed") from None


def _unexpired(signed: Signed, now: datetime, what: str) -> None:
    if signed.is_expired(now):
        raise Stale(f"its {what} ended at {rfc3339(signed.expires)}, and nobody has signed it anew")


def _content(targets: Targets) -> Content:
    found: dict[str, list[Any]] = {kind: [] for kind in _KINDS}
    for path, target in targets.targets.items():
        kind = path.partition("/")[0]
        entry: Promoted | Freeze | Revoked = msgspec.convert(target.custom, _KINDS[kind])
        if path != path_of(entry) or not _same(target, file_of(entry)):
            raise Untrusted(f"what its list says of {path} is about something else")
        found[kind].append(entry)
    return Content(promoted=tuple(found["releases"]), frozen=tuple(found["freezes"]), revoked=tuple(found["revoked"]))


def _same(one: TargetFile, other: TargetFile) -> bool:
    return (one.length, one.hashes) == (other.length, other.hashes)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
