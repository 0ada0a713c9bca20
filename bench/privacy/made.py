"""A set of our own: sentences of ours, values by Faker for many places. Nobody's text, no real person."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from bench.privacy.quality import Example, Gold
from faker import Faker

LOCALES = (
    "en_US",
    "en_GB",
    "de_DE",
    "fr_FR",
    "es_ES",
    "it_IT",
    "nl_NL",
    "sv_SE",
    "pl_PL",
    "pt_BR",
    "en_IN",
    "en_AU",
    "da_DK",
    "fi_FI",
)

SENTENCES = (
    "Please refund {card} to the customer, and confirm to {email}.",
    "Caller {person} left {phone} and asked us to ring back after lunch.",
    "Ship it to {address}; the doorbell says {person}.",
    "{person} (born {dob}) moved here last spring.",
    "We could not debit {iban}: the bank returned it.",
    "The device at {ip} (MAC {mac}) keeps dropping off the network.",
    "Hi team,\n\n{person} from {company} wrote again from {email}.\nHer number is {phone}.\n\nThanks,\n{person}",
    "name: {person}\nemail: {email}\nphone: {phone}\ncard: {card}",
    '{{"customer": {{"name": "{person}", "email": "{email}", "iban": "{iban}"}}, "ok": true}}',
    "Her SSN is {ssn}, and the passport number {passport}.",
    "user {username} logged in from {ip} again",
    "Their site {url} lists {email} as the contact.",
    "{person} is {age} years old and lives at {address}.",
    "Card ending? No: the whole of it, {card}, was in the ticket.",
    "Text {phone} or mail {email} when {person} arrives.",
)

LABELS = {
    "card": "CREDIT_CARD", "email": "EMAIL_ADDRESS", "person": "PERSON", "phone": "PHONE_NUMBER", "address": "STREET_ADDRESS", "dob": "DATE_TIME", "iban": "IBAN_CODE",
    "ip": "IP_ADDRESS", "mac": "MAC_ADDRESS", "company": "ORGANIZATION", "ssn": "US_SSN", "passport": "PASSPORT", "username": "USERNAME", "url": "DOMAIN_NAME", "age": "AGE",
}  # fmt: skip

VALUES: dict[str, Callable[[Any], Any]] = {
    "card": lambda f: f.credit_card_number(),
    "email": lambda f: f.email(),
    "person": lambda f: f.name(),
    "phone": lambda f: f.phone_number(),
    "address": lambda f: f.street_address().replace("\n", ", "),
    "dob": lambda f: f.date_of_birth().strftime("%d/%m/%Y"),
    "iban": lambda f: f.iban(),
    "ip": lambda f: f.ipv4_public(),
    "mac": lambda f: f.mac_address(),
    "company": lambda f: f.company(),
    "ssn": lambda _: "",
    "passport": lambda f: f.bothify("?########").upper(),
    "username": lambda f: f.user_name(),
    "url": lambda f: f.url(),
    "age": lambda f: f.random_int(18, 95),
}


def examples(number: int, seed: int = 1) -> list[Example]:
    """Return `number` texts with their labels; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - a bench repeats itself
    fakers = [Faker(locale) for locale in LOCALES]
    american = fakers[0]
    for each in fakers:
        each.seed_instance(seed)
    return [_example(chance.choice(SENTENCES), chance.choice(fakers), american) for _ in range(number)]


def _example(sentence: str, faker: Any, american: Any) -> Example:
    text, gold = "", []
    rest = sentence.replace("{{", "\0").replace("}}", "\1")
    while "{" in rest:
        before, _, rest = rest.partition("{")
        name, _, rest = rest.partition("}")
        value = str(american.ssn() if name == "ssn" else VALUES[name](faker))
        text += before
        gold.append(Gold(len(text), len(text) + len(value), LABELS[name]))
        text += value
    return Example((text + rest).replace("\0", "{").replace("\1", "}"), tuple(gold))
