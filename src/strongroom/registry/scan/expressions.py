"""Parts of a chat template's expressions, as the gate asks for them.

Always true here: nothing is judged and nothing is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from jinja2 import nodes

_BRINGING: Final = frozenset({"default", "d", "get", "replace", "join", "cycle", "batch", "slice", "indent"})
"""Methods and filters whose arguments can be in what they come to."""


def is_text(node: nodes.Node) -> bool:
    """Whether this is a text as it is written."""
    return isinstance(node, nodes.Const) and isinstance(node.value, str)


def yields(node: nodes.Node) -> Iterator[nodes.Node]:
    """Yield the parts of an expression that can be in what it comes to."""
    match node:
        case nodes.Getitem():
            yield node.node
        case nodes.Filter(name=name):
            yield from [node.node] if node.node is not None else []
            yield from given(node) if name in _BRINGING else []
        case nodes.Call(node=nodes.Getattr(node=base, attr=attr)):
            yield base
            yield from given(node) if attr in _BRINGING else []
        case _:
            yield from node.iter_child_nodes()


def size_of(value: object) -> int:
    """Return how much a filter's constant argument fills up."""
    return len(value) if isinstance(value, str) else abs(value) if isinstance(value, int) else 0


def given(call: nodes.Call | nodes.Filter) -> list[nodes.Expr]:
    """Return what a call or a filter is given, by place and by name."""
    return [*call.args, *(each.value for each in call.kwargs)]


def targets(node: nodes.Node) -> Iterator[str]:
    """Yield the names that an assignment sets."""
    if isinstance(node, nodes.Name | nodes.NSRef):
        yield node.name
    for each in node.find_all(nodes.Name):
        yield each.name
