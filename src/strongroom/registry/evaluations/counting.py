"""Which evaluations of a release count: signed by this installation, not over, and passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from strongroom.kernel.clock import Clock
from strongroom.kernel.principal import Environment
from strongroom.registry import dsse
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.evaluations import statements, tables
from strongroom.registry.evaluations.model import Evaluated
from strongroom.store import OperatorTx, TenantTx


class Counting:
    """Reads evaluations, and tells which count."""

    def __init__(self, keys: RegistryKeys, clock: Clock) -> None:
        self._keys: Final = keys
        self._clock: Final = clock

    async def passing(
        self,
        tx: OperatorTx | TenantTx,
        release: str,
        *,
        environment: Environment | None = None,
        suite: str | None = None,
    ) -> tuple[Evaluated, ...]:
        """Return the evaluations of a release that count.

        Of each suite, by its digest, the newest in each tenant's environment counts alone: what failed since is not
        passed by what passed before.

        Args:
            tx: a tenant's sees that tenant's evaluations, an operator's all of them.
            release: the digest of its manifest.
            environment: evaluated there; None: anywhere.
            suite: of the suite with this name, any version; None: of any.
        """
        tenant = str(tx.tenant) if isinstance(tx, TenantTx) else None
        rows = await (tables.of_tenant(tx, release) if isinstance(tx, TenantTx) else tables.of_release(tx, release))
        newest: dict[tuple[str, str, str], Evaluated] = {}
        for each in self.read(rows, tenant=tenant, release=release):
            if environment in {None, each.environment} and suite in {None, each.suite.partition("@")[0]}:
                newest.setdefault((each.tenant, each.environment, each.suite_digest), each)
        now = self._clock.now()
        return tuple(each for each in newest.values() if each.passed and now < each.expires)

    def read(self, rows: Sequence[bytes], *, tenant: str | None, release: str | None = None) -> list[Evaluated]:
        """Return what statements say whose signatures hold, newest first: of one tenant, of one release, or of all."""
        found: list[Evaluated] = []
        for row in rows:
            try:
                each = statements.read(row, self._keys.evaluators())
            except dsse.BadEnvelope:
                continue  # a row that somebody wrote by hand counts for nothing
            if tenant in {None, each.tenant} and release in {None, each.release}:
                found.append(each)
        return sorted(found, key=lambda each: each.at, reverse=True)
