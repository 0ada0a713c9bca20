"""What a request to the control API may carry. A field that is not named here is refused.

No text that is kept may hold a key: labels, owners and reasons are shown in lists and logs for years.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from strongroom.identity.bindings import Bindings
from strongroom.identity.model import MIN_KEY_DAYS
from strongroom.kernel.principal import Environment

NameText: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$", examples=["acme"])
]
OwnerText: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200, examples=["team-search"])]
LabelText: TypeAlias = Annotated[str, Meta(max_length=100, examples=["ci"])]
ReasonText: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200, examples=["found in a public repository"])]
Days: TypeAlias = Annotated[float, Meta(ge=MIN_KEY_DAYS, le=3660, examples=[7])]

HolderText: TypeAlias = Annotated[str, Meta(min_length=1, max_length=16384)]
"""A public key or a certificate of who will hold a credential (`binding.read`)."""

NetworkTexts: TypeAlias = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=63, examples=["10.2.0.0/16"])], ...], Meta(max_length=32)
]

DeliverS: TypeAlias = Annotated[float, Meta(ge=60, le=86_400, examples=[3600])]

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_KEY: Final = re.compile(r"srk_\w*", re.IGNORECASE)


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every body."""

    MULTILINE: ClassVar[frozenset[str]] = frozenset()
    """Fields that may have several lines, and tabs; other control characters are in no text."""

    def __post_init__(self) -> None:
        """Refuse text that is not one printable line (or several, where it may be), or that holds a key.

        Raises:
            ValueError: naming the field, never its value.
        """
        for name in self.__struct_fields__:
            text = getattr(self, name)
            if not isinstance(text, str):
                continue
            if name in self.MULTILINE:
                if _CONTROL.search(text):
                    raise ValueError(f"`{name}` holds a control character")
            elif not text.isprintable() or (text and not text.strip()):
                raise ValueError(f"`{name}` is one line of printable text")
            if _KEY.search(text):
                raise ValueError(f"`{name}` looks like it holds a key; a key never goes into a label or a log")


class MakeTenant(Body, frozen=True, kw_only=True):
    """A tenant to be. `business_unit`: in whose namespace of the vault its keys are to stand."""

    name: NameText
    business_unit: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,47}$", examples=["retail"])] | None = None


class MakeWorkload(Body, frozen=True, kw_only=True):
    """A workload to be. `team` and `pager`, when left out, are the owner; `purpose` is what the role is for."""

    name: NameText
    environment: Environment
    role: Literal["inference", "evaluation", "ingestion", "training", "support", "notebook"]
    owner: OwnerText
    team: OwnerText | None = None
    pager: OwnerText | None = None
    purpose: OwnerText | None = None


class MakeKey(Body, frozen=True, kw_only=True):
    """A key to be. `days` and `owner`, when left out, are the longest life allowed and the workload's owner.

    `bound_to` is a public key (PEM or JWK: the holder proves it with each request, DPoP), `signer:ID` (a signer of the
    workload signs each request, RFC 9421), or a certificate (PEM: the holder's
    connection shows it). A `honeytoken` is laid out to be found: it counts nowhere, and its use opens an incident.
    """

    MULTILINE: ClassVar[frozenset[str]] = frozenset({"bound_to"})

    environment: Environment
    workload: NameText
    label: LabelText = ""
    owner: OwnerText | None = None
    days: Days | None = None
    purpose: OwnerText | None = None
    deliver_s: DeliverS | None = None
    bound_to: HolderText | None = None
    bindings: Bindings | None = None
    honeytoken: bool = False


class RevokeKey(Body, frozen=True, kw_only=True):
    """Why a key ends."""

    reason: ReasonText = "revoked"


class MakeAccount(Body, frozen=True, kw_only=True):
    """An account to be. `tenant` (name or id) is for a tenant administrator, and only for one.

    `approved`: in production, the proposal of exactly this that somebody else has approved.
    """

    MULTILINE: ClassVar[frozenset[str]] = frozenset({"bound_to"})

    name: NameText
    role: Literal["operator", "approver", "tenant-admin"]
    tenant: Annotated[str, Meta(min_length=1, max_length=63)] | None = None
    bound_to: HolderText | None = None
    networks: NetworkTexts = ()
    approved: UUID | None = None


class MakeToken(Body, frozen=True, kw_only=True):
    """What an account's next token is bound to; what is left out is as with the one before. `approved`: as of an account."""

    MULTILINE: ClassVar[frozenset[str]] = frozenset({"bound_to"})

    bound_to: HolderText | None = None
    networks: NetworkTexts = ()
    approved: UUID | None = None
