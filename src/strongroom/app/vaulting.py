"""Which keystore an installation has, by its settings; the supervisor alone opens it."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from strongroom.app import uids
from strongroom.app.layout import Layout
from strongroom.app.refusals import USAGE, CannotStart
from strongroom.app.settings import Settings, VaultSection
from strongroom.app.uids import uid
from strongroom.kernel.clock import SystemClock
from strongroom.vault import Broker, FileKeystore, Keyring, Keystore
from strongroom.vault.openbao import AppRole, Client, Kubernetes, OpenBaoKeystore, Units


@asynccontextmanager
async def keystore(settings: Settings, places: Layout, keyring: Keyring) -> AsyncGenerator[Keystore]:
    """Yield the keystore that the settings name. Nothing is asked of it yet.

    Raises:
        CannotStart: when a file that the settings name cannot be read.
    """
    clock, section = SystemClock(), settings.vault
    if section.kind == "embedded":
        yield FileKeystore(places.vault, keyring, clock)
        return
    ca = _authorities(section)

    def of_unit(namespace: str, login: AppRole) -> Client:
        inside = f"{section.namespace.strip('/')}/{namespace}".strip("/")
        return Client(section.address or "", login, clock, ca=ca, namespace=inside)

    client = Client(section.address or "", _login(section), clock, ca=ca, namespace=section.namespace)
    units = Units(None if section.units_directory is None else Path(section.units_directory), of_unit)
    apart = section.separation == "namespaces"
    try:
        yield OpenBaoKeystore(client, clock, mount=section.mount, namespaces=apart, units=units)
    finally:
        await units.close()
        await client.close()


@asynccontextmanager
async def brokered(settings: Settings, places: Layout, keyring: Keyring) -> AsyncGenerator[tuple[Keystore, Broker]]:
    """Yield the keystore, and the broker that answers our processes for it."""
    async with AsyncExitStack() as stack:
        # Its own keyring: a root key that is added while we run seals tenants' keys at once. What processes derive from
        # the keyring changes for all of them at the next start, for they must agree on it.
        opened = await stack.enter_async_context(keystore(settings, places, keyring))
        broker = Broker(opened)
        asked_by = frozenset({uid(settings, uids.CONTROL) or os.geteuid(), uid(settings, uids.GATEWAY) or os.geteuid()})
        await stack.enter_async_context(broker.serving(places.vault_socket, asked_by))
        yield opened, broker


def _authorities(section: VaultSection) -> str | None:
    try:
        return None if section.ca is None else Path(section.ca).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise CannotStart(f"`vault.ca`: {error}", USAGE) from None


def _login(section: VaultSection) -> AppRole | Kubernetes:
    if section.auth == "approle":
        return AppRole(section.role or "", Path(section.secret_id_file or ""), section.auth_mount or "approle")
    return Kubernetes(section.role or "", Path(section.account_file), section.auth_mount or "kubernetes")
