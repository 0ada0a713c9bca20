"""What the command line of `strongroom up` says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says.

    Attributes:
        home: the installation's home.
        port: the gateway's port, or None for the setting.
        control_port: the control API's port, or None for the setting.
        demo: whether to seed the demo.
        operator_token_file: where to write the first operator's token when there is no terminal to show it on.
        approver_token_file: where to write a new token of the approver that a start can make.
    """

    home: Path
    port: int | None = None
    control_port: int | None = None
    demo: bool = False
    operator_token_file: Path | None = None
    approver_token_file: Path | None = None
