"""OpenBao (or HashiCorp Vault) as the keystore: its transit engine holds tenants' keys, its KV engine the wrapped data keys.

Always true here:
- a tenant's key is never exportable and never seen: data keys are wrapped and unwrapped by the server;
- each tenant has a namespace of its own, or, where the server has none, names of its own under shared mounts;
- the supervisor logs in by AppRole or by its Kubernetes service account and renews its lease; no token stands in a setting;
- sealed, unreachable or refused is `VaultUnavailable`, saying which.
"""

from strongroom.vault.openbao.client import AppRole, Client, Kubernetes
from strongroom.vault.openbao.keystore import OpenBaoKeystore

__all__ = ["AppRole", "Client", "Kubernetes", "OpenBaoKeystore"]
