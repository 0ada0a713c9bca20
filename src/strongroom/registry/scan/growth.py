"""How far a chat template can count, and how large it can make a text, as far as the template itself says it.

Always true here: what a request brings counts as one; what the template sets is followed through names, fields of its
namespaces, sums and products, however they are chained, in time that grows with the template alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from jinja2 import nodes

from strongroom.registry.scan.tape import Malformed

RULE: Final = "template"
MOST_FACTOR: Final = 10_000
_MOST_REACH: Final = 1 << 40
_WIDE: Final = re.compile(r"%(?:\([^)]*\))?[-+ #]*(?:[0-9*.]|$)")
_MAKERS: Final = frozenset({"namespace", "dict"})


def bad(said: str, line: int = 0) -> Malformed:
    """Return the refusal of a template."""
    return Malformed(RULE, f"{said} (line {line})." if line else f"{said}.")


class Growth:
    """Follows the numbers of one template."""

    def __init__(self, tree: nodes.Template, made: set[str]) -> None:
        """Take a template, and the names that it sets."""
        self._values = _assigned_values(tree)
        self._reached: dict[str, int] = {}
        self._made = made
        dates = {id(each) for call in tree.find_all(nodes.Call) if _is_of_dates(call.node) for each in call.args}
        held = [each.value for each in tree.find_all(nodes.Const) if id(each) not in dates]
        self._texts = [each for each in held if isinstance(each, str)]
        self._texts += [each.data for each in tree.find_all(nodes.TemplateData)]

    def product(self, node: nodes.Mul) -> None:
        """Refuse a product that is too large."""
        if self._reach(node) > MOST_FACTOR:
            raise bad("A template may not multiply by so much", node.lineno)
        if isinstance(node.left, nodes.Mul) or isinstance(node.right, nodes.Mul):
            raise bad("A template may not multiply a product", node.lineno)

    def format(self, node: nodes.Mod, *, built: bool) -> None:
        """Refuse `%` with a text of the template's own that says how wide it is to be, or that cannot be followed."""
        texts = [node.left.value] if isinstance(node.left, nodes.Const) else self._texts
        if any(_WIDE.search(text) for text in texts) or (built and any("%" in text for text in texts)):
            raise bad("A template may not say how wide a text is to be", node.lineno)

    def replacement(self, node: nodes.Filter | nodes.Call) -> None:
        """Refuse to put a text between all characters, or to let one grow by replacing on and on."""
        if _growth_of(node) > MOST_FACTOR:
            raise bad("A template may not let a text grow by replacing", node.lineno)

    def rounds(self, node: nodes.Node) -> int:
        """Return how often a loop runs where the template itself says it; what a request brings counts as once."""
        if not (isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "range"):
            return 1
        for each in node.find_all((nodes.Mul, nodes.Pow)):
            raise bad("A template may not count so far", each.lineno)
        return max([1, *(self._reach(each) for each in node.args)])

    def _reach(self, node: nodes.Node) -> int:
        """Return how large a number an expression can be, as far as the template's own numbers make it so."""
        reach = 1
        match node:
            case nodes.Const(value=value) if isinstance(value, int):
                reach = abs(value)
            case nodes.Mul():
                reach = self._reach(node.left) * self._reach(node.right)
            case nodes.Add() | nodes.Sub():
                reach = self._reach(node.left) + self._reach(node.right)
            case nodes.Name() | nodes.Getattr():
                reach = self._reach_of(spelt(node))
            case nodes.Filter() if node.name not in {"length", "count"}:
                inner = [*node.args, *([node.node] if node.node is not None else [])]
                reach = max((self._reach(each) for each in inner), default=1)
            case nodes.CondExpr():
                reach = max(self._reach(each) for each in (node.expr1, node.expr2) if each is not None)
            case nodes.Or() | nodes.And():
                reach = max(self._reach(node.left), self._reach(node.right))
            case _:
                pass
        return min(max(reach, 1), _MOST_REACH)

    def _reach_of(self, name: str) -> int:
        if name not in self._reached:
            self._reached[name] = 1  # what grows by itself grows with the loop that it stands in
            self._reached[name] = max([1, *(self._reach(each) for each in self._values.get(name, ()))])
        return self._reached[name]

    def assignment(self, node: nodes.Assign | nodes.AssignBlock) -> None:
        """Refuse to double: thirty lines of `b = a ~ a` would fill a memory."""
        value = node.node if isinstance(node, nodes.Assign) else None
        if value is None or not isinstance(value, nodes.Add | nodes.Concat | nodes.Mul):
            return
        used = [spelt(each) for each in _leaves(value)]
        own = [each for each in used if each and each.split(".")[0] in self._made]
        if len(own) != len(set(own)):
            raise bad("A template may not double a text into itself", node.lineno)


def _is_of_dates(node: nodes.Node) -> bool:
    return spelt(node) == "strftime_now" or (isinstance(node, nodes.Getattr) and node.attr == "strftime")


def _growth_of(node: nodes.Node | None) -> int:
    """Return by how much the replacements of a chain can let a text grow."""
    grown = 1
    while isinstance(node, nodes.Filter | nodes.Call):
        method = node.node if isinstance(node, nodes.Call) else node
        name = (
            method.attr
            if isinstance(method, nodes.Getattr)
            else method.name
            if isinstance(method, nodes.Filter)
            else ""
        )
        if name == "replace":
            grown = min(grown * _growth_by(node), _MOST_REACH)
        node = method.node if isinstance(method, nodes.Getattr | nodes.Filter) else None
    return grown


def _growth_by(node: nodes.Filter | nodes.Call) -> int:
    if len(node.args) < 2 or any(each.key != "count" for each in node.kwargs):  # noqa: PLR2004 - what, and by what
        return _MOST_REACH
    old, new = (each.value if isinstance(each, nodes.Const) else None for each in node.args[:2])
    if new == "":
        return 1
    if not isinstance(old, str) or not old:
        return _MOST_REACH
    return -(-len(new) // len(old)) if isinstance(new, str) else 100


def _assigned_values(tree: nodes.Template) -> dict[str, list[nodes.Node]]:
    """Return what each name, and each field of a namespace, is set to."""
    found: dict[str, list[nodes.Node]] = {}
    pairs: list[tuple[nodes.Node, nodes.Node]] = [(each.target, each.node) for each in tree.find_all(nodes.Assign)]
    for block in tree.find_all(nodes.With):
        pairs += zip(block.targets, block.values, strict=True)
    for target, value in pairs:
        found.setdefault(spelt(target), []).append(value)
        if isinstance(value, nodes.Call) and isinstance(value.node, nodes.Name) and value.node.name in _MAKERS:
            for each in value.kwargs:
                found.setdefault(f"{spelt(target)}.{each.key}", []).append(each.value)
        if isinstance(target, nodes.Tuple) and isinstance(value, nodes.Tuple):
            for part, given in zip(target.items, value.items, strict=False):
                found.setdefault(spelt(part), []).append(given)
    return found


def _leaves(node: nodes.Node) -> Iterator[nodes.Node]:
    if isinstance(node, nodes.Add | nodes.Mul):
        yield from _leaves(node.left)
        yield from _leaves(node.right)
    elif isinstance(node, nodes.Concat):
        for each in node.nodes:
            yield from _leaves(each)
    else:
        yield node


def spelt(node: nodes.Node) -> str:
    """Return a name, or a field of one, as it is written; nothing for what is neither."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.NSRef):
        return f"{node.name}.{node.attr}"
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return f"{node.node.name}.{node.attr}"
    return ""
