"""Makes the two tenants that are attacked, through the same API that everybody uses, and removes them afterwards."""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from strongroom.attack.http import Answer, Line
from strongroom.attack.target import Key, Target, Tenant

ENVIRONMENTS: Final = ("dev", "test", "prod")
_CHAT, _EMBEDDING = "chat", "embed"
_IN_A_ROW: Final = 8
_SETTLED_S: Final = 20.0


class StagingError(Exception):
    """The two tenants could not be made; says what was refused."""


class Builder:
    """Makes things as an operator."""

    def __init__(self, control: str, operator: str) -> None:
        self._control = control
        self._operator = operator

    def ask(self, method: str, path: str, data: Any = None) -> Any:
        """Ask the control API and return the decoded body of what must succeed.

        Raises:
            StagingError: when it does not.
        """
        with Line(self._control) as line:
            answer: Answer = line.ask(method, path, key=self._operator, data=data)
        if answer.status not in {200, 201, 204}:
            raise StagingError(f"{method} {path.partition('?')[0]}: {answer.status}")
        return answer.json()

    def key(self, tenant: str, environment: str, workload: str, label: str = "", days: float | None = None) -> Key:
        """Issue a key."""
        data = {"environment": environment, "workload": workload, "label": label, "days": days}
        made = self.ask("POST", f"/api/tenants/{tenant}/keys", data)
        return Key(made["key"]["id"], made["secret"])

    def workload(self, tenant: str, environment: str, name: str, *, owner: str, role: str = "inference") -> None:
        """Make a workload."""
        data = {"environment": environment, "name": name, "role": role, "owner": owner}
        self.ask("POST", f"/api/tenants/{tenant}/workloads", data)

    def deploy(self, tenant: str, environment: str, name: str, digest: str) -> str:
        """Deploy a release and return the deployment's id."""
        data = {"environment": environment, "name": name, "release": digest}
        return str(self.ask("POST", f"/api/tenants/{tenant}/deployments", data)["id"])

    def account(self, name: str, tenant: str) -> Key:
        """Make an administrator of a tenant."""
        made = self.ask("POST", "/api/accounts", {"name": name, "role": "tenant-admin", "tenant": tenant})
        return Key(made["key_id"], made["token"])

    def releases(self) -> dict[str, str]:
        """Return the digest of a release of each kind."""
        return {each["kind"]: each["digest"] for each in self.ask("GET", "/api/models")["data"]}

    def tenant(self, name: str, mark: str) -> Tenant:
        """Make a tenant with everything that a case needs; `mark` stands in every text of its own choosing."""
        digests = self.releases()
        made: str = self.ask("POST", "/api/tenants", {"name": name})["id"]
        keys: dict[str, Key] = {}
        for environment in ENVIRONMENTS:
            self.workload(made, environment, "inference", owner=f"team {mark}")
            keys[environment] = self.key(made, environment, "inference", label=mark)
            self.deploy(made, environment, _CHAT, digests["chat"])
        self.workload(made, "dev", "evaluation", owner=f"team {mark}", role="evaluation")
        self.deploy(made, "dev", _EMBEDDING, digests["embedding"])
        prod_only = f"prod-{mark}"
        self.deploy(made, "prod", prod_only, digests["chat"])
        return Tenant(
            name=name,
            id=made,
            admin=self.account(f"admin-{made}", made),
            keys=keys,
            evaluator=self.key(made, "dev", "evaluation", label=mark),
            own=f"own-{mark}",
            prod_only=prod_only,
            deployment=self.deploy(made, "dev", f"own-{mark}", digests["chat"]),
        )

    def end_tenant(self, tenant: str) -> None:
        """End a tenant with everything in it."""
        self.ask("DELETE", f"/api/tenants/{tenant}")


@contextmanager
def staged(gateway: str, control: str, operator: str) -> Generator[Target]:
    """Make two tenants on an installation and yield them as a target.

    Args:
        gateway: URL of its data plane.
        control: URL of its control API.
        operator: an operator's token.

    Raises:
        StagingError: when they cannot be made.
    """
    builder = Builder(control, operator)
    run, canary = secrets.token_hex(4), f"canary-{secrets.token_hex(8)}"
    made: list[Tenant] = []
    try:
        for side, mark in (("a", f"plain-{secrets.token_hex(8)}"), ("b", canary)):
            made.append(builder.tenant(f"iso-{run}-{side}", mark))
        for tenant in made:
            settle(gateway, tenant.dev, tenant.own)
        yield Target(
            gateway=gateway,
            control=control,
            operator=Key("", operator),
            a=made[0],
            b=made[1],
            chat=_CHAT,
            embedding=_EMBEDDING,
            canary=canary,
        )
    finally:
        for tenant in made:
            builder.end_tenant(tenant.id)


def heard(gateway: str, key: Key, model: str) -> None:
    """Wait until every gateway process has heard of `key`, which may ask nothing: it is turned away as known, not as a stranger.

    Raises:
        StagingError: when they have not in time.
    """
    deadline, good = time.monotonic() + _SETTLED_S, 0
    while good < _IN_A_ROW:
        with Line(gateway) as line:
            status = line.ask("GET", f"/v1/models/{model}", key=key.secret).status
        good = good + 1 if status != 401 else 0  # noqa: PLR2004 - HTTP Unauthorized
        if time.monotonic() > deadline:
            raise StagingError("the gateway does not know what was made")


def settle(gateway: str, key: Key, model: str) -> None:
    """Wait until every gateway process has heard of `key` and `model`: the newest of what was made.

    Which process takes a connection is not ours to say, so many in a row have to succeed.

    Raises:
        StagingError: when they have not in time.
    """
    deadline, good = time.monotonic() + _SETTLED_S, 0
    while good < _IN_A_ROW:
        with Line(gateway) as line:
            good = good + 1 if line.ask("GET", f"/v1/models/{model}", key=key.secret).status == 200 else 0  # noqa: PLR2004 - HTTP OK
        if time.monotonic() > deadline:
            raise StagingError("the gateway does not know what was made")
