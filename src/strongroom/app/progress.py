"""What `strongroom up` shows: a line for each step, with its time, on a terminal or in a log alike.

What it is told by others is masked before it is shown, as in the logs: a service manager keeps what stands on standard output.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from strongroom.app.logs.model import Level
from strongroom.app.logs.sink import Sink
from strongroom.privacy.strict import Strict
from strongroom.runtime.sandbox import SandboxReport


class Step:
    """One step under way."""

    def __init__(self) -> None:
        self.outcome = ""

    def done(self, outcome: str) -> None:
        """Say what came of it."""
        self.outcome = outcome


class Progress:
    """Writes to standard output; errors to standard error."""

    def __init__(self) -> None:
        self._out = Console(highlight=False, soft_wrap=True)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)
        self._began = time.monotonic()
        self._strict = Strict()
        self._sink: Sink | None = None

    def also(self, sink: Sink) -> None:
        """Say everything to the log as well, from now on."""
        self._sink = sink

    def _clean(self, text: str, level: Level = Level.INFO) -> str:
        if self._sink is not None:
            self._sink.say(text, level)
        return self._strict.clean(text).text

    def title(self, home: Path, mode: str, *, demo: bool) -> None:
        """Say what is starting."""
        self._out.print(f"[bold]Strongroom[/bold]  {mode}{', demo' if demo else ''}  home {home}")

    @contextmanager
    def step(self, name: str) -> Generator[Step, None, None]:
        """Show a step from its start to its end."""
        began = time.monotonic()
        step = Step()
        if self._out.is_terminal:
            with self._out.status(name):
                yield step
        else:
            yield step
        self._clean(f"{name}: {step.outcome}")
        self._out.print(f"  [green]ok[/green]  {name:<12} {step.outcome}  [dim]{time.monotonic() - began:.1f} s[/dim]")

    def line(self, text: str) -> None:
        """Say one thing."""
        self._out.print(self._clean(text), markup=False)

    def failed(self, text: str) -> None:
        """Say why it did not work."""
        self._err.print("[red]error[/red]", end="  ")
        self._err.print(self._clean(text, Level.ERROR), markup=False)

    def sandbox(self, report: SandboxReport) -> None:
        """Point at what is not in place, once."""
        if not report.is_full:
            self.line("      not every sandbox measure is active on this machine: `strongroom doctor` tells which")

    def ready(self, gateway: str, control: str, demo: Path | None) -> None:
        """Say where to go."""
        self._out.print(f"\n[bold green]Ready[/bold green] in {time.monotonic() - self._began:.1f} s")
        self._out.print(f"  gateway  {gateway}/v1   (OpenAI-compatible)", markup=False)
        self._out.print(f"  console  {control}/", markup=False)
        if demo is not None:
            self._out.print(f"  keys     {demo}", markup=False)
            self._out.print("\nTry it:", markup=False)
            self._out.print(
                f"  KEY=$(python3 -c \"import json;print(json.load(open('{demo}'))"
                "['tenants']['acme']['dev']['inference_key'])\")\n"
                f'  curl -s {gateway}/v1/chat/completions -H "Authorization: Bearer $KEY" \\\n'
                "    -H 'Content-Type: application/json' \\\n"
                '    -d \'{"model":"smollm2-135m","messages":[{"role":"user","content":"Say hello."}]}\'',
                markup=False,
            )
        self._out.print("\nCtrl-C stops everything.", markup=False)
