"""Other people's keys: fetched once, refreshed, given up when they are stale, and never asked for too often."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime

import pytest

from strongroom.identity.federation.issuers import FRESH_S, STALE_S, UNKNOWN_S, Issuers, NoKeys, Source
from strongroom.identity.federation.testing import LocalIssuer, SigningKey, local_issuer
from strongroom.signatures.jose import Jwt, read
from strongroom.wire.addresses import Networks


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def boottime(self) -> float:
        return self.at


class House:
    """Issuers under test, their clock, and the one issuer that there is."""

    def __init__(self, issuer: LocalIssuer) -> None:
        self.issuer, self.clock = issuer, Clock()
        self.issuers = Issuers(Networks(["127.0.0.0/8"]), self.clock)
        self.source = Source(issuer.url)

    @property
    def asked(self) -> int:
        return self.issuer.asked["/jwks"]

    async def takes(self, token: str | Jwt, *, later: float = 0.0) -> bool | str:
        """Whether a token is taken after `later` seconds; or why it cannot be known."""
        self.clock.at += later
        try:
            return await self.issuers.verified(self.source, read(token) if isinstance(token, str) else token)
        except NoKeys as error:
            return str(error)


@pytest.fixture
def house() -> Generator[House]:
    with local_issuer() as issuer:
        yield House(issuer)


async def test_keys_are_fetched_once_and_then_again_when_they_are_no_longer_fresh(house: House) -> None:
    token = house.issuer.token()
    assert [await house.takes(token) for _ in range(5)] == [True] * 5
    assert house.asked == 1
    assert await house.takes(token, later=FRESH_S - 1) is True
    assert house.asked == 1
    assert await house.takes(token, later=2) is True
    assert house.asked == 2


async def test_a_rotated_key_is_found_and_a_withdrawn_one_is_gone(house: House) -> None:
    old = house.issuer.token()
    assert await house.takes(old) is True
    house.issuer.rotate(keep=False)
    new = house.issuer.token()
    assert await house.takes(new) == "the issuer has no such key"  # half a minute has not passed
    assert await house.takes(new, later=UNKNOWN_S) is True
    assert await house.takes(old) == "the issuer has no such key"
    assert house.asked == 2


async def test_many_unknown_keys_are_one_fetch(house: House) -> None:
    assert await house.takes(house.issuer.token()) is True
    for _ in range(20):
        assert (
            await house.takes(SigningKey.make().token(house.issuer.claims()), later=1) == "the issuer has no such key"
        )
    assert house.asked == 1
    for _ in range(20):
        await house.takes(SigningKey.make().token(house.issuer.claims()), later=1)
    assert house.asked == 2


async def test_keys_outlive_an_outage_of_their_issuer_by_less_than_an_hour(house: House) -> None:
    token = house.issuer.token()
    assert await house.takes(token) is True
    house.issuer.answers["/jwks"] = (503, b"{}")
    assert await house.takes(token, later=FRESH_S + 1) is True
    assert house.asked == 2
    assert await house.takes(token, later=STALE_S - FRESH_S - 2) is True
    said = await house.takes(token, later=2)
    assert isinstance(said, str)
    assert said.startswith("the issuer's keys are stale")
    house.issuer.answers.clear()
    assert await house.takes(token, later=60) is True


async def test_a_failing_issuer_is_asked_later_and_later(house: House) -> None:
    house.issuer.answers["/jwks"] = (500, b"")
    for _ in range(180):
        assert await house.takes(house.issuer.token(), later=1) is not True
    assert 4 <= house.asked <= 9
    house.issuer.answers.clear()
    assert await house.takes(house.issuer.token(), later=60) is True


async def test_a_discovery_document_is_fetched_once_and_outlives_an_outage_by_less_than_an_hour(house: House) -> None:
    path = "/.well-known/openid-configuration"
    for _ in range(50):  # anybody may begin to sign on
        assert (await house.issuers.configuration(house.source))["issuer"] == house.issuer.url
    assert house.issuer.asked[path] == 1
    house.clock.at += FRESH_S + 1
    assert await house.issuers.configuration(house.source)
    assert house.issuer.asked[path] == 2
    house.issuer.answers[path] = (503, b"{}")
    house.clock.at += FRESH_S + 1
    for _ in range(50):
        assert await house.issuers.configuration(house.source)
    assert house.issuer.asked[path] == 3
    house.clock.at += STALE_S
    for _ in range(50):
        with pytest.raises(NoKeys):
            await house.issuers.configuration(house.source)
    assert house.issuer.asked[path] == 4
    house.issuer.answers.clear()
    house.clock.at += 60
    assert await house.issuers.configuration(house.source)


async def test_what_one_rule_says_of_an_issuer_is_not_what_another_is_checked_by(house: House) -> None:
    with local_issuer() as evil:
        forged = evil.keys[0].token(house.issuer.claims())
        other = Source(house.issuer.url, keys_url=f"{evil.url}/jwks")
        assert await house.issuers.verified(other, read(forged)) is True
        assert await house.takes(forged) == "the issuer has no such key"
