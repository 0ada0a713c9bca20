"""The command `strongroom`: which words there are, and how each ends."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from cyclopts import App, CycloptsError

from strongroom.cli import (
    bills,
    bringing,
    deidentify,
    evaluations,
    local,
    login,
    logs,
    model_signing,
    redact,
    releases,
    shelf,
    signing,
    vault_signing,
    verify,
)
from strongroom.cli.accounts import ACCOUNT, whoami
from strongroom.cli.approvers import APPROVER
from strongroom.cli.audit import AUDIT
from strongroom.cli.canaries import CANARY
from strongroom.cli.captures import CAPTURE
from strongroom.cli.channels import CHANNEL
from strongroom.cli.datasets import DATASET
from strongroom.cli.elevation import ELEVATION
from strongroom.cli.evidence import EVIDENCE
from strongroom.cli.exports import EXPORTS
from strongroom.cli.failures import FAILED, OK, USAGE, Failure
from strongroom.cli.federation import FEDERATION
from strongroom.cli.flows import FLOWS
from strongroom.cli.incidents import INCIDENT
from strongroom.cli.keyscan import ENDPOINT, KEY
from strongroom.cli.limits import LIMITS
from strongroom.cli.lineage import LINEAGE, which_serves
from strongroom.cli.models import DEPLOYMENT, MODEL
from strongroom.cli.policy import POLICY
from strongroom.cli.privacy import PRIVACY
from strongroom.cli.prompts import PROMPT
from strongroom.cli.proposals import PROPOSAL
from strongroom.cli.providers import PROVIDER
from strongroom.cli.records import RECORDS
from strongroom.cli.rehearse import DISCLOSURE, RULES
from strongroom.cli.retention import RETENTION
from strongroom.cli.runtime import RUNTIME
from strongroom.cli.scan import EPILOGUE as SCAN_EPILOGUE
from strongroom.cli.scan import scan
from strongroom.cli.selftest import SELFTEST
from strongroom.cli.session import ONLINE
from strongroom.cli.signers import SIGNER
from strongroom.cli.sources import SOURCE
from strongroom.cli.subjects import SUBJECT
from strongroom.cli.support import SUPPORT
from strongroom.cli.tenants import ENVIRONMENT, TENANT
from strongroom.cli.token import TOKEN
from strongroom.cli.training import TRAINING
from strongroom.cli.vault import VAULT
from strongroom.cli.workloads import WORKLOAD

_EXAMPLES: Final = """
Examples:
  strongroom up --demo
  strongroom tenant create initech
  strongroom workload create search --tenant initech --env dev \\
      --role inference --owner team-search
  strongroom key create --tenant initech --env dev --workload search
  strongroom key rotate 0123456789abcdef --overlap 24h
  strongroom key revoke 0123456789abcdef --reason "found in a public place"
  strongroom audit list --tenant initech --json

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 undetermined.
"""
_OF_MODEL: Final = (
    bringing.add,
    model_signing.sign,
    model_signing.verify_signature,
    releases.show,
    shelf.verify,
    evaluations.evaluate,
    bills.bom,
)
"""Commands of `model` that register themselves when their modules are imported."""
_OF_VAULT: Final = vault_signing.SIGNING_KEY
"""Registers itself with `vault`, likewise."""
_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it


def application() -> App:
    """Return the command line, for `main` and for the generator of its reference."""
    app = App(
        name="strongroom",
        help="Hosts models for many tenants, and can prove that it does so safely.",
        help_epilogue=_EXAMPLES,
        help_format="plaintext",
        version=version("strongroom"),
    )
    app.command(local.up, group=local.LOCAL, help_epilogue="")
    app.command(local.doctor, group=local.LOCAL, help_epilogue="")
    app.command(logs.logs, group=local.LOCAL, help_epilogue=logs.EPILOGUE)
    app.command(local.CONFIG)
    app.command(SUPPORT)
    app.command(local.backup, group=local.LOCAL, help_epilogue="")
    app.command(local.restore, group=local.LOCAL, help_epilogue="")
    app.command(scan, group=local.LOCAL, help_epilogue=SCAN_EPILOGUE)
    app.command(POLICY)
    app.command(which_serves, group=ONLINE, help_epilogue="")
    app.command(signing.SIGNING)
    app.command(signing.sign_request, name="sign-request", group=local.LOCAL, help_epilogue="")
    app.command(verify.verify_response, name="verify-response", group=local.LOCAL, help_epilogue=verify.EPILOGUE)
    app.command(redact.redact, group=local.LOCAL, help_epilogue=redact.EPILOGUE)
    app.command(deidentify.deidentify, group=local.LOCAL, help_epilogue=deidentify.EPILOGUE)
    app.command(login.login, group=ONLINE, help_epilogue=login.LOGIN_EPILOGUE)
    app.command(login.logout, group=ONLINE, help_epilogue=login.LOGOUT_EPILOGUE)
    app.command(whoami, group=ONLINE, help_epilogue="")
    for room in (
        TENANT,
        ENVIRONMENT,
        WORKLOAD,
        KEY,
        ENDPOINT,
        INCIDENT,
        CANARY,
        FLOWS,
        PRIVACY,
        TRAINING,
        SOURCE,
        DATASET,
        LINEAGE,
        SIGNER,
        FEDERATION,
        TOKEN,
        ACCOUNT,
        MODEL,
        RUNTIME,
        EVIDENCE,
        APPROVER,
        CHANNEL,
        DEPLOYMENT,
        PROMPT,
        PROVIDER,
        RULES,
        LIMITS,
        EXPORTS,
        DISCLOSURE,
        AUDIT,
        RECORDS,
        RETENTION,
        SUBJECT,
        VAULT,
        ELEVATION,
        PROPOSAL,
        CAPTURE,
        SELFTEST,
    ):
        app.command(room)
    return app


_MISSING: Final = re.compile(r'Command "([^"]+)" parameter (\S+) requires an argument\.')


def run(words: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    app = application()
    try:
        result = app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        command = " ".join(error.command_chain or ())
        return _end(f"strongroom: {_said(error)}", f"See `strongroom {command}{' ' * bool(command)}--help`.", USAGE)
    except Failure as failure:
        return _end(f"strongroom: {failure.said}", failure.then, failure.code)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except EOFError:
        return _end("strongroom: Not confirmed; nothing was changed.", "", FAILED)
    return result if isinstance(result, int) else OK


def _said(error: CycloptsError) -> str:
    """Return what is wrong with a command line; of what is missing, that it is needed, not that it "requires an argument"."""
    said = str(error).strip().replace("\n", " ")
    missing = _MISSING.fullmatch(said)
    return said if missing is None else f'Command "{missing[1]}" needs {missing[2]}.'


def main() -> None:
    """Be the program."""
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has enough; the interpreter must not complain while it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    sys.exit(code)


def _end(said: str, then: str, code: int) -> int:
    print(said, file=sys.stderr)
    if then:
        print(then, file=sys.stderr)
    return code
