"""Whether a release has the signatures of its publishers that are demanded: pure, for deploying and for explaining alike.

Each demand is met by itself. What cannot be told is not met; a key that is revoked here has signed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

from strongroom.registry.admission.manifest import Manifest
from strongroom.registry.admission.model import Reason, Subject
from strongroom.registry.evidence.model import About, Form, Outside
from strongroom.registry.evidence.publishers import check
from strongroom.registry.oms import BadSignature
from strongroom.rules.publishers import PublisherDemand

DEMAND: Final = "publisher"
_SAID: Final = 3


def reasons(
    demands: Iterable[PublisherDemand],
    subject: Subject,
    manifest: Manifest | None,
    outside: Outside | None,
    now: datetime,
    is_revoked: Callable[[str], bool],
) -> Iterator[Reason]:
    """Yield for each demand that is about this release whether it is met, and by whom.

    Args:
        demands: who must have signed.
        subject: the release.
        manifest: its files; None: they cannot be told.
        outside: what was taken in; None: it cannot be told.
        now: the time.
        is_revoked: whether nothing of a key, by its fingerprint, counts any more.
    """
    for demand in demands:
        if not demand.is_about(subject.name):
            continue
        called = demand.called(subject.name, subject.version)
        if manifest is None or outside is None:
            yield _no(f"Whether {demand.whom} has signed it as {called} cannot be told here.")
            continue
        yield _one(demand, called, subject, manifest, outside, now, is_revoked)


def _one(
    demand: PublisherDemand, called: str, subject: Subject, manifest: Manifest, outside: Outside, now: datetime,
    is_revoked: Callable[[str], bool],
) -> Reason:  # fmt: skip
    left: list[str] = []
    for each in outside.taken:
        if each.about is not About.RELEASE or each.subject != subject.digest or each.facts.form is not Form.OMS:
            continue
        try:
            signer = check(demand, subject, manifest, each.facts.bundle.encode(), now)
        except BadSignature as error:
            left.append(str(error))
            continue
        if not is_revoked(signer.key):
            return Reason(demand=DEMAND, met=True, because=f"Its publisher has signed it as {called}: {signer.words}.")
        left.append(f"its signer was revoked ({signer.words})")
    said = f" Not taken: {'; '.join(sorted(set(left))[:_SAID])}." if left else ""
    return _no(f"The signature of its publisher is missing, as {called} by {demand.whom}.{said}")


def _no(because: str) -> Reason:
    return Reason(demand=DEMAND, met=False, because=because)
