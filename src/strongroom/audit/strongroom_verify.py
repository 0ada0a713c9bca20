#!/usr/bin/env python3
"""Check an export of a Strongroom audit log: offline, with nothing but Python 3.10 or later, and without trusting who made it.

    python3 strongroom_verify.py DIR --trust VKEY
    python3 strongroom_verify.py FILE --trust VKEY

FILE is a certificate of an erasure, or what a person was given of their data; FILE.proof lies beside it. It is checked that the
log has an entry which commits to exactly this text, for the tenant and the verdict that it names, under a head of that key.

DIR is what `strongroom audit export` wrote. VKEY is the verifier key of the installation (`strongroom audit key`), or of the one
log; it must have reached you by another way than the export. What is checked, in this order:

1. the checkpoint is signed by that key (C2SP signed-note, Ed25519 by RFC 8032);
2. the entries hash to the tiles, and the tiles to the signed root (RFC 6962): nothing was edited, deleted, inserted, reordered;
3. every earlier checkpoint in the export is of the same tree: the log was only appended to, and never forked;
4. where the log began anew (an epoch), it says so itself and names what it follows;
5. the anchor, which binds all logs of the installation together, has this log, and not a longer or another one;
6. so has the head of the anchor that was put outside, where one was; with --anchor-file, that file has this very head. A
   timestamp of it (RFC 3161) is named and not checked here: that takes X.509, and `strongroom audit verify --tsa-ca` does it.

Exit code: 0 verified, 1 broken, 2 wrong usage, 3 consistent in itself, but no trusted key was given.
Nothing is fetched, nothing is written. SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import argparse
import base64
import functools
import hashlib
import hmac
import json
import re
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

VERIFIED, BROKEN, USAGE, UNPINNED = 0, 1, 2, 3
FORMAT = "strongroom-audit-export/1"
ANCHOR_FORMAT = "strongroom-anchor/1"
RECEIPT = "c2sp.org/tlog-proof@v1"
DOCUMENTS = ("strongroom-erasure/1", "strongroom-subject-export/1")
CERTIFIED = "subject.certify"
HASH = 32
TILE = re.compile(r"((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/[0-9]+)?")


class Bad(Exception):  # noqa: N818 - it is a finding, not an error
    """Something does not hold: what kind of change it is, where, and in words."""

    def __init__(self, kind: str, where: str, said: str) -> None:
        super().__init__(f"{kind.upper()} at {where}: {said}")
        self.kind, self.where, self.said = kind, where, said


class Key(NamedTuple):
    """A verifier key: a name, and an Ed25519 public key."""

    name: str
    public: bytes

    def id_of(self, name: str, kind: int = 1) -> bytes:
        """Return the id of this key in a note of the log `name`, or as a witness's (kind 4)."""
        return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + self.public).digest()[:4]

    def is_of(self, origin: str) -> bool:
        """Whether the key is meant for this log: it has its name, or one above it."""
        return origin == self.name or origin.startswith(self.name + "/")


class Head(NamedTuple):
    """A checkpoint that was read, with the text that is signed."""

    origin: str
    size: int
    root: bytes
    text: str


# Ed25519, RFC 8032 §5.1.7, for checking only: nothing here is secret, so nothing needs constant time.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]


def point_add(a: Point, b: Point) -> Point:
    """Add two points in extended coordinates (RFC 8032 §5.1.4)."""
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    i, j, k, m = f - e, h - g, h + g, f + e
    return (i * j % P, k * m % P, j * k % P, i * m % P)


def point_times(factor: int, point: Point) -> Point:
    """Multiply a point."""
    found: Point = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            found = point_add(found, point)
        point, factor = point_add(point, point), factor >> 1
    return found


def point_of(content: bytes) -> Point | None:
    """Decode a point (RFC 8032 §5.1.3); None: it is none, or not in its one encoding."""
    y = int.from_bytes(content, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


def encoded_point(point: Point) -> bytes:
    """Encode a point."""
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


@functools.cache
def key_of(public: bytes) -> Point | None:
    """Decode a public key; None: it is none that a signer could have.

    A key outside the group of prime order fits signatures that nobody made: the neutral point would fit anything.
    """
    key, neutral = point_of(public), encoded_point((0, 1, 1, 0))
    if key is None or public == neutral or encoded_point(point_times(ORDER, key)) != neutral:
        return None
    return key


def ed25519_verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is of `message` by `public`."""
    if len(public) != 32 or len(signature) != 64 or BASE is None:  # noqa: PLR2004 - RFC 8032's lengths
        return False
    key, s = key_of(public), int.from_bytes(signature[32:], "little")
    if key is None or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    minus_key: Point = (P - key[0], key[1], key[2], P - key[3])
    return encoded_point(point_add(point_times(s, BASE), point_times(k, minus_key))) == signature[:32]


# Merkle trees, RFC 6962 §2.1.


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The complete subtrees over a list of leaves' hashes: the root at any size costs a few hashes."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.levels = [leaves]
        while len(row := self.levels[-1]) > 1:
            self.levels.append([node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)])

    def root(self, size: int) -> bytes | None:
        """Return the root of the first `size` leaves; None if there are not as many."""
        if size > len(self.levels[0]):
            return None
        found, at = None, size
        for level, row in enumerate(self.levels):
            if size >> level & 1:
                at -= 1 << level
                found = row[at >> level] if found is None else node_hash(row[at >> level], found)
        return hashlib.sha256(b"").digest() if found is None else found


def included(leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    """Whether the leaf is number `index` of the tree (RFC 9162 §2.1.3.2)."""
    here, last, found = index, size - 1, leaf
    for each in path:
        if last == 0:
            return False
        if here & 1 or here == last:
            found = node_hash(each, found)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            found = node_hash(found, each)
        here, last = here >> 1, last >> 1
    return 0 <= index < size and last == 0 and found == root


# Notes, checkpoints, receipts, tiles.


def b64(text: str, where: str) -> bytes:
    """Return base64 as bytes."""
    try:
        found = base64.b64decode(text, validate=True)
    except ValueError:
        raise Bad("edited", where, "this is not base64") from None
    if base64.b64encode(found).decode() != text:
        raise Bad("edited", where, "this is base64 with stray bits")
    return found


def read_key(text: str, kind: int = 1) -> Key:
    """Read a verifier key: `name+id+base64`; `kind` 1 is a log's, 4 a witness's."""
    name, _, rest = text.strip().partition("+")
    id_, _, content = rest.partition("+")
    found = base64.b64decode(content, validate=True)
    key = Key(name, found[1:])
    if not name or found[:1] != bytes([kind]) or len(key.public) != HASH or key.id_of(name, kind).hex() != id_:
        raise ValueError(text)
    return key


def read(path: Path, where: str) -> bytes:
    """Return a file's content."""
    try:
        return path.read_bytes()
    except OSError:
        raise Bad("deleted", where, "the file is missing") from None


def read_head(text: str, where: str) -> Head:
    """Read the text of a checkpoint."""
    lines = text.split("\n")
    if len(lines) < 4 or not lines[1].isascii() or not lines[1].isdigit() or str(int(lines[1])) != lines[1]:  # noqa: PLR2004 - three lines and an end
        raise Bad("edited", where, "this is no checkpoint")
    return Head(lines[0], int(lines[1]), b64(lines[2], where), text)


def open_note(content: bytes, keys: list[Key], where: str) -> Head:
    """Return the checkpoint of a note that one of `keys` has signed."""
    text, blank, below = content.decode("utf-8", "replace").rpartition("\n\n")
    head = read_head(text + "\n", where)
    meant = [key for key in keys if key.is_of(head.origin)]
    if not blank or not meant:
        raise Bad("wrong key", where, f"no trusted key is for the log {head.origin!r}")
    for line in below.split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[:2] != ["—", head.origin]:  # noqa: PLR2004 - dash, name, signature
            continue
        value = b64(parts[2], where)
        for key in meant:
            if value[:4] == key.id_of(head.origin):
                if ed25519_verifies(key.public, head.text.encode(), value[4:]):
                    return head
                raise Bad("edited", where, "the signature is not of this text: it was changed after it was signed")
    raise Bad("wrong key", where, "no trusted key has signed this; somebody else may have")


def check_witness(note: str, key: Key, where: str) -> str:
    """Check a witness's cosignature of a note (C2SP tlog-cosignature), and say when it saw it."""
    text, _, below = note.rpartition("\n\n")
    for row in below.split("\n"):
        parts = row.split(" ")
        if len(parts) == 3 and parts[:2] == ["—", key.name]:  # noqa: PLR2004 - dash, name, signature
            value = b64(parts[2], where)
            at = int.from_bytes(value[4:12], "big")
            if value[:4] == key.id_of(key.name, 4) and ed25519_verifies(
                key.public, f"cosignature/v1\ntime {at}\n{text}\n".encode(), value[12:]
            ):
                return f"cosigned by {key.name}, who saw the anchor at {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(at))}"
            raise Bad("edited", where, f"the cosignature of {key.name} is not of this text")
    raise Bad("wrong key", where, f"the witness {key.name} has not cosigned this")


def read_rows(folder: Path, where: str) -> list[bytes]:
    """Return all hashes of level 0, or all entries: what the files hold, be it too little or too much."""
    files: dict[int, Path] = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        name = path.relative_to(folder).as_posix()
        found = TILE.fullmatch(name)
        number = int(found[1].replace("x", "").replace("/", "")) if found else -1
        if number < 0 or number in files:
            raise Bad("inserted", f"{where}/{name}", "the file is no part of the log")
        files[number] = path
    rows: list[bytes] = []
    for number in sorted(files):
        content, at = files[number].read_bytes(), 0
        while at < len(content):
            entry = folder.name == "entries"
            start, length = (at + 2, int.from_bytes(content[at : at + 2], "big")) if entry else (at, HASH)
            if start + length > len(content):
                name = files[number].relative_to(folder).as_posix()
                raise Bad("edited", f"{where}/{name}", "the file ends within an entry or a hash")
            rows.append(content[start : start + length])
            at = start + length
    return rows


def compare(wanted: list[bytes], found: list[bytes], where: str) -> None:
    """Say how the entries' hashes differ from those that are signed."""
    if wanted == found:
        return
    low, least = 0, min(len(wanted), len(found))
    while low < least and wanted[low] == found[low]:
        low += 1
    high = 0
    while high < least - low and wanted[-1 - high] == found[-1 - high]:
        high += 1
    missing, extra = wanted[low : len(wanted) - high], found[low : len(found) - high]
    at = f"{where}, entry {low}"
    if not extra and not high:
        raise Bad("truncated", at, f"the last {len(missing)} of {len(wanted)} entries are missing")
    if within(extra, missing):
        raise Bad("deleted", at, f"{len(missing) - len(extra)} entries are missing from here on")
    if within(missing, extra):
        raise Bad("inserted", at, f"{len(extra) - len(missing)} entries from here on were never logged")
    if sorted(missing) == sorted(extra):
        raise Bad(
            "reordered",
            at,
            f"the entries {low} to {low + len(missing) - 1} stand in another order than they were logged in",
        )
    differing = [low + n for n, (one, other) in enumerate(zip(missing, extra, strict=False)) if one != other]
    count = "" if len(missing) == len(extra) else f"; there are {len(found)} entries where {len(wanted)} were signed"
    raise Bad(
        "edited",
        at,
        f"{len(differing)} entries are not what was logged, from entry {differing[0]} to {differing[-1]}{count}",
    )


def within(few: list[bytes], many: list[bytes]) -> bool:
    """Whether `few` is `many` with some left out."""
    rest = iter(many)
    return len(few) < len(many) and all(any(each == other for other in rest) for each in few)


# The checks.


def check_log(folder: Path, where: str, keys: list[Key]) -> tuple[Head, list[bytes], Tree]:
    """Check one epoch of a log: its signature, its entries, its history."""
    head = open_note(read(folder / "checkpoint", f"{where}/checkpoint"), keys, f"{where}/checkpoint")
    history = [
        open_note(path.read_bytes(), keys, f"{where}/checkpoints/{path.name}")
        for path in sorted((folder / "checkpoints").glob("*"), key=lambda each: (len(each.name), each.name))
    ]
    entries = read_rows(folder / "tile" / "entries", f"{where}/tile/entries")
    hashes, tiles = [leaf_hash(each) for each in entries], read_rows(folder / "tile" / "0", f"{where}/tile/0")
    tree, signed = Tree(hashes), Tree(tiles)
    if len(tiles) == head.size and signed.root(head.size) == head.root:
        compare(tiles, hashes, where)
    elif len(hashes) != head.size or tree.root(head.size) != head.root:
        raise blame(head, history, tree, where)
    else:
        raise Bad("edited", f"{where}/tile/0", "the entries are as they were signed, but the tiles of hashes are not")
    for each in history:
        if each.size > head.size:
            said = f"a checkpoint of {each.size} entries was signed; the export ends before"
            raise Bad("truncated", f"{where}, entry {head.size}", said)
        if each.origin != head.origin or tree.root(each.size) != each.root:
            raise Bad("forked", f"{where}/checkpoints/{each.size}", "the same key signed another log at this size")
    return head, entries, tree


def blame(head: Head, history: list[Head], tree: Tree, where: str) -> Bad:
    """Return what to say when neither entries nor tiles fit the signed root: what is still known to be good, and from where on not."""
    count = len(tree.levels[0])
    good = max((each.size for each in history if tree.root(each.size) == each.root), default=0)
    said = f"the entries do not hash to the signed root; up to entry {good} they are as signed, after that they are not"
    if count < head.size:
        kind = "truncated" if good == count else "deleted"
        return Bad(kind, f"{where}, entry {good}", f"{head.size - count} of {head.size} entries are missing; {said}")
    if count > head.size:
        return Bad("inserted", f"{where}, entry {good}", f"{count - head.size} entries too many; {said}")
    return Bad("edited", f"{where}, entry {good}", f"{said} (edited, reordered or forked)")


def check_link(number: int, before: Head | None, entries: list[bytes], where: str) -> str:
    """Check that a log that began anew says what it follows, and return how much was lost by it, in words."""
    if number == 1 and before is None:
        return ""
    first: dict[str, Any] = json.loads(entries[0]) if entries else {}
    link: dict[str, str] = first["unmapped"] if first and first["api"]["operation"] == "log.begin_epoch" else {}
    if before is None or link.get("follows") != before.origin:
        raise Bad(
            "truncated",
            where,
            f"epoch {number} follows {link.get('follows', 'an epoch that it does not name')!r}, which is not here",
        )
    lost = int(link.get("signed_size", "0")) - before.size
    return f"epoch {number} began anew after epoch {number - 1}, and says: {max(lost, 0)} signed entries are lost"


def check_receipt(text: str, entry: bytes, keys: list[Key], where: str) -> tuple[Head, int, bool]:
    """Return the head of a receipt, the entry's number by it, and whether the entry stands there."""
    lines, _, note = text.partition("\n\n")
    head = open_note(note.encode(), keys, where)
    rows = [line for line in lines.split("\n") if not line.startswith("extra ") and line != RECEIPT]
    path = [b64(line, where) for line in rows[1:]]
    index = rows[0].removeprefix("index ")
    if not index.isascii() or not index.isdigit():
        return head, 0, False
    return head, int(index), included(leaf_hash(entry), int(index), head.size, path, head.root)


def check_anchor(folder: Path, keys: list[Key], witnesses: list[Key], head: Head, tree: Tree) -> list[str]:
    """Check the anchor and its witnesses, and return what they say in words."""
    entry, text = (
        read(folder / "epoch.json", "anchor/epoch.json"),
        read(folder / "epoch.tlog-proof", "anchor/epoch.tlog-proof").decode(),
    )
    note = text.partition("\n\n")[2]
    base = "/".join(head.origin.split("/")[:2])
    above = [Key(base, key.public) for key in keys if key.is_of(base) or key.name.startswith(base + "/")]
    top, _, stands = check_receipt(text, entry, above, "anchor/epoch.tlog-proof")
    if not top.origin.startswith(base + "/anchor") or not stands:
        raise Bad("edited", "anchor", "the epoch is not in the signed anchor log")
    epoch, member = json.loads(entry), json.loads(read(folder / "member.json", "anchor/member.json"))
    blind, number = b64(member["blind"], "anchor/member.json"), int(epoch["epoch"]).to_bytes(8, "big")
    salt = hmac.new(blind, b"salt" + number, "sha256").digest()
    ours = (
        hmac.new(blind, b"key" + number, "sha256").digest()
        + hashlib.sha256(salt + member["checkpoint"].encode()).digest()
    )
    inner = [b64(each, "anchor/member.json") for each in member["path"]]
    if epoch["format"] != ANCHOR_FORMAT or not included(
        leaf_hash(ours), member["index"], epoch["leaves"], inner, b64(epoch["root"], "anchor")
    ):
        raise Bad("edited", "anchor/member.json", "the epoch does not commit to this checkpoint")
    anchored = read_head(member["checkpoint"], "anchor/member.json")
    if anchored.origin != head.origin:
        raise Bad("forked", "anchor", f"the anchor has the log {anchored.origin!r}, the export {head.origin!r}")
    if anchored.size > head.size:
        raise Bad(
            "truncated",
            f"entry {head.size}",
            f"the anchor of {epoch['at']} has {anchored.size} entries, the export only {head.size}",
        )
    if tree.root(anchored.size) != anchored.root:
        raise Bad(
            "forked",
            f"entry {anchored.size}",
            "the anchor commits to another log of this size: two histories were signed",
        )
    said = f"anchored at {epoch['at']} (epoch {epoch['epoch']}) up to entry {anchored.size}"
    newer = f"{head.size - anchored.size} newer ones are signed, not yet anchored"
    return [f"{said}; {newer}", *(check_witness(note, each, "anchor/epoch.tlog-proof") for each in witnesses)]


def check_published(folder: Path, keys: list[Key], head: Head, tree: Tree, file: Path | None) -> list[str]:
    """Check the head of the anchor that was put outside, and return what it says in words."""
    if not folder.is_dir():
        if file is not None:
            raise Bad("deleted", "anchor/published", "the export holds no head that was put into an anchor file")
        return []
    said = check_anchor(folder, keys, [], head, tree)[0].partition(";")[0]
    top = (
        read(folder / "epoch.tlog-proof", "anchor/published").decode().partition("\n\n")[2].partition("\n\n")[0] + "\n"
    )
    notes = [f"put outside: {said}"]
    if (folder / "timestamp.tsr").exists():
        notes.append("has a timestamp (RFC 3161), NOT checked here: `strongroom audit verify --tsa-ca` does")
    return notes if file is None else [*notes, check_file(file, read_head(top, "anchor/published"))]


def check_file(file: Path, top: Head) -> str:
    """Check that an anchor file, or a directory of heads, has this very head and no other of its size."""
    newest, found = 0, ""
    for path in sorted(file.glob("*.json")) if file.is_dir() else [file]:
        for line in read(path, str(file)).splitlines():
            try:
                row = json.loads(line)
                head = read_head(row["note"].partition("\n\n")[0] + "\n", str(file))
                at = str(row["at"])
            except (ValueError, KeyError, TypeError, AttributeError, Bad):
                continue  # cut short by a crash
            if head.origin != top.origin:
                continue
            newest = max(newest, head.size)
            if head.size == top.size and head.root != top.root:
                raise Bad("forked", str(file), f"it has another head of {top.size} epochs, added at {at}")
            found = at if head.size == top.size else found
    if not found:
        raise Bad("forked", str(file), f"it has no head of {top.size} epochs; its newest has {newest}")
    return f"the anchor file has it, added at {found}; its newest head has {newest - top.size} epochs more"


def verify(
    folder: Path, keys: list[Key], witnesses: list[Key] | None = None, file: Path | None = None
) -> dict[str, Any]:
    """Check an export.

    Args:
        folder: where it lies.
        keys: whom to trust.
        witnesses: who must have cosigned the anchor.
        file: the anchor file that must have the head that was put outside.

    Returns:
        What was found, in words and figures.

    Raises:
        Bad: with what does not hold, and where.
    """
    try:
        export = json.loads(read(folder / "export.json", "export.json"))
        if export["format"] != FORMAT:
            raise Bad("edited", "export.json", f"this is not of the format {FORMAT}")
        numbers = [int(each["epoch"]) for each in export["epochs"]]
        return check_all(folder, numbers, keys, witnesses or [], file)
    except (KeyError, TypeError, AttributeError, IndexError, UnicodeDecodeError, ValueError) as error:
        raise Bad("edited", "export", f"a file is not of its format ({type(error).__name__})") from None


def verify_document(path: Path, keys: list[Key] | None) -> dict[str, Any]:
    """Check a certificate or an export by the proof beside it; `keys` None: by the key that the proof itself names.

    Raises:
        Bad: with what does not hold, and where.
    """
    text, where = read(path, path.name), f"{path.name}.proof"
    try:
        said, proof = json.loads(text), json.loads(read(path.with_name(where), where))
        entry = proof["event"].encode()
        head, number, stands = check_receipt(proof["receipt"], entry, keys or [read_key(proof["vkey"])], where)
        if not stands:
            raise Bad("edited", where, "the entry does not stand in the signed log there")
        event = json.loads(entry)
        facts, verdict = event["unmapped"], said.get("verdict", "exported")
        if said["format"] not in DOCUMENTS or event["api"]["operation"] != CERTIFIED or event["status"] != "allowed":
            raise Bad("edited", where, "the entry is not one that certifies a document")
        if facts["document"] != hashlib.sha256(text).hexdigest():
            raise Bad(
                "edited", path.name, "the log commits to another text: this one was changed, or is of another request"
            )
        about = f"tenant/{said['tenant']}/subject/{said['request']}"
        if event["resources"][0]["uid"] != about or facts["verdict"] != verdict:
            raise Bad("edited", path.name, "the entry is of another request, or has another verdict")
    except (KeyError, TypeError, AttributeError, IndexError, UnicodeDecodeError, ValueError) as error:
        raise Bad("edited", where, f"a file is not of its format ({type(error).__name__})") from None
    return {"log": head.origin, "entry": number, "certified_at": event["time_dt"], "says": verdict}


def check_all(
    folder: Path, numbers: list[int], keys: list[Key], witnesses: list[Key], file: Path | None
) -> dict[str, Any]:
    """Check every epoch of the log, and the anchor of the last."""
    notes: list[str] = []
    before: Head | None = None
    total = 0
    for number in numbers[:-1]:
        head, entries, _ = check_log(folder / f"log/{number}", f"log/{number}", keys)
        notes += filter(None, [check_link(number, before, entries, f"log/{number}")])
        before, total = head, total + head.size
    head, entries, tree = check_log(folder / f"log/{numbers[-1]}", f"log/{numbers[-1]}", keys)
    notes += filter(None, [check_link(numbers[-1], before, entries, f"log/{numbers[-1]}")])
    notes += check_anchor(folder / "anchor", keys, witnesses, head, tree)
    notes += check_published(folder / "anchor/published", keys, head, tree, file)
    root = base64.b64encode(head.root).decode()
    return {"log": head.origin, "entries": total + head.size, "root": root, "notes": notes}


def main(words: list[str] | None = None, more: tuple[str, ...] = ()) -> int:
    """Run as a program, and return the exit code; `more` is what the caller has found besides."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n\n")[0],
        epilog="Exit code: 0 verified, 1 broken, 2 wrong usage, 3 consistent in itself, but no trusted key given.",
    )
    parser.add_argument("path", metavar="DIR|FILE", type=Path, help="the export of a log, or a certificate")
    parser.add_argument(
        "--trust",
        metavar="VKEY",
        action="append",
        help="the verifier key of the installation or of the log, or a file that holds it; may be given again",
    )
    parser.add_argument(
        "--witness",
        metavar="VKEY",
        action="append",
        help="a witness that must have cosigned the anchor; may be given again",
    )
    parser.add_argument(
        "--anchor-file",
        metavar="FILE|DIR",
        type=Path,
        help="where the installation's anchor heads were put, kept by you",
    )
    parser.add_argument("--json", action="store_true", help="print the finding as JSON")
    given = parser.parse_args(words)
    document = given.path.is_file()
    if not document and not given.path.is_dir():
        parser.error(f"{given.path} is no directory and no file")
    try:
        trust = given.trust or ([] if document else [read(given.path / "vkey", "vkey").decode()])
        keys = [read_key(each if "+" in each else Path(each).read_text(encoding="utf-8")) for each in trust]
        witnesses = [read_key(each, 4) for each in list[str](given.witness or [])]
    except (ValueError, OSError, Bad):
        parser.error("--trust takes a verifier key, `name+id+base64`, or a file that holds one")
    try:
        code = VERIFIED if given.trust else UNPINNED
        if document:
            found = verify_document(given.path, keys or None)
        else:
            found = verify(given.path, keys, witnesses, given.anchor_file)
            found["notes"] += more
        found = {"verdict": "verified" if given.trust else "consistent", **found}
    except Bad as bad:
        code, found = BROKEN, {"verdict": "broken", "kind": bad.kind, "where": bad.where, "because": bad.said}
    tell(code, found, as_json=given.json)
    return code


def tell(code: int, found: dict[str, Any], *, as_json: bool) -> None:
    """Print what was found."""
    if as_json:
        print(json.dumps(found))
    elif code == BROKEN:
        print(f"BROKEN. {found['kind'].upper()} at {found['where']}: {found['because']}.")
    else:
        print(
            "Verified."
            if code == VERIFIED
            else "Consistent in itself; NOT verified: no trusted key was given (--trust)."
        )
        told = {name.replace("_", " "): value for name, value in found.items() if name not in {"verdict", "notes"}}
        width = max(map(len, told)) + 2
        print(
            "\n".join(
                [
                    *(f"  {name:<{width}}{value}" for name, value in told.items()),
                    *(f"  {each}" for each in found.get("notes", ())),
                ]
            )
        )


if __name__ == "__main__":
    sys.exit(main())
