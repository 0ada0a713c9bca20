"""`strongroom model evaluate`, `evaluations`, `label` and `quality`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
from cyclopts import Parameter, validators

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import FAILED, OK, UNDETERMINED, Failure, usage
from strongroom.cli.models import MODEL
from strongroom.cli.options import Environment, Tenant
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.shelf import named

_DEFAULT: Final = "http://127.0.0.1:8400"
_WAITS_S: Final = 30.0
_LIMIT: Final = 4096
_COLUMNS: Final = ("at", "name", "version", "environment", "suite", "passed", "cases", "expires")
_SHIPPED: Final = ("credit-risk", "extraction", "isolation", "leaks", "refusals")
_EPILOGUE: Final = """
Examples:
  strongroom model evaluate credit-risk@1.0.0 --suite credit-risk
  strongroom model evaluate smollm2@1.0.0 --suite my-suite.jsonl --tenant acme --env test \\
      --model chat --key-file evaluation.key

Suites that come along: credit-risk, extraction, isolation, leaks, refusals.

Exit codes: 0 every threshold is met, 1 one is not, 3 the model or the control API did not answer.
"""


class _Demo(msgspec.Struct):
    """The part of HOME/demo.json that is read here."""

    gateway: str
    tenants: dict[str, dict[str, dict[str, str]]]


@MODEL.command(name="evaluate", group=ONLINE, help_epilogue=_EPILOGUE)
def evaluate(
    release: str,
    /,
    *,
    suite: Annotated[str, Parameter(help="A file of JSON lines, or the name of a suite that comes along.")],
    tenant: Annotated[str | None, Parameter(help="Whose deployment is asked [default: the demo's first].")] = None,
    environment: Annotated[Environment, Parameter(alias="--env", help="Where.")] = "dev",
    model: Annotated[
        str | None, Parameter(help="What the deployment is called [default: the only one of this release].")
    ] = None,
    key_file: Annotated[
        Path | None,
        Parameter(help="File with the key of a workload there, best of the role evaluation [default: the demo's]."),
    ] = None,
    foreign: Annotated[
        list[str] | None,
        Parameter(negative="", help="A model of another tenant or environment, for cases of isolation; repeat."),
    ] = None,
    gateway: Annotated[
        str | None,
        Parameter(help=f"URL of the gateway [env: STRONGROOM_GATEWAY; default: the demo's, else {_DEFAULT}]."),
    ] = None,
    session: Session = HERE,
) -> int:
    """Ask a deployed release everything that a suite asks, and have the installation score and sign what came back.

    Args:
        release: NAME@VERSION.
        suite: what is asked, what is expected, and the thresholds.
        tenant: whose deployment.
        environment: where.
        model: the deployment's name.
        key_file: the key to ask with.
        foreign: names that must be hidden from this key.
        gateway: where to ask.
        session: how to reach the control API.
    """
    from http.client import HTTPException  # noqa: PLC0415 - as above: it brings TLS

    from strongroom.attack.evaluating import Turned, run  # noqa: PLC0415 - `--help` must not wait for HTTP and TLS
    from strongroom.attack.http import Line  # noqa: PLC0415 - as above
    from strongroom.registry.evaluations.suite import BadSuite, read  # noqa: PLC0415 - as above
    from strongroom.wire import client_context  # noqa: PLC0415 - as above

    wanted = named(release)
    data = _suite(suite)
    try:
        found = read(data)
    except BadSuite as error:
        raise usage(f"{suite}: {error}") from None
    demo = _demo(session)
    place_of = tenant or (next(iter(demo.tenants), None) if demo else None)
    if place_of is None:
        raise usage("Say whose deployment is asked.", "Add --tenant NAME.")
    deployment = _deployment(session, place_of, environment, wanted, model)
    key = _key(key_file, demo, place_of, environment)
    url = gateway_of(session, gateway)
    tls = client_context(ca=session.authorities) if url.startswith("https:") else None
    try:
        with Line(url, tls=tls) as line, _progress(quiet=session.json) as moved:
            told = run(line, key, deployment, found, foreign=foreign or (), moved=moved)
    except Turned as error:
        raise Failure(str(error), "Name a key of a workload there with --key-file.") from None
    except (OSError, HTTPException) as error:
        raise Failure(f"The gateway at {url} did not answer: {type(error).__name__}.", "", UNDETERMINED) from None
    fields: dict[str, object] = {
        "environment": environment, "deployment": deployment, "suite": data.decode(), "answers": told,
    }  # fmt: skip
    body = _recorded(session, place("tenants", place_of, "evaluations"), fields)
    result = decoded(body)
    if session.json:
        output.raw(body)
    else:
        _show(result)
    return OK if result["passed"] else FAILED


@MODEL.command(name="evaluations", group=ONLINE, help_epilogue="")
def evaluations(tenant: Tenant, *, session: Session = HERE) -> None:
    """List the evaluations of a tenant's deployments, newest first.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "evaluations"))
    if session.json:
        output.raw(body)
    else:
        output.listing(decoded(body)["data"], _COLUMNS, empty=f"Nothing of {tenant} was evaluated.")


@MODEL.command(
    name="label",
    group=ONLINE,
    help_epilogue="""
Example:
  strongroom model label req_0123456789abcdef0123456789abcdef --label 1 --predicted 0 \\
      --tenant acme --env prod
""",
)
def label(
    request: str,
    /,
    *,
    tenant: Tenant,
    environment: Environment,
    label: Annotated[str, Parameter(help="What turned out to be right.")],
    predicted: Annotated[str, Parameter(help="What the answer said.")],
    score: Annotated[float | None, Parameter(help="The answer's best score, where it was told.")] = None,
    session: Session = HERE,
) -> None:
    """Tell what turned out to be right for a request that a model answered.

    Args:
        request: its id, `req_…`, from the answer's `x-request-id`.
        tenant: whose request it was.
        environment: where it was asked.
        label: what was right.
        predicted: what the answer said.
        score: how sure it was.
        session: how to ask; an administrator of the tenant, or a workload that evaluates.
    """
    one = {"request": request, "label": label, "predicted": predicted, "score": score}
    body = ask(
        session, "POST", place("tenants", tenant, "labels"),
        {"environment": environment, "labels": [{name: value for name, value in one.items() if value is not None}]},
    )  # fmt: skip
    if session.json:
        output.raw(body)
    else:
        kept = decoded(body)["kept"]
        output.note("Told. Which requests there were is not said to a workload." if kept is None else "Kept.")


@MODEL.command(
    name="quality",
    group=ONLINE,
    help_epilogue="\nExample:\n  strongroom model quality credit-risk@1.0.0 --tenant acme --env prod --days 30\n",
)
def quality(
    release: str,
    /,
    *,
    tenant: Tenant,
    environment: Environment,
    days: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=90), help="Over how many days.")] = 7,
    session: Session = HERE,
) -> None:
    """Show how a release does where it serves: live accuracy, drift, and the evaluations that count.

    Args:
        release: NAME@VERSION.
        tenant: whose deployment.
        environment: where.
        days: the window.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "quality", environment, *named(release), days=days))
    if session.json:
        output.raw(body)
        return
    found = decoded(body)
    names = ("labels", "accuracy", "drift", "prediction_psi", "score_psi", "score_ks", "baseline")
    output.record({"release": release, "environment": environment, **{name: found[name] for name in names}})
    output.listing(found["by_day"], ("day", "labels", "accuracy"), empty="No label came back in this time.")
    output.listing(found["evaluations"], ("suite", "at", "expires", "metrics"), empty="No evaluation counts here.")


def gateway_of(session: Session, given: str | None) -> str:
    """Return the gateway to ask: what was given, else STRONGROOM_GATEWAY, else the demonstration's.

    Raises:
        Failure: when that is no address.
    """
    demo = _demo(session)
    url = given or os.environ.get("STRONGROOM_GATEWAY") or (demo.gateway if demo else _DEFAULT)
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise usage("That is no address of a gateway.", f"Write it like {_DEFAULT}.")
    return url


def _show(result: dict[str, Any]) -> None:
    output.record({name: result[name] for name in ("suite", "environment", "cases", "requests", "expires")})
    rows = [
        {
            "metric": metric,
            "value": "not measured" if result["metrics"].get(metric) is None else round(result["metrics"][metric], 4),
            "demanded": " and ".join(
                f"at {side} {bound[side]:g}" for side in ("least", "most") if bound.get(side) is not None
            ),
        }
        for metric, bound in result["thresholds"].items()
    ]
    output.listing(rows, ("metric", "value", "demanded"), empty="It demands nothing.")
    if result["failed"]:
        output.note(f"Not as they should be: {', '.join(result['failed'])}")
    output.note("Passed, signed and kept." if result["passed"] else "NOT passed; that is signed and kept as well.")


def _recorded(session: Session, path: str, fields: dict[str, object]) -> bytes:
    """Have answers scored, once the records know of every request: they are written behind the answers."""
    until = time.monotonic() + _WAITS_S
    pause = 0.1
    while True:
        try:
            return ask(session, "POST", path, fields)
        except Failure as failure:
            if "ask again in a moment" not in failure.said or time.monotonic() > until:
                raise
        time.sleep(pause)
        pause = min(2 * pause, 2.0)


def _suite(text: str) -> bytes:
    if text in _SHIPPED and not Path(text).is_file():
        return files("strongroom.registry.evaluations").joinpath(f"suites/{text}.jsonl").read_bytes()
    try:
        data = Path(text).read_bytes()
        data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise usage(f"The suite {text} cannot be read: {why}.", f"These come along: {', '.join(_SHIPPED)}.") from None
    return data


def _deployment(session: Session, tenant: str, environment: str, wanted: tuple[str, str], model: str | None) -> str:
    """Return what the release is called where it is asked."""
    listed: list[dict[str, Any]] = get(session, place("tenants", tenant, "deployments"))["data"]
    of_it = [
        each["name"] for each in listed
        if each["environment"] == environment and (each["model"], each["version"]) == wanted
    ]  # fmt: skip
    called = "@".join(wanted)
    if model is not None and model in of_it:
        return model
    if model is not None or not of_it:
        raise Failure(f"{called} is not deployed{f' as {model}' if model else ''} in {environment} of {tenant}.",
                      "`strongroom deployment list` shows what is.")  # fmt: skip
    if len(of_it) > 1:
        raise usage(f"{called} is deployed as {', '.join(of_it)}.", "Say which with --model.")
    return str(of_it[0])


def _key(path: Path | None, demo: _Demo | None, tenant: str, environment: str) -> str:
    if path is None:
        held = demo.tenants.get(tenant, {}).get(environment, {}) if demo else {}
        key = held.get("evaluation_key") or held.get("inference_key")
        if key is None:
            raise usage("There is no key to ask the model with.", "Name a file with --key-file.")
        return key
    try:
        key = path.read_text(encoding="utf-8")[:_LIMIT].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise usage(f"The key file {path} cannot be read: {type(error).__name__}.") from None
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise usage(f"The key file {path} does not hold one key.")
    return key


def _demo(session: Session) -> _Demo | None:
    try:
        return msgspec.json.decode((session.where / "demo.json").read_bytes(), type=_Demo)
    except (OSError, msgspec.MsgspecError):
        return None


@contextmanager
def _progress(*, quiet: bool) -> Generator[Any]:
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - a third of the start time, and only a terminal needs it
    from rich.progress import Progress  # noqa: PLC0415 - as above

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("asking the model", total=None)

        def moved(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield moved
