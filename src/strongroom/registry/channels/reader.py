"""Reads channels out of the database, each time anew: verified, fresh, and no older than what this machine has seen."""

from __future__ import annotations

from strongroom.kernel.clock import Clock
from strongroom.kernel.principal import Environment
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.channels import tables
from strongroom.registry.channels.client import Opened, Untrusted, verify
from strongroom.registry.channels.memory import Memory
from strongroom.registry.channels.model import Channel, Verdict
from strongroom.registry.channels.signing import anchors


class Reader:
    """Opens channels."""

    def __init__(self, keys: RegistryKeys, clock: Clock, memory: Memory) -> None:
        self._keys = keys
        self._clock = clock
        self.memory = memory

    async def open(self, tx: tables.Tx, channel: Channel, *, renewing: bool = False) -> Opened:
        """Return a channel.

        Args:
            tx: where to read.
            channel: which.
            renewing: as `verify` says.

        Raises:
            Untrusted: when it cannot be used; `Stale` when it has ended.
        """
        stored = await tables.stored(tx, channel)
        seen = self.memory.seen(channel)
        if stored is None:
            raise Untrusted("there is none any more" if seen is not None else "there is none yet")
        opened = verify(stored, anchors(self._keys, channel), seen, self._clock.now(), renewing=renewing)
        self.memory.keep(channel, opened.seen)
        return opened

    async def may_serve(self, tx: tables.Tx, digest: str, environment: Environment) -> Verdict:
        """Return whether a release may serve in an environment now: promoted there, then or now, and not revoked.

        What is frozen goes on serving. Whether it was scanned, signed and approved was asked when it was promoted.
        """
        try:
            revoked = (await self.open(tx, Channel.REVOCATIONS)).content.revocation_of(digest)
            if revoked is not None:
                return Verdict(may_serve=False, because=revoked.said)
            promoted = (await self.open(tx, Channel.of(environment))).content.of_digest(digest)
        except Untrusted as error:
            return Verdict(may_serve=False, because=f"What may serve in {environment} cannot be told: {error}.")
        if promoted is None:
            return Verdict(may_serve=False, because=f"It is not promoted to {environment}.")
        return Verdict(may_serve=True, because=f"It is promoted to {environment}, as {promoted.called}.")
