"""There is one way into the logs, and it masks: nothing else opens one, prints, or sends a process's output elsewhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = "src/strongroom"
SINK = f"{SOURCE}/app/logs/"
PRINTS = (
    f"{SOURCE}/cli/",  # commands: what they print is what was asked for
    f"{SOURCE}/app/progress.py",  # what `up` shows; masked there
    f"{SOURCE}/app/installer.py",  # the first operator's token, once, on a terminal
    f"{SOURCE}/app/witnessing.py",  # a program of its own
    f"{SOURCE}/audit/strongroom_verify.py",  # a program of its own
    f"{SOURCE}/store/schema.py",  # a program for who changes the schema
    f"{SOURCE}/gateway/limits/trial.py",  # a program of the tests
)
RIGS = ("/testing", "/rig/", "/rig.py")
HANDLERS = {"basicConfig", "addHandler", "StreamHandler", "FileHandler", "WatchedFileHandler", "RotatingFileHandler",
            "TimedRotatingFileHandler", "SysLogHandler", "SocketHandler", "dictConfig", "fileConfig", "captureWarnings"}  # fmt: skip
STARTS = {"create_subprocess_exec", "create_subprocess_shell", "Popen", "run"}
OUTPUTS = {"PIPE", "DEVNULL", "STDOUT"}
TABLES = {"audit.log"}


def sources(root: Path) -> Iterator[tuple[str, ast.AST]]:
    for path in sorted((root / SOURCE).rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(SINK) and not any(part in name for part in RIGS):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def faults(name: str, tree: ast.AST) -> Iterator[str]:
    prints = name.startswith(PRINTS)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in HANDLERS:
                yield f"{name}:{node.lineno} makes a way of its own into a log ({called})"
            if called == "print" and not prints:
                yield f"{name}:{node.lineno} prints"
            if called in STARTS:
                yield from (f"{name}:{node.lineno} sends a process's output elsewhere" for _ in elsewhere(node))
        elif isinstance(node, ast.Attribute):
            if node.attr in {"stdout", "stderr", "__stdout__", "__stderr__"} and is_sys(node.value) and not prints:
                yield f"{name}:{node.lineno} uses sys.{node.attr}"
        elif isinstance(node, ast.Constant) and names_a_log(node.value):
            yield f"{name}:{node.lineno} names a log file ({node.value!r})"


def names_a_log(value: object) -> bool:
    return isinstance(value, str) and value.endswith(".log") and " " not in value and value not in TABLES


def elsewhere(call: ast.Call) -> Iterator[ast.expr]:
    for word in call.keywords:
        if word.arg in {"stdout", "stderr"}:
            named = word.value.attr if isinstance(word.value, ast.Attribute) else ""
            if named not in OUTPUTS:
                yield word.value


def is_sys(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "sys"


def test_nothing_goes_round_the_sink(root: Path) -> None:
    found = [fault for name, tree in sources(root) for fault in faults(name, tree)]
    assert not found, "log through `logging.getLogger`, and hand a process's lines to the sink:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        "logging.basicConfig()",
        "log.addHandler(h)",
        "handler = logging.FileHandler(path)",
        "print('x')",
        "sys.stderr.write(x)",
        "x = sys.stdout",
        "subprocess.Popen(a, stderr=file)",
        "await asyncio.create_subprocess_exec(a, stdout=handle)",
        "open(places.logs / 'mine.log')",
    ],
)
def test_each_way_round_is_seen(code: str) -> None:
    body = f"async def f():\n    {code}\n"
    assert list(faults("src/strongroom/gateway/x.py", ast.parse(body)))
