"""`strongroom model add`: sends a release into quarantine, goes on where an earlier run ended, and says what came of it."""

# ruff: noqa: PLC0415 - what reads files and connects comes late: `--help` must not wait for it

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from cyclopts import Parameter

from strongroom.cli import output
from strongroom.cli.calls import answered, place
from strongroom.cli.failures import FAILED, OK, UNDETERMINED, USAGE, Failure
from strongroom.cli.models import MODEL
from strongroom.cli.progress import Moved, over_bytes
from strongroom.cli.session import HERE, ONLINE, Session

if TYPE_CHECKING:
    from strongroom.cli.bundles import Bundle
    from strongroom.cli.calling import Caller

_ROUNDS: Final = 5
_TRIES: Final = 5
_WAIT_S: Final = 0.2
_SCAN_S: Final = 6 * 3600.0
_CONFLICT, _BUSY = 409, 503
_CODES: Final = {"admitted": OK, "refused": FAILED, "failed": UNDETERMINED}
_SHOWN: Final = 20

_EPILOGUE: Final = """
Examples:
  strongroom model add ./tinyllama --name tinyllama --version 1.0.0 --source "our fine-tune of 2026-11"
  strongroom model add churn.onnx --name churn --version 3 --risk high
  strongroom model add churn.onnx --name churn --version 4 --trained-on loans@2 --trained-on payments@7
  strongroom model add ./tinyllama --name tinyllama --version 1.0.0 --signature tinyllama.sig
  strongroom model add ./kit-layout --tag latest --name churn --version 4 --tenant acme

PATH is a file, a directory, an OCI image layout, or a ModelKit in one. Interrupted, the same command goes on where it was.
Exit codes: 0 scanned, clean and signed, 1 refused, 2 wrong usage, 3 undetermined (it could not be looked at to its end).
"""


@MODEL.command(name="add", group=ONLINE, help_epilogue=_EPILOGUE)
def add(
    path: Path,
    /,
    *,
    name: Annotated[str, Parameter(help="What the release is called.")],
    version: Annotated[str, Parameter(help="Its version; the two mean these bytes for good.")],
    source: Annotated[str, Parameter(help="Where it came from, in words.")] = "",
    tenant: Annotated[
        str | None, Parameter(help="For that tenant alone, as an operator [default: the installation's, or your own].")
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        Literal["gguf", "onnx", "safetensors"] | None,
        Parameter(help="How its weights are written [default: as found]."),
    ] = None,
    task: Annotated[
        Literal["chat", "embedding", "infer"] | None, Parameter(help="What it is asked for [default: as found].")
    ] = None,
    risk: Annotated[
        Literal["standard", "high"], Parameter(help="How much may go wrong; more people approve a high one.")
    ] = "standard",
    tag: Annotated[str | None, Parameter(help="Which image of an OCI layout, where there are several.")] = None,
    trained_on: Annotated[
        list[str] | None,
        Parameter(
            negative="", help="DATASET@VERSION that it was trained on; repeat for more. It is kept as your word."
        ),
    ] = None,
    signature: Annotated[
        Path | None, Parameter(help="Its publisher's signature (OpenSSF Model Signing), as the rules demand it.")
    ] = None,
    run: Annotated[
        str | None, Parameter(help="Id of the training run, told of by `lineage import`, that it came out of.")
    ] = None,
    session: Session = HERE,
) -> int:
    """Bring a release: send it into quarantine, have it scanned and signed. It may be deployed once it is approved.

    Args:
        path: a file, a directory, an OCI image layout or a ModelKit.
        name: what it is called.
        version: its version.
        source: where it came from.
        tenant: whose own it is to be.
        format: how its weights are written.
        task: what it is asked for.
        risk: how much may go wrong.
        tag: which image of a layout.
        trained_on: on which of the tenant's data sets it was trained.
        signature: its publisher's signature.
        run: out of which run it came.
        session: how to ask.
    """
    from strongroom.cli.bundles import NoBundle, bundle
    from strongroom.cli.calling import Caller

    signed = None if signature is None else _signature(signature)
    try:
        found = bundle(path, tag)
    except NoBundle as error:
        raise Failure(str(error), "Nothing was sent.", FAILED if path.exists() else USAGE) from None
    fields: dict[str, object] = {
        "name": name,
        "version": version,
        "source": source or found.told,
        "risk": risk,
        "files": [{"path": each, "size": size} for each, size in found.files],
        "tenant": tenant,
        "kind": task,
        "format": format,
        "trained_on": trained_on or None,
        "run": run,
    }
    with Caller(session) as caller:
        sender = _Sender(caller, {name: value for name, value in fields.items() if value is not None})
        try:
            ended = sender.sent(found, quiet=session.json)
        except NoBundle as error:
            raise Failure(str(error), "Mend it and run the same command again.") from None
        if signed is not None and ended["stage"] == "admitted":
            sender.attach(ended["digest"], signed, tenant)
    return _told(ended, f"{name}@{version}", tenant, json=session.json)


def _signature(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Failure(f"The signature {path} cannot be read.", "Nothing was sent.", USAGE) from None


class _Sender:
    """Sends one release over one connection."""

    def __init__(self, caller: Caller, fields: dict[str, object]) -> None:
        self._caller = caller
        self._fields = fields

    def sent(self, found: Bundle, *, quiet: bool) -> dict[str, Any]:
        """Return what became of it."""
        for _ in range(_ROUNDS):
            state = self._ask("POST", place("uploads"), self._fields)
            with over_bytes(quiet=quiet) as moved:
                if state["stage"] == "receiving":
                    ended = self._finished(state, self._pass(found, state, moved))
                    if ended is None:
                        continue  # another run sends the same, or the server was restarted: see what is missing
                    state = ended
                return self._waited(state, moved)
        raise Failure("The upload did not come to an end.", "Run the same command again: it goes on.", UNDETERMINED)

    def attach(self, digest: str, signature: str, tenant: str | None) -> None:
        """Have the publisher's signature of what was admitted taken in."""
        fields = {"about": "release", "subject": digest, "envelope": signature, "tenant": tenant}
        try:
            self._ask("POST", place("evidence"), {name: value for name, value in fields.items() if value is not None})
        except Failure as failure:
            then = "Mend that, then `strongroom evidence add FILE --release NAME@VERSION`."
            raise Failure(f"The release was admitted, and its signature not taken in. {failure.said}", then) from None

    def _pass(self, found: Bundle, state: dict[str, Any], moved: Moved | None) -> list[str]:
        """Read every file once, send what is missing, and return the digests of what was read."""
        digests: list[str] = []
        total, done = sum(size for _, size in found.files), 0
        for index, content in enumerate(found.contents()):
            hasher, at, received = hashlib.sha256(), 0, int(state["received"][index])
            path, size = found.files[index]
            for chunk in _chunks(content, int(state["part_bytes"])):
                hasher.update(chunk)
                if at >= received:
                    received = self._chunk(state["id"], index, at, chunk)
                at += len(chunk)
                done += len(chunk)
                if moved is not None:
                    moved(f"sending {path}", done, total)
            if at != size:
                raise Failure(f"{path} changed while it was read.", "Run the same command again.")
            digests.append(hasher.hexdigest())
        return digests

    def _chunk(self, upload: str, index: int, at: int, chunk: bytes) -> int:
        path = place("uploads", upload, "files", str(index), offset=at)
        status, answer = self._patient("PUT", path, chunk, b"application/octet-stream")
        if status == _CONFLICT:  # it has this place already: a lost answer, or the same sent at the same time
            return int(self._ask("GET", place("uploads", upload))["received"][index])
        return int(msgspec.json.decode(answered(status, answer))["received"])

    def _finished(self, state: dict[str, Any], digests: list[str]) -> dict[str, Any] | None:
        body = msgspec.json.encode({"sha256": digests})
        status, answer = self._asked("POST", place("uploads", state["id"], "finish"), body, b"application/json")
        if status == _CONFLICT and b"is missing" in answer:
            return None
        return dict(msgspec.json.decode(answered(status, answer)))

    def _waited(self, state: dict[str, Any], moved: Moved | None) -> dict[str, Any]:
        """Return what came of the scan, however long it takes."""
        until, total = time.monotonic() + _SCAN_S, sum(each["size"] for each in state["files"])
        while state["stage"] not in _CODES and time.monotonic() < until:
            time.sleep(_WAIT_S)  # what is awaited is in another process, behind HTTP
            state = self._ask("GET", place("uploads", state["id"]))
            if moved is not None:
                moved("scanning", int(state["scanned"]), total)
            if state["stage"] == "receiving":
                raise Failure("The server was restarted.", "Run the same command again: it goes on.", UNDETERMINED)
        return state

    def _ask(self, method: str, path: str, fields: dict[str, object] | None = None) -> dict[str, Any]:
        body = b"" if fields is None else msgspec.json.encode(fields)
        status, answer = self._patient(method, path, body, b"application/json" if body else b"")
        return dict(msgspec.json.decode(answered(status, answer)))

    def _patient(self, method: str, path: str, body: bytes, kind: bytes) -> tuple[int, bytes]:
        """Return the answer, asking again while the server says "not now"."""
        for _ in range(_TRIES - 1):
            status, answer = self._asked(method, path, body, kind)
            if status != _BUSY:
                return status, answer
            time.sleep(_WAIT_S)
        return self._asked(method, path, body, kind)

    def _asked(self, method: str, path: str, body: bytes, kind: bytes) -> tuple[int, bytes]:
        fields = [(b"accept", b"application/json")]
        if kind:
            fields.append((b"content-type", kind))
        return self._caller.ask(method, path, fields, body)


def _chunks(content: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield pieces of `size` bytes, and the rest."""
    held = bytearray()
    for piece in content:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


def _told(ended: dict[str, Any], release: str, tenant: str | None, *, json: bool) -> int:
    code = _CODES.get(ended["stage"], UNDETERMINED)
    if json:
        output.raw(msgspec.json.encode(ended))
        return code
    if code == OK:
        output.record({"release": release, "digest": ended["digest"]})
        whose = "" if tenant is None else f" --tenant {tenant}"
        output.note(
            f"Scanned, clean and signed. Approvers say yes next: strongroom model approve {release} --env dev{whose} --reason …"
        )
        return code
    output.note(f"{release} was not admitted. {ended['said']}")
    for finding in ended["findings"][:_SHOWN]:
        output.note(f"  {finding['rule']}: {output.text(finding['message'])}")
    return code
