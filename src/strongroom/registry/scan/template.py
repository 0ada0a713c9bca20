"""The gate for chat templates: a list of what a template may do, held against its syntax tree.

Always true here:
- nothing is rendered: the text is parsed, and every kind of node, filter, test and call must be on a list; what is read
  and not called may have any plain name but those by which Python and Jinja show what they are made of;
- an attribute or key that a template makes up from pieces is refused, as is any name with an underscore in front;
- loops run over what the request brings, or a bounded number of times; no text is doubled into itself;
- what is said in plain words inside a template cannot be judged: its digest is told, for a person to look at it.

A template that passes still renders in a sandbox, with bounds of time and output.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

from jinja2 import Environment, TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

from strongroom.registry.scan import macros
from strongroom.registry.scan.expressions import given, is_text, size_of, targets, yields
from strongroom.registry.scan.growth import Growth, bad, spelt
from strongroom.registry.scan.jsonread import shown
from strongroom.registry.scan.limits import LIMITS

METHODS: Final = frozenset({
    "capitalize", "changed", "copy", "count", "cycle", "endswith", "find", "get", "index", "isdigit", "items", "join",
    "keys", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rpartition", "rsplit", "rstrip", "split",
    "splitlines", "startswith", "strip", "title", "upper", "values", "strftime",
})  # fmt: skip
INTERNAL: Final = frozenset({
    "mro", "format_map", "environment", "eval_ctx", "exported_vars", "catch_kwargs", "catch_varargs",
})  # fmt: skip
"""Names without an underscore in front by which Python and Jinja show what they are made of."""
_INTERNAL_FAMILIES: Final = ("gi_", "cr_", "ag_", "f_", "tb_", "co_", "im_", "func_", "jinja_")
FILTERS: Final = frozenset({
    "abs", "batch", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "forceescape",
    "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject",
    "rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr", "slice", "sort", "string", "striptags",
    "sum", "title", "tojson", "trim", "truncate", "unique", "upper", "wordcount", "from_json", "fromjson",
})  # fmt: skip
MAPPED: Final = frozenset({
    "capitalize", "first", "float", "int", "items", "last", "length", "list", "lower", "string", "title", "tojson",
    "trim", "upper",
})  # fmt: skip
"""Filters that `map` may apply."""
BY_ATTRIBUTE: Final = {
    "selectattr": 0, "rejectattr": 0, "groupby": 0, "sum": 0, "unique": 1, "min": 1, "max": 1, "join": 1, "sort": 2,
}  # fmt: skip
"""Filters that take the name of an attribute, and which of their arguments it is."""
_BY_TEST: Final = frozenset({"selectattr", "rejectattr"})
TESTS: Final = frozenset({
    "boolean", "defined", "divisibleby", "eq", "equalto", "==", "even", "false", "float", "ge", "gt", "greaterthan",
    "in", "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne", "!=", "none", "number", "odd",
    "sameas", "sequence", "string", "true", "undefined", "upper",
})  # fmt: skip
CALLS: Final = frozenset({"raise_exception", "strftime_now", "namespace", "range", "dict"})
NEVER: Final = frozenset({
    "self", "config", "request", "lipsum", "cycler", "joiner", "get_flashed_messages", "url_for", "super",
})  # fmt: skip
"""Names that lead out of the request, whether called or not."""
_BUILDING: Final = frozenset({
    "join", "replace", "format", "reverse", "lower", "upper", "title", "capitalize", "string", "strip", "lstrip", "rstrip",
    "removeprefix", "removesuffix", "split", "rsplit", "splitlines", "partition", "rpartition", "strftime", "trim",
    "truncate", "striptags", "escape", "e", "forceescape", "indent", "tojson", "batch", "slice",
})  # fmt: skip
"""Methods and filters that put a text together, cut it or take it apart."""
_HANDED: Final = frozenset({"varargs", "kwargs"})
"""What a macro is handed besides its parameters: nobody can say what."""
_ALLOWED: Final = (
    nodes.Add, nodes.And, nodes.Assign, nodes.AssignBlock, nodes.Break, nodes.Call, nodes.CallBlock, nodes.Compare,
    nodes.Concat, nodes.CondExpr, nodes.Const, nodes.Continue, nodes.Dict, nodes.Div, nodes.Filter, nodes.FilterBlock,
    nodes.FloorDiv, nodes.For, nodes.Getattr, nodes.Getitem, nodes.If, nodes.Keyword, nodes.List, nodes.Macro,
    nodes.Mod, nodes.Mul, nodes.NSRef, nodes.Name, nodes.Neg, nodes.Not, nodes.Operand, nodes.Or, nodes.Output,
    nodes.Pair, nodes.Pos, nodes.Scope, nodes.Slice, nodes.Sub, nodes.Template, nodes.TemplateData, nodes.Test,
    nodes.Tuple, nodes.With, nodes.ExprStmt,
)  # fmt: skip
_HIDDEN: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_TAGS: Final = range(0xE0000, 0xE0080)
_WHETHER: Final = frozenset({"defined", "undefined"})
_MOST_FILL: Final = 1_000
_FILLING: Final = frozenset({"indent", "batch", "slice", "round"})
_NAMED: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class _Generation(Extension):
    """`{% generation %} … {% endgeneration %}`, by which trainers mark what an assistant said."""

    tags = {"generation"}  # noqa: RUF012 - as Jinja wants it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Return the body, which is all there is."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def check(text: str) -> None:
    """Hold a template against the list.

    Raises:
        Malformed: naming the first thing that is not on it.
    """
    if len(text.encode(errors="replace")) > LIMITS.template_bytes:
        raise bad(f"A template is longer than {LIMITS.template_bytes} bytes")
    for each in text:
        if each in _HIDDEN or ord(each) in _TAGS or (unicodedata.category(each) == "Cc" and each not in "\n\r\t"):
            raise bad(f"A template holds a character that is not shown, U+{ord(each):04X}")
    _Gate(_parsed(text)).check()


def _parsed(text: str) -> nodes.Template:
    environment = Environment(  # noqa: S701 - nothing is rendered
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do", _Generation]
    )
    try:
        return environment.parse(text)
    except TemplateError as error:
        raise bad(f"This is no template: {shown(str(error))}", 0) from None
    except (RecursionError, MemoryError):
        raise bad("A template nests too deep") from None


class _Gate:
    def __init__(self, tree: nodes.Template) -> None:
        self._tree = tree
        self._macros = macros.by_name(tree)
        # What stands right where a call is made: the calls that are open to a template are open in no other way.
        self._called = {id(call.node) for call in tree.find_all(nodes.Call)}
        self._called |= {id(test.node) for test in tree.find_all(nodes.Test) if test.name in _WHETHER}
        self._assigned = {argument.name for macro in tree.find_all(nodes.Macro) for argument in macro.args}
        self._owned: frozenset[str] = frozenset()
        self._built: frozenset[str] = frozenset()
        self._follow()
        self._growth = Growth(tree, self._assigned)

    def check(self) -> None:
        count = 0
        pending: list[tuple[nodes.Node, int, int]] = [(self._tree, 0, 1)]
        while pending:
            node, depth, rounds = pending.pop()
            count += 1
            if count > LIMITS.template_nodes or depth > LIMITS.template_depth:
                raise bad("A template is longer, or nests deeper, than any may", node.lineno)
            if not isinstance(node, _ALLOWED):
                raise bad(f"A template may not use {type(node).__name__.lower()}", node.lineno)
            inner = rounds * self._look(node)
            if inner > LIMITS.template_rounds:
                raise bad("A template loops more often than any may", node.lineno)
            pending += [(each, depth + 1, inner) for each in node.iter_child_nodes()]
        macros.look(self._macros)

    def _look(self, node: nodes.Node) -> int:  # noqa: C901, PLR0912 - one kind of node a branch
        """Look at one node; return how often its body runs at least, where it says so itself."""
        match node:
            case nodes.Getattr():
                self._field(node.attr, node)
            case nodes.Getitem():
                self._item(node)
            case nodes.Filter():
                self._filter(node)
            case nodes.Test() if node.name not in TESTS:
                raise bad(f"A template may not test {shown(node.name)}", node.lineno)
            case nodes.Call():
                self._call(node)
            case nodes.Name():
                self._name(node)
            case nodes.NSRef():
                self._field(node.attr, node)
            case nodes.Const():
                self._constant(node)
            case nodes.Keyword() if node.key.startswith("_"):
                raise bad(f"A template may not name {shown(node.key)}", node.lineno)
            case nodes.Macro() | nodes.CallBlock():
                if getattr(node, "name", "").startswith("_"):
                    raise bad("A macro's name begins with an underscore", node.lineno)
            case nodes.Mul():
                self._growth.product(node)
            case nodes.Mod() if is_text(node.left) or self._owns(node.left) or self._builds(node.left):
                self._growth.format(node, built=self._builds(node.left))
            case nodes.Assign() | nodes.AssignBlock():
                self._growth.assignment(node)
            case nodes.For():
                if node.recursive:
                    raise bad("A template may not loop into itself", node.lineno)
                return self._growth.rounds(node.iter)
            case _:
                pass
        return 1

    # -- names and attributes -----------------------------------------------------------------------------------

    def _name(self, node: nodes.Name) -> None:
        name = node.name
        private = name.startswith("_") and (name not in self._assigned or name.startswith("__"))
        if private or name in NEVER:
            raise bad(f"A template may not name {shown(name)}", node.lineno)
        if name in CALLS and node.ctx == "load" and id(node) not in self._called and name not in self._assigned:
            raise bad(f"A template may only call {shown(name)}", node.lineno)

    def _field(self, name: str, node: nodes.Node) -> None:
        """Refuse a field that is none of a request's: Python's own begin with an underscore, or are listed."""
        if not _NAMED.fullmatch(name) or "__" in name or name in INTERNAL or name.startswith(_INTERNAL_FAMILIES):
            raise bad(f"A template may not reach for {shown(name)}", node.lineno)

    def _item(self, node: nodes.Getitem) -> None:
        key = node.arg
        if isinstance(key, nodes.Const):
            if isinstance(key.value, str) and key.value.startswith("_"):
                raise bad(f"A template may not reach for {shown(key.value)}", node.lineno)
        elif not isinstance(key, nodes.Slice) and self._builds(key):
            raise bad("A template may not make up the name of what it reaches for", node.lineno)

    def _constant(self, node: nodes.Const) -> None:
        if isinstance(node.value, str) and "__" in node.value and re.search(r"__[a-z]|[a-z]__", node.value):
            raise bad(f"A template may not hold {shown(node.value)}", node.lineno)

    # -- filters and calls --------------------------------------------------------------------------------------

    def _filter(self, node: nodes.Filter) -> None:  # noqa: C901 - one demand a branch
        if node.name not in FILTERS:
            raise bad(f"A template may not filter by {shown(node.name)}", node.lineno)
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise bad("A template may not hand on arguments that it does not name", node.lineno)
        if node.name == "map":
            self._map(node)
        elif node.name in _BY_TEST:
            for each in node.args[1:2]:
                if not isinstance(each, nodes.Const) or each.value not in TESTS:
                    raise bad("A template may not test by a name that it makes up", node.lineno)
        elif node.name in {"select", "reject"}:
            for each in node.args[:1]:
                if not isinstance(each, nodes.Const) or each.value not in TESTS:
                    raise bad("A template may not test by a name that it makes up", node.lineno)
        if (at := BY_ATTRIBUTE.get(node.name)) is not None:
            self._by_attribute(node.args[at : at + 1], node)
        self._by_attribute([each.value for each in node.kwargs if each.key == "attribute"], node)
        self._fill(node)
        if node.name == "replace":
            self._growth.replacement(node)

    def _fill(self, node: nodes.Filter) -> None:
        sizes: list[nodes.Expr] = []
        if node.name in _FILLING:
            sizes = [*node.args, *(each.value for each in node.kwargs)]
        elif node.name == "tojson":
            sizes = [*node.args, *(each.value for each in node.kwargs if each.key == "indent")]
        for each in sizes:
            if not isinstance(each, nodes.Const) or size_of(each.value) > _MOST_FILL:
                raise bad("A template may not fill up a text", node.lineno)

    def _map(self, node: nodes.Filter) -> None:
        if node.kwargs or len(node.args) != 1:
            raise bad("A template may not map by attribute", node.lineno)
        name = node.args[0]
        if not isinstance(name, nodes.Const) or name.value not in MAPPED:
            raise bad("A template may not map by this filter", node.lineno)

    def _by_attribute(self, given: list[nodes.Expr], node: nodes.Filter) -> None:
        for each in given:
            if not isinstance(each, nodes.Const):
                raise bad("A template may not make up the name of an attribute", node.lineno)
            for part in str(each.value).split("."):
                if not part.isdigit():
                    self._field(part, node)

    def _call(self, node: nodes.Call) -> None:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise bad("A template may not hand on arguments that it does not name", node.lineno)
        match node.node:
            case nodes.Name(name=name):
                if name not in CALLS and name not in self._macros and name != "caller":
                    raise bad(f"A template may not call {shown(name)}", node.lineno)
            case nodes.Getattr(attr=attr):
                if attr not in METHODS:
                    raise bad(f"A template may not call {shown(attr)}", node.lineno)
                if attr == "replace":
                    self._growth.replacement(node)
            case _:
                raise bad("A template may not call what it makes up", node.lineno)

    # -- what a template makes itself ---------------------------------------------------------------------------

    def _follow(self) -> None:
        """Find the names that stand for a text of the template's own, and for one that it puts together, in any order."""
        kinds = (nodes.Assign, nodes.AssignBlock, nodes.For, nodes.With, nodes.Call, nodes.Macro, nodes.CallBlock)
        making = list(self._tree.find_all(kinds))
        self._handed = [call for call in self._tree.find_all(nodes.Call) if spelt(call.node) == "caller"]
        known = -1
        while known != len(self._owned):
            known = len(self._owned)
            self._owned |= {name for node in making for name, made in self._made(node, self._owns) if made}
        known = -1
        while known != len(self._built):
            known = len(self._built)
            self._built |= {name for node in making for name, made in self._made(node, self._builds) if made}

    def _made(self, node: nodes.Node, judge: Callable[[nodes.Node], bool]) -> Iterator[tuple[str, bool]]:  # noqa: C901, PLR0912 - one kind of node a branch
        match node:
            case nodes.Assign():
                for name in targets(node.target):
                    self._assigned.add(name)
                    yield name, judge(node.node)
            case nodes.AssignBlock():
                for name in targets(node.target):
                    self._assigned.add(name)
                    yield name, True
            case nodes.For():
                for name in targets(node.target):
                    yield name, judge(node.iter) or isinstance(node.iter, nodes.Const)
            case nodes.With():
                for target, value in zip(node.targets, node.values, strict=True):
                    for name in targets(target):
                        yield name, judge(value)
            case nodes.Call(node=nodes.Name(name=name)) if name in self._macros:
                made = any(judge(each) for each in given(node))
                for macro in self._macros[name]:
                    for argument in macro.args:
                        yield argument.name, made
            case nodes.Macro() | nodes.CallBlock():
                for argument, value in zip(reversed(node.args), reversed(node.defaults), strict=False):
                    yield argument.name, judge(value)
                if isinstance(node, nodes.CallBlock):
                    made = any(judge(each) for call in self._handed for each in given(call))
                    yield from ((argument.name, made) for argument in node.args)
            case _:
                return

    def _owns(self, node: nodes.Node) -> bool:
        """Whether an expression can stand for a text of the template's own, or one that such a text is in."""
        if isinstance(node, nodes.Name):
            return node.name in self._owned
        if isinstance(node, nodes.Const):
            return isinstance(node.value, str) and node.value != ""
        if isinstance(node, nodes.Compare | nodes.Test | nodes.Not):
            return False
        return any(self._owns(each) for each in yields(node))

    def _builds(self, node: nodes.Node) -> bool:  # noqa: C901, PLR0911, PLR0912 - one kind of node a branch
        """Whether an expression puts a text together, so that nobody can say which one it is."""
        match node:
            case nodes.Name():
                return node.name in self._built or node.name in _HANDED
            case nodes.Concat():
                return True
            case nodes.Add() | nodes.Mul() | nodes.Mod():
                sides = (node.left, node.right)
                return any(is_text(each) or self._builds(each) for each in sides)
            case nodes.Filter():
                return node.name in _BUILDING or (node.node is not None and self._builds(node.node))
            case nodes.Call(node=nodes.Getattr(node=base, attr=attr)):
                return attr in _BUILDING or self._builds(base) or any(self._builds(each) for each in given(node))
            case nodes.Call(node=nodes.Name(name=name)):
                return name in self._macros or name == "caller" or any(self._builds(each) for each in given(node))
            case nodes.Getitem(arg=nodes.Slice()):
                return self._owns(node.node) or self._builds(node.node)
            case nodes.CondExpr():
                return self._builds(node.expr1) or (node.expr2 is not None and self._builds(node.expr2))
            case nodes.Or() | nodes.And():
                return self._builds(node.left) or self._builds(node.right)
            case nodes.List() | nodes.Tuple():
                return any(self._builds(each) for each in node.items)
            case nodes.Dict():
                return any(self._builds(each.value) for each in node.items)
            case nodes.Getitem() | nodes.Getattr():
                return self._builds(node.node)
            case _:
                return False
