"""The control API's route for a person whose command line was signed in."""

from __future__ import annotations

from typing import Final, TypeAlias

from litestar import post
from litestar.di import NamedDependency

from strongroom.identity.http import Asked, Who
from strongroom.identity.people.commandline import CommandLines
from strongroom.identity.problems import WRITE

TheCommandLines: TypeAlias = NamedDependency[CommandLines]


@post("/sign-out", responses=WRITE, status_code=204, summary="Sign a command line out", tags=["sign-in"])
async def sign_out(command_lines: TheCommandLines, who: Who, ask: Asked) -> None:
    """End the token that this request comes with, at once and everywhere. Tokens of accounts do not end by this."""
    await command_lines.sign_out(who, ask)


ROUTES: Final = (sign_out,)
