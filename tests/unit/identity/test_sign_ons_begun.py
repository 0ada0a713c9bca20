"""Sign-ons that were begun: whoever begins many pushes out their own, and nobody else's."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from strongroom.identity.federation.issuers import Issuers
from strongroom.identity.federation.testing import LocalIssuer, local_issuer
from strongroom.identity.people import Provider, SignOn
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.refusal import Refused
from strongroom.policy import Ask
from strongroom.wire.addresses import Networks

KNOWN, UNKNOWN = "the provider let nobody in", "no sign-on was begun"
US, THEM = "192.0.2.1", "198.51.100.7"


@pytest.fixture(scope="module")
def issuer() -> Generator[LocalIssuer]:
    with local_issuer() as issuer:
        yield issuer


@pytest.fixture
def signon(issuer: LocalIssuer) -> SignOn:
    provider = Provider(
        issuer=issuer.url,
        client_id="strongroom",
        client_secret=None,
        public_url="https://console.example",
        mappings=[],
        session_s=3600,
    )
    nothing = cast("Any", None)  # nobody gets as far as that here
    clock = SystemClock()
    return SignOn(provider, Issuers(Networks(["127.0.0.0/8"]), clock), nothing, nothing, nothing, clock)


async def begun(signon: SignOn, peer: str) -> tuple[str, str]:
    to, browser = await signon.begin("/", peer=peer)
    return parse_qs(urlsplit(to).query)["state"][0], browser


async def known(signon: SignOn, state: str, browser: str) -> bool:
    with pytest.raises(Refused) as no:
        await signon.finish({"state": state, "error": "access_denied"}, browser, Ask())
    reason = no.value.refusal.reason
    assert KNOWN in reason or UNKNOWN in reason
    return KNOWN in reason


async def test_one_address_that_begins_many_pushes_out_its_own_alone(signon: SignOn) -> None:
    ours = await begun(signon, US)
    theirs = [await begun(signon, THEM) for _ in range(1100)]
    assert await known(signon, *ours)
    assert not await known(signon, *theirs[0])
    assert await known(signon, *theirs[-1])


async def test_many_people_behind_one_address_sign_on_side_by_side(signon: SignOn) -> None:
    states = [await begun(signon, US) for _ in range(200)]
    assert all([await known(signon, *each) for each in states])
