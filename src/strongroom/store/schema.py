"""`schema.sql`: what the migrations add up to, for people to read and for reviews to see change.

`python -m strongroom.store.schema` writes it anew, from a database that it makes and throws away.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Final

from strongroom.store import backup
from strongroom.store.dsn import Dsn
from strongroom.store.testing import shared

COMMAND: Final = "python -m strongroom.store.schema"
FILE: Final = Path("schema.sql")

_HEAD: Final = f"""\
-- What the migrations in src/strongroom/store/migrations add up to. Written by `{COMMAND}`; do not edit.
-- Grants on PostgreSQL's own functions come from src/strongroom/store/harden.sql.

"""
# What changes with the server's or the program's minor version, or says nothing: settings, tokens, dump comments.
_NOISE: Final = re.compile(
    r"^(SET |SELECT pg_catalog\.set_config|\\(un)?restrict |--)|ON (FUNCTION|LANGUAGE|TABLE) (pg_catalog\.|plpgsql)"
)


async def text(admin: Dsn, *, programs: Path | None = None) -> str:
    """Return the schema of a database as `schema.sql` has it."""
    dumped = await backup.dump_schema(admin, programs=programs)
    kept = [line.rstrip() for line in dumped.splitlines() if not _NOISE.search(line)]
    return _HEAD + re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() + "\n"


async def _write(directory: Path) -> None:
    with shared(directory) as server:
        async with server.database() as database:
            written = await text(database.admin)
    (Path.cwd() / FILE).write_text(written)
    sys.stdout.write(f"{FILE} written\n")


if __name__ == "__main__":
    asyncio.run(_write(Path(tempfile.gettempdir()) / f"strongroom-schema-{os.getpid()}"))
