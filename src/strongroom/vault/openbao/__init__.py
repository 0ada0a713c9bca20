"""OpenBao (or HashiCorp Vault) as the keystore: its transit engine holds tenants' keys, its KV engine the wrapped data keys.

Always true here:
- a tenant's key is never exportable and never seen: data keys are wrapped and unwrapped by the server;
- each tenant has a namespace of its own, or a place in its business unit's, or, where the server has none, names of its own
  under shared mounts;
- a business unit's namespace is reached by that unit's login alone;
- the supervisor logs in by AppRole or by its Kubernetes service account and renews its lease; no token stands in a setting;
- sealed, unreachable or refused is `VaultUnavailable`, saying which.
"""

from strongroom.vault.openbao.client import AppRole, Client, Kubernetes
from strongroom.vault.openbao.keystore import OpenBaoKeystore
from strongroom.vault.openbao.places import Units

__all__ = ["AppRole", "Client", "Kubernetes", "OpenBaoKeystore", "Units"]
