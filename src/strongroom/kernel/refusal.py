"""How a no is said: a value with a reason, rendered once at the edge.

An ordinary refusal is a value (`Refusal`); `Refused` carries one through code that yields transactions, where a value
has no way out. Anything else that is raised is a fault: a bug or a broken part.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from strongroom.kernel.ids import KeyId, TenantId


@unique
class RefusalKind(StrEnum):
    """The kinds of no; each dialect maps them to its own status and code."""

    INVALID = "invalid"  # 400: the request cannot be understood
    UNAUTHENTICATED = "unauthenticated"  # 401: no credential that counts
    FORBIDDEN = "forbidden"  # 403: known caller, known resource, not this verb
    HIDDEN = "hidden"  # 404: absent, or not for this caller to know of
    CONFLICT = "conflict"  # 409: what is there now does not allow it
    TOO_LARGE = "too_large"  # 413
    LIMITED = "limited"  # 429: more than a limit allows; whether and when to try again, `retry_after_s` says
    UNAVAILABLE = "unavailable"  # 503: not now; the caller may try again
    UPSTREAM = "upstream"  # 502: the model failed while answering


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One no.

    Attributes:
        kind: which no it is.
        reason: for the operator and the audit log; may name what the caller must not learn.
        tell: for the caller; a full sentence, nothing internal.
        param: the request field at fault, if it is one.
        code: a word for programs that tell this no from others of its kind, where a dialect has one.
        retry_after_s: of LIMITED: seconds after which trying again may help; None: it will not.
        fields: of LIMITED: header fields that say where the caller stands, where its rules disclose them; of UNAUTHENTICATED: those
            that say how to ask again.
        audited: whether it stands in the audit log, though not every no of its kind does.
        signal: a word for who watches, where this no is one of those that tell of an attack; it goes into the audit entry.
        met: what was found in what is refused for it, as direction, type and how often, for its record; never a piece of any.
        about: of UNAUTHENTICATED: whose key it was, where that is known; the entry stands in that tenant's log.
    """

    kind: RefusalKind
    reason: str
    tell: str
    param: str | None = None
    code: str | None = None
    retry_after_s: int | None = None
    fields: tuple[tuple[bytes, bytes], ...] = ()
    audited: bool = False
    signal: str = ""
    about: tuple[TenantId, KeyId] | None = None
    met: tuple[tuple[str, str, int], ...] = ()

    @property
    def word(self) -> str:
        """The kind, with the code where there is one, for records: `hidden`, `invalid:disclosure_denied`."""
        return f"{self.kind}:{self.code}" if self.code else str(self.kind)


class Refused(Exception):  # noqa: N818 - it is not an error: it is an answer
    """Carries a refusal out of a transaction."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


def hidden(reason: str) -> Refusal:
    """Return the one answer for what is missing and for what is not the caller's to see."""
    return Refusal(kind=RefusalKind.HIDDEN, reason=reason, tell="There is no such thing here.")


def invalid(tell: str, *, param: str | None = None, code: str | None = None) -> Refusal:
    """Return a refusal for a request that breaks a rule the caller may know."""
    return Refusal(kind=RefusalKind.INVALID, reason=tell, tell=tell, param=param, code=code)
