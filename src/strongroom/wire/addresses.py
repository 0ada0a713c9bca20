"""Where a provider is: a strict base URL, and addresses that were resolved here and checked.

Always true here:
- a name is resolved by us, every address it has is checked, and one that is refused refuses the name: whoever runs the
  name server cannot hide a refused address among good ones;
- the address that was checked is the one that is connected to (`wire.PinnedTarget`): there is no second look-up in
  between, so no window for rebinding;
- addresses that are not of the public internet are refused unless the operator's own configuration names their network
  (`gateway.upstream_networks`); link-local ones, where clouds keep their metadata, multicast and the unspecified
  address are refused even then;
- an address that carries another within (IPv4-mapped, NAT64, 6to4, Teredo) is judged by both; forms that nothing uses any
  more to carry one (IPv4-compatible, IPv4-translated) are refused.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
LookUp: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host, as text."""

_NEVER: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local; 169.254.169.254 and .170.2 give out cloud credentials
        "100.100.100.200/32",  # metadata (Alibaba Cloud)
        "192.0.0.192/32",  # metadata (Oracle Cloud)
        "168.63.129.16/32",  # the host of a virtual machine (Azure); a public address by number
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "::ffff:0:0:0/96",  # IPv4-translated (RFC 2765, obsolete)
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
        "fd00:ec2::/32",  # metadata and its like (AWS): fd00:ec2::254, ::253, ::23
        "fd20:ce::254/128",  # metadata (Google Cloud)
    )
)
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")  # with an IPv4 address within, deprecated (RFC 4291, 2.5.5.1)
_LOOPBACK: Final = ipaddress.IPv6Address(1)  # is among these, and no address is in it
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_HOST_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
_MAX_URL: Final = 512
_MAX_HOST: Final = 253
_FRESH_S: Final = 30.0


class AddressRefused(OSError):  # noqa: N818 - named for what happened; an OSError, so that a pool tells it as "cannot connect"
    """A provider's address is not one that may be connected to. The text is for the operator."""


@dataclass(frozen=True, slots=True)
class Place:
    """A base URL, taken apart. `path` has no trailing slash; empty for none."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """It, written the one way it is stored."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == (443 if self.secure else 80) else f":{self.port}"
        return f"{'https' if self.secure else 'http'}://{host}{port}{self.path}"


def parse_base(text: str, *, drop: str = "") -> Place:
    """Return the place that a base URL names.

    Args:
        text: an absolute http(s) URL without user, query and fragment.
        drop: what the protocol's own paths begin with; a base that ends with it, as clients are often given it, loses it.

    Raises:
        ValueError: with the rule, as a sentence; never the text.
    """
    rule = "A base URL is https://HOST[:PORT][/PATH], without user, query and fragment."
    if len(text) > _MAX_URL or not text.isascii() or not text.isprintable() or any(c in text for c in " ?#@\\%"):
        raise ValueError(rule)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(rule) from None
    host, path = (parts.hostname or "").lower(), parts.path.rstrip("/")
    if parts.scheme not in {"https", "http"} or not _is_host(host) or port == 0:
        raise ValueError(rule)
    if any(part in {"", ".", ".."} for part in path.split("/")[1:]):
        raise ValueError("The path of a base URL has no empty part, no `.` and no `..`.")
    secure = parts.scheme == "https"
    return Place(secure, host, port or (443 if secure else 80), path.removesuffix(drop) if drop else path)


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return False
        return "%" not in host
    return 0 < len(host) <= _MAX_HOST and set(host) <= _HOST_CHARS and not host.startswith(("-", "."))


class Networks:
    """Which addresses may be connected to."""

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        """Take the networks that the operator allows besides the public internet, in CIDR notation.

        Raises:
            ValueError: when one is none.
        """
        self._allowed: Final = tuple(ipaddress.ip_network(text) for text in allowed)

    def refuses(self, text: str, *, secure: bool = True) -> str | None:
        """Return why an address is refused, for the operator; None: it may be connected to.

        Args:
            text: an IP address.
            secure: whether TLS is spoken there. Without it a secret would cross the network for all to read, so only
                networks that the operator names are let through.
        """
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return f"{text} is no IP address"
        for each in _within(address):
            if _is_never(each):
                return f"{text} is link-local, metadata, multicast, unspecified or an obsolete form: never connected to"
        named = any(address in network for network in self._allowed)
        if not named and not all(each.is_global for each in _within(address)):
            return f"{text} is not of the public internet, and gateway.upstream_networks does not name its network"
        if not named and not secure:
            return f"{text} would be asked without TLS, and gateway.upstream_networks does not name its network"
        return None


def _is_never(address: Address) -> bool:
    if any(address in network for network in _NEVER) or address.is_multicast or address.is_unspecified:
        return True
    return address in _COMPATIBLE and address != _LOOPBACK


def _within(address: Address) -> Iterator[Address]:
    """Yield an address and those that it carries."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        yield from (each for each in inner if each is not None)


async def system_look_up(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver; `localhost` and numbers included."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Resolver:
    """Resolves one provider's host and checks what comes back. An answer holds for 30 s, a refusal not at all."""

    def __init__(self, place: Place, networks: Networks, look_up: LookUp = system_look_up) -> None:
        self._place: Final = place
        self._networks: Final = networks
        self._look_up: Final = look_up
        self._found: tuple[str, ...] = ()
        self._until = float("-inf")

    async def addresses(self) -> Sequence[str]:
        """Return the addresses that may be connected to now.

        Raises:
            AddressRefused: when one of them is refused, or there is none.
        """
        now = asyncio.get_running_loop().time()
        if now >= self._until:
            try:
                found = tuple(await self._look_up(self._place.host, self._place.port))
            except OSError as error:
                raise AddressRefused(f"{self._place.host} cannot be resolved: {type(error).__name__}") from None
            for address in found:
                refused = self._networks.refuses(address, secure=self._place.secure)
                if refused is not None:
                    raise AddressRefused(f"{self._place.host}: {refused}")
            if not found:
                raise AddressRefused(f"{self._place.host} has no address")
            self._found, self._until = found, now + _FRESH_S
        return self._found
