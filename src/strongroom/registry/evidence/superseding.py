"""Which pieces of evidence newer ones have taken the place of, so that they decide nothing any more. Pure.

A piece is superseded when for everything that it says somebody's newer word is there that a judgement takes instead:

- a scan: a newer scan by the same tool and key;
- a bill of materials: a newer one by the same tool and key;
- VEX: newer words of the same key about each vulnerability that it speaks of, and what it calls exploitable is told again;
- provenance: a newer statement of the same key that says the same;
- a publisher's signature: by nothing. It says nothing of the kinds above, and which demand it meets is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable

from strongroom.registry.evidence.model import Form, Taken


def superseded(pieces: Iterable[Taken]) -> list[Taken]:
    """Return the pieces about one thing that decide nothing beside the others, oldest first."""
    known = list(pieces)
    found = [each for each in known if _is_superseded(each, [other for other in known if _newer(other, each)])]
    return sorted(found, key=lambda each: (each.facts.made, each.at))


def _newer(other: Taken, each: Taken) -> bool:
    """Whether `other` is a later word about the same thing by the same key; one of the same moment is none."""
    return (other.about, other.subject, other.owner, other.signer) == (
        each.about, each.subject, each.owner, each.signer,
    ) and other.facts.made > each.facts.made  # fmt: skip


def _is_superseded(each: Taken, newer: list[Taken]) -> bool:
    facts = each.facts
    if facts.form is Form.OMS:
        return False
    same = [other.facts for other in newer if (other.facts.form, other.facts.tool) == (facts.form, facts.tool)]
    if facts.scan and not any(other.scan for other in same):
        return False
    if facts.bill is not None and not any(other.bill is not None for other in same):
        return False
    if facts.provenance is not None and not any(other.facts.provenance == facts.provenance for other in newer):
        return False
    if not facts.words:
        return True
    said = {word.id for other in newer for word in other.facts.words}
    told = {finding.id for other in newer for finding in other.facts.findings}
    return {word.id for word in facts.words} <= said and {finding.id for finding in facts.findings} <= told
