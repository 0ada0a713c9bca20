"""The page of events is what the code logs, and what goes on without a sealed log is what only looks or takes away."""

from __future__ import annotations

import ast
from pathlib import Path

from strongroom.policy import Action, catalogue
from strongroom.policy.model import goes_on_unsealed

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_is_what_the_code_says() -> None:
    written = (ROOT / catalogue.FILE).read_text(encoding="utf-8")
    assert written == catalogue.page(), "run `.venv/bin/python -m strongroom.policy.catalogue` and commit the page"


def test_every_action_that_is_logged_stands_on_the_page() -> None:
    """Every `action=` of an entry that is written out in the source is a verb of the policy, or is listed beside them."""
    known = {action.value for action in Action} | set(catalogue.OTHERS)
    found: set[str] = set()
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "src/strongroom").rglob("*.py"))
    for text in (text for text in texts if "Entry(" in text):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Entry":
                values = [each.value for each in node.keywords if each.arg == "action"]
                found |= {v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)}
    assert "log.clock_back" in found
    assert found - {"probe"} <= known, "add it to catalogue.OTHERS: persisted events are documented"


def test_nothing_that_gives_goes_on_while_the_log_cannot_be_sealed() -> None:
    goes_on = {action.value for action in Action if goes_on_unsealed(action)}
    assert {"key.revoke", "tenant.delete", "audit.read", "audit.recover", "database.restore", "whoami"} <= goes_on
    gives = {"create", "add", "admit", "write", "write_ceiling", "update", "rotate", "run", "open"}
    assert not {each for each in goes_on if each.rpartition(".")[2] in gives}
