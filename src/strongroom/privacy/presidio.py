"""Presidio as a plug-in: the reference for adapters of other engines. It is not installed with Strongroom.

An adapter implements `Detector`: `find(text)` returns spans over the text that it was given. It can add spans; what the
patterns found stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from strongroom.privacy.model import Span, Tier

KINDS_OF: Final[Mapping[str, str]] = {
    "CREDIT_CARD": "credit_card", "CRYPTO": "crypto_address", "DATE_TIME": "date_time", "EMAIL_ADDRESS": "email", "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip_address", "MAC_ADDRESS": "mac_address", "LOCATION": "location", "GPE": "location", "NRP": "nationality", "ORGANIZATION": "organisation",
    "PERSON": "person", "PHONE_NUMBER": "phone", "MEDICAL_LICENSE": "medical_record", "URL": "url", "US_BANK_NUMBER": "bank_account",
    "US_DRIVER_LICENSE": "driver_licence", "US_ITIN": "us_itin", "US_PASSPORT": "passport", "UK_PASSPORT": "passport", "US_SSN": "us_ssn",
    "UK_NHS": "uk_nhs", "UK_NINO": "uk_nino",
}  # fmt: skip


class Missing(RuntimeError):  # noqa: N818 - said to a person
    """A plug-in's own packages are not installed."""


class Presidio:
    """Presidio's analyser as a detector.

    Args:
        analyzer: an `AnalyzerEngine`; by default one with the small English model.
        language: what to tell it.

    Raises:
        Missing: `presidio-analyzer` is not installed.
    """

    def __init__(self, analyzer: Any = None, language: str = "en") -> None:
        if analyzer is None:
            try:
                analyzer = import_module("presidio_analyzer").AnalyzerEngine()
            except ImportError:
                raise Missing("Presidio is not installed; `pip install presidio-analyzer` beside Strongroom.") from None
        self._analyzer = analyzer
        self._language = language

    def find(self, text: str) -> list[Span]:
        """Return what Presidio finds, in our types; its own other types are left out."""
        return [
            Span(each.start, each.end, KINDS_OF[each.entity_type], float(each.score), "Presidio", Tier.MODEL)
            for each in self._analyzer.analyze(text=text, language=self._language)
            if each.entity_type in KINDS_OF
        ]
