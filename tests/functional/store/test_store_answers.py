"""What the server says no with has its own name above the store, and its own words for the caller."""

from __future__ import annotations

import pytest

from strongroom.identity.problems import refusal_of
from strongroom.kernel.refusal import RefusalKind
from strongroom.store import Full, StoreError, Unavailable, Unfit
from strongroom.store.migrate import administrator
from strongroom.store.testing import TestDatabase


@pytest.mark.parametrize(
    ("state", "kind", "answer", "said"),
    [
        ("53100", Full, RefusalKind.UNAVAILABLE, "no room left on its disk"),
        ("53300", Unavailable, RefusalKind.UNAVAILABLE, "cannot reach its database"),
        ("25006", Unavailable, RefusalKind.UNAVAILABLE, "cannot reach its database"),
        ("23514", Unfit, RefusalKind.INVALID, "A value of the request"),
        ("22021", Unfit, RefusalKind.INVALID, "A value of the request"),
        ("22P05", Unfit, RefusalKind.INVALID, "A value of the request"),
    ],
)
async def test_each_no_of_the_server_is_known(
    database: TestDatabase, state: str, kind: type[StoreError], answer: RefusalKind, said: str
) -> None:
    async with administrator(database.admin) as connection:
        with pytest.raises(kind) as caught:
            async with administrator(database.admin) as other:
                await other.execute(f"do $$ begin raise exception 'row: canary' using errcode = '{state}'; end $$")
        assert await connection.fetchval("select 1") == 1
    assert type(caught.value) is kind
    assert "canary" not in str(caught.value)
    refusal = refusal_of(caught.value)
    assert refusal is not None
    assert refusal.kind is answer
    assert said in refusal.tell
