"""Every event that an audit log can hold, written out: `python -m strongroom.policy.catalogue` writes the page.

A test compares what is committed. Persisted events only grow: an action that was logged once keeps its row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from strongroom.audit.events import OCSF, VERSION, activity_of
from strongroom.policy.model import Action, goes_on_unsealed

FILE: Final = Path("docs/reference/audit-events.md")

OTHERS: Final = {
    "authenticate": ("self", "Somebody showed a credential that does not count; in the installation's log."),
    "record.drop": ("gateway", "Records of requests were lost: how many, from when to when, and why."),
    "log.begin_epoch": ("audit-log", "A log began anew: what it follows, and what was signed of that and is lost."),
    "log.seal_records": (
        "audit-log",
        "A batch of records of requests was sealed: how many, of when, and the root over them.",
    ),
    "log.anchor_differs": (
        "audit-log",
        "The anchor file has a head that the anchor does not continue: the machine was turned back, or rewritten.",
    ),
    "log.clock_back": ("audit-log", "The database's clock went back; the order of the log does not depend on it."),
}
"""What is logged besides the verbs of the policy: its action, what it is about, and what it means."""

_HEAD: Final = f"""# Events of the audit log

<!-- Made by `python -m strongroom.policy.catalogue`; change the code, not this page. -->

Each entry of a log is one event: an API Activity (class 6003) of [OCSF](https://schema.ocsf.io/) {OCSF}, as JSON, in the order of
fields below, without floats; its version is `{VERSION}`. The hash of these very bytes is the log's leaf.

| field | holds |
|---|---|
| `metadata.uid` | the entry's id |
| `metadata.log_version` | the version of this format |
| `activity_id`, `type_uid` | what kind of act it was: 1 create, 2 read, 3 update, 4 delete, 99 other; 600300 and that |
| `severity_id` | 1 for what was allowed, 2 for what was refused, 3 for what a fault undid |
| `time`, `time_dt` | when, by the clock of the process: milliseconds since 1970, and RFC 3339 |
| `status_id`, `status` | 1 `allowed`, 2 `refused` or `failed` |
| `status_detail` | by which rule, or why not |
| `actor.user.name`, `.credential_uid` | who, as `role/name`, and the public id of the credential |
| `api.operation` | the action: a row of the table below |
| `api.request.uid` | the id that the answer carried |
| `resources[0].uid` | the path of what it was about |
| `unmapped` | a few short facts; `policy` is the version of the policies that decided; in a tenant's log `reason` and `note` are `sealed sha256:` and a salted digest of the words, which stand beside the log under a key of who wrote them |

An event never holds a prompt, an answer or a secret. Where an entry stands in its log decides, not its time: a clock may go back.

"""


def page() -> str:
    """Return the page."""
    rows = [(action.value, str(action.kind), action.meaning, goes_on_unsealed(action)) for action in Action]
    rows += [(name, kind, meaning, True) for name, (kind, meaning) in OTHERS.items()]
    lines = [
        "| action | about | activity | means | is done while the log cannot be sealed |",
        "|---|---|---|---|---|",
        *(
            f"| `{name}` | {kind} | {activity_of(name)} | {meaning} | {'yes' if goes_on else 'no, after the grace'} |"
            for name, kind, meaning, goes_on in sorted(rows)
        ),
    ]
    return _HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
