"""`strongroom selftest isolation`: the product's own attacker, against an installation that runs.

Always true here:
- it attacks two tenants that it makes, and removes them at the end, unless it is killed; nobody's work is touched;
- it ends with 0 only where every case was carried out and every wall held;
- what is printed and signed holds no credential.
"""

# ruff: noqa: PLC0415 - the attacker comes late: `--help` must not wait for HTTP and TLS

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.evaluations import gateway_of
from strongroom.cli.failures import FAILED, OK, UNDETERMINED, Failure, usage
from strongroom.cli.scan import signing_key
from strongroom.cli.session import HERE, ONLINE, Session, is_loopback

if TYPE_CHECKING:
    from strongroom.attack import Case, Verdict
    from strongroom.signatures import SecretKey

SELFTEST: Final = App(
    name="selftest", group=ONLINE, help="Attack an installation that runs as its own tenants would, and say what held."
)
_NOT_CARRIED_OUT: Final = "could not be carried out"
_EPILOGUE: Final = """
Examples:
  strongroom selftest isolation
  strongroom selftest isolation --case 1 --case 43
  strongroom selftest isolation --key auditor.pem --statement isolation.dsse.json --json

Exit codes: 0 every wall held, 1 one did not, 2 wrong usage, 3 a case, or the two tenants, could not be carried out.
"""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to; what `--json` prints.

    Attributes:
        passed: whether every case was carried out and every wall held.
        version: of the product that attacked.
        gateway: what was attacked.
        started_at: when, RFC 3339.
        seconds: how long it took.
        tenants: what the two were called.
        releases: digests of what the two tenants served, by kind.
        cases: what was tried, and what was seen.
    """

    passed: bool
    version: str
    gateway: str
    started_at: str
    seconds: float
    tenants: list[str]
    releases: dict[str, str]
    cases: list[Verdict]


@SELFTEST.command(name="isolation", help_epilogue=_EPILOGUE)
def isolation(
    *,
    case: Annotated[list[int] | None, Parameter(negative="", help="Only this one, by its number; repeat.")] = None,
    gateway: Annotated[
        str | None, Parameter(help="URL of the gateway [env: STRONGROOM_GATEWAY; default: the demo's].")
    ] = None,
    key: Annotated[
        Path | None, Parameter(help="File with a private key (PEM; Ed25519 or P-256) to sign the result with.")
    ] = None,
    statement: Annotated[
        Path | None, Parameter(help="Where to write the signed result: an in-toto statement in a DSSE envelope.")
    ] = None,
    session: Session = HERE,
) -> int:
    """Make two tenants that look alike, try everything with which one could reach the other, and remove both.

    Needs an operator's token, and releases for chat and embeddings that may be deployed in every environment. In production
    mode no operator makes keys of a tenant alone, so it is for an installation in development mode, shaped as yours is.

    Args:
        case: which cases.
        gateway: what is attacked.
        key: the key to sign the result with.
        statement: where to write the signed result.
        session: how to reach the control API, as an operator.
    """
    if (key is None) != (statement is None):
        raise usage("To sign the result, say both --key and --statement.")
    signer = None if key is None else signing_key(key)
    found = _run(_chosen(case), gateway_of(session, gateway), session)
    if signer is not None and statement is not None:
        _write(statement, signed(found, signer))
    if session.json:
        output.raw(msgspec.json.encode(found))
    else:
        held = sum(each.passed for each in found.cases)
        output.note(f"{held} of {len(found.cases)} held, in {found.seconds:.0f} s.")
    return ending(found)


def ending(found: Told) -> int:
    """Return the exit code of a result: what was not tried is no wall that held, and none that broke."""
    if found.passed:
        return OK
    return FAILED if any(not (each.passed or _undone(each)) for each in found.cases) else UNDETERMINED


def signed(found: Told, key: SecretKey) -> bytes:
    """Return a result as an in-toto statement (`test-result/v0.1`) over the releases that were served, signed by `key`."""
    from strongroom.registry import dsse
    from strongroom.registry.scan.statement import PREDICATE, STATEMENT

    tried = hashlib.sha256(msgspec.json.encode([[each.case, each.title] for each in found.cases])).hexdigest()
    document: dict[str, Any] = {
        "_type": STATEMENT,
        "subject": [
            {"name": kind, "digest": {"sha256": digest.removeprefix("sha256:")}}
            for kind, digest in sorted(found.releases.items())
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "result": "PASSED" if found.passed else "FAILED",
            "configuration": [{"name": "isolation cases", "digest": {"sha256": tried}}],
            "passedTests": [_called(each) for each in found.cases if each.passed],
            "failedTests": [_called(each) for each in found.cases if not each.passed],
            "strongroom": {"selftest": found},
        },
    }
    return dsse.sign(msgspec.json.encode(document, order="deterministic"), [key])


def _chosen(numbers: list[int] | None) -> list[Case]:
    from strongroom.attack.isolation import CASES

    known = {each.number: each for each in CASES}
    if unknown := sorted(set(numbers or ()) - known.keys()):
        raise usage(f"There is no case {unknown[0]}.", f"These are: {', '.join(map(str, sorted(known)))}.")
    return [each for each in CASES if not numbers or each.number in numbers]


def _run(cases: list[Case], gateway: str, session: Session) -> Told:
    from strongroom.attack import staged
    from strongroom.attack.staging import Builder, StagingError

    url = session.server()
    if session.prover() is not None:
        raise usage("The attacker asks with bearer tokens alone.", "Use an operator's token that is bound to no key.")
    if gateway.startswith("http:") and not is_loopback(gateway.removeprefix("http://").rpartition(":")[0]):
        raise usage("Keys are not sent over plain HTTP to another machine.", "Use https://, or run it on that machine.")
    control, token = url.geturl().rstrip("/"), session.token(url)
    begun, at = time.monotonic(), datetime.now(UTC)
    found: list[Verdict] = []
    names: list[str] = []
    try:
        releases = Builder(control, token).releases()
        with staged(gateway, control, token) as target:
            names = [target.a.name, target.b.name]
            for each in cases:
                found.append(each(target))
                if not session.json:
                    _say(found[-1])
    except (StagingError, KeyError) as error:
        why = f"no release of the kind {error} there" if isinstance(error, KeyError) else str(error)
        raise Failure(
            f"The two tenants could not be made, or removed: {why}.",
            "It takes an operator's token, releases that are promoted to every environment, and development mode.",
            UNDETERMINED,
        ) from None
    except OSError as error:
        raise Failure(f"The installation did not answer: {type(error).__name__}.", code=UNDETERMINED) from None
    return Told(
        passed=bool(found) and all(each.passed for each in found),
        version=version("strongroom"),
        gateway=gateway,
        started_at=at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        seconds=round(time.monotonic() - begun, 1),
        tenants=names,
        releases=releases,
        cases=found,
    )


def _say(verdict: Verdict) -> None:
    mark = "held" if verdict.passed else "NOT TRIED" if _undone(verdict) else "BROKEN"
    print(f"{mark:<9}  {verdict.case:>3}  {output.text(verdict.title)}", flush=True)
    for each in () if verdict.passed else verdict.seen:
        print(f"{'':<16}{output.text(each)}", flush=True)


def _undone(verdict: Verdict) -> bool:
    return not verdict.passed and all(each.startswith(_NOT_CARRIED_OUT) for each in verdict.seen)


def _called(verdict: Verdict) -> str:
    return f"{verdict.case} {verdict.title}"


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data + b"\n")
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}.") from None
