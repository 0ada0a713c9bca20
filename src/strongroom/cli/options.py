"""Options that several commands share, spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter

Tenant: TypeAlias = Annotated[str, Parameter(help="The tenant's name or id.")]
Environment: TypeAlias = Annotated[
    Literal["dev", "test", "prod"], Parameter(alias="--env", help="The environment it lives in.")
]
Owner: TypeAlias = Annotated[str, Parameter(help="The person or team that answers for it.")]
Yes: TypeAlias = Annotated[bool, Parameter(negative="", help="Do not ask whether it is meant.")]
OutFile: TypeAlias = Annotated[
    Path | None, Parameter(help="File to write; it must not be there yet [default: print it].")
]
