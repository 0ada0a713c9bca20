"""What `--demo` puts there: two tenants with keys, three models, an operator and two approvers; all of it ordinary.

Nothing is made twice. A credential in `demo.json` is kept while it works and for a day more; one that has ended, was
revoked or was lost is made anew and its predecessor revoked.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from strongroom.app import demo_rules
from strongroom.app.models import LocalRelease
from strongroom.identity import Directory, Identity
from strongroom.identity.accounts import Accounts
from strongroom.identity.secretkey import read
from strongroom.identity.service import loopback_exception
from strongroom.kernel.clock import Clock, rfc3339
from strongroom.kernel.ids import KeyId, Name, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.providers import Providers
from strongroom.registry import Operation, Registry, Release
from strongroom.registry.admission import Admission, Risk
from strongroom.registry.admission.model import PROMOTABLE, PROVEN
from strongroom.registry.admission.signed import MAX_DAYS
from strongroom.registry.channels.model import Channel
from strongroom.registry.channels.service import Channels
from strongroom.rules import Level, Rules
from strongroom.runtime.digests import manifest
from strongroom.store.archive import Manifest

TENANTS: Final = (Name("acme"), Name("globex"))
ROLES: Final = (Role.INFERENCE, Role.EVALUATION)
APPROVERS: Final = (Name("approver-1"), Name("approver-2"))
OPERATOR: Final = Name("operator")
DAYS: Final = 7
_RENEW_S: Final = 24 * 3600.0

INSTALLER: Final = Principal(role=Role.OPERATOR, name="strongroom-up", credential=KeyId(""))
"""The supervisor while it sets up its own installation: the one principal that no credential stands for."""

_CALLED: Final = {Operation.INFER: "tabular"}
"""What `demo.json` calls a model by what it is, where that is another word than what it is asked for."""

_STEP: Final = 100
_ASK: Final = Ask(detail={"by": "demo"})


class _Token(msgspec.Struct, frozen=True):
    token: str

    def __repr__(self) -> str:
        return "_Token()"


class DemoFile(msgspec.Struct, frozen=True, kw_only=True):
    """HOME/demo.json. Its shape is a contract: scripts read it."""

    gateway: str
    control: str
    operator: _Token
    approvers: dict[str, _Token]
    tenants: dict[str, dict[str, dict[str, str]]]
    models: dict[str, str]

    def __repr__(self) -> str:
        """Show no credential."""
        return "DemoFile()"


@dataclass(frozen=True, slots=True)
class Seed:
    """Seeds one installation through the same services that everybody uses."""

    identity: Identity
    accounts: Accounts
    registry: Registry
    admission: Admission
    channels: Channels
    directory: Directory
    clock: Clock
    gate: Gate
    rules: Rules
    providers: Providers

    async def admit(self, releases: Sequence[LocalRelease]) -> None:
        """Put the releases that this machine serves into the catalogue, scanned and signed."""
        for release in releases:
            files = {each.name: each.path for each in release.artefacts}
            written = manifest(release.artefacts)
            prove = partial(
                self.admission.prove, manifest=written, files=files, author=INSTALLER.name, risk=Risk.STANDARD
            )
            await self.registry.admit(INSTALLER, release.record, Ask(), prove)

    async def move_secrets(self) -> None:
        """Move providers' secrets, which earlier versions kept in the database, to the vault.

        Raises:
            Refused: when the vault cannot be used.
        """
        while (await self.providers.move_secrets(INSTALLER, _STEP, Ask(detail={"by": "upgrade"}))).left:
            pass

    async def record_restore(self, manifest: Manifest, *, keep_keys: bool) -> None:
        """Write into the installation's log that its database came back from a backup."""
        ask = Ask(detail={"backup_of": rfc3339(manifest.created_at), "keys": "kept" if keep_keys else "revoked"})
        resource = Resource(kind=Kind.CONFIGURATION, id="database")
        async with self.gate.permit_platform(INSTALLER, Action.DATABASE_RESTORE, resource, ask):
            pass  # done already; the entry is what is wanted

    async def recover_channels(self) -> None:
        """Begin the channels anew after a backup was restored; what this machine knows to be revoked stays so."""
        for channel in Channel:
            await self.channels.recover(INSTALLER, channel, "a backup was restored", Ask(detail={"by": "restore"}))

    async def demo(self, path: Path, releases: Sequence[Release], gateway: str, control: str) -> None:
        """Make what is missing of the demo and write `path`."""
        before = _read(path)
        found = {tenant.name: TenantId(tenant.id) for tenant in await self.identity.list_tenants(INSTALLER, _ASK)}
        approvers = {
            name: _Token(
                await self._account(name, Role.APPROVER, None if before is None else before.approvers.get(name))
            )
            for name in APPROVERS
        }
        for release in releases:
            await self._approve(release, approvers)
            await self._promote(release)
        ready = {
            (standing.environment, release.name)
            for release in releases
            for standing in (await self.admission.show(INSTALLER, release.name, release.version, None, _ASK)).standing
            if standing.may_serve
        }
        tenants: dict[str, dict[str, dict[str, str]]] = {}
        for name in TENANTS:
            old = {} if before is None else before.tenants.get(name, {})
            tenants[name] = await self._tenant(name, found.get(name), releases, ready, old)
        document = DemoFile(
            gateway=gateway,
            control=control,
            operator=_Token(await self._account(OPERATOR, Role.OPERATOR, None if before is None else before.operator)),
            approvers=dict(approvers.items()),
            tenants=tenants,
            models={_CALLED.get(release.kind, str(release.kind)): release.name for release in releases},
        )
        _write(path, document)

    async def _approve(self, release: Release, approvers: Mapping[Name, _Token]) -> None:
        """Have the demo's two approvers say yes to a release, where their word is missing or has ended."""
        shown = await self.admission.show(INSTALLER, release.name, release.version, None, _ASK)
        for standing in shown.standing:
            for name, held in approvers.items() if standing.lacks({"approval"}) and not standing.lacks(PROVEN) else ():
                who = Principal(role=Role.APPROVER, name=name, credential=read(held.token) or KeyId(""))
                await self.admission.approve(
                    who,
                    release.name,
                    release.version,
                    standing.environment,
                    tenant=None,
                    days=MAX_DAYS,
                    reason="the demonstration's own",
                    ask=_ASK,
                )

    async def _promote(self, release: Release) -> None:
        """Promote a release wherever none of its name was promoted yet: what somebody did since stays as it is."""
        judged = await self.admission.show(INSTALLER, release.name, release.version, None, _ASK)
        for standing in judged.standing:
            environment = standing.environment
            shown = await self.channels.show(INSTALLER, Channel.of(environment), _ASK)
            named = any(each.name == release.name for each in shown.promoted)
            if shown.status.usable and not named and not standing.lacks(PROMOTABLE):
                await self.channels.promote(
                    INSTALLER, release.name, release.version, environment, "the demonstration's own", _ASK
                )

    async def _tenant(
        self,
        name: Name,
        tenant: TenantId | None,
        releases: Sequence[Release],
        ready: AbstractSet[tuple[Environment, str]],
        old: Mapping[str, Mapping[str, str]],
    ) -> dict[str, dict[str, str]]:
        if tenant is None:
            tenant = TenantId((await self.identity.create_tenant(INSTALLER, name, _ASK)).id)
        await self._ceilings(tenant)
        workloads = {
            (each.environment, each.name) for each in await self.identity.list_workloads(INSTALLER, tenant, _ASK)
        }
        deployed = {
            (each.environment, each.name) for each in await self.registry.list_deployments(INSTALLER, tenant, _ASK)
        }
        keys: dict[str, dict[str, str]] = {}
        for environment in Environment:
            for release in releases:
                if (environment, release.name) not in deployed and (environment, release.name) in ready:
                    await self.registry.deploy(INSTALLER, tenant, environment, Name(release.name), release.digest, _ASK)
            keys[environment] = {}
            for role in ROLES:
                if (environment, str(role)) not in workloads:
                    await self.identity.create_workload(
                        INSTALLER,
                        tenant,
                        environment=environment,
                        name=Name(str(role)),
                        role=role,
                        owner=f"{role} team of {name} (demo)",
                        ask=_ASK,
                    )
                held = old.get(environment, {}).get(f"{role}_key")
                keys[environment][f"{role}_key"] = await self._key(tenant, environment, role, held)
        return keys

    async def _ceilings(self, tenant: TenantId) -> None:
        """Write the ceilings that nobody has written yet: what an operator changed or withdrew stays as it is."""
        written = {(each.kind, each.level) for each in await self.rules.in_force(INSTALLER, tenant, _ASK)}
        for file in demo_rules.documents():
            if (file.kind.name, Level.CEILING) not in written:
                await self.rules.write(
                    INSTALLER,
                    tenant,
                    file.kind.name,
                    Level.CEILING,
                    file.document,
                    expected=0,
                    reason="the demonstration's own",
                    ask=_ASK,
                )

    async def _key(self, tenant: TenantId, environment: Environment, role: Role, held: str | None) -> str:
        if held is not None and self._lasts(held):
            return held
        old = None if held is None else read(held)
        if old is not None and (holder := self.directory.holder(old)) is not None and holder.tenant == tenant:
            await self.identity.revoke_key(INSTALLER, tenant, old, "replaced by a new demo key", _ASK)
        made = await self.identity.create_key(
            INSTALLER,
            tenant,
            environment=environment,
            workload=Name(str(role)),
            label="demo",
            days=DAYS,
            exception=loopback_exception(self.clock.now(), DAYS),
            ask=_ASK,
        )
        return made.secret

    async def _account(self, name: Name, role: Role, held: _Token | None) -> str:
        if held is not None and self._lasts(held.token):
            return held.token
        if any(account.name == name for account in await self.accounts.list(INSTALLER, _ASK)):
            return (await self.accounts.reissue(INSTALLER, name, _ASK)).token
        return (await self.accounts.create(INSTALLER, name, role, demo=True, ask=_ASK)).token

    def _lasts(self, text: str) -> bool:
        """Whether a credential works here now and for another day."""
        if not isinstance(self.directory.authenticate(text, "127.0.0.1"), Principal):
            return False
        key_id = read(text)
        ends = None if key_id is None else self.directory.expires_at(key_id)
        return ends is not None and ends > self.clock.now().timestamp() + _RENEW_S


def _read(path: Path) -> DemoFile | None:
    """Return what an earlier start wrote; a file that cannot be read is made anew."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=DemoFile)
    except (OSError, msgspec.MsgspecError):
        return None


def _write(path: Path, document: DemoFile) -> None:
    """Write 0600 and whole: a reader sees the old file or the new one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
