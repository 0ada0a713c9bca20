"""There is one way to a transaction, and one writer of the audit log."""

from __future__ import annotations

import ast
import re
from pathlib import Path

SOURCE = "src/strongroom"
# The gate, and the recorder it writes refusals with.
OPENERS = {f"{SOURCE}/policy/gate.py", f"{SOURCE}/policy/recorder.py"}


def sources(root: Path) -> dict[str, str]:
    found = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in (root / SOURCE).rglob("*.py")
    }
    assert set(found) >= OPENERS
    return found


def names(node: ast.AST) -> set[str]:
    """Return the last name of everything that is called under `node`."""
    functions = [part.func for part in ast.walk(node) if isinstance(part, ast.Call)]
    return {
        f.attr if isinstance(f, ast.Attribute) else f.id for f in functions if isinstance(f, ast.Attribute | ast.Name)
    }


def entered(text: str) -> set[str]:
    """Return the last name of every call that is entered as a context, by `with` or by an exit stack."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.With | ast.AsyncWith):
            found.update(*(names(item.context_expr) for item in node.items))
        elif isinstance(node, ast.Call) and names(node) & {"enter_context", "enter_async_context"}:
            found.update(names(node))
    return found


def test_only_the_gate_opens_a_transaction(root: Path) -> None:
    for name, text in sources(root).items():
        if name in OPENERS or name.startswith(f"{SOURCE}/store/"):
            continue
        opened = entered(text) & {"tenant", "operator"}
        assert not opened, (
            f"{name} enters .{opened.pop()}(): ask `gate.permit` for the transaction, so that it is recorded"
        )


def test_the_gate_does_open_them(root: Path) -> None:
    # Or the test above would hold for want of anything to find.
    for opener in OPENERS:
        assert {"tenant", "operator"} <= entered(sources(root)[opener])


def test_only_the_gate_and_the_wiring_hold_a_database(root: Path) -> None:
    for name, text in sources(root).items():
        if name in OPENERS or name.startswith((f"{SOURCE}/store/", f"{SOURCE}/app/")):
            continue
        imported = {
            alias.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom) for alias in node.names
        }
        assert "Database" not in imported, f"{name} imports Database: take a `Gate` instead"


def test_only_the_store_makes_a_transaction(root: Path) -> None:
    for name, text in sources(root).items():
        made = names(ast.parse(text)) & {"TenantTx", "OperatorTx"}
        assert not made or name.startswith(f"{SOURCE}/store/"), f"{name} makes a {made.pop()}: only the store may"


def test_only_the_audit_room_names_its_tables(root: Path) -> None:
    for name, text in sources(root).items():
        if name.startswith((f"{SOURCE}/audit/", f"{SOURCE}/store/")):
            continue
        sql = re.search(
            r"\b(insert\s+into|update|delete\s+from|from|join)\s+audit\.(platform_)?entry\b", text, re.IGNORECASE
        )
        assert sql is None, f"{name} has SQL on the audit tables: use `strongroom.audit`"


def test_nobody_changes_an_entry(root: Path) -> None:
    for name, text in sources(root).items():
        if not name.startswith(f"{SOURCE}/audit/"):
            continue
        assert not re.search(r"\b(delete\s+from|truncate)\s+audit\.", text, re.IGNORECASE), name
        changed = re.findall(
            r"\bupdate\s+audit\.(?:platform_)?entry\b[^$]*?\bset\b(.*?)\b(?:from|where)\b", text, re.DOTALL
        )
        assert bool(changed) == name.endswith("audit/sealing/tables.py"), (
            f"{name}: only the keeper gives entries places"
        )
        for columns in changed:
            named = {each.split("=")[0].strip() for each in columns.split(",")}
            assert named == {"epoch", "seq", "event", "sealed_at"}, "what was asked is never changed"
