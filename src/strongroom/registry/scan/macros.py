"""Macros of a chat template that reach themselves: allowed only where each round goes a step down into what it was given.

Always true here: a call by which a macro comes back to itself hands on at least one part of a parameter (a field, an
item, what a loop over it yields), and nothing that was counted, cut or put together: such a macro ends where its data does.
"""

from __future__ import annotations

from typing import Final

from jinja2 import nodes

from strongroom.registry.scan.growth import bad

_LISTING: Final = frozenset({"items", "list", "dictsort", "values", "reverse"})


def by_name(tree: nodes.Template) -> dict[str, list[nodes.Macro]]:
    """Return a template's macros: a name may stand for more than one."""
    found: dict[str, list[nodes.Macro]] = {}
    for each in tree.find_all(nodes.Macro):
        found.setdefault(each.name, []).append(each)
    return found


def look(macros: dict[str, list[nodes.Macro]]) -> None:
    """Refuse a macro that comes back to itself without going down.

    Raises:
        Malformed: naming the macro.
    """
    calls = {name: [call for macro in made for call in _calls(macro)] for name, made in macros.items()}
    reach = {name: {_called(call) for call in made} & macros.keys() for name, made in calls.items()}
    for name, made in macros.items():
        for macro in made:
            parts = _parts(macro)
            for call in _calls(macro):
                if _called(call) in macros and name in _reached(_called(call), reach) and not _goes_down(call, parts):
                    raise bad(
                        f"The macro {name} may come back to itself only with a part of what it was given", call.lineno
                    )


def _calls(macro: nodes.Macro) -> list[nodes.Call]:
    return [each for each in macro.find_all(nodes.Call) if isinstance(each.node, nodes.Name)]


def _called(call: nodes.Call) -> str:
    return call.node.name if isinstance(call.node, nodes.Name) else ""


def _reached(start: str, reach: dict[str, set[str]]) -> set[str]:
    found, pending = {start}, [start]
    while pending:
        more = reach.get(pending.pop(), set()) - found
        found |= more
        pending += more
    return found


def _parts(macro: nodes.Macro) -> tuple[set[str], set[str]]:
    """Return a macro's parameters, and the names of what loops over them yield; none that it sets besides."""
    made = {name.name for each in macro.find_all(nodes.Assign) for name in _names(each.target)}
    made |= {name.name for each in macro.find_all(nodes.AssignBlock) for name in _names(each.target)}
    made |= {name.name for each in macro.find_all(nodes.With) for target in each.targets for name in _names(target)}
    given = {each.name for each in macro.args}
    below: set[str] = set()
    known = -1
    while known != len(below):
        known = len(below)
        for loop in macro.find_all(nodes.For):
            if _root(_listed(loop.iter)) in (given | below) - made:
                below |= {name.name for name in _names(loop.target)} - given
    loops = [name.name for loop in macro.find_all(nodes.For) for name in _names(loop.target)]
    plain = {
        name.name
        for loop in macro.find_all(nodes.For)
        for name in _names(loop.target)
        if _root(_listed(loop.iter)) not in (given | below) - made
    }
    return given - made - set(loops), below - made - plain


def _names(node: nodes.Node) -> list[nodes.Name]:
    return [*([node] if isinstance(node, nodes.Name) else []), *node.find_all(nodes.Name)]


def _listed(node: nodes.Node) -> nodes.Node:
    """Return what a loop lists the members of."""
    if isinstance(node, nodes.Filter) and node.name in _LISTING and node.node is not None and not node.args:
        return _listed(node.node)
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.node.attr in _LISTING:
        return _listed(node.node.node)
    return node


def _root(node: nodes.Node) -> str:
    while isinstance(node, nodes.Getattr) or (
        isinstance(node, nodes.Getitem) and not isinstance(node.arg, nodes.Slice)
    ):
        node = node.node
    return node.name if isinstance(node, nodes.Name) else ""


def _goes_down(call: nodes.Call, parts: tuple[set[str], set[str]]) -> bool:
    given, below = parts
    handed = [*call.args, *(each.value for each in call.kwargs)]
    if not all(_is_settled(each) or _root(each) for each in handed):
        return False
    return any(_root(each) in below or (_root(each) in given and not isinstance(each, nodes.Name)) for each in handed)


def _is_settled(node: nodes.Node) -> bool:
    """Whether this is written there, or is true or false."""
    if isinstance(node, nodes.List | nodes.Tuple):
        return all(isinstance(each, nodes.Const) for each in node.items)
    return isinstance(node, nodes.Const | nodes.Compare | nodes.Test | nodes.Not)
