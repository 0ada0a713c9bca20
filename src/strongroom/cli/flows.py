"""`strongroom flows …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import FAILED, OK, Failure, usage
from strongroom.cli.options import Tenant
from strongroom.cli.proposals import waits
from strongroom.cli.session import HERE, ONLINE, Session, decoded

FLOWS: Final = App(
    name="flows",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom flows show --tenant acme --svg flows.svg
  strongroom flows check --tenant acme                 # exit 1: something goes where nobody declared it
  strongroom flows declare flows/ --tenant acme --reason "support goes live"
""",
    help="See which data goes from where to where, and declare what is meant to.",
)
_COLUMNS: Final = ("data", "source", "destination", "declared", "first_seen", "last_seen")


@FLOWS.command(name="show", help_epilogue="")
def show(
    *,
    tenant: Tenant,
    svg: Annotated[Path | None, Parameter(help="Draw it into this file, too; an older one is overwritten.")] = None,
    session: Session = HERE,
) -> None:
    """Show what was seen to go where, by class of data, and which file declares it.

    Args:
        tenant: whose.
        svg: draw it.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "flows"))
    edges: list[dict[str, Any]] = decoded(body)["edges"]
    if svg is not None:
        from strongroom.flows.drawing import svg as drawn  # noqa: PLC0415 - only here

        try:
            svg.write_text(drawn(edges), encoding="utf-8")
        except OSError as error:
            raise usage(f"The file {svg} cannot be written: {error.strerror}.") from None
        output.note(f"Drawn: {svg}")
    if session.json:
        output.raw(body)
        return
    if not edges:
        output.note("Nothing was seen yet.")
    for line in graph(edges):
        print(line)


@FLOWS.command(name="check", help_epilogue="")
def check(*, tenant: Tenant, session: Session = HERE) -> int:
    """List what goes where nobody declared it; exit 1 when there is anything.

    Args:
        tenant: whose.
        session: how to ask.
    """
    found = get(session, place("tenants", tenant, "flows"))
    bad = [each for each in found["edges"] if each["declared"] is None]
    if session.json:
        import msgspec  # noqa: PLC0415 - only here

        output.raw(msgspec.json.encode({"ok": not bad, "seen": len(found["edges"]), "undeclared": bad}))
    else:
        output.listing(bad, _COLUMNS, empty=f"All {len(found['edges'])} flows that were seen are declared.")
    if not bad:
        return OK
    output.note(
        f"{len(bad)} of {len(found['edges'])} flows are not declared. Declare them in the next file, or stop them."
    )
    return FAILED


@FLOWS.command(name="list", help_epilogue="")
def list_files(*, tenant: Tenant, session: Session = HERE) -> None:
    """List the files that were applied, in their order.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "flows", "files"))
    if session.json:
        output.raw(body)
    else:
        columns = ("number", "name", "at", "author", "approved_by", "digest", "reason")
        output.listing(decoded(body)["data"], columns, empty="No flows are declared.")


@FLOWS.command(name="declare", help_epilogue="")
def declare(
    path: Annotated[Path, Parameter(help="A file such as 0001-support.toml, or the directory of all of them.")],
    /,
    *,
    tenant: Tenant,
    reason: Annotated[str, Parameter(help="Why; it stands beside the file and in the audit log.")],
    session: Session = HERE,
) -> None:
    """Apply files of flows in their order. What is applied already is compared: an applied file never changes.

    In production the next file is proposed, and applied when somebody else has approved it.

    Args:
        path: a file or a directory.
        tenant: whose.
        reason: why.
        session: how to ask.
    """
    from strongroom.flows.model import FILE, FlowsError, parse  # noqa: PLC0415 - `--help` must not wait for it

    files = _files(path, FILE)
    texts = dict[Path, str]()
    for file in files:
        try:
            texts[file] = file.read_text(encoding="utf-8")
            parse(texts[file])
        except (OSError, UnicodeDecodeError):
            raise usage(f"The file {file} cannot be read as text.") from None
        except FlowsError as error:
            raise Failure(f"{file}: {error}", "Nothing was sent.") from None
    done = list[Any]()
    for file, text in texts.items():
        number, name = file.name[:4], file.name[5 : -len(".toml")]
        fields: dict[str, object] = {"number": int(number), "name": name, "text": text, "reason": reason}
        said = decoded(ask(session, "POST", place("tenants", tenant, "flows", "files"), fields))
        done.append(said)
        if "state" in said:
            if not session.json:
                waits(said, "The files behind it come when it is applied.")
            break
        if not session.json:
            output.note(f"{file.name}: in force since {output.text(said['at'])}, sha256:{said['digest'][:16]}.")
    if session.json:
        import msgspec  # noqa: PLC0415 - only here

        output.raw(msgspec.json.encode({"data": done}))


def graph(edges: list[dict[str, Any]]) -> list[str]:
    """Return the edges as lines: each source, and below it where what goes."""
    lines = list[str]()
    before = None
    grouped: dict[tuple[str, str], list[str]] = {}
    for edge in edges:
        mark = "" if edge["declared"] is not None else "!"
        grouped.setdefault((edge["source"], edge["destination"]), []).append(output.text(edge["data"]) + mark)
    for (source, destination), data in grouped.items():
        if source != before:
            lines.append(output.text(source))
            before = source
        lines.append(f"  -> {output.text(destination)}: {', '.join(data)}")
    if any(edge["declared"] is None for edge in edges):
        lines.append("! nobody has declared this one")
    return lines


def _files(path: Path, shape: Any) -> list[Path]:
    files = sorted(each for each in path.glob("*.toml")) if path.is_dir() else [path]
    if not files:
        raise usage(f"There is no file of flows in {path}.", "They are called 0001-NAME.toml, 0002-NAME.toml, …")
    for file in files:
        if shape.fullmatch(file.name) is None:
            raise usage(
                f"{file.name} is not called like a file of flows.", "Such as 0001-support.toml: four digits, a name."
            )
    numbers = [int(file.name[:4]) for file in files]
    if path.is_dir() and numbers != list(range(1, len(numbers) + 1)):
        raise usage("The files are not numbered 0001, 0002, … without a gap.")
    return files
