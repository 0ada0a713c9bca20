"""`strongroom dataset …`: training data, admitted rather than uploaded."""

# ruff: noqa: PLC0415 - what connects comes late: `--help` must not wait for it

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import App, Parameter, validators

from strongroom.cli import output
from strongroom.cli.approvers import OwnKey, signed
from strongroom.cli.calls import answered, ask, get, place
from strongroom.cli.failures import FAILED, OK, Failure, usage
from strongroom.cli.options import Tenant
from strongroom.cli.progress import over_bytes
from strongroom.cli.session import HERE, ONLINE, Session, decoded

DATASET: Final = App(
    name="dataset",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom source add crm --tenant acme --owner first-approver \\
      --contact data@acme.example --risk high \\
      --licence "our customers' consent of 2026"
  strongroom dataset add loans.csv --name loans --version 1 --source crm \\
      --tenant acme --label label
  strongroom dataset show loans@1 --tenant acme
  strongroom dataset approve loans@1 --tenant acme --reason "read it" \\
      --token-file approver.token
""",
    help="Bring training data in: checked row by row, kept apart until it is valid and approved, read by grant.",
)
_COLUMNS: Final = (
    "name",
    "version",
    "environment",
    "state",
    "rows",
    "rejected",
    "source",
    "risk",
    "author",
    "added_at",
)
_LARGEST: Final = 16 << 20
_FORMATS: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_ADD_EPILOGUE: Final = """
Examples:
  strongroom dataset add tickets.jsonl --name tickets --version 1 --source crm --tenant acme
  strongroom dataset add loans.csv --name loans --version 2 --source core --tenant acme --env prod \\
      --contract loans.contract.json
  strongroom deidentify raw.csv --output safe.csv && strongroom dataset add safe.csv --name safe --version 1 \\
      --source crm --tenant acme --derived-from raw@1 --transformation safe.csv.transformation.json

Exit codes: 0 valid (admitted, or waiting for approval), 1 refused or quarantined, 2 wrong usage, 3 undetermined.
"""
_Dataset = Annotated[str, Parameter(help="NAME@VERSION.")]
_Because = Annotated[str, Parameter(help="Why, in your words.")]


@DATASET.command(name="add", help_epilogue=_ADD_EPILOGUE)
def add(
    path: Path,
    /,
    *,
    name: Annotated[str, Parameter(help="What the data set is called.")],
    version: Annotated[str, Parameter(help="Of that name; a version never changes.")],
    source: Annotated[str, Parameter(help="Where it comes from: a registered source.")],
    tenant: Tenant,
    env: Annotated[Literal["dev", "test", "prod"], Parameter(help="The only environment that may use it.")] = "dev",
    contract: Annotated[Path | None, Parameter(help="A JSON file that says what its columns are.")] = None,
    label: Annotated[
        str | None, Parameter(help="The column with labels, where no contract says it: checked for poison.")
    ] = None,
    derived_from: Annotated[str | None, Parameter(help="NAME@VERSION of what it was made from.")] = None,
    transformation: Annotated[
        Path | None, Parameter(help="The record of how, as `strongroom deidentify` writes it.")
    ] = None,
    session: Session = HERE,
) -> int:
    """Bring a data set (CSV with a head, or JSON lines; 16 MiB, 50,000 rows): it is checked, and what comes of it is told.

    Args:
        path: the file.
        name: what it is called.
        version: of that name.
        source: where it comes from.
        tenant: whose.
        env: where it may be used.
        contract: what its columns are.
        label: the column with labels.
        derived_from: what it was made from.
        transformation: how.
        session: how to ask.
    """
    written = _FORMATS.get(path.suffix.lower())
    if written is None:
        raise usage(f"{path} is neither .csv nor .jsonl.")
    if (derived_from is None) != (transformation is None):
        raise usage("--derived-from and --transformation go together.")
    data = _read(path)
    if not data or len(data) > _LARGEST:
        raise Failure(f"{path} has {len(data)} bytes; a data set has 1 to {_LARGEST}.", "Split it into several.")
    promised = _contract(contract)
    if label is not None:
        promised["label"] = label
    fields: dict[str, object] = {
        "name": name,
        "version": version,
        "source": source,
        "environment": env,
        "format": written,
        "size": len(data),
        "contract": promised,
        "parent": derived_from,
        "transformation": None if transformation is None else _read(transformation).decode(errors="replace"),
    }
    body = _sent(session, tenant, fields, data)
    shown = decoded(body)
    if session.json:
        output.raw(body)
    else:
        _told(shown)
        if shown["state"] in {"validated", "approved"}:
            output.note(
                f"An approver says yes next: strongroom dataset approve {name}@{version} --tenant {tenant} --reason …"
            )
    return FAILED if shown["state"] == "quarantined" else OK


@DATASET.command(name="list", help_epilogue="")
def list_datasets(*, tenant: Tenant, session: Session = HERE) -> None:
    """List a tenant's data sets, and how far each is.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "datasets"))
    if session.json:
        output.raw(body)
    else:
        output.listing(decoded(body)["data"], _COLUMNS, empty=f"{tenant} has no data set.")


@DATASET.command(name="show", help_epilogue="")
def show(dataset: _Dataset, /, *, tenant: Tenant, session: Session = HERE) -> None:
    """Show what was found in a data set, who may read it, and why it may or may not be used.

    Args:
        dataset: NAME@VERSION.
        tenant: whose.
        session: how to ask.
    """
    _answer(session, ask(session, "GET", _place(dataset, tenant)))


@DATASET.command(
    name="approve",
    help_epilogue="""
Example:
  strongroom dataset approve tickets@1 --tenant acme --reason "looked at 200 rows" --token-file approver.token
""",
)
def approve(
    dataset: _Dataset,
    /,
    *,
    tenant: Tenant,
    reason: _Because,
    days: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=400), help="How long it lasts.")] = 90,
    key: OwnKey = None,
    session: Session = HERE,
) -> None:
    """Approve a data set, as an approver: never who brought it, and each person counts once.

    Args:
        dataset: NAME@VERSION.
        tenant: whose.
        reason: why; it is signed with the rest.
        days: how long.
        key: your own private key; with it, the tenant is named by its id.
        session: how to ask.
    """
    fields: dict[str, object] = {"reason": reason, "days": days}
    if key is not None:
        from strongroom.registry.datasets.statements import subject_of

        shown = get(session, _place(dataset, tenant))
        manifest = shown["manifest"]
        subject = subject_of(shown["digest"], manifest["name"], manifest["version"])
        terms = {**fields, "tenant": tenant, "environment": manifest["environment"]}
        fields["statement"] = signed(session, (subject.digest, subject.name, subject.version), terms, key)
    _answer(session, ask(session, "POST", _place(dataset, tenant, "approvals"), fields))


@DATASET.command(name="withdraw", help_epilogue="")
def withdraw(
    dataset: _Dataset,
    /,
    *,
    tenant: Tenant,
    reason: _Because,
    destroy: Annotated[bool, Parameter(help="Destroy its rows too; nothing brings them back.", negative="")] = False,
    session: Session = HERE,
) -> None:
    """End a data set: nothing trains on it from now on. `strongroom which-serves` tells what it has reached.

    Args:
        dataset: NAME@VERSION.
        tenant: whose.
        reason: why.
        destroy: whether its rows go too.
        session: how to ask.
    """
    fields: dict[str, object] = {"reason": reason, **({"destroy": True} if destroy else {})}
    _answer(session, ask(session, "POST", _place(dataset, tenant, "withdraw"), fields))


@DATASET.command(name="grant", help_epilogue="")
def grant(
    dataset: _Dataset,
    /,
    *,
    tenant: Tenant,
    workload: Annotated[str, Parameter(help="A training workload in the data set's environment.")],
    session: Session = HERE,
) -> None:
    """Let a training workload read a data set, until that is revoked.

    Args:
        dataset: NAME@VERSION.
        tenant: whose.
        workload: who.
        session: how to ask.
    """
    _answer(session, ask(session, "POST", _place(dataset, tenant, "grants"), {"workload": workload}))


@DATASET.command(name="revoke", help_epilogue="")
def revoke(
    dataset: _Dataset,
    /,
    *,
    tenant: Tenant,
    workload: Annotated[str, Parameter(help="The workload that is not to read it any more.")],
    session: Session = HERE,
) -> None:
    """Let a training workload read a data set no more.

    Args:
        dataset: NAME@VERSION.
        tenant: whose.
        workload: who.
        session: how to ask.
    """
    _answer(session, ask(session, "DELETE", _place(dataset, tenant, "grants", workload)))


@DATASET.command(
    name="export",
    help_epilogue="""
Examples:
  strongroom dataset export tickets@1 --tenant acme --output tickets.jsonl
  strongroom dataset export tickets@1 --tenant acme --rejects --output why-not.jsonl
""",
)
def export(
    dataset: _Dataset,
    /,
    *,
    tenant: Tenant,
    output_file: Annotated[Path, Parameter(name="--output", help="Where the rows go; it must not exist.")],
    rejects: Annotated[
        bool, Parameter(negative="", help="The reject file instead: line, rules, and the row, masked.")
    ] = False,
    session: Session = HERE,
) -> None:
    """Write a data set's rows to a file, as JSON lines. Each time it stands in the tenant's log.

    Args:
        dataset: NAME@VERSION.
        tenant: whose.
        output_file: where they go.
        rejects: the reject file instead.
        session: how to ask.
    """
    if output_file.exists():
        raise Failure(f"{output_file} is there already.", "Choose another name: nothing is overwritten.")
    name, version = _named(dataset)
    path = place("tenants", tenant, "datasets", name, version, "content", part="rejects" if rejects else "rows")
    content = ask(session, "GET", path)
    output_file.touch(mode=0o600)
    output_file.write_bytes(content)
    rows = content.count(b"\n")
    if session.json:
        output.raw(msgspec.json.encode({"rows": rows, "output": str(output_file)}))
    else:
        output.note(f"{rows} rows in {output_file}.")


def _sent(session: Session, tenant: str, fields: dict[str, object], data: bytes) -> bytes:
    """Send a data set over one connection, and return what came of it."""
    from strongroom.cli.calling import Caller

    with Caller(session) as caller, over_bytes(quiet=session.json) as moved:

        def said(method: str, path: str, body: bytes, kind: bytes = b"application/json") -> bytes:
            return answered(
                *caller.ask(method, path, [(b"accept", b"application/json"), (b"content-type", kind)], body)
            )

        given = {name: value for name, value in fields.items() if value is not None}
        begun = decoded(said("POST", place("tenants", tenant, "datasets"), msgspec.json.encode(given)))
        size = int(begun["part_bytes"])
        for at in range(0, len(data), size):
            path = place("tenants", tenant, "dataset-uploads", begun["id"], offset=at)
            said("PUT", path, data[at : at + size], b"application/octet-stream")
            if moved is not None:
                moved("sending", min(at + size, len(data)), len(data))
        sums = msgspec.json.encode({"sha256": hashlib.sha256(data).hexdigest()})
        return said("POST", place("tenants", tenant, "dataset-uploads", begun["id"], "finish"), sums)


def _contract(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return msgspec.json.decode(_read(file), type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise Failure(f"{file} is no contract: {error}") from None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}") from None


def _named(dataset: str) -> tuple[str, str]:
    name, at, version = dataset.partition("@")
    if not (name and at and version):
        raise usage(f"{dataset} is not NAME@VERSION.", "`strongroom dataset list --tenant TENANT` shows what there is.")
    return name, version


def _place(dataset: str, tenant: str, *more: str) -> str:
    return place("tenants", tenant, "datasets", *_named(dataset), *more)


def _answer(session: Session, body: bytes) -> None:
    if session.json:
        output.raw(body)
    else:
        _told(decoded(body))


def _told(found: dict[str, Any]) -> None:
    manifest: dict[str, Any] = found["manifest"]
    verdict: dict[str, Any] = found["verdict"] or {"rejected": ()}
    output.record(
        {
            "dataset": f"{manifest['name']}@{manifest['version']}",
            "digest": found["digest"],
            "environment": manifest["environment"],
            "state": found["state"],
            "source": manifest["source"],
            "author": manifest["author"],
            "rows": manifest["taken"],
            "rejected": manifest["rejected"],
        }
    )
    for each in verdict["rejected"]:
        print(f"  rejected  {each['rows']:>6}  {each['rule']}: {output.text(each['says'])}")
    for each in found["reasons"]:
        print(f"  {'yes' if each['met'] else 'NO ':<4} {output.text(each['because'])}")
    for each in found["grants"]:
        ended = f", revoked {output.text(each['revoked_at'])}" if each.get("revoked_at") else ""
        print(f"  {each['workload']} may read it, by {each['by']}, since {output.text(each['at'])}{ended}")
