"""Which tools a model may be offered and may call: the kind `tools`.

Always true here:
- nobody speaks: none. A tool is code that somebody runs because a model wrote a line;
- a tool is allowed by its name and the schema of its arguments together; with another schema it is another tool;
- of the rules that fit, the most closely aimed that speaks of tools decides alone; of two aimed alike, only what both
  allow holds.

What the gateway makes of it (`gateway/tools.py`): a definition that is not the declared one does not reach a model, and a
call that is not of an offered tool, whole and by its schema, does not reach whoever would run it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from strongroom.rules.kind import Kind, Said
from strongroom.rules.model import DocumentError, Rule
from strongroom.rules.schema import SchemaError, canonical, compiled

MAX_TOOLS: Final = 128

ToolName: TypeAlias = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$(?!\n)")]


class DeclaredTool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A tool that may be offered.

    Attributes:
        name: as a request and a model name it.
        parameters: a JSON Schema of its arguments. None: in a ceiling, any object; in a tenant's own document, as the
            ceiling has it.
    """

    name: ToolName
    parameters: dict[str, Any] | None = None


class ToolsRule(Rule, frozen=True, kw_only=True):
    """One rule of a tools document.

    Attributes:
        any: whatever the caller offers, as long as it is well formed; calls must keep to the schemas that came with it.
        tools: these and no others; an empty list: none.
    """

    any: bool | None = None
    tools: Annotated[tuple[DeclaredTool, ...], Meta(max_length=MAX_TOOLS)] | None = None

    @property
    def speaks(self) -> bool:
        """Whether it says anything of tools."""
        return self.any is not None or self.tools is not None


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """Which tools one caller may offer one model. `declared`: by name, the schema of the arguments or None for any."""

    any: bool = False
    declared: dict[str, dict[str, Any] | None] = {}


class ToolsKind(Kind[ToolsRule, Tools]):
    """The kind `tools`."""

    name = "tools"
    meaning = "Which tools a model may be offered and may call, with what arguments."
    rule = ToolsRule

    def ceiling(self, rules: Sequence[ToolsRule]) -> Tools:
        """Return what the rules allow; none speaks: no tool."""
        return self._settled(rules, Tools())

    def own(self, rules: Sequence[ToolsRule]) -> Tools:
        """Return what the rules allow; none speaks: any tool."""
        return self._settled(rules, Tools(any=True))

    def meet(self, one: Tools, other: Tools) -> Tools:
        """Return the tools that both allow, with the schema that either gives; two different schemas allow neither."""
        if one.any:
            return other
        if other.any:
            return one
        return Tools(declared=_shared(one.declared, other.declared))

    def explain(self, rules: Sequence[tuple[str, ToolsRule]], terms: Tools) -> Sequence[Said]:
        """Name the rules that decided."""
        speaking = _speakers([rule for _, rule in rules])
        by = tuple(told for told, rule in rules if rule in speaking)
        if terms.any:
            return [Said(field="tools", value="any", means="Any well-formed tool may be offered.", by=by)]
        names = sorted(terms.declared)
        means = f"These tools may be offered: {', '.join(names)}." if names else "No tool may be offered."
        return [Said(field="tools", value=names, means=means, by=by)]

    def say(self, rule: ToolsRule) -> Sequence[str]:
        """Return what one rule says, in plain words."""
        return [self.explain((), _said(rule))[0].means] if rule.speaks else []

    def check_rule(self, rule: ToolsRule, place: str) -> None:
        """Refuse a rule that contradicts itself, and a schema that is not understood whole."""
        _check(rule, place)

    def _settled(self, rules: Sequence[ToolsRule], base: Tools) -> Tools:
        speaking = _speakers(rules)
        if not speaking:
            return base
        found = [_said(rule) for rule in speaking]
        terms = found[0]
        for other in found[1:]:
            terms = self.meet(terms, other)
        return terms


def _speakers(rules: Sequence[ToolsRule]) -> list[ToolsRule]:
    speaking = [rule for rule in rules if rule.speaks]
    closest = max((rule.aim for rule in speaking), default=0)
    return [rule for rule in speaking if rule.aim == closest]


def _said(rule: ToolsRule) -> Tools:
    if rule.any:
        return Tools(any=True)
    return Tools(declared={tool.name: tool.parameters for tool in rule.tools or ()})


def _shared(
    one: Mapping[str, dict[str, Any] | None], other: Mapping[str, dict[str, Any] | None]
) -> dict[str, dict[str, Any] | None]:
    shared: dict[str, dict[str, Any] | None] = {}
    for name in sorted(one.keys() & other.keys()):
        here, there = one[name], other[name]
        if here is None or there is None:
            shared[name] = there if here is None else here
        elif canonical(here) == canonical(there):
            shared[name] = min(here, there, key=_spelling)
    return shared


def _spelling(schema: dict[str, Any]) -> bytes:
    """Order two schemas that allow the same, so that it does not matter which was named first."""
    return msgspec.json.encode(schema, order="deterministic")


def _check(rule: ToolsRule, place: str) -> None:
    if rule.any and rule.tools is not None:
        raise DocumentError("`any` goes without a list of tools", f"{place}.any")
    seen: set[str] = set()
    for index, tool in enumerate(rule.tools or ()):
        if tool.name in seen:
            raise DocumentError("Another tool of this rule has this name", f"{place}.tools[{index}].name")
        seen.add(tool.name)
        if tool.parameters is None:
            continue
        try:
            compiled(tool.parameters)
        except SchemaError as error:
            raise DocumentError(str(error).rstrip("."), f"{place}.tools[{index}].parameters") from None


TOOLS: Final = ToolsKind()
