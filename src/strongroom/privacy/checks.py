"""Check digits and other rules that a number obeys by itself. Each takes the digits or letters alone, without separators."""

# ruff: noqa: PLR2004 - the figures are the standards' own

from __future__ import annotations

import ipaddress
import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def digits_of(value: bytes) -> str:
    """Return the ASCII digits of a value."""
    return "".join(chr(byte) for byte in value if 48 <= byte <= 57)


def letters_and_digits(value: bytes) -> str:
    """Return the ASCII letters and digits of a value, in capitals."""
    return "".join(chr(byte) for byte in value if chr(byte).isalnum() and byte < 128).upper()


def luhn(number: str) -> bool:
    """Say whether the last digit is right (ISO/IEC 7812-1, annex B)."""
    total = sum(int(d) if index % 2 == 0 else _DOUBLED[int(d)] for index, d in enumerate(reversed(number)))
    return total % 10 == 0


def weighted(number: Sequence[str], weights: Sequence[int]) -> int:
    """Return the sum of digits times weights."""
    return sum(int(d) * w for d, w in zip(number, weights, strict=False))


def varied(number: str) -> bool:
    """Say whether a number is more than one digit over and over."""
    return len(set(number)) > 1


# ISO 13616 registry: length of an IBAN by country.
IBAN_LENGTHS: Final = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
    "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26,
    "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip


def iban(value: str) -> bool:
    """Say whether an IBAN has its country's length and the right check digits (ISO 7064 MOD 97-10)."""
    return IBAN_LENGTHS.get(value[:2]) == len(value) and mod97(value)


def mod97(value: str) -> bool:
    """Say whether the third and fourth character are the right check digits (ISO 7064 MOD 97-10)."""
    return int("".join(str(int(c, 36)) for c in value[4:] + value[:4])) % 97 == 1


def aba(number: str) -> bool:
    """Say whether nine digits are a routing number: a district that exists, and the check digit."""
    district = int(number[:2])
    known = district <= 12 or 21 <= district <= 32 or 61 <= district <= 72 or district == 80
    return known and varied(number) and weighted(number, (3, 7, 1) * 3) % 10 == 0


def us_ssn(number: str) -> bool:
    """Say whether nine digits may have been given out: no part all zeros, no area 666 or from 900 on."""
    area, group, serial = number[:3], number[3:5], number[5:]
    if area in {"000", "666"} or area >= "900" or group == "00" or serial == "0000":
        return False
    return varied(number) and number not in {"123456789", "078051120", "219099999"}  # printed on samples


def us_itin(number: str) -> bool:
    """Say whether nine digits may be an ITIN: 9, and a group of 50 to 65, 70 to 88, 90 to 92 or 94 to 99."""
    group = int(number[3:5])
    return number[0] == "9" and (50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or group >= 94)


def nhs(number: str) -> bool:
    """Say whether ten digits are an NHS number (weights 10 to 2, modulus 11)."""
    check = 11 - weighted(number, range(10, 1, -1)) % 11
    return varied(number) and check != 10 and check % 11 == int(number[9])


_TABLE: Final = [[(i + j) % 5 if i < 5 and j < 5 else 0 for j in range(10)] for i in range(10)]
for _i in range(10):
    for _j in range(10):
        if _i < 5 <= _j:
            _TABLE[_i][_j] = (_i + _j) % 5 + 5
        elif _i >= 5 > _j:
            _TABLE[_i][_j] = (_i - _j) % 5 + 5
        elif _i >= 5 and _j >= 5:
            _TABLE[_i][_j] = (_i - _j) % 5
_PERMUTED: Final = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
for _ in range(6):
    _PERMUTED.append([_PERMUTED[-1][d] for d in _PERMUTED[1]])


def verhoeff(number: str) -> bool:
    """Say whether the last digit is Verhoeff's check (Aadhaar)."""
    check = 0
    for index, digit in enumerate(reversed(number)):
        check = _TABLE[check][_PERMUTED[index % 8][int(digit)]]
    return check == 0


_VIN: Final = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)


def vin(value: str) -> bool:
    """Say whether seventeen characters are a VIN with its check digit (ISO 3779, 49 CFR 565)."""
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    total = sum((int(c) if c.isdigit() else _VIN[c]) * w for c, w in zip(value, weights, strict=True))
    return "0123456789X"[total % 11] == value[8]


def ipv4(value: str) -> bool:
    """Say whether four numbers are an IPv4 address."""
    return all(part.isdigit() and int(part) < 256 and part == str(int(part)) for part in value.split("."))


def ipv6(value: str) -> bool:
    """Say whether a text is an IPv6 address and no time of day or mere `::`."""
    try:
        address = ipaddress.IPv6Address(value.partition("%")[0])
    except ValueError:
        return False
    return int(address) > 0xFFFF or value.count(":") > 2


def entropy(value: str) -> float:
    """Return the bits a character that the frequencies of a text's own characters come to (Shannon)."""
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values()) if size else 0.0


def bech32(value: str) -> bool:
    """Say whether an address has a right checksum (BIP 173 or BIP 350)."""
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    human, _, rest = value.lower().rpartition("1")
    if not human or any(c not in alphabet for c in rest):
        return False
    values = [ord(c) >> 5 for c in human] + [0] + [ord(c) & 31 for c in human] + [alphabet.index(c) for c in rest]
    check = 1
    for each in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ each
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check in {1, 0x2BC830A3}


def base58check(value: str) -> bool:
    """Say whether an address decodes to bytes with a right double SHA-256 checksum."""
    import hashlib  # noqa: PLC0415 - comes late: only who needs it waits

    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number = 0
    for character in value:
        if character not in alphabet:
            return False
        number = number * 58 + alphabet.index(character)
    zeros = len(value) - len(value.lstrip("1"))
    raw = b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
    return len(raw) == 25 and hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]
