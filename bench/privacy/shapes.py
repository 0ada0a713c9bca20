"""A second set of our own, from other places and in other shapes than the first: prose, chat, forms, mail, logs, tables, code.

What is changed in a detector is looked at here too: a rule that only helps where it was thought of shows. Values are Faker's;
texts are ours. Nobody's text, no real person.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from bench.privacy.quality import Example, Gold
from faker import Faker

LATIN: Final = (
    "en_CA", "en_IE", "en_NZ", "en_US", "en_GB", "de_AT", "de_CH", "fr_CA", "fr_CH", "es_MX", "es_CO", "es_CL", "pt_PT",
    "it_IT", "nl_BE", "no_NO", "cs_CZ", "hu_HU", "ro_RO", "hr_HR", "tr_TR", "sl_SI", "sk_SK", "id_ID", "vi_VN", "lt_LT", "et_EE",
)  # fmt: skip
OTHER_SCRIPTS: Final = (
    "ja_JP",
    "zh_CN",
    "ko_KR",
    "ru_RU",
    "uk_UA",
    "bg_BG",
    "el_GR",
    "ar_AA",
    "he_IL",
    "hi_IN",
    "th_TH",
    "ka_GE",
)

PROSE: Final = (
    "When {person} moved from {city} to {city2} in {month}, nobody at {company} knew about it.",
    "It was {person}, not {person2}, who signed for the parcel at {address}, {city}.",
    "After the flood, the family of {given} stayed with friends in {country}.",
    "{surname} told the inspector that the shop on {address} had been closed since {date}.",
    "According to {company}, the invoice was sent to {email} and a copy went to {email2}.",
    "My neighbour {given} grows tomatoes; last week {given2} brought me a basket of them.",
    "We met {person} on {date} at the office of {company} in {city}.",
    "The will names {person} of {address} as the only heir.",
    "{person}'s flight from {city} to {city2} was late, so {given2} drove there instead.",
    "In {country} the law is another one, said {person}, {age}, who teaches in {city}.",
)
CHAT: Final = (
    "hey {given}, did you call {given2} back? number is {phone}",
    "user: my card {card} was charged twice\nagent: sorry about that, may I have your name?\nuser: {person}",
    "can u send it to {email}? thx, {given}",
    "please write a birthday poem for my aunt {given} who lives in {city}",
    "Translate for me: {person} will arrive on {date}.",
    "whats the weather like in {city} tomorrow",
    "Write a letter of complaint to {company}, from {person}, {address}, {city}.",
    "lol {given} again?? tell {given2} i said hi",
    "I'm {person} and I can't log in with {email}",
    "is {company} hiring in {city}?",
)
FORMS: Final = (
    "Full name: {person}\nDate of birth: {dob}\nAddress: {address}\nCity: {city}\nPhone: {phone}",
    "PATIENT: {person}\nAGE: {age}\nNEXT OF KIN: {person2}\nTEL: {phone}",
    "Ship to\n  {person}\n  {address}\n  {city}\n  {country}",
    "First name: {given}\nLast name: {surname}\nEmployer: {company}\nE-mail: {email}",
    "Account holder | {person}\nIBAN | {iban}\nBank | {company}",
    "Applicant: {surname}, {given}\nPassport No.: {passport}\nNationality: {country}",
)
MAIL: Final = (
    "From: {person} <{email}>\nTo: {person2} <{email2}>\nSubject: invoice\n\nDear {given},\n\nplease find it attached.\n\nBest wishes\n{given2}",
    "Hello {given},\n\nthe keys are with {person} at {address}. Call {phone} before you come.\n\nSee you,\n{surname}",
    "Hi all,\n\n{person} from {company} will join us from {city}.\n\nKind regards,\n{person2}\n{company}\n{address}\n{phone}",
    "Dear Ms. {surname},\n\nthank you for your order of {date}. It goes to {address}, {city}.\n\n{company}",
)
LOGS: Final = (
    "2024-03-05T10:11:12Z INFO login ok user={email} ip={ip}",
    'level=warn msg="declined" card={card} name="{person}" amount=12.50',
    "[auth] password reset asked for by {email} from {ip} (mac {mac})",
    'ERROR 500 POST /v1/customers body={{"name":"{person}","city":"{city}","phone":"{phone}"}}',
    "Mar 12 04:05:06 host sshd[211]: Accepted publickey for deploy from {ip} port 50122",
    "payment to {iban} ({person}) failed after 3 tries",
)
TABLES: Final = (
    "id,name,city,email\n17,{person},{city},{email}\n18,{person2},{city2},{email2}",
    "first;last;phone;street\n{given};{surname};{phone};{address}",
    "| name | company | since |\n|---|---|---|\n| {person} | {company} | {date} |",
    "employee\tcountry\tiban\n{person}\t{country}\t{iban}",
)
CODE: Final = (
    'customer = Customer(name="{person}", email="{email}", city="{city}")',
    "INSERT INTO people (name, street, phone) VALUES ('{person}', '{address}', '{phone}');",
    '{{"shipping": {{"recipient": "{person}", "street": "{address}", "city": "{city}"}}, "card": "{card}"}}',
    "# note ({given}): ask {person} about the limits\nlimit = 5",
    "<contact><name>{person}</name><org>{company}</org><tel>{phone}</tel></contact>",
    "assert parse('{person} <{email}>').name == '{person}'",
)
SHAPES: Final[dict[str, Sequence[str]]] = {
    "prose": PROSE, "chat": CHAT, "form": FORMS, "mail": MAIL, "log": LOGS, "table": TABLES, "code": CODE,
}  # fmt: skip

LABELS: Final = {
    "person": "PERSON", "given": "PERSON", "surname": "PERSON", "address": "STREET_ADDRESS", "city": "GPE", "country": "GPE", "company": "ORGANIZATION",
    "date": "DATE_TIME", "dob": "DATE_TIME", "month": "DATE_TIME", "age": "AGE", "phone": "PHONE_NUMBER", "card": "CREDIT_CARD", "email": "EMAIL_ADDRESS",
    "iban": "IBAN_CODE", "ip": "IP_ADDRESS", "mac": "MAC_ADDRESS", "passport": "PASSPORT",
}  # fmt: skip
_DATES: Final = ("%d %B %Y", "%B %d, %Y", "%d/%m/%Y", "%Y-%m-%d", "%d.%m.%Y", "%b %d %Y")


def _plain(value: str) -> str:
    return value.replace("\n", ", ")


VALUES: Final[dict[str, Callable[[Any, random.Random], Any]]] = {
    "person": lambda f, _: f"{f.first_name()} {f.last_name()}",
    "given": lambda f, _: f.first_name(),
    "surname": lambda f, _: f.last_name(),
    "address": lambda f, _: _plain(f.street_address()),
    "city": lambda f, _: f.city(),
    "country": lambda f, _: f.country(),
    "company": lambda f, _: f.company(),
    "date": lambda f, chance: f.date_this_century().strftime(chance.choice(_DATES)),
    "dob": lambda f, chance: f.date_of_birth().strftime(chance.choice(_DATES)),
    "month": lambda f, _: f.date_this_century().strftime("%B %Y"),
    "age": lambda f, _: f.random_int(18, 95),
    "phone": lambda f, _: f.phone_number(),
    "card": lambda f, _: f.credit_card_number(),
    "email": lambda f, _: f.ascii_safe_email(),
    "iban": lambda f, _: f.iban(),
    "ip": lambda f, _: f.ipv4_public(),
    "mac": lambda f, _: f.mac_address(),
    "passport": lambda f, _: f.bothify("?########").upper(),
}


def examples(number: int, seed: int = 11, *, locales: Sequence[str] = LATIN) -> list[Example]:
    """Return `number` texts with their labels, each shape as often as another; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - a bench repeats itself
    fakers = [Faker(locale) for locale in locales]
    for each in fakers:
        each.seed_instance(seed)
    names = list(SHAPES)
    return [
        filled(chance.choice(SHAPES[names[turn % len(names)]]), chance.choice(fakers), chance) for turn in range(number)
    ]


def filled(text: str, faker: Any, chance: random.Random) -> Example:
    """Return a template with values in it, and where they stand."""
    out, gold = "", list[Gold]()
    rest = text.replace("{{", "\0").replace("}}", "\1")
    while "{" in rest:
        before, _, rest = rest.partition("{")
        name, _, rest = rest.partition("}")
        kind = name.rstrip("2")
        value = str(VALUES[kind](faker, chance))
        out += before
        gold.append(Gold(len(out), len(out) + len(value), LABELS[kind]))
        out += value
    return Example((out + rest).replace("\0", "{").replace("\1", "}"), tuple(gold))
