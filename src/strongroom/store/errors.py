"""What the rooms above see when the database says no.

Always true here:
- four ordinary answers (`Unavailable`, `Conflict`, `Unfit`, `Denied`); everything else that the driver raises is a fault and
  passes through unchanged, because only a bug or a broken part makes it;
- no message repeats a value, a statement or a row: PostgreSQL's DETAIL ("Key (name)=(acme) already exists") stays here.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import asyncpg


class StoreError(Exception):
    """Base of the ordinary answers and of the refusals to start."""


class Unavailable(StoreError):  # noqa: N818 - it is an answer, not an accident
    """The database cannot be reached or did not answer in time; trying again later may help."""


class Full(Unavailable):
    """The database has no room left on its disk (53100): it answers, and it writes nothing until somebody makes room."""


class Unfit(StoreError):  # noqa: N818 - as Unavailable
    """A value is not one that the table takes, whatever else is stored.

    Attributes:
        constraint: the name of the check that was violated; `text` where it is a text that no column takes.
    """

    def __init__(self, constraint: str) -> None:
        super().__init__(f"constraint {constraint} does not allow this value")
        self.constraint = constraint


class Conflict(StoreError):  # noqa: N818 - as Unavailable
    """What is stored does not allow this write.

    Attributes:
        constraint: the name of the constraint that was violated.
    """

    def __init__(self, constraint: str) -> None:
        super().__init__(f"constraint {constraint} does not allow this")
        self.constraint = constraint


class Denied(StoreError):  # noqa: N818 - as Unavailable
    """The database refused: a missing grant, or a row that is not this tenant's."""


class Unsafe(StoreError):  # noqa: N818 - as Unavailable
    """The database, the data directory or an archive is in a shape that Strongroom refuses to work with."""


# Not now: lost or refused connections (08), resources (53), operator intervention and shutdown (57), a server that only
# reads (25006), and the three that a second try mends (40001 serialization, 40P01 deadlock, 55P03 lock timeout). `QueryCanceledError` (57014) is
# statement_timeout.
_NOT_NOW: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.InternalClientError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
_CONFLICT: Final = (asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError, asyncpg.ExclusionViolationError)
_CLOSED: Final = ("connection is closed", "connection was closed", "has been released", "pool is clos")


@contextmanager
def mapped() -> Generator[None]:
    """Turn the driver's errors into the store's, once, at this border.

    The cause is cut off (`from None`) where it could carry a value of a row.
    """
    try:
        yield
    except _CONFLICT as error:
        raise Conflict(error.constraint_name or "unnamed") from None
    except asyncpg.CheckViolationError as error:
        raise Unfit(error.constraint_name or "unnamed") from None
    except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError):
        raise Unfit("text") from None  # a text with a zero in it (22021; in jsonb 22P05): whoever brought it may know
    except asyncpg.DiskFullError:
        raise Full("the database's disk is full") from None
    except asyncpg.InsufficientPrivilegeError as error:
        raise Denied(_first_line(error)) from None
    except _NOT_NOW as error:
        raise Unavailable(f"the database does not answer ({type(error).__name__})") from None
    except asyncpg.InterfaceError as error:
        if any(sign in str(error) for sign in _CLOSED):
            raise Unavailable("the database connection is gone") from None
        raise


def _first_line(error: asyncpg.PostgresError) -> str:
    return str(error).partition("\n")[0]
