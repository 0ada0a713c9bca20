"""Telephone numbers: candidates by RE2, and the world's numbering plans by `phonenumbers` on the few characters of a candidate.

A bare run of digits is a telephone number only with a cue: without one it fires about once a line in logs.
"""

# ruff: noqa: PLR2004 - lengths and counts are what the rule is

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from strongroom.privacy.checks import digits_of, varied
from strongroom.privacy.matching import Pattern, Spans
from strongroom.privacy.rules.base import DIGITS, LIKELY, PERHAPS, SURE, Hit, Rule

_CUE: Final = Pattern(
    r"(?:phone|tele?fone?|telefono|\btel\b|mobile|\bmob\b|\bcell|\bcall|\bfax\b|whats ?app|\bsms\b|\btext\b|contact|"
    r"\bdial|\bring\b|reach|\bnumber\b|answering at|messages? (?:to|at|on)|registered|\boffice\b|\bdesk\b|\bhome\b|\bwork\b|\bph\b|hot ?line|line at|handy|movil|celular|portable|numero|nummer|rufnummer|appelez|"
    r"llama|pager|viber|\x02)",
    ignore_case=True,
)
# What must stand there before a bare run of digits.
_STRONG_CUE: Final = Pattern(
    r"(?:phone|tele?fone?|telefono|\btel\b|mobile|\bmob\b|\bcell|\bcall|\bfax\b|whats ?app|\bsms\b|\btext\b|contact|\bdial|handy|movil|celular|"
    r"rufnummer|\bdesk\b|\bph\b)[^\n]{0,24}$|\b(?:his|her|my|their|our|whose) number[^A-Za-z0-9]{0,3}(?:is|was)?[^A-Za-z0-9]{0,3}$",
    ignore_case=True,
)
_DATED: Final = Pattern(r"(?:19|20)\d\d-[01]\d-[0-3]\d|\d\.\d+-\d{4}$")
# Words that make a number something else, however it is grouped.
_ELSE: Final = Pattern(
    r"(?:order|invoice|ticket|ref(?:erence)?|serial|version|\bv|isbn|issn|article|case|account|acct|port|pid|error|code|"
    r"line|page|policy|tracking|parcel|product|item|sku|model|batch|build|commit|\bid|rfc|iso|#)[^A-Za-z0-9]{0,3}"
    r"(?:(?:no|nr|num|number|id|is)\b[^A-Za-z0-9]{0,3}){0,2}$",
    ignore_case=True,
)
_NANP: Final = Pattern(r"^(?:\+?1[ .-]?)?(?:\([2-9]\d\d\)[ .-]?|[2-9]\d\d[ .\n-])[2-9]\d\d[ .\n-]?\d{4}$")
_NANP_DASHED: Final = Pattern(r"^(?:1[ .-])?\(?[2-9]\d\d\)?[ .-]{1,2}\d{3}[ .-]\d{4}$")
_NOT: Final = Pattern(
    r"^(?:\d{4}-\d{2}-\d{2}|(?:19|20)\d\d[-./ ]\d{1,2}[-./ ]\d{1,2}(?:[ T]\d.*)?|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d(?: \d.*)?|(?:19|20)\d\d ?[-/] ?(?:19|20)\d\d|"
    r"\d{3}[- ]\d{2}[- ]\d{4}|\d+\.\d+|\d{1,3}(?:\.\d{3}){2,}|\d+ ?- ?\d{1,2}|\d{5}-\d{4}|(?:\d{4}[ -]){2,3}\d{4}|\d+/\d+)$"
)
_THOUSANDS: Final = Pattern(r"^\d{1,3}(?: \d{3})+$")
_EXTENSION: Final = Pattern(r"(?i:[ ,]{0,2}(?:ext|x|extension|app)\.?[ ]?\d{1,6})$")
_LONGEST: Final = 15  # digits: ITU-T E.164
_SHORTEST: Final = 7
_BACK: Final = 48  # characters in which a cue is looked for
_NATIONAL: Final = 9  # digits with the leading zero

# Countries whose numbers people write without a country code, tried in this order.
_REGIONS: Final = (
    "US", "GB", "DE", "FR", "ES", "IT", "NL", "BE", "AT", "CH", "PT", "SE", "NO", "DK", "FI", "PL", "CZ", "HU", "GR", "IE",
    "AU", "NZ", "ZA", "IN", "BR", "MX", "AR", "JP", "KR", "CN", "SG", "IL", "TR", "RU", "UA", "IS", "SI", "HR", "RO", "BG",
)  # fmt: skip


def _valid(written: str, regions: Iterable[str | None]) -> bool:
    import phonenumbers  # noqa: PLC0415 - comes late: only who needs it waits

    for region in regions:
        try:
            number = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return True
    return False


def _phone(data: bytes, spans: Spans) -> Iterable[Hit]:
    start, end = spans[1]
    value = data[start:end]
    if value.count(b"(") != value.count(b")"):
        if value.startswith(b"("):
            start, value = start + 1, value[1:]
        elif b"(" in value:
            end = start + value.rindex(b"(")
            value = data[start:end].rstrip(b" \n-./")
            end = start + len(value)
    extension = _EXTENSION.search(value)
    if extension is not None:
        value = value[: extension[0][0]]
    digits = digits_of(value)
    if not _SHORTEST <= len(digits) <= _LONGEST or not varied(digits):
        return ()
    confidence = _judge(data, start, value, digits)
    return (Hit(start, end, confidence),) if confidence else ()


def _judge(data: bytes, start: int, value: bytes, digits: str) -> float:  # noqa: PLR0911 - one answer a case
    before = data[max(0, start - _BACK) : start]
    written = value.decode("latin-1").replace("\n", " ")
    if value.startswith((b"+", b"00")):
        plus = "+" + digits.removeprefix("00") if value.startswith(b"00") else "+" + digits
        if _valid(plus, (None,)):
            return SURE
        loose = value.startswith(b"+") and len(digits) >= _NATIONAL and b"." not in value
        loose = loose or (len(digits) >= _NATIONAL and _STRONG_CUE.search(before) is not None)
        return PERHAPS if loose else 0.0
    if _ELSE.search(before) or _NOT.search(value) or _DATED.search(value):
        return 0.0
    if _NANP.search(value):
        return SURE if _CUE.search(before) else LIKELY
    if _NANP_DASHED.search(value):
        return LIKELY
    cue = _CUE.search(before) is not None
    grouped = len(digits) != len(value)
    if cue:
        if grouped:
            return LIKELY
        return LIKELY if _STRONG_CUE.search(before) and (len(digits) >= _NATIONAL or _valid(written, _REGIONS)) else 0.0
    if not grouped or _THOUSANDS.search(value):
        return 0.0
    if value[:1] in b"0(" and len(digits) >= _NATIONAL:
        return LIKELY if _valid(written, _REGIONS[1:]) else 0.0
    # Two to four digits a group, three groups and more, as most of Europe writes them.
    groups = [len(part) for part in written.replace("-", " ").replace(".", " ").split()]
    even = len(groups) > 2 and all(2 <= size <= 4 for size in groups)
    return PERHAPS if even and len(digits) >= _SHORTEST + 1 and _valid(written, _REGIONS[1:]) else 0.0


RULES: Final = (
    Rule(
        "phone",
        "a numbering plan, or a cue before it",
        (DIGITS,),
        Pattern(
            r"(?:^|[^\w.+/:=&?%-])(\+?\(?\d(?:[ .\n/\x02-]{0,2}[()]?[ ./-]?\d){6,17}(?:[ ,]{0,2}(?i:ext|x|extension|app)\.?[ ]?\d{1,6})?)(?:$|[^\w])"
        ),
        _phone,
    ),
)
