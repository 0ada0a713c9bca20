"""P10, isolation test 54: a real Jupyter kernel that holds a notebook's credential, and everything it should not get.

The kernel is the one that notebooks run on. What it executes is written to succeed if it can; where the tests run as root the
kernel runs as nobody, as a notebook host would run it beside an installation.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from strongroom.app.rig import Installation
from strongroom.attack import Target
from strongroom.attack.staging import Builder, settle
from strongroom.attack.target import Key

PATIENCE_S: Final = 60.0
NOBODY: Final = 65534

BECOME_NOBODY: Final = f"""
import os, runpy, sys
os.chown(sys.argv[1], {NOBODY}, {NOBODY})
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
sys.argv = ["kernel", "-f", sys.argv[1]]
runpy.run_module("ipykernel_launcher", run_name="__main__")
"""
CELL: Final = """
import json, os, socket, urllib.error, urllib.request

def ask(url, data=None, method=None):
    request = urllib.request.Request(url, method=method, headers={
        "authorization": "Bearer " + os.environ["KEY"], "content-type": "application/json"})
    if data is not None:
        request.data = json.dumps(data).encode()
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()

def files(*paths):
    read = []
    for path in paths:
        try:
            with open(path, "rb") as opened:
                opened.read(1)
            read.append(path)
        except OSError:
            pass
    return read

def sockets(*folders):
    opened = []
    for folder in folders:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            with socket.socket(socket.AF_UNIX) as line:
                try:
                    line.connect(os.path.join(folder, name))
                    opened.append(name)
                except OSError:
                    pass
    return opened
"""


class Notebook:
    """A kernel and its client: cells go in, what they print comes out."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def run(self, code: str) -> str:
        """Execute a cell and return what it printed."""
        printed: list[str] = []

        def heard(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        reply = self._client.execute_interactive(code, timeout=PATIENCE_S, output_hook=heard)
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(printed)

    def value(self, expression: str) -> Any:
        """Return what an expression comes to in the kernel."""
        return json.loads(self.run(f"print(json.dumps({expression}))"))


@pytest.fixture(scope="module")
def credential(target: Target) -> Key:
    """Return the key of a notebook of A's, in dev."""
    builder, name = Builder(target.control, target.operator.secret), f"notebook-{secrets.token_hex(4)}"
    builder.workload(target.a.id, "dev", name, owner="somebody", role="notebook")
    key = builder.key(target.a.id, "dev", name)
    settle(target.gateway, key, target.a.own)
    return key


@pytest.fixture(scope="module")
def notebook(credential: Key) -> Generator[Notebook]:
    folder = Path(tempfile.mkdtemp(prefix="sr-nb-"))
    folder.chmod(0o755)
    manager = KernelManager(connection_file=str(folder / "kernel.json"))
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG"}}
    environment = kept | {"HOME": str(folder), "IPYTHONDIR": str(folder), "KEY": credential.secret}
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        spec: Any = manager.kernel_spec
        spec.argv = [sys.executable, "-c", BECOME_NOBODY, "{connection_file}"]
    manager.start_kernel(env=environment, cwd=str(folder))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE_S)
        made = Notebook(client)
        made.run(CELL)
        yield made
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        shutil.rmtree(folder, ignore_errors=True)


def test_a_notebook_tries_models_of_its_place(notebook: Notebook, target: Target) -> None:
    body = {"model": target.a.own, "messages": [{"role": "user", "content": "Hi."}], "max_tokens": 1}
    status, answer = notebook.value(f"ask({target.gateway + '/v1/chat/completions'!r}, {body!r})")
    assert status == 200, answer


def test_a_notebook_reaches_nothing_of_prod(notebook: Notebook, target: Target) -> None:
    for model in (target.a.prod_only, target.b.prod_only):
        body = {"model": model, "messages": [{"role": "user", "content": "Hi."}], "max_tokens": 1}
        status, answer = notebook.value(f"ask({target.gateway + '/v1/chat/completions'!r}, {body!r})")
        assert status == 404, answer


def test_a_notebook_deploys_and_administers_nothing(notebook: Notebook, target: Target) -> None:
    api, tenant = f"{target.control}/api", target.a.id
    digest = Builder(target.control, target.operator.secret).releases()["chat"]
    attempts: dict[str, Any] = {
        f"/tenants/{tenant}/deployments": {"environment": "prod", "name": "mine", "release": digest},
        f"/tenants/{tenant}/workloads": {"environment": "prod", "name": "n", "role": "notebook", "owner": "me"},
        f"/tenants/{tenant}/keys": {"environment": "prod", "workload": "inference"},
        f"/keys/{target.a.keys['prod'].id}/rotate": {"compromised": True},
        "/providers": {"name": "x", "kind": "openai", "base_url": "http://169.254.169.254", "owner": "o"},
        "/accounts": {"name": "x", "role": "operator"},
    }
    for path, body in attempts.items():
        status, answer = notebook.value(f"ask({api + path!r}, {body!r})")
        assert status in {403, 404}, (path, answer)
        assert "srk_" not in answer
    reads = ("/keys", "/audit", "/records", "/rules", "/datasets", "/incidents", "/deployments")
    for path in (*(f"/tenants/{tenant}{each}" for each in reads), "/config", "/doctor"):
        status, answer = notebook.value(f"ask({api + path!r})")
        assert status in {403, 404}, (path, answer)


def test_what_a_notebook_tried_is_in_its_tenants_log_with_a_signal(
    notebook: Notebook, target: Target, credential: Key
) -> None:
    notebook.value(f"ask({f'{target.control}/api/tenants/{target.a.id}/keys'!r})")
    entries = Builder(target.control, target.operator.secret).ask("GET", f"/api/tenants/{target.a.id}/audit?limit=200")
    mine = [each for each in entries["data"] if each["credential"] == credential.id and each["outcome"] == "refused"]
    assert "app-to-developer-function" in {each["detail"].get("signal") for each in mine}
    assert "key.list" in {each["action"] for each in mine}


def test_not_even_an_operator_gives_a_notebook_a_credential_in_prod(target: Target) -> None:
    with pytest.raises(Exception, match="403"):
        Builder(target.control, target.operator.secret).workload(
            target.a.id, "prod", "notebook", owner="me", role="notebook"
        )


def test_a_kernel_beside_an_installation_reads_no_secret_of_it(notebook: Notebook, installation: Installation) -> None:
    home, places = installation.home, installation.places
    secret = [str(path) for path in home.rglob("*") if path.is_file() and path.suffix in {".json", ".toml", ".sock"}]
    pids = [process.pid for process in installation.processes()]
    environments = [f"/proc/{pid}/{each}" for pid in pids for each in ("environ", "mem")]
    read = notebook.value(f"files(*{[*secret, *environments]!r})")
    opened = notebook.value(f"sockets(*{[str(places.metrics_sockets), str(places.worker_sockets)]!r})")
    # As one uid with the installation it can read what that uid can: the reason to run it as root, or elsewhere.
    if os.geteuid() == 0:
        assert secret
        assert (read, opened) == ([], [])
    assert notebook.value("os.environ.get('STRONGROOM_TOKEN')") is None
