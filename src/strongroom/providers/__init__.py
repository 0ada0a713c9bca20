"""Upstreams outside this machine: who runs them, where, under which agreement, and how they are reached.

Always true here:
- an address is the operator's configuration: resolved, checked and pinned; no request names one;
- a provider without a current assessment, an agreement and a region is never routed to;
- a provider's secret is sealed by the vault room before it is stored, and opened in the process that uses it alone;
- what the gateways reach providers by is published in the transaction that changes it.
"""

from strongroom.providers.book import Book
from strongroom.providers.documents import PROVIDER, ProviderDocument
from strongroom.providers.model import Engine, Offer, Provider, ProviderKind, obstacle
from strongroom.providers.secrets import Secret, open_secret
from strongroom.providers.service import Providers
from strongroom.wire.addresses import AddressRefused, Networks, Resolver

__all__ = [
    "PROVIDER",
    "AddressRefused",
    "Book",
    "Engine",
    "Networks",
    "Offer",
    "Provider",
    "ProviderDocument",
    "ProviderKind",
    "Providers",
    "Resolver",
    "Secret",
    "obstacle",
    "open_secret",
]
