"""Receipts as files: what `audit prove --out` writes, and `audit verify` checks offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from strongroom.cli.failures import usage
from strongroom.kernel.clock import rfc3339


def with_extra(found: dict[str, Any]) -> str:
    """Return the receipt of a batch with one record of it as extra data (C2SP tlog-proof)."""
    from strongroom.audit.tlog import Receipt  # noqa: PLC0415 - cryptography comes late

    receipt = Receipt.parse(found["batch"]["receipt"])
    more = {name: found[name] for name in ("record", "index", "size", "path")}
    return str(Receipt(receipt.index, receipt.path, receipt.note, msgspec.json.encode(more)))


def entry_of(receipt: Path) -> Path:
    """Return where the entry lies that a receipt is of."""
    return receipt.with_name(f"{receipt.name}.entry")


def receipt_holds(path: Path, trust: tuple[str, ...]) -> tuple[bool, str]:
    """Whether a receipt shows that the entry beside it stands in a log of a trusted key, and what is to be said."""
    from strongroom.audit.tlog import Malformed, NoteKey, Receipt  # noqa: PLC0415 - cryptography comes late

    try:
        keys = [NoteKey.parse(key if "+" in key else Path(key).read_text(encoding="utf-8")) for key in trust]
    except (Malformed, OSError):
        raise usage("--trust takes a verifier key, `name+id+base64`, or a file that holds one.") from None
    try:
        receipt, entry = Receipt.parse(path.read_text(encoding="utf-8")), entry_of(path).read_bytes()
        origin = receipt.checkpoint.origin
        meant = [key.named(origin) for key in keys if origin == key.name or origin.startswith(f"{key.name}/")]
        good = receipt.holds(entry, meant)
    except OSError as error:
        raise usage(
            f"{error.filename} cannot be read: {error.strerror}.", "`audit prove --out` writes both files."
        ) from None
    except (Malformed, UnicodeDecodeError) as error:
        return False, f"The receipt cannot be read: {error}."
    if good and receipt.extra is not None:
        return record_holds(receipt.extra, entry)
    if good:
        return True, f"The entry is number {receipt.index} of {origin}, as it was signed."
    return False, "No trusted key has signed a log in which this entry stands there."


def timestamp_holds(export: Path, tsa_ca: Path) -> tuple[bool, str]:
    """Whether the head of the anchor that an export was put outside by has a timestamp of a trusted authority, and what to say."""
    from strongroom.audit.timestamps import NoTimestamp, verified  # noqa: PLC0415 - X.509 comes late

    try:
        roots = tsa_ca.read_bytes()
    except OSError as error:
        raise usage(f"{tsa_ca} cannot be read: {error.strerror}.") from None
    folder = export / "anchor" / "published"
    try:
        answer = (folder / "timestamp.tsr").read_bytes()
        note = (folder / "epoch.tlog-proof").read_text(encoding="utf-8").partition("\n\n")[2]
    except (OSError, UnicodeDecodeError):
        return False, "the export holds no timestamp"
    try:
        at = verified(answer, note, roots)
    except NoTimestamp as error:
        return False, str(error)
    return True, f"existed at {rfc3339(at)}, by the timestamp of a trusted authority"


class _InBatch(msgspec.Struct, frozen=True):
    record: str
    index: int
    size: int
    path: list[bytes]


def record_holds(extra: bytes, entry: bytes) -> tuple[bool, str]:
    """Whether a record stands in the batch that an entry commits to; the entry itself was checked."""
    from strongroom.audit.events import decode  # noqa: PLC0415 - as above
    from strongroom.audit.tlog import leaf_hash, verify_inclusion  # noqa: PLC0415 - as above

    try:
        found, said = msgspec.json.decode(extra, type=_InBatch), decode(entry).unmapped
        root = bytes.fromhex(said["root"])
    except (msgspec.MsgspecError, ValueError, KeyError):
        return False, "The receipt is of an entry that is no batch of records."
    leaf = leaf_hash(found.record.encode())
    if said.get("count") != str(found.size) or not verify_inclusion(leaf, found.index, found.size, found.path, root):
        return False, "The batch that was signed does not hold this record."
    return True, f"The record is number {found.index} of a signed batch of {found.size}: {found.record}"
