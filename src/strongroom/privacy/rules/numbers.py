"""Numbers that states, insurers and employers give to people, with their check digits where they have them."""

# ruff: noqa: PLR2004 - lengths and counts are what the rule is

from __future__ import annotations

from typing import Final

from strongroom.privacy import checks, nationals
from strongroom.privacy.rules.base import BETWEEN, DIGITS, LIKELY, PERHAPS, SURE, Check, Rule, cued, has_digit, shape

_NUMBER: Final = r"[A-Za-z]{0,3}[ -]?\d[A-Za-z0-9]*(?:[ -]?[A-Za-z0-9]*\d[A-Za-z0-9]*){0,4}"
_SHORTEST: Final = 5
_LONGEST: Final = 25


def _numbered(value: str) -> bool:
    return has_digit(value) and _SHORTEST <= len(value) <= _LONGEST


def _alone(kind: str, says: str, source: str, check: Check, anchor: str = DIGITS, confidence: float = SURE) -> Rule:
    """Return a rule for a number that stands for itself: its check is strong enough."""
    whole = rf"(?:^|[^\w.+-])({source})(?:$|[^\w-])"
    return shape(kind, says, (anchor,), whole, check=check, confidence=confidence, group=1, apart=b"-")


def _digits(*groups: int) -> str:
    return BETWEEN.join(rf"\d{{{size}}}" for size in groups)


_TAX_CUES: Final = (
    r"tax(?:payer)? ?(?:id|identification|number|no|file)?", r"\btin\b", r"\bvat\b", r"steuer(?:nummer|-?id)?", r"\bnif\b", r"\btfn\b", r"\babn\b",
    r"\bgst(?:in)?\b", r"\bpan\b", r"\bcuit\b", r"partita iva", r"umsatzsteuer", r"\butr\b",
)  # fmt: skip
_MEDICAL_CUES: Final = (
    r"\bmrn\b", r"medical record", r"patient(?:'s)? ?(?:id|number|no|identifier)", r"health (?:plan|insurance|card)(?: (?:id|number))?", r"medicare",
    r"medicaid", r"beneficiary", r"insurance (?:id|number|no|policy)", r"policy (?:id|number|no)", r"claim (?:id|number|no)", r"\bdea\b", r"hospital (?:id|number)",
    r"member ?(?:id|number|no)",
)  # fmt: skip
_ACCOUNT_CUES: Final = (
    r"customer ?_?(?:id|number|no|code|ref)", r"client ?_?(?:number|no|ref)", r"employee ?_?(?:id|number|no|code)", r"staff ?(?:id|number|no)",
    r"student ?_?(?:id|number|no)", r"badge ?(?:id|number|no)", r"membership ?(?:id|number|no)", r"loyalty ?(?:card|number|no)", r"frequent flyer",
    r"voter ?(?:id|number|no)", r"personal(?:ausweis)?(?:nummer)?", r"biometric ?(?:id|identifier)",
    r"certificate ?(?:number|no)", r"(?:professional |nursing |medical )?licen[cs]e ?(?:number|no|#)", r"visa ?(?:number|no)",
)  # fmt: skip
_STATE_CUES: Final = (
    r"national ?(?:id|identity|identification|insurance)(?: ?card)?", r"(?:identity|id) ?card", r"\bid ?(?:number|no|nr|num)\b", r"identification (?:number|no)",
    r"aadhaa?r", r"\bdni\b", r"\bnie\b", r"\bbsn\b", r"\bcpf\b", r"\bcurp\b", r"\bpesel\b", r"\bsin\b", r"personnummer", r"codice fiscale",
    r"numero de securite sociale", r"\bahv\b", r"\brut\b", r"\bnric\b", r"\bnino\b", r"\bcpr\b", r"ausweis(?:nummer)?", r"social insurance",
    r"social ?(?:number|num|no|id)?",
)  # fmt: skip


def _seven(value: str) -> bool:
    return has_digit(value) and 6 <= len(value) <= _LONGEST


RULES: Final = (
    # The United States
    _alone(
        "us_ssn",
        "three, two and four digits, with dashes or spaces",
        r"\d{3}(?:-\d{2}-|[ \x02]\d{2}[ \x02]|\.\d{2}\.)\d{4}",
        checks.us_ssn,
    ),
    cued(
        "us_ssn",
        (r"\bssn\b", r"\bss#", r"social security", r"\bss ?(?:no|num|number)\b", r"social sec"),
        rf"\d{{3}}{BETWEEN}\d{{2}}{BETWEEN}\d{{4}}",
        check=lambda value: not value.startswith("000") and checks.varied(value),
        confidence=SURE,
    ),
    cued(
        "us_ssn",
        (r"last (?:four|4)(?: digits)?(?: of)?(?: (?:my|the|your|his|her|their))? (?:ssn|social)", r"ssn ending"),
        r"\d{4}",
        anchors=("ssn", "social"),
    ),
    _alone("us_itin", "an ITIN's shape", r"9\d{2}-[5-9]\d-\d{4}", checks.us_itin),
    cued("us_itin", (r"\bitin\b",), _digits(3, 2, 4), check=checks.us_itin, confidence=SURE),
    cued("us_ein", (r"\bein\b", r"\bfein\b", r"employer identification"), r"\d{2}-?\d{7}"),
    _alone(
        "us_mbi",
        "a Medicare beneficiary number's shape",
        r"[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}",
        has_digit,
        anchor=r"[1-9][a-z][a-z0-9]\d-?[a-z][a-z0-9]\d-?[a-z]{2}\d{2}",
        confidence=LIKELY,
    ),
    cued("us_npi", (r"\bnpi\b",), r"\d{10}", check=lambda value: checks.luhn("80840" + value), confidence=SURE),
    # The United Kingdom
    _alone(
        "uk_nhs",
        "ten digits in three groups, with the check digit",
        r"\d{3}[ -]\d{3}[ -]\d{4}",
        checks.nhs,
        confidence=PERHAPS + 0.1,
    ),
    cued("uk_nhs", (r"\bnhs\b",), _digits(3, 3, 4), check=checks.nhs, confidence=SURE),
    shape(
        "uk_nino",
        "a national insurance number's shape",
        (r"\b[a-z]{2} ?\d{2} ?\d{2} ?\d{2} ?[a-d]\b",),
        r"\b(?:A[A-CEGHJ-NPR-TW-Z]|B[A-CEHJ-NPR-TW-Z]|C[A-CEGHJ-NPR-TW-Z]|[EGHJ-NPR-TW-Z][A-CEGHJ-NPR-TW-Z]|O[A-CEHJ-NPR-TW-Z])"
        r" ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b",
    ),
    # Other states: numbers whose check or shape is strong
    _alone(
        "national_id", "Spain: DNI or NIE", r"[XYZ]-?\d{7}-?[A-Z]|\d{8}-?[A-Z]", nationals.es_dni, r"\d{7}-?[a-z]\b"
    ),
    _alone(
        "national_id",
        "Italy: codice fiscale",
        r"[A-Z]{6}\d{2}[ABCDEHLMPRST]\d{2}[A-Z]\d{3}[A-Z]",
        nationals.it_fiscal,
        r"[a-z]{6}\d{2}[a-z]\d{2}[a-z]\d{3}[a-z]",
    ),
    _alone(
        "national_id",
        "France: NIR",
        r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}",
        nationals.fr_nir,
        r"[12] ?\d{2} ?\d{2}",
    ),
    cued(
        "national_id",
        (r"steuer", r"identifikationsnummer", r"tax id", r"\bidnr\b"),
        _digits(2, 3, 3, 3),
        check=nationals.de_tax,
        confidence=SURE,
    ),
    cued("national_id", (r"pesel",), r"\d{11}", check=nationals.pl_pesel, confidence=SURE),
    _alone("national_id", "Brazil: CPF", r"\d{3}\.\d{3}\.\d{3}-\d{2}", nationals.br_cpf, r"\d{3}\.\d{3}\.\d{3}-"),
    _alone("tax_id", "Brazil: CNPJ", r"\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}", nationals.br_cnpj, r"\d{3}/\d{4}-"),
    _alone("national_id", "India: Aadhaar", r"\d{4}[ -]\d{4}[ -]\d{4}", nationals.in_aadhaar, confidence=LIKELY),
    shape("tax_id", "India: PAN", (r"\b[a-z]{5}\d{4}[a-z]\b",), r"\b[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]\b"),
    _alone("national_id", "Canada: SIN", r"\d{3}[ -]\d{3}[ -]\d{3}", nationals.ca_sin, confidence=LIKELY),
    _alone("national_id", "Switzerland: AHV", r"756\.?\d{4}\.?\d{4}\.?\d{2}", nationals.ch_ahv, r"756\.?\d{4}"),
    _alone(
        "national_id",
        "Finland: HETU",
        r"\d{6}[-+ABCDEFYXWVU]\d{3}[0-9A-FHJ-NPR-Y]",
        nationals.fi_hetu,
        r"\d{6}[-+abcdefuvwxy]\d{3}[0-9a-z]",
    ),
    _alone(
        "national_id",
        "Sweden: personnummer",
        r"(?:19|20)?\d{6}[-+]\d{4}",
        nationals.se_personnummer,
        r"\d{6}[-+]\d{4}",
        LIKELY,
    ),
    cued("national_id", (r"\bcpr\b", r"personnummer", r"fodselsnummer"), r"(?:\d{2})?\d{6}[ +-]?\d{4,5}"),
    _alone(
        "national_id",
        "Belgium: national number",
        r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}",
        nationals.be_national,
        r"\d{2}-\d{3}\.\d{2}",
    ),
    _alone(
        "national_id",
        "China: resident number",
        r"[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[0-9Xx]",
        nationals.cn_resident,
    ),
    _alone("national_id", "Korea: resident number", r"\d{6}-[1-8]\d{6}", nationals.kr_rrn, r"\d{6}-[1-8]\d{6}"),
    _alone("national_id", "Singapore: NRIC", r"[STFGM]\d{7}[A-Z]", nationals.sg_nric, r"\b[stfgm]\d{7}[a-z]\b"),
    _alone(
        "national_id",
        "Mexico: CURP",
        r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d",
        nationals.mx_curp,
        r"[a-z]{4}\d{6}[hmx][a-z]{5}",
    ),
    _alone("national_id", "Chile: RUT", r"\d{1,2}\.\d{3}\.\d{3}-[0-9Kk]", nationals.cl_rut, r"\d{3}\.\d{3}-[0-9k]"),
    _alone("tax_id", "Argentina: CUIT", r"\d{2}-\d{8}-\d", nationals.ar_cuit, r"\d{2}-\d{8}-\d"),
    cued("national_id", (r"kimlik", r"\btckn\b"), r"\d{11}", check=nationals.tr_kimlik, confidence=SURE),
    cued(
        "national_id", (r"south african id", r"\brsa id\b", r"sa id"), r"\d{13}", check=nationals.za_id, confidence=SURE
    ),
    _alone(
        "tax_id",
        "Mexico: RFC",
        r"[A-Z&]{3,4}\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])[A-Z0-9]{3}",
        has_digit,
        r"[a-z&]{3,4}\d{6}[a-z0-9]{3}",
        LIKELY,
    ),
    # By cue alone
    cued(
        "passport",
        (r"passport", r"passeport", r"pasaporte", r"reisepass", r"passaporto"),
        r"[A-Za-z]{0,2}[ -]?\d[A-Z0-9 -]{4,9}[A-Z0-9]",
        check=_seven,
    ),
    cued(
        "driver_licence",
        (
            r"driv(?:er|ing)(?:'?s)?[ _-]?licen[cs]e",
            r"driv(?:er|ing)(?:'?s)?[ _-]?(?:permit|lic)",
            r"\bdl ?(?:no|num|number|#|:)",
            r"licen[cs]e",
            r"fue?hrerschein",
            r"permis de conduire",
            r"rijbewijs",
        ),
        r"[A-Za-z]{0,5}[ -]?\d[A-Za-z0-9]*(?:[ -]?[A-Za-z0-9]*\d[A-Za-z0-9]*){0,4}",
        check=_numbered,
        anchors=("driv", r"\bdl\b", "licen[cs]e", "hrerschein", "permis de", "rijbewijs"),
    ),
    cued("medical_record", _MEDICAL_CUES, _NUMBER, check=_numbered),
    cued("tax_id", _TAX_CUES, r"[A-Z]{0,3}[ -]?\d[A-Z0-9./ -]{4,17}[A-Z0-9]", check=_seven),
    cued("national_id", _STATE_CUES, _NUMBER, check=_numbered),
    cued("account_id", _ACCOUNT_CUES, _NUMBER, check=_numbered, confidence=PERHAPS),
    cued(
        "licence_plate",
        (
            r"licen[cs]e plate",
            r"(?:vehicle|car)? ?registration(?: (?:number|no|plate))?",
            r"number ?plate",
            r"plate (?:number|no)",
            r"kennzeichen",
        ),
        r"[A-Z0-9]{1,4}[ -]?[A-Z0-9]{1,4}(?:[ -]?[A-Z0-9]{1,4})?",
        check=lambda value: has_digit(value) and 4 <= len(value) <= 9 and not value.isdigit(),
        anchors=("plate", "registration", "kennzeichen"),
        confidence=PERHAPS,
    ),
    _alone(
        "vehicle_id",
        "a VIN with its check digit",
        r"[A-HJ-NPR-Z0-9]{17}",
        lambda v: has_digit(v) and not v.isdigit() and checks.vin(v),
        r"\b[a-hj-npr-z0-9]{11}\d{6}\b|\b[a-hj-npr-z0-9]{17}\b",
    ),
    cued("vehicle_id", (r"\bvin\b", r"chassis"), r"[A-HJ-NPR-Z0-9]{17}", check=has_digit),
    cued(
        "device_id", (r"\bimei\b", r"\bimeisv\b"), r"\d{2}[ -]?\d{6}[ -]?\d{6}[ -]?\d{1,2}|\d{15,16}", confidence=SURE
    ),
    cued(
        "device_id",
        (r"device ?_?id", r"\budid\b", r"\bidfa\b", r"\bimsi\b", r"\biccid\b", r"serial (?:number|no)"),
        r"[A-Za-z0-9][A-Za-z0-9-]{7,40}",
        check=has_digit,
        confidence=PERHAPS,
    ),
)
