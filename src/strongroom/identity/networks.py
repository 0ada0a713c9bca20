"""Networks, and whether an address is in one."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final, TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_WIDEST: Final = {4: 8, 6: 16}


def parse_networks(networks: Sequence[str]) -> tuple[Network, ...]:
    """Return `networks` (CIDR text) parsed.

    Raises:
        ValueError: when one is not a network.
    """
    return tuple(ipaddress.ip_network(text) for text in networks)


def narrow_networks(networks: Sequence[str]) -> tuple[str, ...]:
    """Return `networks` as people write them, if each is one and none is half of the world.

    Raises:
        ValueError: saying which is not.
    """
    for text in networks:
        try:
            network = ipaddress.ip_network(text)
        except ValueError:
            raise ValueError(f"{text} is no network; write one like 10.2.0.0/16 or 2001:db8::/32") from None
        if network.prefixlen < _WIDEST[network.version]:
            raise ValueError(f"{text} is too wide to bind anything: /{_WIDEST[network.version]} at least")
    return tuple(networks)


def within(peer: str, networks: tuple[Network, ...]) -> bool:
    """Return whether an address is in one of `networks`."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:  # a unix socket has no address: a network-bound key cannot be used over it
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
