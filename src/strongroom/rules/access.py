"""What a tenant forbids its own people and workloads: the kind `access`, in Cedar.

Always true here:
- nobody speaks: what the installation's policies permit stays permitted;
- a document only forbids (`policy.narrowing`); what it says of a principal, an action or a place it says in Cedar;
- all rules hold together, an operator's and the tenant's own: two prohibitions are both prohibitions;
- a document that cannot be read forbids everything that it could have forbidden;
- a document is parsed once, and what that may cost is bounded (`policy.narrowing`): it is done on the thread that serves
  everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.policy import Action, Decision, Narrowing, PolicyError, Resource
from strongroom.policy.narrowing import MAX_BYTES, statements
from strongroom.rules.kind import Document, Kind, Said
from strongroom.rules.model import DocumentError, Rule
from strongroom.rules.resolve import Standing

_MOST: Final = 4096
_LEVELS: Final = 2
"""An operator's document and the tenant's own may hold together."""

_CLOSED: Final = '@id("a-document-that-cannot-be-read") forbid (principal, action, resource);'


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """What is forbidden: Cedar policies, as text; empty: nothing."""

    forbid: str = ""

    def narrowing(self, *, production: bool, installation: bool = False) -> Narrowing:
        """Return the policies, ready to be asked; parsed anew (`Narrowings` keeps them)."""
        try:
            return Narrowing(self.forbid, production=production, documents=_LEVELS, installation=installation)
        except PolicyError:  # each document was checked by itself; two policies of one name meet here
            return Narrowing(_CLOSED, production=production, installation=installation)


class AccessRule(Rule, frozen=True, kw_only=True):
    """One rule of an access document. Whom it is for stands in its policies, not in selectors."""

    forbid: Annotated[str, Meta(min_length=1, max_length=MAX_BYTES)]


class AccessKind(Kind[AccessRule, Access]):
    """Prohibitions, all of which hold."""

    name = "access"
    meaning = "What a tenant forbids its own people and workloads, in Cedar."
    rule = AccessRule
    most_bytes = MAX_BYTES

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

    def is_narrower(self, old: Access, new: Access) -> bool:
        """Whether every policy of `old` stands in `new`, as it was written."""
        return not old.forbid or statements(old.forbid) <= statements(new.forbid)

    def explain(self, rules: Sequence[tuple[str, AccessRule]], terms: Access) -> Sequence[Said]:
        """Say what is forbidden, and by which rules."""
        means = "Some things are forbidden besides." if terms.forbid else "Nothing is forbidden besides."
        return [Said(field="forbid", value=terms.forbid, means=means, by=tuple(name for name, _ in rules))]

    def check(self, document: Document[AccessRule]) -> None:
        """Refuse what is no prohibition that holds against the schema: all rules at once, so that they are parsed once."""
        super().check(document)
        try:
            self.parsed(self.ceiling(document.rules).forbid)
        except PolicyError as error:
            place = "rules[0].forbid" if len(document.rules) == 1 else "rules"
            raise DocumentError(str(error)[:400], place) from None

    def parsed(self, text: str) -> Narrowing:
        """Return policies as they bind whom they are for."""
        return Narrowing(text)

    def check_rule(self, rule: AccessRule, place: str) -> None:
        """Refuse selectors."""
        if rule.whom != "everybody":
            raise DocumentError("Whom it is for is said in Cedar, not by selectors", place)


ACCESS: Final = AccessKind()


class Narrowings:
    """Policies by their text, each parsed once. Of too many, those that were not asked for longest are let go of."""

    def __init__(self, *, production: bool, installation: bool = False) -> None:
        """Take the mode of the installation, which policies may ask about, and whether they are its own."""
        self._production: Final = production
        self._installation: Final = installation
        self._parsed: Final[dict[str, Narrowing]] = {}

    def held(self, terms: Access, said: Decision, who: Principal, action: Action, resource: Resource) -> Decision:
        """Return what holds when the product's policies have `said` something."""
        if not said.allowed or not terms.forbid:
            return said
        narrowing = self._parsed.pop(terms.forbid, None) or terms.narrowing(
            production=self._production, installation=self._installation
        )
        if len(self._parsed) >= _MOST:
            del self._parsed[next(iter(self._parsed))]
        self._parsed[terms.forbid] = narrowing
        return narrowing.held(said, who, action, resource)


class OwnPolicies:
    """What tenants forbid their own people, as the feed tells of it; for the gate."""

    def __init__(self, standing: Callable[[TenantId], Standing[AccessRule]], *, production: bool = False) -> None:
        """Take where the documents in force come from (`Rulebook.standing` of this kind), and the installation's mode."""
        self._standing: Final = standing
        self._parsed: Final = Narrowings(production=production)

    def held(self, said: Decision, who: Principal, action: Action, resource: Resource) -> Decision:
        """Return what holds when the product's policies have `said` something."""
        if not said.allowed or who.tenant is None:
            return said
        return self._parsed.held(everything(self._standing(who.tenant)), said, who, action, resource)


class InstallationPolicies:
    """What the installation forbids everybody, as the feed tells of it; for the gate."""

    def __init__(self, standing: Callable[[], Standing[AccessRule]], *, production: bool = False) -> None:
        """Take where the document in force comes from (`Rulebook.standing` of the kind `policy`), and the mode."""
        self._standing: Final = standing
        self._parsed: Final = Narrowings(production=production, installation=True)

    def held(self, said: Decision, who: Principal, action: Action, resource: Resource) -> Decision:
        """Return what holds when the product's policies have `said` something."""
        return self._parsed.held(everything(self._standing()), said, who, action, resource)


def everything(standing: Standing[AccessRule]) -> Access:
    """Return all that the documents in force forbid; rules of this kind have no selectors."""
    found = Access()
    for held in (standing.above, standing.own):
        if held is not None:
            terms = ACCESS.unreadable if held.document is None else ACCESS.ceiling(held.document.rules)
            found = ACCESS.meet(found, terms)
    return found
