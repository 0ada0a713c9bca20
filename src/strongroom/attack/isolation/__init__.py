"""The negative isolation cases that can be driven through the public API, by their numbers in `isolation-tests`.

`CASES` lists them; `run` carries them out on a target, one after the other, and gives a verdict for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from strongroom.attack.isolation import (
    caches,
    federation,
    guessing,
    identity,
    kept,
    oracles,
    possession,
    revocation,
    rotation,
    signing,
    tenants,
)
from strongroom.attack.target import Target
from strongroom.attack.verdict import Case, Verdict

CASES: Final[tuple[Case, ...]] = (
    identity.another_tenants_model,
    identity.spoofed_tenant,
    identity.another_tenants_key,
    tenants.recreated_tenant,
    identity.twisted_paths,
    identity.another_environment,
    revocation.revoked_key,
    tenants.ended_owner,
    revocation.request_in_flight,
    rotation.rotated_budget,
    rotation.grace_ends,
    signing.signed_request,
    rotation.opened_twice,
    possession.bound_token,
    federation.exchanged_token,
    kept.kept_answers,
    kept.cache_words,
    caches.shared_prompt,
    kept.adapters,
    oracles.missing_or_forbidden,
    oracles.unknown_or_wrong,
    guessing.neighbours,
    guessing.telling_errors,
)


def run(target: Target) -> Iterator[Verdict]:
    """Carry out every case on `target`."""
    for case in CASES:
        yield case(target)
