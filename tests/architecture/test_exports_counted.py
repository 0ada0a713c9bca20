"""Whatever hands something out of a store counts it: every permit that is for handing out is followed by `taken`."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = "src/strongroom"
HANDS_OUT = {
    "AUDIT_READ",
    "AUDIT_READ_PLATFORM",
    "RECORDS_READ",
    "SUBJECT_EXPORT",
    "MODEL_EXPORT",
    "PROMPT_READ",
    "CAPTURE_READ",
    "DATASET_READ",
    "DATASET_EXPORT",
}
COUNTED = {"taken", "_taken"}
EXEMPT = {
    "policy/logs.py _open": "opens; each of its callers is looked at in the test below",
    "custody/incidents/service.py _open": "names the reading of data sets as what it looks for in the log",
    "captures/service.py entries": "which requests were captured, without what they say",
    "custody/service.py _demand": "asks a second time; what is told of a key's use are sums over its own records",
    "registry/releases/keeping.py _permitted": "says which actions may be about the installation's releases",
    "training/jobs.py _trained": "reads a file into the process that trains: nothing leaves",
}


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def mentioned(node: ast.AST) -> set[str]:
    """Return the actions that are named in `node`."""
    return {
        part.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "Action"
    }


def called(node: ast.AST) -> set[str]:
    return {
        part.func.attr for part in ast.walk(node) if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute)
    }


def test_whatever_hands_out_counts_or_says_why_not(root: Path) -> None:
    uncounted: set[str] = set()
    counted: set[str] = set()
    for path in (root / SOURCE).rglob("*.py"):
        name = path.relative_to(root / SOURCE).as_posix()
        if name.startswith(("console/", "policy/truthtable", "attack/", "flows/", "app/")):
            continue  # they ask whether something may be done, and do not do it
        for function in functions(ast.parse(path.read_text(encoding="utf-8"))):
            if found := mentioned(function) & HANDS_OUT:
                if called(function) & COUNTED:
                    counted |= found
                else:
                    uncounted.add(f"{name} {function.name}")
    assert uncounted == set(EXEMPT), "call `gate.taken` before it leaves, or say here why nothing does"
    assert counted | {"AUDIT_READ", "AUDIT_READ_PLATFORM"} == HANDS_OUT, "or it holds for want of anything to find"


def test_every_reader_of_a_sealed_log_counts(root: Path) -> None:
    tree = ast.parse((root / SOURCE / "policy/logs.py").read_text(encoding="utf-8"))
    readers = {each.name: called(each) for each in functions(tree) if "_open" in called(each)}
    assert {name for name, calls in readers.items() if not calls & COUNTED} == {"head"}, "a head holds no entry"
    assert len(readers) > 1
