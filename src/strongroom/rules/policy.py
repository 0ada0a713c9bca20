"""What the installation forbids everybody, beside the product's own policies: the kind `policy`, in Cedar.

Always true here:
- it is the installation's word alone: a document of this kind has the level `default` and no other, whatever the feed says;
- it only forbids, and binds everybody, operators included; what ends a stolen credential and what takes the policies back
  is left (`policy.narrowing`);
- each rule comes with cases that say what it forbids and what it leaves; a document whose cases do not come out is not taken;
- a document that cannot be read forbids everything that it could have forbidden.

Cases are asked where a document is written, not where it is read: a later release may answer one otherwise, which is a reason
to look, and none to stop.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Final

from msgspec import Meta

from strongroom.policy import Beside, Engine, Narrowing, PolicyError
from strongroom.policy.compare import Case
from strongroom.rules.access import AccessKind, AccessRule
from strongroom.rules.kind import Document
from strongroom.rules.model import DocumentError, Level

MAX_CASES: Final = 100
"""Of a document: some 0.6 ms each, on the thread that serves everybody."""


class PolicyRule(AccessRule, frozen=True, kw_only=True):
    """One rule of the installation's own policies, with the cases that it is tested by."""

    cases: Annotated[tuple[Case, ...], Meta(max_length=MAX_CASES)] = ()


class PolicyKind(AccessKind):
    """Prohibitions of the installation's, all of which hold."""

    name = "policy"
    meaning = "What the installation forbids everybody, in Cedar, with the cases that it is tested by."
    rule = PolicyRule
    levels = frozenset({Level.DEFAULT})

    def parsed(self, text: str) -> Narrowing:
        """Return policies as they bind everybody."""
        return Narrowing(text, installation=True)

    def prove(self, document: Document[AccessRule]) -> None:
        """Ask every case of a document; refuse it where one does not come out, or a rule has none that it forbids.

        Raises:
            DocumentError: naming the case.
        """
        rules = [rule for rule in document.rules if isinstance(rule, PolicyRule)]
        if sum(len(rule.cases) for rule in rules) > MAX_CASES:
            raise DocumentError(f"A document has at most {MAX_CASES} cases", "rules")
        try:
            both = Beside(_product(), self.parsed(self.ceiling(rules).forbid))
        except PolicyError as error:
            raise DocumentError(str(error)[:400], "rules") from None
        for place, rule in enumerate(rules):
            _prove(both, rule, f"rules[{place}]")


POLICY: Final = PolicyKind()


def _prove(both: Beside, rule: PolicyRule, place: str) -> None:
    if not any(case.expect == "deny" for case in rule.cases):
        raise DocumentError('Each rule has a case with expect = "deny", which shows what it forbids', place)
    for index, case in enumerate(rule.cases):
        here = f"{place}.cases[{index}]"
        if case.expect is None:
            raise DocumentError("A case says what it expects: allow or deny", here)
        said = case.decide(both)
        if ("allow" if said.allowed else "deny") != case.expect:
            raise DocumentError(f"{case}: expected {case.expect}, and it is {said.reason}"[:400], here)


@lru_cache(maxsize=1)
def _product() -> Engine:
    return Engine.load()
