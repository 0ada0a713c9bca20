"""What a tenant forbids its own people and workloads: the kind `access`, in Cedar.

Always true here:
- nobody speaks: what the installation's policies permit stays permitted;
- a document only forbids (`policy.narrowing`); what it says of a principal, an action or a place it says in Cedar;
- all rules hold together, an operator's and the tenant's own: two prohibitions are both prohibitions;
- a document that cannot be read forbids everything that it could have forbidden.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.policy import Action, Decision, Narrowing, PolicyError, Resource
from strongroom.rules.kind import Kind, Said
from strongroom.rules.model import DocumentError, Rule
from strongroom.rules.resolve import Standing

_MOST: Final = 256
_CLOSED: Final = '@id("a-document-that-cannot-be-read") forbid (principal, action, resource);'


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """What is forbidden: Cedar policies, as text; empty: nothing."""

    forbid: str = ""

    def narrowing(self) -> Narrowing:
        """Return the policies, ready to be asked."""
        try:
            return Narrowing(self.forbid)
        except PolicyError:  # each was checked by itself; two of one name meet here
            return Narrowing(_CLOSED)

    def held(self, said: Decision, who: Principal, action: Action, resource: Resource) -> Decision:
        """Return what holds when the product's policies have `said` something; parsed anew, so keep the answer."""
        return said if not self.forbid else self.narrowing().held(said, who, action, resource)


class AccessRule(Rule, frozen=True, kw_only=True):
    """One rule of an access document. Whom it is for stands in its policies, not in selectors."""

    forbid: Annotated[str, Meta(min_length=1, max_length=16_384)]


class AccessKind(Kind[AccessRule, Access]):
    """Prohibitions, all of which hold."""

    name = "access"
    meaning = "What a tenant forbids its own people and workloads, in Cedar."
    rule = AccessRule

    @property
    def unreadable(self) -> Access:
        """Everything is forbidden."""
        return Access(forbid=_CLOSED)

    def ceiling(self, rules: Sequence[AccessRule]) -> Access:
        """Return all prohibitions."""
        return Access(forbid="\n".join(rule.forbid for rule in rules))

    def own(self, rules: Sequence[AccessRule]) -> Access:
        """Return all prohibitions."""
        return self.ceiling(rules)

    def meet(self, one: Access, other: Access) -> Access:
        """Return both."""
        return Access(forbid="\n".join(sorted({each.forbid for each in (one, other) if each.forbid})))

    def explain(self, rules: Sequence[tuple[str, AccessRule]], terms: Access) -> Sequence[Said]:
        """Say what is forbidden, and by which rules."""
        means = "Some things are forbidden besides." if terms.forbid else "Nothing is forbidden besides."
        return [Said(field="forbid", value=terms.forbid, means=means, by=tuple(name for name, _ in rules))]

    def check_rule(self, rule: AccessRule, place: str) -> None:
        """Refuse selectors, and what is no prohibition that holds against the schema."""
        if rule.whom != "everybody":
            raise DocumentError("Whom it is for is said in Cedar, not by selectors", place)
        try:
            Narrowing(rule.forbid)
        except PolicyError as error:
            raise DocumentError(str(error)[:400], f"{place}.forbid") from None


ACCESS: Final = AccessKind()


class OwnPolicies:
    """What tenants forbid their own people, as the feed tells of it; for the gate."""

    def __init__(self, standing: Callable[[TenantId], Standing[AccessRule]]) -> None:
        """Take where the documents in force come from (`Rulebook.standing` of this kind)."""
        self._standing: Final = standing
        self._parsed: Final[dict[str, Narrowing]] = {}

    def held(self, said: Decision, who: Principal, action: Action, resource: Resource) -> Decision:
        """Return what holds when the product's policies have `said` something."""
        if not said.allowed or who.tenant is None:
            return said
        text = everything(self._standing(who.tenant)).forbid
        if not text:
            return said
        narrowing = self._parsed.get(text)
        if narrowing is None:
            if len(self._parsed) >= _MOST:
                self._parsed.clear()
            narrowing = self._parsed[text] = Access(forbid=text).narrowing()
        return narrowing.held(said, who, action, resource)


def everything(standing: Standing[AccessRule]) -> Access:
    """Return all that the documents in force forbid; rules of this kind have no selectors."""
    found = Access()
    for held in (standing.above, standing.own):
        if held is not None:
            terms = ACCESS.unreadable if held.document is None else ACCESS.ceiling(held.document.rules)
            found = ACCESS.meet(found, terms)
    return found
