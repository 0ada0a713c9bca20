"""Check digits of the numbers that states give to people and firms: each takes the characters without separators."""

# ruff: noqa: PLR2004 - the figures are the states' own

from __future__ import annotations

from typing import Final

from strongroom.privacy.checks import luhn, varied, verhoeff, weighted


def es_dni(value: str) -> bool:
    """Say whether a Spanish DNI or NIE has its letter."""
    number = {"X": "0", "Y": "1", "Z": "2"}.get(value[0], value[0]) + value[1:-1]
    return number.isdigit() and "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == value[-1]


_ODD: Final = dict(zip("0123456789", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21), strict=True)) | dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)


def it_fiscal(value: str) -> bool:
    """Say whether an Italian codice fiscale has its last letter."""
    total = sum(
        _ODD[c] if index % 2 == 0 else (int(c) if c.isdigit() else ord(c) - 65) for index, c in enumerate(value[:15])
    )
    return chr(65 + total % 26) == value[15]


def fr_nir(value: str) -> bool:
    """Say whether a French NIR has its key (97 less the number modulo 97; Corsica's 2A and 2B count as 19 and 18)."""
    number = value[:13].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(value[13:])


def de_tax(value: str) -> bool:
    """Say whether a German Steuer-ID has its check digit (ISO 7064 MOD 11,10) and one repeated digit."""
    product = 10
    for digit in value[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    repeated = 10 - len(set(value[:10]))
    return value[0] != "0" and 1 <= repeated <= 2 and (11 - product) % 10 == int(value[10])


def pl_pesel(value: str) -> bool:
    """Say whether a Polish PESEL has its check digit and a month that exists."""
    month = int(value[2:4]) % 20
    return 1 <= month <= 12 and (10 - weighted(value[:10], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10) % 10 == int(value[10])


def in_aadhaar(value: str) -> bool:
    """Say whether twelve digits are an Aadhaar number."""
    return value[0] not in "01" and varied(value) and verhoeff(value)


def _cpf_digit(value: str, weights: range) -> str:
    rest = weighted(value, weights) * 10 % 11
    return str(rest % 10)


def br_cpf(value: str) -> bool:
    """Say whether a Brazilian CPF has its two check digits."""
    return (
        varied(value)
        and _cpf_digit(value[:9], range(10, 1, -1)) == value[9]
        and _cpf_digit(value[:10], range(11, 1, -1)) == value[10]
    )


def br_cnpj(value: str) -> bool:
    """Say whether a Brazilian CNPJ has its two check digits."""
    first = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    for length, weights in ((12, first), (13, (6, *first))):
        rest = weighted(value[:length], weights) % 11
        if int(value[length]) != (0 if rest < 2 else 11 - rest):
            return False
    return varied(value)


def ca_sin(value: str) -> bool:
    """Say whether nine digits are a Canadian SIN."""
    return value[0] not in "08" and varied(value) and luhn(value)


def se_personnummer(value: str) -> bool:
    """Say whether a Swedish number (ten digits, or twelve with the century) has its check digit and a day that exists."""
    short = value[-10:]
    return 1 <= int(short[2:4]) <= 12 and 1 <= int(short[4:6]) % 60 <= 31 and luhn(short)


def fi_hetu(value: str) -> bool:
    """Say whether a Finnish code has its check character."""
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(value[:6] + value[-4:-1]) % 31] == value[-1]


def be_national(value: str) -> bool:
    """Say whether a Belgian number has its check, for either century."""
    return int(value[9:]) in {97 - int(value[:9]) % 97, 97 - int("2" + value[:9]) % 97}


def ch_ahv(value: str) -> bool:
    """Say whether a Swiss AHV number (756…) has its EAN check digit."""
    return (10 - weighted(value[:12], (1, 3) * 6) % 10) % 10 == int(value[12])


def sg_nric(value: str) -> bool:
    """Say whether a Singaporean NRIC or FIN has its letter."""
    total = weighted(value[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(value[0], 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}
    index = total % 11
    return letters[value[0]][10 - index if value[0] == "M" else index] == value[-1]


def kr_rrn(value: str) -> bool:
    """Say whether a Korean number begins with a day that exists and names a century."""
    return 1 <= int(value[2:4]) <= 12 and 1 <= int(value[4:6]) <= 31 and value[6] in "12345678"


def cn_resident(value: str) -> bool:
    """Say whether a Chinese resident number has its check character (ISO 7064 MOD 11-2)."""
    total = weighted(value[:17], (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    return "10X98765432"[total % 11] == value[17]


def za_id(value: str) -> bool:
    """Say whether a South African number has its check digit and a day that exists."""
    return 1 <= int(value[2:4]) <= 12 and 1 <= int(value[4:6]) <= 31 and luhn(value)


def tr_kimlik(value: str) -> bool:
    """Say whether a Turkish number has its two check digits."""
    d = [int(c) for c in value]
    return d[0] != 0 and (sum(d[0:9:2]) * 7 - sum(d[1:8:2])) % 10 == d[9] and sum(d[:10]) % 10 == d[10]


def mx_curp(value: str) -> bool:
    """Say whether a Mexican CURP has its check digit."""
    alphabet = "0123456789ABCDEFGHIJKLMN\xd1OPQRSTUVWXYZ"
    total = sum(alphabet.index(c) * (18 - index) for index, c in enumerate(value[:17]))
    return value[17].isdigit() and (10 - total % 10) % 10 == int(value[17])


def cl_rut(value: str) -> bool:
    """Say whether a Chilean RUT has its check character."""
    total = sum(int(d) * (2 + index % 6) for index, d in enumerate(reversed(value[:-1])))
    return "0123456789K"[(11 - total % 11) % 11] == value[-1]


def ar_cuit(value: str) -> bool:
    """Say whether an Argentine CUIT has its check digit."""
    return value[:2] in {"20", "23", "24", "27", "30", "33", "34"} and (
        (11 - weighted(value[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 11 == int(value[10])
    )
