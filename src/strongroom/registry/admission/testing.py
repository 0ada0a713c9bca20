"""Releases for tests and measurements: of one small file each, proven and approved as any other."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from typing import Final

from blake3 import blake3

from strongroom.identity.accounts import Accounts
from strongroom.kernel.clock import SystemClock, rfc3339
from strongroom.kernel.ids import KeyId, Name
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Ask
from strongroom.registry.admission.manifest import File, Manifest
from strongroom.registry.admission.model import Proof, Risk, Subject
from strongroom.registry.admission.service import Admission
from strongroom.registry.channels.service import Channels
from strongroom.registry.model import Format, Operation, Release
from strongroom.registry.scan import FileReport, Report, Verdict
from strongroom.registry.scan.inspect import inspect
from strongroom.registry.scan.model import Totals
from strongroom.registry.scan.rules import ruleset_digest
from strongroom.registry.scan.service import scanner
from strongroom.registry.service import Registry

PATH: Final = "model.txt"
APPROVERS: Final = (Name("first-approver"), Name("second-approver"))


def content(name: str) -> bytes:
    """Return the one file of a release."""
    return f"the model {name}\n".encode()


def manifest_of(name: str) -> Manifest:
    """Return the manifest of a release."""
    data = content(name)
    sums = hashlib.sha256(data).hexdigest(), blake3(data).hexdigest()
    return Manifest((File(path=PATH, sha256=sums[0], size=len(data), blake3=sums[1]),), 2)


def digest_of(name: str) -> str:
    """Return the digest of a release."""
    return manifest_of(name).digest


def release_of(name: str, kind: Operation = Operation.CHAT, written: Format = Format.GGUF) -> Release:
    """Return a release, as the catalogue lists it."""
    return Release(
        digest=digest_of(name), name=name, version="1", kind=kind, format=written, bytes=len(content(name)),
        source="made for a test", admitted_at=SystemClock().now(),
    )  # fmt: skip


def prover(admission: Admission, name: str, author: str = "somebody") -> Callable[[Subject], Proof]:
    """Return what proves a release, by a scan of its file in this process."""

    def prove(subject: Subject) -> Proof:
        return admission.seal(subject, manifest_of(name).encoded(), _report(content(name)), author, Risk.STANDARD)

    return prove


async def admitted(
    registry: Registry,
    admission: Admission,
    channels: Channels,
    accounts: Accounts,
    by: Principal,
    releases: Sequence[Release],
) -> None:
    """Admit releases as one is: scanned, signed, approved and promoted everywhere."""
    assert not await channels.renew(by, Ask())  # noqa: S101 - a new database has none to be in trouble
    for release in releases:
        await registry.admit(by, release, Ask(), prover(admission, release.name))
    await approve_everywhere(admission, accounts, by, releases)
    for release in releases:
        for environment in Environment:
            if release.format.barred_from(environment) is None:
                await channels.promote(by, release.name, release.version, environment, "a test", Ask())


async def approve_everywhere(
    admission: Admission, accounts: Accounts, by: Principal, releases: Sequence[Release]
) -> None:
    """Have two approvers, made for it, approve releases in every environment."""
    ask = Ask()
    known = {each.name for each in await accounts.list(by, ask)}
    for name in APPROVERS:
        if name not in known:
            await accounts.create(by, name, Role.APPROVER, ask=ask)
        who = Principal(role=Role.APPROVER, name=name, credential=KeyId(""))
        for release in releases:
            for environment in Environment:
                await admission.approve(
                    who, release.name, release.version, environment, tenant=None, days=30, reason="a test", ask=ask
                )


def _report(data: bytes) -> Report:
    descriptor = os.memfd_create("release")
    try:
        os.write(descriptor, data)
        found: FileReport = inspect(descriptor, PATH, len(data)).report
    finally:
        os.close(descriptor)
    clean = int(found.verdict is Verdict.CLEAN)
    return Report(
        path=PATH, verdict=found.verdict, scanner=scanner(), ruleset=ruleset_digest(), plugins=(), sandbox=(),
        started_at=rfc3339(SystemClock().now()), seconds=0.0, findings=(), files=(found,),
        totals=Totals(files=1, bytes=len(data), clean=clean, refused=1 - clean, undetermined=0),
    )  # fmt: skip
