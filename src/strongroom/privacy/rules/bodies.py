"""Organisations by their legal form, by words that only they have, and by cue; places by cue.

An organisation without any of these is not told here: there is no list of them that would not be out of date.
"""

from __future__ import annotations

from typing import Final

from strongroom.privacy.rules.base import LIKELY, PERHAPS, shape

_NAME: Final = r"[A-Z\x01][A-Za-z0-9&'.\x01-]*"
_LINK: Final = r"(?:,? (?:&|and|of|for|de|e|y|og|och|und|et|es|es tarsa|en|van|van de|i) |,? )"
_LEGAL: Final = (
    r"(?:Inc|LLC|L\.L\.C|Ltd|Limited|Corp|Corporation|Co|Company|GmbH|AG|KG|KGaA|OHG|mbH|UG|SE|S\.?A\.?|S/A|SARL|SAS|S\.A\.S|SNC|SCA|EIRL|"
    r"S\.?r\.?l|s\.r\.l|s\.n\.c|s\.a\.s|S\.?p\.?A|SPA|S\.L\.U|S\.L|S\.C|S\.Com|C\.V|Lda|Ltda|B\.?V|N\.?V|Oy|Oyj|ApS|A/S|AB|HB|ASA|OU|UAB|"
    r"Kft|Zrt|Nyrt|Bt|Kkt|s\.r\.o|a\.s|k\.s|v\.o\.s|o\.s|z\.s|d\.o\.o|j\.d\.o\.o|d\.d|s\.p|Sp\. z o\.o|Sp\.k|Sp\.j|s\.c|A\.S|Sti|Tbk|PLC|plc|LLP|LP|Pty|"
    r"Group|Groep|Groupe|Gruppe|Holdings?|Foundation|University|College|Institute|Hospital|Bank|Association|Partners|Technologies|Solutions|Systems|"
    r"Enterprises|Industries|Labs|Consulting|Ventures|e figli|et Fils|y asociados|e Hijos|und Sohne|Airlines|Insurance|Pharmaceuticals)"
)
_FIRST: Final = (
    r"(?:PT|CV|UD|PD|Grupo|Grupa|Groupe|Gruppo|Holding|Fundacja|Fundacion|Fondation|Fondazione|Stiftung|Koninklijke|Despacho|Laboratorios|"
    r"Industrias|Proyectos|Corporacion|Constructora|Banco|Banca|Banque|Bank of|Universidad|Universita|Universitat|Universite|University of|Ministry of|"
    r"Department of|Spoldzielnia|Przedsiebiorstwo|PPUH|Sociedad|Societe|Societa|Cooperativa|Compania|Compagnie)"
)
_MONTHS: Final = frozenset(
    {
        "JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER",
        "SPRING", "SUMMER", "AUTUMN", "WINTER", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY",
        "ENGLISH", "FRENCH", "GERMAN", "SPANISH", "PYTHON", "JAVA", "I", "THE", "THIS", "THAT", "GOD", "PEACE", "FACT",
    }
)  # fmt: skip
_PLACE: Final = (
    r"[A-Z\x01][A-Za-z'\x01-]+(?: (?:(?:de|del|la|le|sur|am|an der|di|do|da) )?[A-Z\x01][A-Za-z'\x01-]+){0,2}"
)


def _is_place(value: str) -> bool:
    return value not in _MONTHS and len(value) > 2  # noqa: PLR2004 - a state's letters are no town


RULES: Final = (
    shape(
        "organisation",
        "a legal form or a word for an organisation",
        (rf"[a-z0-9.&'\x01-],? {_LEGAL}\b",),
        rf"\b(?:{_NAME}{_LINK}){{1,5}}{_LEGAL}\b\.?",
        confidence=PERHAPS,
        again=False,
    ),
    shape(
        "organisation",
        "a word that names of organisations begin with",
        (rf"\b{_FIRST} [a-z\x01]",),
        rf"\b{_FIRST} {_NAME}(?: (?:(?:y|e|i|de|del|and|of|for) )?{_NAME}){{0,3}}",
        confidence=PERHAPS,
        again=False,
    ),
    shape(
        "organisation",
        "partners' names",
        (r" and [a-z\x01]", r"[a-z\x01] & [a-z\x01]"),
        r"\b[A-Z\x01][A-Za-z'\x01-]*[a-z\x01], [A-Z\x01][A-Za-z'\x01-]*[a-z\x01],? (?:and|&) (?:[A-Z\x01][A-Za-z'\x01-]*[a-z\x01]|Sons|Co)\b|\b[A-Z\x01][a-z\x01]+ (?:and|&) (?:Sons|Co|Partners)\b|\b[A-Z\x01][a-z\x01]+ & (?:(?:van|de|den|der) ){1,2}[A-Z\x01][a-z\x01]+\b",
        confidence=PERHAPS - 0.1,
        again=False,
    ),
    shape(
        "organisation",
        "an organisation, by cue",
        (
            r"\b(?:employer|company|organi[sz]ation|org|firm|firma|bank|arbeitgeber|empresa|azienda|entreprise)(?: ?name)?[\"']? ?[:=|>]",
            r"\b(?:work(?:s|ed|ing)? (?:for|at)|employed (?:by|at)|complaint to|hired by|invoice from|the address of|office of)\b",
        ),
        rf"\b(?:(?i:employer|company|organi[sz]ation|org|firm|firma|bank|arbeitgeber|empresa|azienda|entreprise)(?i: ?name)?[\"']? ?[:=|>][\"' \t]{{0,3}}|(?i:work(?:s|ed|ing)? (?:for|at)|employed (?:by|at)|complaint to|hired by|invoice from|the address of|the office of) )({_NAME}(?:(?:,? (?:&|and|of|the|y|e|et|und|og|i) | ){_NAME}){{0,4}})",
        group=1,
        check=lambda value: (
            value not in {"THE", "A", "AN", "HOME", "MY", "NULL", "NONE", "TRUE", "FALSE", "STRING", "STR"}
        ),
        confidence=PERHAPS,
        again=False,
    ),
    shape(
        "location",
        "a place, by the name of its field",
        (
            r"\b(?:city|town|country|ville|stadt|wohnort|ciudad|citta|cidade|pais|pays|birthplace|place of birth|nationality)[\"']? ?[:=|>]",
        ),
        rf"\b(?i:city|town|country|ville|stadt|wohnort|ciudad|citta|cidade|pais|pays|birthplace|place of birth)[\"']? ?[:=|>][\"' \t]{{0,3}}({_PLACE})",
        group=1,
        check=_is_place,
        confidence=LIKELY,
        again=False,
    ),
    shape(
        "location",
        "a place, by what somebody does there",
        (
            r"\b(?:liv(?:e|es|ed|ing)|born|based|grew up|travell?(?:s|ed|ing)?|flew|fly|flight|move[sd]?|moving|resid(?:es|ed|ing)|weather(?: like)?|hiring|arrived?|visiting) (?:here )?(?:in|to|from) ",
        ),
        rf"\b(?i:liv(?:e|es|ed|ing)|born|based|grew up|travell?(?:s|ed|ing)?|flew|fly|flight|moved|moves|moving|resid(?:es|ed|ing)|weather(?: like)?|hiring|arrived?) (?:here )?(?:in|to|from) ({_PLACE})",
        group=1,
        check=_is_place,
        confidence=PERHAPS,
        again=False,
    ),
    shape(
        "location",
        "two places with a way between them",
        (r"\bfrom [a-z'\x01 -]{2,80} to ",),
        rf"\b(?i:moved?|moving|flight|flew|travell?(?:s|ed|ing)?|drove|drive|train|bus) from {_PLACE} to ({_PLACE})",
        group=1,
        check=_is_place,
        confidence=PERHAPS,
        again=False,
    ),
)
