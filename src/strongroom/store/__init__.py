"""PostgreSQL and nothing else: the only room that imports the driver.

Always true here:
- the only way to rows is a transaction that is typed by what it may see (`TenantTx`, `OperatorTx`, `AppendTx`, `LeaseTx`);
- row security holds against the roles that serve, whatever SQL they are made to run;
- the embedded server listens on a unix socket only and never runs as root.

`Database.tenant` and `Database.operator` are called by the policy room's Gate alone.
"""

from __future__ import annotations

from strongroom.store.database import Appender, Cabinet, Database, Lessor
from strongroom.store.dsn import Dsn
from strongroom.store.errors import Conflict, Denied, Full, StoreError, Unavailable, Unfit, Unsafe
from strongroom.store.sealer import Sealer
from strongroom.store.tx import AppendTx, LeaseTx, OperatorTx, Record, SealTx, TenantTx, Tx

__all__ = [
    "AppendTx",
    "Appender",
    "Cabinet",
    "Conflict",
    "Database",
    "Denied",
    "Dsn",
    "Full",
    "LeaseTx",
    "Lessor",
    "OperatorTx",
    "Record",
    "SealTx",
    "Sealer",
    "StoreError",
    "TenantTx",
    "Tx",
    "Unavailable",
    "Unfit",
    "Unsafe",
]
