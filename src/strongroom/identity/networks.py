"""Networks, and whether an address is in one."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_networks(networks: Sequence[str]) -> tuple[Network, ...]:
    """Return `networks` (CIDR text) parsed.

    Raises:
        ValueError: when one is not a network.
    """
    return tuple(ipaddress.ip_network(text) for text in networks)


def within(peer: str, networks: tuple[Network, ...]) -> bool:
    """Return whether an address is in one of `networks`."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:  # a unix socket has no address: a network-bound key cannot be used over it
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
