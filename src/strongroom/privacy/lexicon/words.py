"""Words that come before a name, words that are none, and the names of places and peoples (`words.txt`)."""

from __future__ import annotations

from importlib.resources import files
from typing import Final


def _sections() -> dict[str, tuple[str, ...]]:
    text = files("strongroom.privacy.lexicon").joinpath("words.txt").read_text("ascii")
    found: dict[str, tuple[str, ...]] = {}
    for section in text.removeprefix("[").split("\n["):
        name, _, words = section.partition("]")
        found[name] = tuple(" ".join(word.split()) for word in words.split(",") if word.strip())
    return found


_ALL: Final = _sections()

TITLES: Final = frozenset(_ALL["titles"])

# Capitalised at the start of a sentence, as names of days and months, or of things: never a name by themselves.
ORDINARY: Final = frozenset(_ALL["ordinary"])

COUNTRIES: Final = _ALL["countries"]
REGIONS: Final = _ALL["regions"]
TOWNS: Final = _ALL["towns"]
PEOPLES: Final = _ALL["peoples"]

PARTICLES: Final = "van|der|den|de|von|zu|zur|bin|ibn|al|el|la|del|della|da|dos|das|di|du|le|ten|ter|abu|st|y|e"

# Before a name, closely: whoever stands behind is a person unless every word is an ordinary one.
STRONG_CUES: Final = (
    r"(?:\bname(?:d)?(?: is|'s)?|\bcalled|\bpatient|\bemployee|\bapplicant|\bcustomer|\bclient|\bcontact(?: person)?|"
    r"\battn|\battention|\bsigned(?: by)?|\bauthor|\bsender|\brecipient|\bcardholder|\baccount holder|\bbeneficiary|"
    r"\bguardian|\bspouse|\bwife|\bhusband|\bson|\bdaughter|\bmother|\bfather|\bbrother|\bsister|\bboss|\bmanager|"
    r"\bdoctor|\bnombre|\bnom|\bprenom|\bnome|\bvorname|\bnachname|\bdear|\bregards|\bsincerely|\bcheers|\byours|"
    r"\bi am|\bi'm|\bthis is|\bje m'appelle|\bich (?:heisse|bin)|\bme llamo|\bmi chiamo|\bmeet|\bfriend|\bcolleague|"
    r"\bregistered to|\bbelongs to|\bby)"
)
