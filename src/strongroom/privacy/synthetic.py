"""Made-up values in the place of real ones: of the same type and form, and the same for the same value.

The choice is drawn from the keyed digest of a value (`tokens.py`): within one key, so within a document or a data set, a person
keeps one made-up name; under another key it is another. Numbers keep their check digits where there are any. What is made up may
by chance be somebody's.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from strongroom.privacy import checks
from strongroom.privacy.actions import mask
from strongroom.privacy.kinds import Classification, classification
from strongroom.privacy.tokens import Tokens


class Missing(RuntimeError):  # noqa: N818 - said to a person
    """Faker is not installed."""


class Synthetic:
    """A replacement that makes values up.

    Raises:
        Missing: Faker is not installed.
    """

    def __init__(self, tokens: Tokens, locale: str = "en_US") -> None:
        try:
            from faker import Faker  # noqa: PLC0415 - comes late: only who needs it waits
        except ImportError:
            raise Missing("Made-up values need Faker: `pip install 'strongroom[data]'`.") from None
        self._tokens = tokens
        self._faker: Any = Faker(locale)

    def __call__(self, kind: str, value: str) -> str:
        """Return a made-up value in the place of `value`."""
        if classification(kind) is Classification.SECRET:
            return mask(kind, value)  # a made-up secret helps nobody, and looks like a leak
        seed = int.from_bytes(self._tokens.digest(kind, value)[:8], "big")
        make = _MAKERS.get(kind)
        if make is not None:
            self._faker.seed_instance(seed)
            return str(make(self._faker, value))
        return reshaped(kind, value, seed)


def reshaped(kind: str, value: str, seed: int) -> str:
    """Return a value of the same form: digits for digits, letters for letters, separators kept, check digits right."""
    chance = random.Random(seed)  # noqa: S311 - the seed is the secret, and HMAC made it
    out = [_like(character, chance) for character in value]
    if kind == "credit_card":
        _keep_issuer(value, out)
        _luhn(out)
    elif kind == "iban":
        _iban(value, out)
    return "".join(out)


def _like(character: str, chance: random.Random) -> str:
    if character.isdigit():
        return chance.choice("0123456789")
    if character.isalpha():
        return chance.choice("ABCDEFGHJKLMNPRSTUVWXYZ" if character.isupper() else "abcdefghjkmnpqrstuvwxyz")
    return character


def _keep_issuer(value: str, out: list[str]) -> None:
    first = next(index for index, character in enumerate(value) if character.isdigit())
    out[first] = value[first]


def _luhn(out: list[str]) -> None:
    places = [index for index, character in enumerate(out) if character.isdigit()]
    for digit in "0123456789":
        out[places[-1]] = digit
        if checks.luhn("".join(out[index] for index in places)):
            return


def _iban(value: str, out: list[str]) -> None:
    places = [index for index, character in enumerate(value) if character.isalnum()]
    for index in places[:2]:
        out[index] = value[index].upper()
    bare = "".join(out[index] for index in places).upper()
    check = 98 - int("".join(str(int(c, 36)) for c in bare[4:] + bare[:2] + "00")) % 97
    out[places[2]], out[places[3]] = str(check // 10), str(check % 10)


def _date(faker: Any, value: str) -> str:
    """Return another date in the same form, where the form is plain digits; else an ISO date."""
    del value
    return str(faker.date_of_birth(minimum_age=18, maximum_age=90).isoformat())


_MAKERS: Final[Mapping[str, Callable[[Any, str], object]]] = {
    "person": lambda faker, value: faker.name() if " " in value.strip() else faker.first_name(),
    "email": lambda faker, _: faker.ascii_safe_email(),
    "street_address": lambda faker, _: faker.street_address(),
    "username": lambda faker, _: faker.user_name(),
    "location": lambda faker, _: faker.city(),
    "organisation": lambda faker, _: faker.company(),
    "ip_address": lambda faker, value: faker.ipv6() if ":" in value else faker.ipv4_private(),
    "mac_address": lambda faker, _: faker.mac_address(),
    "url": lambda faker, _: f"https://{faker.domain_word()}.example/",
    "date_of_birth": _date,
    "date_time": _date,
    "age": lambda faker, _: faker.random_int(18, 90),
    "nationality": lambda faker, _: faker.country(),
    "title": lambda faker, _: faker.prefix(),
}
