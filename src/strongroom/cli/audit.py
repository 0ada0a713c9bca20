"""`strongroom audit …`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.audit_export import export as write_export
from strongroom.cli.calls import ask, place
from strongroom.cli.failures import FAILED, OK, Failure, usage
from strongroom.cli.receipts import entry_of, receipt_holds, timestamp_holds, with_extra
from strongroom.cli.records import moment
from strongroom.cli.session import HERE, ONLINE, Json, Session, decoded
from strongroom.cli.showing import listed

AUDIT: Final = App(
    name="audit",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom audit tail --tenant acme --follow
  strongroom audit search --tenant acme --action "key.*" --outcome refused --since 24h
  strongroom audit key
  strongroom audit export --tenant acme --out acme-log
  strongroom audit verify acme-log --trust "$VERIFIER_KEY"
""",
    help="Read what was asked, by whom, and what became of it; and prove it.",
)
_COLUMNS: Final = ("at", "actor", "action", "resource", "outcome", "reason", "request_id")
_PLACED: Final = ("seq", *_COLUMNS)
_FOLLOW_S: Final = 2.0
_OWN: Final = frozenset({"audit.read", "audit.read_platform"})

Log = Annotated[str | None, Parameter(help="Whose log; the installation's own if not given.")]


def _where(tenant: str | None) -> tuple[str, ...]:
    return ("audit",) if tenant is None else ("tenants", tenant, "audit")


@AUDIT.command(name="list", help_epilogue="")
def list_entries(
    *,
    tenant: Log = None,
    limit: Annotated[int, Parameter(help="How many entries at most, 1 to 200.")] = 50,
    before: Annotated[str | None, Parameter(help="The last id of the page before.")] = None,
    session: Session = HERE,
) -> None:
    """List the newest entries of a log, newest first.

    Args:
        tenant: whose.
        limit: how many.
        before: where the page before ended.
        session: how to ask.
    """
    body = ask(session, "GET", place(*_where(tenant), limit=limit, before=before))
    listed(session, body, _COLUMNS, empty="There is no entry.")


@AUDIT.command(name="tail", help_epilogue="")
def tail(
    *,
    tenant: Log = None,
    limit: Annotated[int, Parameter(alias="-n", help="How many entries at first, 1 to 200.")] = 20,
    follow: Annotated[
        bool, Parameter(alias="-f", negative="", help="Go on, until Ctrl-C; readings of the log are left out.")
    ] = False,
    session: Session = HERE,
) -> None:
    """Show the newest entries of a log in the order they came, with their numbers; one that is not sealed yet has none.

    Examples:
        strongroom audit tail --tenant acme
        strongroom audit tail --follow

    Args:
        tenant: whose.
        limit: how many.
        follow: go on.
        session: how to ask.
    """
    seen: set[str] = set()
    while True:
        body = ask(session, "GET", place(*_where(tenant), "search", limit=200 if seen else limit))
        rows = [row for row in reversed(decoded(body)["data"]) if row["id"] not in seen]
        seen |= {row["id"] for row in rows}
        shown = [row for row in rows if not follow or row["action"] not in _OWN]
        if session.json:
            for row in shown:
                output.raw(msgspec.json.encode(row))
        elif shown or not follow:
            output.listing(shown, _PLACED, empty="There is no entry.")
        if not follow:
            return
        time.sleep(_FOLLOW_S)


@AUDIT.command(name="search", help_epilogue="")
def search(
    *,
    tenant: Log = None,
    action: Annotated[str | None, Parameter(help="Such as `key.revoke` or `key.*`.")] = None,
    actor: Annotated[str | None, Parameter(help="Such as `operator/*`.")] = None,
    resource: Annotated[str | None, Parameter(help="Such as `*/key/0123456789abcdef`.")] = None,
    outcome: Annotated[
        Literal["allowed", "refused", "failed"] | None, Parameter(help="With this outcome only.")
    ] = None,
    request: Annotated[str | None, Parameter(help="The id that an answer carried (`x-request-id`).")] = None,
    since: Annotated[str | None, Parameter(help="At that time or later: RFC 3339, or an age such as 15m, 24h.")] = None,
    until: Annotated[str | None, Parameter(help="Before that time: RFC 3339, or an age.")] = None,
    limit: Annotated[int, Parameter(help="How many entries at most, 1 to 200.")] = 50,
    before: Annotated[str | None, Parameter(help="The last id of the page before.")] = None,
    session: Session = HERE,
) -> None:
    """List entries of a log that fit, newest first. A `*` stands for any characters.

    Examples:
        strongroom audit search --tenant acme --action "key.*" --since 24h
        strongroom audit search --outcome refused --actor "operator/*" --json

    Args:
        tenant: whose.
        action: which verb.
        actor: who.
        resource: about what.
        outcome: what became of it.
        request: of which request.
        since: from when on.
        until: until when.
        limit: how many.
        before: where the page before ended.
        session: how to ask.
    """
    wanted = place(
        *_where(tenant), "search",
        action=action, actor=actor, resource=resource, outcome=outcome, request_id=request,
        since=moment(since), until=moment(until), limit=limit, before=before,
    )  # fmt: skip
    body = ask(session, "GET", wanted)
    listed(session, body, ("id", *_PLACED), empty="There is no entry that fits.")


@AUDIT.command(name="export", help_epilogue="")
def export(
    *,
    out: Annotated[Path, Parameter(help="Directory to write; it must not be there yet, or be empty.")],
    tenant: Log = None,
    session: Session = HERE,
) -> None:
    """Write a log, whole and self-contained, to a directory that a third party can check alone.

    Waits, half a minute at most, until everything up to now is sealed, signed and anchored.

    Examples:
        strongroom audit export --tenant acme --out acme-log
        python3 acme-log/strongroom_verify.py acme-log --trust "$(strongroom audit key)"

    Args:
        out: where to.
        tenant: whose.
        session: how to ask.
    """
    written = write_export(session, tenant, out)
    if session.json:
        output.raw(msgspec.json.encode(written))
    else:
        output.record({"log": written.log, "entries": written.entries, "epochs": written.epochs, "out": written.out})
        output.note(
            f"Check it: python3 {written.out}/strongroom_verify.py {written.out} --trust VKEY (`strongroom audit key`)"
        )


@AUDIT.command(name="prove", help_epilogue="")
def prove(
    entry: str,
    /,
    *,
    tenant: Log = None,
    out: Annotated[
        Path | None,
        Parameter(help="File for the receipt (C2SP tlog-proof); what it proves goes beside it, as FILE.entry."),
    ] = None,
    session: Session = HERE,
) -> None:
    """Show the receipt of one entry: the proof that it stands in a signed log, to be checked offline by anybody.

    Examples:
        strongroom audit prove 01a20612-2907-769c-b786-f526efaa9026 --tenant acme --out entry.tlog-proof
        strongroom audit verify entry.tlog-proof --trust "$(strongroom audit key)"
        strongroom audit prove req_01a206f399ed7ca59381b0e43fdb9588 --tenant acme --out answer.tlog-proof

    Args:
        entry: its id, as `audit list --json`, `search` and `tail --json` show it; or the id of a request to a model (`req_…`), for
            the proof of its record.
        tenant: whose log.
        out: where to.
        session: how to ask.
    """
    of_record = entry.startswith("req_")
    if of_record and tenant is None:
        raise usage("The record of a request is a tenant's.", "Say whose with --tenant.")
    body = ask(session, "GET", place(*_where(tenant), "records" if of_record else "receipts", entry))
    found = decoded(body)
    if of_record:
        # In the receipt's own words: what proves the record within its batch is extra data, and proves itself by the root.
        found = {"receipt": with_extra(found), "event": found["batch"]["event"]}
    if out is not None:
        for path, text in ((out, found["receipt"]), (entry_of(out), found["event"])):
            try:
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                raise usage(f"{path} cannot be written: {error.strerror}.") from None
        output.note(f"The receipt stands in {out}, the entry in {entry_of(out)}.")
    if session.json:
        output.raw(body)
    elif out is None:
        print(found["receipt"], end="")


@AUDIT.command(name="verify", help_epilogue="")
def verify(
    path: Path,
    /,
    *,
    trust: Annotated[
        tuple[str, ...], Parameter(help="The verifier key to trust, or a file that holds it (`strongroom audit key`).")
    ] = (),
    witness: Annotated[
        tuple[str, ...], Parameter(help="A witness's key that must have cosigned the anchor of an export.")
    ] = (),
    anchor_file: Annotated[
        Path | None,
        Parameter(help="The anchor file, or a copy of it, that must have the head that an export was anchored by."),
    ] = None,
    tsa_ca: Annotated[
        Path | None,
        Parameter(help="Certificates (PEM) of the timestamp authority that must have stamped an export's anchor."),
    ] = None,
    json: Json = False,
) -> int:
    """Check an export (a directory), a receipt or a certificate (a file), offline.

    Exports and certificates are checked by the very program that lies in an export. Exit code 0 verified, 1 broken, 2 wrong usage, 3 consistent in
    itself, but no trusted key was given.

    Args:
        path: what `audit export`, `audit prove --out`, `subject erase --out` or `subject export` wrote.
        trust: whom to trust.
        witness: who must have cosigned.
        anchor_file: what was put outside.
        tsa_ca: whose timestamp it must have.
        json: print the finding as JSON.
    """
    from strongroom.audit import strongroom_verify  # noqa: PLC0415 - it is a program of its own

    if path.is_dir() or path.with_name(f"{path.name}.proof").is_file():
        words = [str(path), *(word for key in trust for word in ("--trust", key)), *(["--json"] if json else [])]
        words += [word for key in witness for word in ("--witness", key)]
        words += [] if anchor_file is None else ["--anchor-file", str(anchor_file)]
        stamped: tuple[str, ...] = ()
        if tsa_ca is not None:
            good, said = timestamp_holds(path, tsa_ca)
            if not good:
                where = "anchor/published/timestamp.tsr"
                found = {"verdict": "broken", "kind": "wrong timestamp", "where": where, "because": said}
                strongroom_verify.tell(strongroom_verify.BROKEN, found, as_json=json)
                return FAILED
            stamped = (said,)
        try:
            return strongroom_verify.main(words, stamped)
        except SystemExit as ended:
            return int(ended.code or 0)
    if not trust:
        raise usage("A receipt is checked with a key that is trusted.", "Give it with --trust.")
    good, said = receipt_holds(path, trust)
    if json:
        output.raw(msgspec.json.encode({"verdict": "verified" if good else "broken", "because": said}))
    else:
        print(("Verified. " if good else "BROKEN. ") + said)
    return OK if good else FAILED


@AUDIT.command(name="key", help_epilogue="")
def key(
    *,
    tenant: Log = None,
    anchor: Annotated[bool, Parameter(negative="", help="Under the name of the anchor, for its witnesses.")] = False,
    session: Session = HERE,
) -> None:
    """Print the verifier key that signed logs are checked with: the installation's, or that of one tenant's log.

    Hand it to whoever checks exports by another way than the export, once, over a connection you trust.

    Args:
        tenant: whose log; the installation's key holds for every log.
        anchor: as the anchor's.
        session: how to ask.
    """
    body = ask(session, "GET", place(*_where(tenant), "key"))
    if anchor:
        from strongroom.audit.tlog import NoteKey  # noqa: PLC0415 - cryptography comes late

        of = NoteKey.parse(decoded(body)["vkey"])
        print(of.named(f"{of.name}/anchor"))
        return
    if session.json:
        output.raw(body)
    else:
        print(decoded(body)["vkey"])


@AUDIT.command(name="witness", help_epilogue="")
def witness(
    *,
    directory: Annotated[Path, Parameter(help="Where its key and its memory are, made if they are not there.")],
    name: Annotated[str, Parameter(help="Its name, such as `witness.example.org/w1`.")],
    log: Annotated[
        tuple[str, ...],
        Parameter(help="The verifier key of a log to witness, named as that log: `strongroom audit key --anchor`."),
    ],
    port: Annotated[int, Parameter(help="Port to listen on; TLS is a proxy's in front.")] = 8405,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
) -> int:
    """Be a witness for logs of others (C2SP tlog-witness), until Ctrl-C: it needs no installation, no database, and sees no entry.

    Prints its own verifier key. The installation names it as `URL VKEY` in `audit.witnesses`.

    Args:
        directory: where it keeps what it must remember.
        name: what it is called.
        log: which logs.
        port: where it listens.
        host: where it listens.
    """
    from strongroom.app.witnessing import run  # noqa: PLC0415 - a program of its own
    from strongroom.audit.tlog import Malformed  # noqa: PLC0415 - as above
    from strongroom.audit.witness import WitnessBroken  # noqa: PLC0415 - as above

    try:
        return run(directory, name, log, host, port)
    except (Malformed, WitnessBroken, OSError) as error:
        raise Failure(f"The witness cannot run: {error}.") from None


@AUDIT.command(name="recover", help_epilogue="")
def recover(
    *,
    reason: Annotated[str, Parameter(help="What was found out, for the log: it is signed with what follows.")],
    yes: Annotated[bool, Parameter(negative="", help="Do not ask.")] = False,
    session: Session = HERE,
) -> None:
    """Let logs that do not follow from what was signed begin anew, each linked to what it follows.

    For after a restore from a backup, once it is known who turned the database back. What was signed and is not in the
    database any more is lost, and every later export says how much.

    Args:
        reason: why.
        yes: do not ask.
        session: how to ask.
    """
    if not yes:
        confirmed = input("Every forked log begins anew, and says so for ever. Go on? [y/N] ")
        if confirmed.strip().lower() not in {"y", "yes"}:
            raise Failure("Not confirmed; nothing was changed.")
    body: Any = ask(session, "POST", place("audit", "recover"), {"reason": reason})
    if session.json:
        output.raw(body)
    else:
        output.note("The keeper lets forked logs begin anew; `strongroom doctor` says when all is sound.")
