"""The registry of types: what each is called, how sensitive it is, and where in the world it is used.

The classification decides what happens by default; a rule of a tenant may say otherwise for each type.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Classification(StrEnum):
    """How sensitive a type is by itself."""

    SECRET = "secret"  # noqa: S105 - a name
    """Opens something for whoever holds it."""
    IDENTIFIER = "identifier"
    """Points to one person."""
    INDIRECT = "indirect"
    """Points to a person together with other facts."""


@dataclass(frozen=True)
class Kind:
    """One type of personal data or secret.

    Attributes:
        name: as it stands in rules, reports and masks.
        says: what it is, in a few words.
        classification: how sensitive it is.
        region: `any`, or ISO 3166 codes of the countries that use it, comma-separated.
    """

    name: str
    says: str
    classification: Classification
    region: str = "any"


_S, _P, _Q = Classification.SECRET, Classification.IDENTIFIER, Classification.INDIRECT

_ALL: Final = (
    # People and how to reach them
    Kind("person", "a person's name", _P),
    Kind("email", "an e-mail address", _P),
    Kind("phone", "a telephone number", _P),
    Kind("street_address", "a street address, post office box or part of a building", _P),
    Kind("username", "a user name or handle, by cue", _P),
    # Money
    Kind("credit_card", "a payment card number (Luhn)", _P),
    Kind("card_code", "a card's verification code, by cue", _P),
    Kind("iban", "an international bank account number (ISO 13616)", _P),
    Kind("bic", "a bank's code (ISO 9362), by cue", _Q),
    Kind("bank_account", "a bank account number, by cue", _P),
    Kind("aba_routing", "a routing number (ABA), by cue", _P, "US"),
    Kind("crypto_address", "an address of a crypto-currency", _P),
    # Numbers that states and insurers give
    Kind("us_ssn", "a social security number", _P, "US"),
    Kind("us_itin", "a taxpayer number", _P, "US"),
    Kind("us_ein", "an employer's number, by cue", _Q, "US"),
    Kind("us_mbi", "a Medicare beneficiary number", _P, "US"),
    Kind("us_npi", "a health provider's number, by cue", _P, "US"),
    Kind("uk_nhs", "a National Health Service number", _P, "GB"),
    Kind("uk_nino", "a national insurance number", _P, "GB"),
    Kind("national_id", "another state's number for a person or taxpayer", _P),
    Kind("tax_id", "a tax or value-added-tax number, by cue", _P),
    Kind("passport", "a passport number, by cue", _P),
    Kind("driver_licence", "a driving licence number, by cue", _P),
    Kind("medical_record", "a number of a patient, health plan or claim, by cue", _P),
    Kind("account_id", "a customer's, member's or employee's number, by cue", _P),
    Kind("vehicle_id", "a vehicle's identification number", _P),
    Kind("licence_plate", "a licence plate, by cue", _P),
    Kind("device_id", "an IMEI or another number of a device", _P),
    # Networks
    Kind("ip_address", "an internet address", _P),
    Kind("mac_address", "a hardware address", _P),
    Kind("url", "a web address", _Q),
    Kind("coordinates", "a place on earth, to within some metres", _P),
    # Facts about a person
    Kind("date_of_birth", "a date of birth, by cue", _P),
    Kind("postal_code", "a postal code", _Q),
    Kind("date_time", "a date or a time", _Q),
    Kind("age", "an age", _Q),
    Kind("location", "a country, region or town", _Q),
    Kind("organisation", "an organisation's name", _Q),
    Kind("nationality", "a nationality, religion or political group", _Q),
    Kind("title", "a form of address", _Q),
    # Secrets
    Kind("api_key", "a provider's key or token, by its shape", _S),
    Kind("cloud_key", "a cloud's key", _S),
    Kind("credential", "a key, token or secret, by cue", _S),
    Kind("password", "a password, by cue", _S),
    Kind("pin", "a personal number that opens something, by cue", _S),
    Kind("jwt", "a JSON web token", _S),
    Kind("private_key", "a private key (PEM, PGP, age, SSH)", _S),
    Kind("url_credentials", "a web address with a password inside", _S),
    Kind("webhook", "an address whose knowledge is the permission", _S),
    Kind("honeytoken", "a bait that was planted", _S),
)

KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in _ALL}

DEFAULT_KINDS: Final[frozenset[str]] = frozenset(kind.name for kind in _ALL if kind.classification is not _Q)
"""What is masked unless somebody says otherwise: secrets, and what points to one person."""

CUSTOM: Final = "custom."


def classification(kind: str) -> Classification:
    """Return how sensitive a type is; a tenant's own is an identifier."""
    known = KINDS.get(kind)
    return Classification.IDENTIFIER if known is None else known.classification
