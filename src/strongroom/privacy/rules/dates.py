"""Dates and times, dates of birth by cue, ages, and postal codes."""

# ruff: noqa: PLR2004 - lengths and counts are what the rule is

from __future__ import annotations

from typing import Final

from strongroom.privacy.rules.base import LIKELY, PERHAPS, SURE, cued, shape

_MONTH: Final = (
    r"(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|"
    r"januar|februar|marz|mai|juni|juli|oktober|dezember|janvier|fevrier|mars|avril|juin|juillet|aout|septembre|octobre|novembre|decembre|"
    r"enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre)"
)
_NUMERIC: Final = r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.] ?\d{1,2}[-/.] ?(?:\d{4}|\d{2}))"
_WORDED: Final = (
    rf"(?:\d{{1,2}}(?:st|nd|rd|th)?\.?(?: of)?[ -]{_MONTH}\.?,?[ -](?:\d{{4}}|'?\d{{2}})|{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?,? '?\d{{4}}|"
    rf"\d{{4}}[- ]{_MONTH}[- ]\d{{1,2}})"
)
_DATE: Final = rf"(?:{_NUMERIC}|{_WORDED})"
_TIME: Final = (
    r"(?:[T ,]{1,2}(?:at )?\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?: ?[AaPp]\.?[Mm]\b\.?)?(?:Z|[+-]\d{2}:?\d{2})?)"
)

STATES: Final = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|"
    "DC|PR|GU|VI|AA|AE|AP"
)
_STATE_NAMES: Final = (
    r"Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|"
    r"Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New [A-Z][a-z]+|North [A-Z][a-z]+|South [A-Z][a-z]+|Ohio|"
    r"Oklahoma|Oregon|Pennsylvania|Rhode Island|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming"
)

RULES: Final = (
    cued(
        "date_of_birth",
        (
            r"\bd\.?o\.?b\b\.?",
            r"date[ _-]?of[ _-]?birth",
            r"birth[ _-]?(?:date|day)",
            r"\bborn\b",
            r"geburtsdatum",
            r"geboren",
            r"date de naissance",
            r"\bne\(?e?\)? le",
            r"fecha de nacimiento",
            r"nacid[oa]",
            r"data di nascita",
            r"\bbirth\b",
        ),
        rf"{_DATE}|\d{{8}}|(?:19|20)\d{{2}}",
        confidence=SURE,
        anchors=(r"\bd\.?o\.?b\b", "birth", "born", "geb", "naissance", r"\bne\(?e?\)? le", "nac", "nascita"),
        gap=r"(?:[^A-Za-z0-9]{1,8}|[^A-Za-z0-9]{1,4}(?:(?:is|was|on|in|date|the|of|and|year)[^A-Za-z0-9]{1,3}){1,3})",
    ),
    shape(
        "date_time",
        "a date",
        (r"\d{1,4}[-/.] ?\d{1,2}[-/.] ?\d{1,4}",),
        rf"(?:^|[^\w./-])({_NUMERIC}{_TIME}?)(?:$|[^\w/-])",
        group=1,
        check=lambda value: len(value) >= 5,
        confidence=PERHAPS + 0.1,
    ),
    shape(
        "date_time",
        "a date with its month spelt",
        (rf"\d.{{0,8}}{_MONTH}", rf"{_MONTH}.{{0,3}}\d"),
        rf"\b{_WORDED}{_TIME}?\b",
        confidence=LIKELY,
    ),
    shape(
        "date_time",
        "a month and a day or year",
        (rf"{_MONTH}.{{0,3}}\d",),
        rf"\b{_MONTH}\.? (?:\d{{1,2}}(?:st|nd|rd|th)?|(?:19|20)\d{{2}})\b",
        confidence=PERHAPS,
    ),
    shape(
        "date_time",
        "a day and a month",
        (rf"\d.{{0,8}}{_MONTH}",),
        rf"\b\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}\b",
        confidence=PERHAPS,
    ),
    shape(
        "date_time",
        "a time of day",
        (r"\d:\d{2}",),
        r"\b(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?: ?[AaPp]\.?[Mm]\b)?",
        confidence=PERHAPS,
        apart=b":.",
        again=False,
    ),
    shape(
        "date_time",
        "a day of the week",
        ("day",),
        r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?\b",
        confidence=PERHAPS,
    ),
    shape(
        "date_time",
        "a year, by cue",
        (r"(?:19|20)\d{2}",),
        r"(?:\b(?i:in|since|from|until|year|of|by|during|before|after|around|circa|and|to|between) )((?:19|20)\d{2})\b",
        group=1,
        confidence=PERHAPS,
    ),
    shape(
        "age",
        "years that somebody is old",
        (r"\d.{0,2}(?:year|yr|y/?o\b)",),
        r"\b(1?\d{1,2})[ -]?(?i:(?:years?|yrs?|y)[ -](?:old|of age|o)\b|y/?o\b)",
        group=1,
        confidence=LIKELY,
    ),
    shape(
        "age",
        "years that somebody is old",
        (r"\bage", "turn"),
        r"\b(?i:aged?(?: of| is|:)?|turn(?:s|ed|ing)?):? (1?\d{1,2})(?:$|[^\w%./:-]|[.:-](?:$|[^\d]))",
        group=1,
        confidence=LIKELY,
    ),
    shape(
        "age",
        "how old somebody was then",
        (r"\b(?:he|she|they|i) (?:was|were|turned|is|am|are) \d",),
        r"\b(?i:when|since|until|because|as|that) (?i:he|she|they|i) (?i:was|were|turned|is|am|are) (1?\d{1,2})(?:$|[^\w%./:-]|[.:-](?:$|[^\d]))",
        group=1,
        confidence=LIKELY,
    ),
    shape(
        "age",
        "a number between a name and what is said of it",
        (r"[a-z'\x01-], \d\d, (?:who|from|of|said|told|has|was|is)\b",),
        r"\b[A-Z\x01][A-Za-z'\x01-]+ [A-Z\x01][A-Za-z'\x01-]+, ([1-9]\d), (?:who|from|of|said|told|has|was|is)\b",
        group=1,
        confidence=PERHAPS,
    ),
    cued("age", (r"\bage\b",), r"1?\d{1,2}", gap=r"[\"']?[ \t]*[:=>]?[ \t]*[\"']?", confidence=LIKELY),
    shape(
        "postal_code",
        "a British postcode",
        (r"\b[a-z]{1,2}\d[a-z0-9]? ?\d[a-z]{2}\b",),
        r"\b(?:GIR ?0AA|(?:[A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d|[A-HK-Y]\d\d|\d[A-HJKPSTUW]|[A-HK-Y]\d[ABEHMNPRV-Y])) ?\d[ABD-HJLNP-UW-Z]{2})\b",
        confidence=LIKELY,
    ),
    shape(
        "postal_code",
        "a Canadian postal code",
        (r"\b[a-z]\d[a-z][ -]?\d[a-z]\d\b",),
        r"\b[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ -]?\d[ABCEGHJ-NPRSTV-Z]\d\b",
        confidence=LIKELY,
    ),
    shape(
        "postal_code",
        "a ZIP code after a state",
        (r"[a-z] ?,?\s{1,2}\d{5}",),
        rf"\b(?:{STATES}|{_STATE_NAMES})[ ,]{{1,2}}\s?(\d{{5}}(?:-\d{{4}})?)\b",
        group=1,
        confidence=SURE,
    ),
    shape(
        "postal_code",
        "nine digits of a ZIP code",
        (r"\d{5}-\d{4}",),
        r"\b\d{5}-\d{4}\b",
        apart=b"-.",
        confidence=PERHAPS,
    ),
    cued(
        "postal_code",
        (
            r"zip ?(?:code)?",
            r"post(?:al)? ?-?code",
            r"\bplz\b",
            r"postleitzahl",
            r"code postal",
            r"codigo postal",
            r"\bcap\b",
            r"\bcep\b",
            r"\bpin ?code\b",
        ),
        r"[A-Z0-9]{2,5}(?:[ -]?[A-Z0-9]{2,5})?",
        check=lambda value: any(c.isdigit() for c in value) and len(value) <= 10,
        anchors=(r"\bzip", "post", r"\bplz\b", "code postal", "codigo postal", r"\bcap\b", r"\bcep\b", "pin ?code"),
    ),
)
