"""The settings of model workers on this machine."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from strongroom.app.vault_section import Section

Count = Annotated[int, Meta(ge=1, le=1024)]


class WorkersSection(Section, frozen=True, kw_only=True):
    """Model workers on this machine."""

    sandbox: (
        Annotated[
            Literal["required", "best"],
            Meta(
                description=(
                    "`best` uses the strongest sandbox this machine allows and `doctor` says which; `required` refuses to "
                    "start workers in anything less than the full one. Unset means `required` in production, else `best`."
                )
            ),
        ]
        | None
    ) = None
    slots: Annotated[Count, Meta(description="Requests a chat worker answers at a time.")] = 2
    context_tokens: Annotated[int, Meta(ge=256, le=1_048_576, description="Context of each slot.")] = 4096
    threads: Annotated[Count, Meta(description="Compute threads of each worker.")] = 1
    names: Annotated[
        bool,
        Meta(
            description=(
                "Whether a worker for each environment reads texts for names of people and places, for privacy rules that want it. "
                "Needs `strongroom[ner]`; some 130 MB each."
            )
        ),
    ] = False
    memory_mib: Annotated[int, Meta(ge=256, description="Memory limit of each worker.")] = 1024
    untold_minutes: Annotated[
        int,
        Meta(
            ge=0,
            le=1440,
            description=(
                "For how long a deployment goes on, and a worker that ended is started again, while it cannot be told whether it "
                "may: a channel, the list of revocations or a document of rules cannot be read, or nobody can be asked. After "
                "that it is stopped; 0 stops it at once."
            ),
        ),
    ] = 60
