"""How much may be kept of answers: by one tenant, and by one of its workloads.

Always true here:
- what is there is added up by the statement that adds to it, while nobody else adds to the same tenant's (an advisory
  lock of the transaction): many at once, in any number of gateway processes, come to no more than one after the other;
- a workload alone fills half of what its tenant may have kept, so its neighbours keep theirs;
- sizes are those of the sealed answers, as they take up room.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strongroom.kernel.refusal import Refusal, RefusalKind

CODE: Final = "kept_quota_exceeded"

LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('gateway.response ' || $1::uuid::text, 0))"
"""Taken by a statement of its own: the next one's snapshot is then younger than what the lock was waited for."""

INSERT: Final = """
    WITH held AS (
        SELECT count(*) AS n, coalesce(sum(octets), 0) AS octets,
               count(*) FILTER (WHERE workload_id = $4) AS own_n,
               coalesce(sum(octets) FILTER (WHERE workload_id = $4), 0) AS own_octets
        FROM gateway.response WHERE tenant_id = $1 AND expires_at > now()
    )
    INSERT INTO gateway.response (tenant_id, id, environment, workload_id, expires_at, sealed, subject)
    SELECT $1, $2, $3, $4, $5, $6::bytea, $11::text FROM held
    WHERE n < $7 AND octets + octet_length($6::bytea) <= $8 AND own_n < $9 AND own_octets + octet_length($6::bytea) <= $10
"""
ROOM: Final = """
    SELECT count(*) < $3 AND coalesce(sum(octets), 0) < $4 AND count(*) FILTER (WHERE workload_id = $2) < $5
        AND coalesce(sum(octets) FILTER (WHERE workload_id = $2), 0) < $6
    FROM gateway.response WHERE tenant_id = $1 AND expires_at > now()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What one tenant may have kept at a time; one workload half of it.

    Attributes:
        responses: how many.
        octets: how large together, sealed, in bytes.
    """

    responses: int = 10_000
    octets: int = 256 * 2**20

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """The tenant's number and size, then the workload's, as the statements take them."""
        return self.responses, self.octets, max(1, self.responses // 2), max(1, self.octets // 2)


def full() -> Refusal:
    """Return the no to one answer more."""
    return Refusal(
        kind=RefusalKind.LIMITED,
        reason="quota of kept responses of the tenant or workload",
        tell="No more responses can be kept: delete some, or leave out `store`.",
        param="store",
        code=CODE,
    )
