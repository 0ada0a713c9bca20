"""The values of data sets, and the rules that need no I/O.

A data set is named by the digest of its manifest, and the manifest names everything by digest: what was sent, which rows of it
were taken, which were rejected and why, by which rules. So none of it changes without becoming another data set.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from strongroom.kernel.ids import Name
from strongroom.kernel.principal import Environment
from strongroom.registry.admission.model import Reason
from strongroom.registry.model import Digest

MAX_BYTES: Final = 16 << 20
"""Of one data set as it is sent."""
MAX_ROWS: Final = 50_000
MOST: Final = 1000
"""How many data sets a tenant may have, and how many sources."""

_TYPE: Final = "strongroom/dataset/1"
Sum: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", max_length=64)]


@unique
class Tier(StrEnum):
    """How far a source is trusted."""

    LOW = "low"
    STANDARD = "standard"
    HIGH = "high"


@unique
class State(StrEnum):
    """How far a data set is. `received` is what has arrived and was not looked at yet; it is in memory, and in no table."""

    RECEIVED = "received"
    QUARANTINED = "quarantined"
    VALIDATED = "validated"
    APPROVED = "approved"
    ADMITTED = "admitted"
    WITHDRAWN = "withdrawn"


@unique
class Format(StrEnum):
    """How rows are written."""

    JSONL = "jsonl"
    CSV = "csv"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where data comes from. It never changes: another owner or tier is another source.

    Attributes:
        tenant: whose it is, by id.
        owner: the account that answers for the data, and whose yes a high risk needs.
        contact: how that owner is reached.
        licence: by which the data may be used.
        by: the account that registered it.
    """

    tenant: str
    name: str
    owner: str
    contact: str
    licence: str
    risk: Tier
    by: str
    at: datetime


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a contract says of one column.

    Attributes:
        type: of its values. Of CSV, every value is text, and is held against the type that it spells.
        required: whether it must be there, and not empty.
        values: the only ones.
        pattern: RE2, which the whole text must match.
        min: the least number.
        max: the greatest number.
        max_length: characters of a text.
        unique: whether no two rows may have the same.
    """

    type: Annotated[str, Meta(pattern="^(string|number|integer|boolean)$", max_length=7)] = "string"
    required: bool = True
    values: tuple[str | int | float | bool, ...] = ()
    pattern: Annotated[str, Meta(max_length=500)] = ""
    min: float | None = None
    max: float | None = None
    max_length: Annotated[int, Meta(ge=1, le=1 << 20)] | None = None
    unique: bool = False


class Contract(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a data set promises to be.

    Attributes:
        columns: by name; none: any.
        label: the column that says what each row is an example of; poisoning checks need it.
        subject: the column that says whom each row is about, by the name that requests give; only a pseudonym of it is kept.
        closed: whether a column that is not named is a breach.
        min_rows: how many rows there are at least, once the rejected ones are out.
        max_rejected: the share of rows above which the whole is quarantined.
    """

    columns: Annotated[dict[str, Column], Meta(max_length=500)] = {}
    label: str | None = None
    subject: str | None = None
    closed: bool = False
    min_rows: Annotated[int, Meta(ge=1)] = 1
    max_rejected: Annotated[float, Meta(ge=0, le=1)] = 0.2


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Why rows were rejected, or why a data set is quarantined: a rule, what it says, and how many rows it met."""

    rule: str
    says: str
    rows: int


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """From which data set one was made, and how. `record`: SHA-256 of the transformation's own record, where there is one."""

    parent: Digest
    how: str
    record: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=_TYPE, forbid_unknown_fields=True):
    """A version of a data set. All of it goes into its digest.

    Attributes:
        tenant: whose it is, by id.
        environment: the only one in which it may be used.
        author: who brought it.
        source: where it comes from, by the name in the source registry.
        sent: SHA-256 of what was sent.
        rows: SHA-256 of the rows that were taken, as canonical JSON lines; none: it was quarantined as a whole.
        rejects: SHA-256 of the reject file.
        label: the column with labels.
        derived: from what it was made.
        subject: the column with the pseudonyms of people; unset where the contract names none.
    """

    tenant: str
    environment: Environment
    name: str
    version: str
    author: str
    source: str
    sent: Sum
    rows: Sum
    rejects: Sum
    taken: int
    rejected: int
    size: int
    label: str | None = None
    derived: Derived | None = None
    subject: str | msgspec.UnsetType = msgspec.UNSET  # unset is left out: documents of before keep their digest

    def encoded(self) -> bytes:
        """Return its document in its one spelling: JSON, names sorted, no white space."""
        return msgspec.json.encode(self, order="sorted")

    @property
    def digest(self) -> str:
        """What it is named by."""
        return f"sha256:{hashlib.sha256(self.encoded()).hexdigest()}"


_decoder: Final = msgspec.json.Decoder(Manifest)


class BadDataset(ValueError):  # noqa: N818 - said to a person
    """What was sent, or kept, is no data set; the message says why, and quotes nothing of it."""


def read_manifest(document: bytes, digest: str) -> Manifest:
    """Return the manifest that `digest` names.

    Raises:
        BadDataset: when the document is none, or another.
    """
    if f"sha256:{hashlib.sha256(document).hexdigest()}" != digest:
        raise BadDataset("its manifest is not the one that it is named by")
    try:
        return _decoder.decode(document)
    except msgspec.MsgspecError:
        raise BadDataset("it has no manifest") from None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks said of a data set, and by which rules.

    Attributes:
        passed: whether it is valid; otherwise it is quarantined, for the reasons.
        reasons: why it is quarantined.
        rejected: why rows were rejected.
        rules: SHA-256 of each check's rules, by the check's name.
        contract: SHA-256 of the contract; empty: there was none.
    """

    passed: bool
    reasons: tuple[Finding, ...]
    rejected: tuple[Finding, ...]
    rules: dict[str, str]
    contract: str = ""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A data set in a list."""

    name: str
    version: str
    environment: Environment
    digest: Digest
    state: State
    source: str
    risk: Tier
    author: str
    rows: int
    rejected: int
    added_at: datetime


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A workload that may read a data set, until its grant is revoked."""

    workload: str
    workload_id: UUID
    by: str
    at: datetime
    revoked_at: datetime | None = None


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A data set, and why it may or may not be used. `approved_by`: the approvers that count."""

    digest: Digest
    state: State
    usable: bool
    reasons: tuple[Reason, ...]
    manifest: Manifest
    verdict: Verdict | None
    source: Source | None
    approved_by: tuple[str, ...]
    approvals_needed: int
    added_at: datetime
    grants: tuple[Grant, ...] = ()


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A data set as it is stored: nothing of it is believed before its digest and signatures were verified."""

    digest: str
    name: str
    version: str
    environment: Environment
    manifest: bytes
    verdict: bytes
    added_at: datetime
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_for: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDataset:
    """A data set to be. `parent`: NAME@VERSION of what it was made from, with `transformation`, the record of how."""

    environment: Environment
    name: Name
    version: str
    source: str
    format: Format
    size: int
    contract: Contract
    parent: str = ""
    transformation: bytes = b""
