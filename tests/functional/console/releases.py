"""Releases for the console's tests: brought as people bring them, and a newer one of what the installation has."""

from __future__ import annotations

import hashlib
import time
from typing import Final

from strongroom.app.seed import INSTALLER
from strongroom.app.testing import RELEASE, ControlPlane
from strongroom.kernel.principal import Principal
from strongroom.policy import Ask
from strongroom.registry import Release
from strongroom.registry.admission.ownkeys import claim
from strongroom.registry.admission.testing import digest_of, prover
from strongroom.registry.content.quarantine import Part, Stage
from strongroom.registry.releases import NewRelease, Progress
from strongroom.registry.scan.testing.build import safetensors
from strongroom.signatures.keys import SecretKey

WEIGHTS: Final = safetensors({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"\0" * 4)
TEMPLATE: Final = "{% for message in messages %}\n{{ message.role }}: {{ message.content }}\n{% endfor %}\nBe brief.\n"
OWN_KEY: Final = SecretKey.of_seed(b"c" * 32)
SECOND: Final = TEMPLATE.replace("Be brief.", "Answer in full.")


def person(plane: ControlPlane, name: str) -> Principal:
    """Return somebody by the name of their token."""
    found = plane.services.directory.authenticate(plane.tokens[name], "127.0.0.1")
    assert isinstance(found, Principal)
    return found


def newer(plane: ControlPlane) -> Release:
    """Admit tiny@2, which nobody has approved."""
    services = plane.services
    fields = {name: getattr(RELEASE, name) for name in ("name", "kind", "format", "bytes", "source", "admitted_at")}
    release = Release(digest=digest_of("tiny-2"), version="2", **fields)
    plane.run(services.registry.admit(INSTALLER, release, Ask(), prover(services.admission, "tiny-2")))
    return release


def bring(plane: ControlPlane, who: str, name: str, version: str, files: dict[str, bytes]) -> Progress:
    """Bring a release as the command line does; return what came of it."""
    releases, caller = plane.services.releases, person(plane, who)
    parts = [Part(path, len(data)) for path, data in files.items()]
    new = NewRelease(name=name, version=version, files=parts, source="https://example.org/support-bot")
    begun = plane.run(releases.begin(caller, new, None, Ask()))
    for index, data in enumerate(files.values()):
        plane.run(releases.take(caller, begun.id, index, 0, data))
    sums = [hashlib.sha256(data).hexdigest() for data in files.values()]
    plane.run(releases.finish(caller, begun.id, sums, Ask()))
    until = time.monotonic() + 60
    found: Progress = plane.run(releases.progress(caller, begun.id))
    while found.stage is Stage.SCANNING:
        assert time.monotonic() < until, "it was not scanned in a minute"
        found = plane.run(releases.progress(caller, begun.id))
    return found


def furnish(plane: ControlPlane) -> None:
    """Bring one of each: a newer release of the installation's, two of a tenant's own, one that is refused; an own key."""
    newer(plane)
    who = person(plane, "approver")
    shown = claim(who.name, OWN_KEY).decode()
    plane.run(plane.services.registrar.add(who, OWN_KEY.public.pem(), shown, 30, Ask()))
    for version, template in (("1", TEMPLATE), ("2", SECOND)):
        files = {"model.safetensors": WEIGHTS, "chat_template.jinja": template.encode()}
        assert bring(plane, "acme-admin", "support-bot", version, files).stage is Stage.ADMITTED
    files = {"model.safetensors": WEIGHTS, "setup.py": b"import os\nos.system('id')\n"}
    assert bring(plane, "acme-admin", "trojan", "1", files).stage is Stage.REFUSED
