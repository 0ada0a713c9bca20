"""How commands end when they cannot succeed: a sentence, what to do next, and the right code."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from strongroom.app.testing import ControlPlane

Run = Any
PROGRAM: Final = Path(sys.executable).with_name("strongroom")
TOKEN: Final = {"STRONGROOM_TOKEN": "srk_opr_all_0123456789abcdef_x"}

# Every command that asks the control API, with words that are right.
ONLINE: Final = (
    ("whoami",),
    ("tenant", "create", "x"),
    ("tenant", "list"),
    ("tenant", "show", "x"),
    ("tenant", "delete", "x", "--yes"),
    ("environment", "list", "x"),
    ("workload", "create", "x", "--tenant=x", "--env=dev", "--role=inference", "--owner=o"),
    ("workload", "list", "x"),
    ("workload", "delete", "x", "--tenant=x", "--env=dev"),
    ("key", "create", "--tenant=x", "--env=dev", "--workload=x"),
    ("key", "list"),
    ("key", "show", "x"),
    ("key", "revoke", "x"),
    ("account", "create", "x", "--role=operator"),
    ("account", "list"),
    ("account", "delete", "x"),
    ("account", "token", "x"),
    ("model", "list"),
    ("deployment", "create", "x", "--tenant=x", "--env=dev", "--release=x"),
    ("deployment", "list", "x"),
    ("deployment", "delete", "x", "--tenant=x", "--env=dev"),
    ("audit", "list"),
)


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("words", ONLINE, ids=lambda words: " ".join(words[:2]))
def test_a_server_that_is_down_is_undetermined(inside: Run, words: tuple[str, ...]) -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    done = inside(*words, "--control", url, env=TOKEN)
    assert (done.code, done.out) == (3, "")
    assert done.err.splitlines() == [
        f"strongroom: Nothing answers at {url}.",
        "Is it running? Start it with `strongroom up`, or name another server with --control.",
    ]


def test_a_bad_token_says_what_to_do(run: Run) -> None:
    done = run("tenant", "list", by="nonsense")
    assert done.code == 1
    assert "key is missing, malformed, unknown, expired" in done.err
    assert "strongroom whoami -v" in done.err
    assert "nonsense" not in done.err


def test_what_one_may_not_do(run: Run) -> None:
    done = run("tenant", "delete", "acme", "--yes", by="acme-admin")
    assert done.code == 1
    assert "does not permit tenant.delete" in done.err


def test_a_field_at_fault_is_named(run: Run) -> None:
    done = run("key", "create", "--tenant=acme", "--env=dev", "--workload=inference", "--days=400")
    assert done.code == 1
    assert done.err.startswith("strongroom: days: ")
    assert run("tenant", "create", "Not A Name").code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("tenant", "create"),
        ("tenant", "nonsense"),
        ("key", "create", "--tenant", "acme"),
        ("workload", "create", "x", "--tenant=x", "--env=staging", "--role=inference", "--owner=o"),
        ("tenant", "show", ""),
        ("audit", "list", "--limit", "many"),
        ("tenant", "list", "--token", "srk_x"),
        ("up", "--port", "70000"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2(inside: Run, words: tuple[str, ...]) -> None:
    done = inside(*words, env=TOKEN)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("strongroom: ")


def test_the_program_itself_ends_with_the_code(alone: Run) -> None:
    assert alone("nonsense").code == 2
    assert alone("whoami", "--control", f"http://127.0.0.1:{unused_port()}", env=TOKEN).code == 3


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1", "127.0.0.1:8401", "http://127.0.0.1:x", "http://127.0.0.1/api", "http://u:p@127.0.0.1", ""],
)
def test_an_address_that_is_none_is_2(inside: Run, url: str) -> None:
    done = inside("whoami", f"--control={url or 'http://'}", env=TOKEN)
    assert done.code == 2
    assert "no address of a control API" in done.err
    assert "u:p" not in done.err


def test_no_token_leaves_this_machine_in_the_clear(inside: Run) -> None:
    done = inside("whoami", "--control", "http://192.0.2.1:8401", env=TOKEN)
    assert done.code == 2
    assert "not sent over plain HTTP" in done.err


def test_without_a_token_it_says_where_one_may_be(inside: Run) -> None:
    done = inside("whoami")
    assert done.code == 2
    assert "--token-file" in done.err


def test_the_token_comes_from_a_file_or_the_demo(plane: ControlPlane, alone: Run, tmp_path: Path) -> None:
    kept = tmp_path / "token"
    kept.write_text(plane.tokens["approver"] + "\n")
    named = alone("whoami", "--json", "--control", plane.url, "--token-file", str(kept))
    assert named.json["role"] == "approver"
    piped = alone("whoami", "--json", "--control", plane.url, "--token-file", "-", given=plane.tokens["acme-admin"])
    assert piped.json["role"] == "tenant-admin"
    demo = {"control": plane.url, "gateway": "", "operator": {"token": plane.tokens["operator"]}}
    (tmp_path / "demo.json").write_text(json.dumps(demo))
    found = alone("whoami", "--json", "-v", "--home", str(tmp_path))
    assert found.json["role"] == "operator"
    assert "demo.json" in found.err
    elsewhere = alone("whoami", "--home", str(tmp_path), "--control", "https://192.0.2.1")
    assert elsewhere.code == 2  # the demo's token is for this machine
    for text in ("", "two words", "\x00"):
        kept.write_text(text)
        assert alone("whoami", "--control", plane.url, "--token-file", str(kept)).code == 2
    assert alone("whoami", "--control", plane.url, "--token-file", str(tmp_path / "none")).code == 2


def test_a_token_is_never_in_anybodys_arguments(inside: Run) -> None:
    for words in (*ONLINE, ("doctor",), ("up",)):
        assert "--token " not in inside(*words[:2], "--help").out


@contextmanager
def answering(answer: bytes) -> Generator[str]:
    """Serve one answer that is not Strongroom's."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 6\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n{",
        b"SSH-2.0-OpenSSH\r\n",
    ],
    ids=repr,
)
def test_what_is_not_the_control_api_is_undetermined(inside: Run, answer: bytes) -> None:
    with answering(answer) as url:
        done = inside("tenant", "list", "--control", url, env=TOKEN)
    assert done.code == 3
    assert "Traceback" not in done.err


def at_a_terminal(words: list[str], env: dict[str, str], typed: str) -> tuple[int, str]:
    """Run the program with a terminal on all three of its streams."""
    ours, theirs = pty.openpty()
    program = subprocess.Popen(  # noqa: S603 - our own program
        [PROGRAM, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | env, close_fds=True
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    said = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is gone
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    return program.wait(timeout=60), said.decode()


def test_at_a_terminal_it_asks_first_and_draws_a_table(plane: ControlPlane, run: Run) -> None:
    env = {"STRONGROOM_CONTROL": plane.url, "STRONGROOM_TOKEN": plane.tokens["operator"], "COLUMNS": "160"}
    run("tenant", "create", "hooli")
    code, said = at_a_terminal(["tenant", "list"], env, "")
    assert code == 0
    assert "─" in said
    code, said = at_a_terminal(["tenant", "delete", "hooli"], env, "hoolio\n")
    assert (code, "nothing was changed" in said) == (1, True)
    code, said = at_a_terminal(["key", "revoke", plane.key_ids["acme"]], env, "n\n")
    assert (code, "nothing was changed" in said) == (1, True)
    assert run("key", "show", plane.key_ids["acme"], "--json").json["status"] == "active"
    code, said = at_a_terminal(["tenant", "delete", "hooli"], env, "hooli\n")
    assert (code, "hooli is gone" in said) == (0, True)


def test_a_reader_that_stops_reading_is_no_fault(plane: ControlPlane) -> None:
    env = os.environ | {"STRONGROOM_CONTROL": plane.url, "STRONGROOM_TOKEN": plane.tokens["operator"]}
    program = subprocess.Popen(  # noqa: S603 - our own program
        [PROGRAM, "audit", "list", "--limit", "200"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    )
    assert program.stdout is not None
    program.stdout.close()
    _, said = program.communicate(timeout=60)
    assert b"Traceback" not in said
