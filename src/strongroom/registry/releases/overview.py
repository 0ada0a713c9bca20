"""Releases as people look at them: all at once, one with everything that was said of it, and what waits for an approver.

Nothing here decides: it is `admission.judge` that says what may serve, as for a deployment.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refused, hidden
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.registry import dsse, oms
from strongroom.registry import tables as registry_tables
from strongroom.registry.admission.case import Case
from strongroom.registry.admission.judge import judge, words
from strongroom.registry.admission.manifest import File
from strongroom.registry.admission.model import (
    PROVEN,
    EvidenceKind,
    Found,
    OwnKeys,
    Standing,
    Subject,
    Word,
)
from strongroom.registry.admission.service import Admission, manifest_of
from strongroom.registry.admission.statements import Scanned, read_scan
from strongroom.registry.model import Release
from strongroom.registry.oms.service import verify_statement
from strongroom.registry.releases import tables
from strongroom.registry.serving import tables as serving_tables
from strongroom.registry.serving.model import Serves

MOST: Final = 500
"""Releases that are judged for one answer."""


class Surveyed(msgspec.Struct, frozen=True, kw_only=True):
    """A release, and its standing in each environment."""

    release: Release
    standing: tuple[Standing, ...]


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict of the scanner that this installation signed.

    Attributes:
        at: when it was kept.
        passed: whether it is clean.
        current: whether it is by today's rules.
        rules: names of the rules that something in it goes against.
        signer: the id of the scanner's key.
    """

    at: datetime
    passed: bool
    current: bool
    rules: tuple[str, ...]
    signer: str


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """A signature over a release that holds: whose, and when it was kept."""

    at: datetime
    signer: str


class Dossier(msgspec.Struct, frozen=True, kw_only=True):
    """A release with everything that was said of it.

    Attributes:
        release: as the catalogue names it.
        files: of its manifest; none where that is missing.
        standing: whether it may serve where, and every reason.
        author: who brought it, as the newest verdict says; empty: there is none.
        risk: how much may go wrong with it, from there too.
        scans: the verdicts, newest first.
        signatures: those that hold, newest first.
        words: the approvals, newest first.
        demanded: how many people must approve it in each environment.
        own_key: whether an approver must sign with a key of their own.
        serving: deployments that lack something, and go on or are stopped.
    """

    release: Release
    files: tuple[File, ...]
    standing: tuple[Standing, ...]
    author: str
    risk: str
    scans: tuple[Looked, ...]
    signatures: tuple[Signature, ...]
    words: tuple[Word, ...]
    demanded: dict[Environment, int]
    own_key: bool
    serving: tuple[Serves, ...] = ()


class Awaiting(msgspec.Struct, frozen=True, kw_only=True):
    """A release that lacks approvals somewhere, and nothing that must come before.

    Attributes:
        subject: the release.
        owner: whose own it is, by id; None: the installation's.
        environments: where, each with what is missing in words.
        risk: how much may go wrong with it.
        author: who brought it.
    """

    subject: Subject
    owner: TenantId | None
    environments: dict[Environment, str]
    risk: str
    author: str


class Overview:
    """Looks at releases."""

    def __init__(self, gate: Gate, admission: Admission, own: OwnKeys | None = None) -> None:
        """Take what is needed; `own` says whose keys count under approvals."""
        self._gate = gate
        self._admission = admission
        self._own = own or OwnKeys()

    async def survey(self, who: Principal, tenant: TenantId | None, ask: Ask) -> list[Surveyed]:
        """Return the catalogue, with the caller's or `tenant`'s own, each with its standing there."""
        whose = tenant or who.tenant
        async with self._admission.reading(who, "", "", tenant, ask) as tx:
            around = await self._admission.around(tx)
            found: list[Surveyed] = []
            for release in (await registry_tables.releases(tx, whose))[:MOST]:
                case = await self._admission.case(tx, _found(release), around=around)
                found.append(Surveyed(release=release, standing=_standing(case, whose)))
        return found

    async def dossier(self, who: Principal, name: str, version: str, tenant: TenantId | None, ask: Ask) -> Dossier:
        """Return a release with everything that was said of it.

        Raises:
            Refused: hidden for a release that there is not.
        """
        whose = tenant or who.tenant
        async with self._admission.reading(who, name, version, tenant, ask) as tx:
            found = await self._admission.named(tx, name, version, whose)
            case = await self._admission.case(tx, found)
            listed = await registry_tables.releases(tx, found.owner)
            serving = await serving_tables.of_release(tx, found.subject.digest)
        release = next(
            (each for each in listed if (each.digest, each.tenant) == (found.subject.digest, found.owner)), None
        )
        if release is None:
            raise Refused(hidden(f"no release {name}@{version}"))
        manifest, scans = manifest_of(case), list(_scans(case))
        author, risk = (scans[0][1].author, scans[0][1].risk) if scans else ("", None)
        return Dossier(
            release=release,
            files=() if manifest is None else manifest.files,
            standing=_standing(case, whose),
            author=author,
            risk="" if risk is None else str(risk),
            scans=tuple(
                Looked(
                    at=at,
                    passed=each.passed,
                    current=each.ruleset == case.ruleset,
                    rules=each.rules,
                    signer=each.signer,
                )
                for at, each in scans
            ),
            signatures=tuple(_signatures(case)),
            # For whom else it was approved, and why, is nothing of a tenant's.
            words=tuple(
                each for each in words(case, author) if who.tenant is None or each.tenant in {None, str(who.tenant)}
            ),
            demanded={}
            if risk is None or case.policy.trouble
            else {each: case.policy.of(each, risk).people(each, risk.value) for each in Environment},
            own_key=self._own.demanded,
            serving=serving,
        )

    async def awaiting(self, who: Principal, ask: Ask) -> list[Awaiting]:
        """Return what waits for the approval of `who`: not what they brought, nor where their word counts already."""
        async with self._gate.permit_platform(who, Action.MODEL_LIST, Resource(kind=Kind.RELEASE), ask) as tx:
            around, found = await self._admission.around(tx), list[Awaiting]()
            for owner in await tables.owners(tx):
                for release in (await registry_tables.releases(tx, owner))[:MOST]:
                    if release.tenant != owner:
                        continue
                    case = await self._admission.case(tx, _found(release), around=around)
                    if (waiting := _awaiting(case, owner, who)) is not None:
                        found.append(waiting)
        return found


def _found(release: Release) -> Found:
    owner = None if release.tenant is None else TenantId(release.tenant)
    return Found(Subject(digest=release.digest, name=release.name, version=release.version), owner)


def _standing(case: Case, whose: TenantId | None) -> tuple[Standing, ...]:
    return tuple(judge(case, each, None if whose is None else str(whose)) for each in Environment)


def _scans(case: Case) -> Iterator[tuple[datetime, Scanned]]:
    for each in case.of(EvidenceKind.SCAN):
        with contextlib.suppress(dsse.BadEnvelope):
            said = read_scan(each.statement, case.keys.scanners())
            if said.subject == case.subject:
                yield each.made_at, said


def _signatures(case: Case) -> Iterator[Signature]:
    for each in case.of(EvidenceKind.SIGNATURE):
        with contextlib.suppress(oms.BadSignature):
            said = verify_statement(each.statement, case.keys.signers())
            if said.signed.name == case.subject.called:
                yield Signature(at=each.made_at, signer=said.signer.removeprefix("key "))


def _awaiting(case: Case, owner: TenantId | None, who: Principal) -> Awaiting | None:
    said = next((each for _, each in _scans(case)), None)
    if said is None or said.author == who.name:
        return None
    mine = {each.environment for each in words(case, said.author) if each.counts and each.approver == who.name}
    missing = {
        each.environment: lacking
        for each in _standing(case, owner)
        if each.environment not in mine and not each.lacks(PROVEN) and (lacking := each.lacks({"approval"}))
    }
    if not missing:
        return None
    return Awaiting(subject=case.subject, owner=owner, environments=missing, risk=str(said.risk), author=said.author)
