"""What the kind `approval` may demand of evidence that others made: bills of materials, scans, provenance.

Always true here:
- evidence counts by a key that the demand itself names: whose word it is stands in the sealed document, and in no row;
- demands are added up and never traded: an exception excuses within the demand that names it, and in no other;
- what cannot be told (when something was found, how bad it is) counts as the worst.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Final, Literal, TypeAlias, cast

import msgspec
from msgspec import Meta

from strongroom.rules.model import DocumentError, NamePattern
from strongroom.signatures.keys import BadKey, PublicKey

About: TypeAlias = Literal["release", "runtime", "image"]
"""What evidence is about: the release that is deployed, the installation that serves it, the image that this runs in."""

Severity: TypeAlias = Literal["low", "medium", "high", "critical"]
SEVERITIES: Final = cast("tuple[Severity, ...]", ("low", "medium", "high", "critical"))
"""Least first."""

VEX_DAYS: Final = 365
"""How old a word may be that excuses a vulnerability, where a demand does not say."""

MOST_DAYS: Final = 3650
_Days: TypeAlias = Annotated[int, Meta(ge=1, le=MOST_DAYS)]
_Uri: TypeAlias = Annotated[str, Meta(pattern=r"^[!-~]+$(?!\n)", min_length=1, max_length=300)]
_Digest: TypeAlias = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$(?!\n)", max_length=71)]
_Id: TypeAlias = Annotated[str, Meta(pattern=r"^[!-~]+$(?!\n)", min_length=1, max_length=100)]
_Day: TypeAlias = Annotated[str, Meta(pattern=r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]$(?!\n)", max_length=10)]


class Excepted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vulnerability that is let through for a while.

    Attributes:
        vulnerability: its id, as scanners write it.
        owner: who answers for it.
        reason: why.
        expires: the first day on which it holds no more, in UTC.
    """

    vulnerability: _Id
    owner: NamePattern
    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    expires: _Day


class EvidenceDemand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What evidence about one thing must be there, signed by whom, and say what.

    Attributes:
        about: what it is about.
        keys: public keys, in PEM or JWK, of which one has signed it.
        bill: a bill of materials.
        scanned_days: a scan for vulnerabilities that is no older.
        severity: no vulnerability that is as severe, or more.
        grace_days: but for those that were published within so many days.
        vex_days: but for those that VEX excuses which is no older; 365 unless said.
        exceptions: but for these.
        builders: provenance by one of these builders, by the id that it says.
        sources: and of one of these sources.
        build_types: and of one of these types of build.
        digests: it is one of these, whatever evidence there is.
    """

    about: About
    keys: Annotated[tuple[Annotated[str, Meta(max_length=2000)], ...], Meta(max_length=10)] = ()
    bill: bool = False
    scanned_days: _Days | None = None
    severity: Severity | None = None
    grace_days: _Days | None = None
    vex_days: _Days | None = None
    exceptions: Annotated[tuple[Excepted, ...], Meta(max_length=50)] = ()
    builders: Annotated[tuple[_Uri, ...], Meta(max_length=10)] = ()
    sources: Annotated[tuple[_Uri, ...], Meta(max_length=20)] = ()
    build_types: Annotated[tuple[_Uri, ...], Meta(max_length=10)] = ()
    digests: Annotated[tuple[_Digest, ...], Meta(max_length=50)] = ()

    @property
    def needs_evidence(self) -> bool:
        """Whether it takes more than the digest itself."""
        return self.bill or self.scanned_days is not None or bool(self.builders)

    @property
    def signers(self) -> dict[str, PublicKey]:
        """Return the keys that it names, by id."""
        found = (PublicKey.read(each) for each in self.keys)
        return {each.id: each for each in found}

    @property
    def words(self) -> str:
        """Say it in plain words."""
        said = ["a bill of materials"] if self.bill else []
        if self.scanned_days is not None:
            said.append(f"a scan of the last {self.scanned_days} days")
        if self.severity is not None:
            grace = "" if self.grace_days is None else f" that was published {self.grace_days} days ago or before"
            said.append(f"no vulnerability of severity {self.severity} or worse{grace}")
        if self.vex_days is not None:
            said.append(f"what excuses one is no older than {self.vex_days} days")
        if self.exceptions:
            said.append(
                f"but for {', '.join(f'{each.vulnerability} until {each.expires}' for each in self.exceptions)}"
            )
        if self.builders:
            said.append(f"provenance by {' or '.join(self.builders)}")
        if self.sources:
            said.append(f"from {' or '.join(self.sources)}")
        if self.build_types:
            said.append(f"built as {' or '.join(self.build_types)}")
        if self.digests:
            said.append(f"a digest that is one of {len(self.digests)}")
        return f"of the {self.about}: {', '.join(said)}"


def check_demands(demands: Iterable[EvidenceDemand], place: str) -> None:
    """Refuse what demands nothing, could never be met, or names nobody whose word would count.

    Raises:
        DocumentError: saying which demand and why.
    """
    for index, each in enumerate(demands):
        here = f"{place}.evidence[{index}]"
        if not (each.needs_evidence or each.digests):
            tell = "It demands nothing: say `bill`, `scanned_days`, `builders` or `digests`"
            raise DocumentError(tell, here)
        if each.severity is not None and each.scanned_days is None:
            tell = "How old a scan may be is missing: without one nobody knows of vulnerabilities"
            raise DocumentError(tell, f"{here}.scanned_days")
        if (each.grace_days is not None or each.vex_days is not None or each.exceptions) and each.severity is None:
            raise DocumentError("It excuses from no severity: say `severity`", f"{here}.severity")
        if (each.sources or each.build_types) and not each.builders:
            raise DocumentError("Provenance is somebody's: say `builders`", f"{here}.builders")
        if each.needs_evidence and not each.keys:
            raise DocumentError("Whose signature counts is missing: evidence is believed by a key", f"{here}.keys")
        _check_keys(each, here)
        _check_exceptions(each, here)


def _check_keys(demand: EvidenceDemand, here: str) -> None:
    for index, text in enumerate(demand.keys):
        try:
            PublicKey.read(text)
        except BadKey as error:
            raise DocumentError(f"It is no key that counts: {error}", f"{here}.keys[{index}]") from None


def _check_exceptions(demand: EvidenceDemand, here: str) -> None:
    for index, each in enumerate(demand.exceptions):
        try:
            date.fromisoformat(each.expires)
        except ValueError:
            raise DocumentError("There is no such day", f"{here}.exceptions[{index}].expires") from None
