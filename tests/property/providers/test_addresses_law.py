"""No address of the machine's own surroundings is let through, however it is written, whatever the operator allows."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.wire.addresses import AddressRefused, Networks, Resolver, parse_base

NEVER = [
    "169.254.0.0/16",
    "0.0.0.0/8",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "fe80::/10",
    "ff00::/8",
    "fd00:ec2::/32",
    "::/128",
]
INSIDE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10", "fc00::/7", "::1/128"]
EVERYTHING = Networks(["0.0.0.0/0", "::/0"])
NONE = Networks()


def within(*networks: str) -> st.SearchStrategy[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    return st.sampled_from([ipaddress.ip_network(text) for text in networks]).flatmap(
        lambda network: st.integers(int(network[0]), int(network[-1])).map(type(network[0]))
    )


@given(address=within(*NEVER))
def test_what_is_never_connected_to_is_not_whatever_is_allowed(address: object) -> None:
    assert EVERYTHING.refuses(str(address)) is not None


@given(address=within(*INSIDE))
def test_what_is_inside_is_refused_unless_it_is_named(address: object) -> None:
    assert NONE.refuses(str(address)) is not None


@given(address=within("169.254.0.0/16", "10.0.0.0/8", "127.0.0.0/8"))
def test_an_address_within_an_address_is_seen(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    carriers = (
        ipaddress.IPv6Address(0xFFFF << 32 | number),  # IPv4-mapped
        ipaddress.IPv6Address(0x0064_FF9B << 96 | number),  # NAT64
        ipaddress.IPv6Address(0x2002 << 112 | number << 80),  # 6to4
        ipaddress.IPv6Address(0x2001 << 112 | number ^ 0xFFFFFFFF),  # Teredo
        *obsolete(address),
    )
    for carrier in carriers:
        assert NONE.refuses(str(carrier)) is not None, carrier
    if address in ipaddress.ip_network("169.254.0.0/16"):
        assert all(EVERYTHING.refuses(str(carrier)) is not None for carrier in carriers)


def obsolete(address: ipaddress.IPv4Address) -> tuple[ipaddress.IPv6Address, ...]:
    """Return the forms in which an IPv4 address once was carried: compatible, and translated."""
    return ipaddress.IPv6Address(int(address)), ipaddress.IPv6Address(0xFFFF << 48 | int(address))


@given(address=within("0.0.0.0/0").filter(lambda address: int(address) != 1))
def test_a_form_that_nothing_uses_any_more_is_refused_whatever_is_in_it(address: ipaddress.IPv4Address) -> None:
    assert all(EVERYTHING.refuses(str(carrier)) is not None for carrier in obsolete(address))


def test_the_loopback_is_no_such_form_and_may_be_named() -> None:
    assert Networks(["::1/128"]).refuses("::1", secure=False) is None


@given(address=within("93.184.0.0/16", "2606:2800::/32"))
def test_the_public_internet_is_asked_with_tls_alone(address: object) -> None:
    assert NONE.refuses(str(address)) is None
    assert NONE.refuses(str(address), secure=False) is not None


@given(
    good=st.lists(st.sampled_from(["93.184.216.34", "2606:2800::1"]), max_size=3),
    bad=st.sampled_from(["169.254.169.254", "10.0.0.1", "::1", "no address"]),
    at=st.integers(0, 3),
)
def test_one_refused_address_refuses_the_name(good: list[str], bad: str, at: int) -> None:
    found = [*good[:at], bad, *good[at:]]

    async def look_up(host: str, port: int) -> Sequence[str]:
        del host, port
        return found

    with pytest.raises(AddressRefused):
        asyncio.run(Resolver(parse_base("https://models.example"), NONE, look_up).addresses())


@given(text=st.text(max_size=60))
def test_a_base_url_is_refused_or_written_the_one_way(text: str) -> None:
    for candidate in (text, f"https://{text}", f"https://models.example/{text}"):
        try:
            place = parse_base(candidate, drop="/v1")
        except ValueError:
            continue
        assert parse_base(place.url) == place
        assert "@" not in place.url
        assert ".." not in place.url.split("/")
