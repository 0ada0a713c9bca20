"""Cards, accounts and wallets."""

# ruff: noqa: PLR2004 - lengths and counts are what the rule is

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from strongroom.privacy import checks
from strongroom.privacy.matching import Pattern, Spans
from strongroom.privacy.rules.base import DIGITS, LIKELY, PERHAPS, SURE, Hit, Rule, cued, has_digit, shape

# Issuer ranges (ISO/IEC 7812 and the networks' own): leading digits, and the lengths that they give out.
_ISSUERS: Final = (
    ("4", (16, 13, 19, 18)),
    ("51", (16,)), ("52", (16,)), ("53", (16,)), ("54", (16,)), ("55", (16,)),
    ("222", (16,)), ("223", (16,)), ("224", (16,)), ("225", (16,)), ("226", (16,)), ("227", (16,)), ("228", (16,)), ("229", (16,)),
    ("23", (16,)), ("24", (16,)), ("25", (16,)), ("26", (16,)), ("270", (16,)), ("271", (16,)), ("2720", (16,)),
    ("34", (15,)), ("37", (15,)),
    ("300", (14, 16)), ("301", (14,)), ("302", (14,)), ("303", (14,)), ("304", (14,)), ("305", (14,)), ("309", (14,)),
    ("36", (14,)), ("38", (14,)), ("39", (14,)),
    ("6011", (16, 19)), ("64", (16, 19)), ("65", (16, 19)),
    ("62", (16, 17, 18, 19)), ("81", (16, 19)),
    ("35", (16, 17, 18, 19)), ("2131", (15,)), ("1800", (15,)),
    ("50", (12, 13, 14, 15, 16, 17, 18, 19)), ("56", (12, 13, 14, 15, 16, 17, 18, 19)), ("57", (16, 18, 19)),
    ("58", (12, 13, 14, 15, 16, 17, 18, 19)), ("6", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("9792", (16,)), ("220", (16, 17, 18, 19)), ("1", (15,)), ("2014", (15,)), ("2149", (15,)),
)  # fmt: skip
_LENGTHS: Final = dict(_ISSUERS)
_PREFIXES: Final = (4, 3, 2, 1)  # the longest that fits is meant
_ANY: Final = (16, 15, 14, 13, 12, 17, 18, 19)  # with a cue: issuers come and go
_FEW: Final = 14  # digits; what is shorter is a card only in one piece or in groups of four
_FEWEST: Final = 12
_BETWEEN: Final = b" \t\r\n.\x02-"
_DOTTED: Final = Pattern(r"\d{4}\.\d{4,6}\.\d{4,5}(?:\.\d{4})?$")
_CARD_CUE: Final = Pattern(
    r"\b(?:card|visa|master ?card|amex|american express|maestro|discover|diners|jcb|credit|debit|pan|cc)\b",
    ignore_case=True,
)


def _card(data: bytes, spans: Spans) -> Iterable[Hit]:
    start, end = spans[1]
    where = [index for index in range(start, end) if 48 <= data[index] <= 57]
    digits = data[start:end].translate(None, delete=_BETWEEN).decode("latin-1")
    cue = _CARD_CUE.search(data[max(0, start - 48) : start]) is not None
    for first in _starts(data, where, every=cue):
        rest = digits[first:]
        for length in _lengths(rest) or (_ANY if cue else ()):
            last = first + length - 1
            if last >= len(digits) or (last + 1 < len(digits) and where[last + 1] == where[last] + 1):
                continue
            number = rest[:length]
            if not checks.varied(number) or not checks.luhn(number):
                continue
            groups = where[last] - where[first] + 1 - length
            if b"." in data[where[first] : where[last]] and not _DOTTED.match(data[where[first] : where[last] + 1]):
                continue
            if length < _FEW and groups and not cue:
                continue
            yield Hit(where[first], where[last] + 1, SURE if cue or length >= _FEW else LIKELY)
            return


def _starts(data: bytes, where: list[int], *, every: bool) -> list[int]:
    """Return which digits of a run a card may begin with: the first of a group.

    A group behind a blank begins a run of its own, which is looked at later: it is tried there, and once. Only a cue before
    this run, which that one may stand too far from, has it tried here.
    """
    starts = [0]
    for first in range(1, len(where) - _FEWEST + 1):
        before = data[where[first] - 1]
        if (every and not 48 <= before <= 57) or before in b".-":
            starts.append(first)
    return starts


def _lengths(digits: str) -> tuple[int, ...]:
    for size in _PREFIXES:
        lengths = _LENGTHS.get(digits[:size])
        if lengths is not None:
            return lengths
    return ()


def _iban(data: bytes, spans: Spans) -> Iterable[Hit]:
    start, end = spans[1]
    where = [index for index in range(start, end) if chr(data[index]).isalnum() and data[index] < 128]
    value = "".join(chr(data[index]) for index in where).upper()
    length = checks.IBAN_LENGTHS.get(value[:2], 0)
    if length and length != len(value) and checks.mod97(value) and data[start:end].isalnum():
        return (Hit(start, end, LIKELY),)  # a length that the registry has not: a new one, or made up
    if not length or len(value) < length or not checks.iban(value[:length]):
        return ()
    if length < len(value) and where[length] == where[length - 1] + 1:
        return ()
    return (Hit(where[0], where[length - 1] + 1, SURE),)


def _checked_wallet(value: str) -> bool:
    return len(value) > 24


def _wallet(data: bytes, spans: Spans) -> Iterable[Hit]:
    start, end = spans[1]
    value = data[start:end].decode("latin-1")
    good = checks.bech32(value) if value[:3].lower() in {"bc1", "tb1", "ltc"} else checks.base58check(value)
    return (Hit(start, end, SURE),) if good else ()


RULES: Final = (
    Rule(
        "credit_card",
        "an issuer's range and the Luhn check",
        (DIGITS,),
        Pattern(r"(?:^|[^\w.+-])(\d(?:[ \t\r\n.\x02-]{0,2}\d){11,22})(?:$|[^\w])"),
        _card,
    ),
    Rule(
        "iban",
        "length of its country and ISO 7064 check",
        (r"[a-z]{2}\d{2}[ .\x02-]?[a-z0-9]{4}",),
        Pattern(r"(?:^|[^A-Za-z0-9])([A-Za-z]{2}\d{2}(?:[ \t\r\n.\x02-]?[A-Za-z0-9]){11,33})"),
        _iban,
    ),
    cued(
        "aba_routing",
        (r"routing", r"\baba\b", r"\brtn\b"),
        r"\d{4}[ -]?\d{4}[ -]?\d",
        check=checks.aba,
        confidence=SURE,
    ),
    cued(
        "bank_account",
        (
            r"(?:bank|checking|savings|current|deposit)? ?(?:account|acct|a/c)(?: (?:number|no|nr|num|#))?",
            r"kontonummer",
            r"sort ?code",
            r"bban",
            r"ifsc",
            r"clabe",
        ),
        r"[A-Z]{0,4}\d[\d -]{4,22}\d",
        anchors=("acc(?:oun)?t", "a/c", "kontonummer", "sort ?code", "bban", "ifsc", "clabe"),
        confidence=PERHAPS,
        gap=r"[^A-Za-z0-9]{1,6}(?:(?:is|was|number|no|nr|num|code|of|with|to|ending|in)[^A-Za-z0-9]{1,3}){0,4}?",
    ),
    cued("bic", (r"\bbic\b", r"swift(?: ?code)?(?:/bic)?", r"swift"), r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?"),
    cued(
        "card_code",
        (r"\bcvv2?\b", r"\bcvc2?\b", r"\bcid\b", r"security code", r"card verification"),
        r"\d{3,4}",
        anchors=("cv[vc]", "security code", "card verification", r"\bcid\b"),
    ),
    Rule(
        "crypto_address",
        "an address with the right checksum",
        (r"\b(?:bc1|tb1|ltc1)[a-z0-9]{10}", r"\b[13lmdtx2][1-9a-z]{25}"),
        Pattern(
            r"(?:^|[^A-Za-z0-9])((?:bc1|tb1|ltc1|BC1)[A-Za-z0-9]{8,87}|[13LMDTX2][1-9A-HJ-NP-Za-km-z]{25,34})(?:$|[^A-Za-z0-9])"
        ),
        _wallet,
    ),
    shape(
        "crypto_address",
        "an Ethereum address",
        ("0x[0-9a-f]{40}",),
        r"\b0x[0-9A-Fa-f]{40}\b",
        check=has_digit,
        again=False,
    ),
    shape(
        "crypto_address",
        "a Monero or Ripple address, by cue",
        ("monero", r"\bxmr\b", "ripple", r"\bxrp\b", "wallet", "solana", "tron"),
        r"(?i:monero|\bxmr|ripple|\bxrp|wallet|solana|tron)[^A-Za-z0-9]{1,6}(?:[A-Za-z]{1,10}[^A-Za-z0-9]{1,3}){0,4}?([1-9A-HJ-NP-Za-km-z]{25,106})\b",
        group=1,
        check=_checked_wallet,
        confidence=LIKELY,
    ),
)
