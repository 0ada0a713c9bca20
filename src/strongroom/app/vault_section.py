"""The settings of the vault, and what every section of the settings shares."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class SettingsError(Exception):
    """The settings cannot be used; the message names the setting, its source and the rule."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section."""


class VaultSection(Section, frozen=True, kw_only=True):
    """Where tenants' keys are."""

    kind: Annotated[
        Literal["embedded", "openbao"],
        Meta(description="`embedded` keeps tenants' keys in HOME/secrets; `openbao` in OpenBao or HashiCorp Vault."),
    ] = "embedded"
    address: Annotated[str | None, Meta(description="Where the OpenBao server is: https://host:port.")] = None
    ca: Annotated[str | None, Meta(description="PEM file of the authorities behind its certificate.")] = None
    namespace: Annotated[str, Meta(description="The OpenBao namespace that all of it stands in; empty: the root.")] = ""
    separation: Annotated[
        Literal["namespaces", "names"],
        Meta(
            description=(
                "`namespaces` gives each tenant a namespace below `namespace`; `names`, for servers without them, names of "
                "its own under shared mounts."
            )
        ),
    ] = "namespaces"
    mount: Annotated[
        str,
        Meta(
            pattern="^[a-z0-9][a-z0-9-]{0,47}$",
            description="First part of the names of the mounts in use: MOUNT-transit and MOUNT-kv.",
        ),
    ] = "strongroom"
    auth: Annotated[Literal["approle", "kubernetes"], Meta(description="How to log in to it.")] = "approle"
    auth_mount: Annotated[str | None, Meta(description="Where that method is mounted; unset: under its own name.")] = (
        None
    )
    role: Annotated[str | None, Meta(description="The AppRole's role id, or the Kubernetes role's name.")] = None
    secret_id_file: Annotated[str | None, Meta(description="File with the AppRole's secret id, mode 0600.")] = None
    units_directory: Annotated[
        str | None,
        Meta(
            description=(
                "Logins of business units: a directory for each, named as the unit, with its AppRole's `role-id` and "
                "`secret-id` in the namespace units/NAME."
            )
        ),
    ] = None
    account_file: Annotated[str, Meta(description="File with the service account's token that the cluster mounts.")] = (
        "/var/run/secrets/kubernetes.io/serviceaccount/token"
    )


def check_vault(vault: VaultSection) -> None:
    """Refuse what no single value shows to be wrong.

    Raises:
        SettingsError: naming the setting.
    """
    if vault.kind == "embedded":
        if vault.address is not None:
            raise SettingsError('`vault.address` needs `vault.kind = "openbao"`')
        return
    try:
        parts = urlsplit(vault.address or "")
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if not host or parts.scheme not in {"https", "http"} or parts.path.strip("/"):
        raise SettingsError("`vault.address` is https://host:port of the OpenBao server")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise SettingsError(f"`vault.address` is {vault.address}: plain HTTP is for loopback only")
    if vault.units_directory is not None and vault.separation == "names":
        raise SettingsError('`vault.units_directory` needs `vault.separation = "namespaces"`')
    if vault.role is None:
        raise SettingsError("`vault.role` names the AppRole's role id, or the Kubernetes role")
    if vault.auth == "approle" and vault.secret_id_file is None:
        raise SettingsError("`vault.secret_id_file` names the file with the AppRole's secret id")
