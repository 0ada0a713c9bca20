"""Only the Gate opens a transaction: `Database.tenant` and `Database.operator` are called nowhere else.

`policy/recorder.py` is the Gate's other half: what it refused is written down in a transaction of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3] / "src" / "strongroom"
GATE = {SOURCE / "policy" / "gate.py", SOURCE / "policy" / "recorder.py"}
OPENERS = {"tenant", "operator"}
MADE_BY_THE_STORE = {"TenantTx", "OperatorTx", "AppendTx"}


def opened(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each `async with x.tenant(…)` or `.operator(…)`, and of each hand-made transaction."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncWith):
            for item in node.items:
                call = item.context_expr
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in OPENERS:
                    yield call.lineno, ast.unparse(call)
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "enter_async_context":
                yield from ((node.lineno, ast.unparse(node)) for arg in node.args if names_an_opener(arg))
            if isinstance(node.func, ast.Name) and node.func.id in MADE_BY_THE_STORE:
                yield node.lineno, ast.unparse(node)


def names_an_opener(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in OPENERS


def test_only_the_gate_opens_transactions() -> None:
    found = [
        f"{file.relative_to(SOURCE.parent)}:{line}: {text}"
        for file in sorted(SOURCE.rglob("*.py"))
        if file not in GATE and SOURCE / "store" not in file.parents
        for line, text in opened(ast.parse(file.read_text()))
    ]
    assert not found, "ask the Gate for a transaction (gate.permit, gate.permit_platform) instead:\n" + "\n".join(found)


def test_the_search_finds_each_way() -> None:
    ways = """
async def f():
    async with db.tenant(t) as tx: pass
    async with a.b.operator() as tx, other(): pass
    await stack.enter_async_context(db.tenant(t))
    TenantTx(connection, t)
"""
    assert [line for line, _ in sorted(set(opened(ast.parse(ways))))] == [3, 4, 5, 6]


def test_the_gate_does() -> None:
    for file in GATE:
        assert {text.split("(")[0].rsplit(".")[-1] for _, text in opened(ast.parse(file.read_text()))} == OPENERS
