"""Templates: escaped always, strict about what they name, and the few words that need more than a template.

A name that a page forgot to give is an error, never an empty place: an empty place where a warning belonged is a lie.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import jinja2
from markupsafe import Markup

from strongroom.console.assets import Assets
from strongroom.console.commands import command
from strongroom.kernel.clock import Clock, rfc3339

_STEPS: Final = (
    (45, 1, "second"),
    (45 * 60, 60, "minute"),
    (22 * 3600, 3600, "hour"),
    (100 * 86400, 86400, "day"),  # what ends in 60 days does not end "in 2 months": people count these
    (320 * 86400, 30 * 86400, "month"),
    (float("inf"), 365 * 86400, "year"),
)


class Templates:
    """The environment of all pages."""

    def __init__(self, clock: Clock, assets: Assets) -> None:
        self._clock: Final = clock
        self._environment: Final = jinja2.Environment(
            loader=jinja2.PackageLoader("strongroom.console"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        filters: dict[str, Callable[..., object]] = {
            "when": self._when,
            "short": short_digest,
            "size": size,
            "sentence": _sentence,
        }
        words: dict[str, Any] = {"asset": assets.url, "command": command}
        self._environment.filters.update(filters)
        self._environment.globals.update(words)

    def render(self, name: str, context: dict[str, object]) -> bytes:
        """Return the page `name` as UTF-8."""
        return self._environment.get_template(name).render(context).encode()

    def _when(self, moment: datetime) -> Markup:
        """Return a moment as people say it, with the exact one in its title."""
        exact = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            rfc3339(moment), exact, relative((moment - self._clock.now()).total_seconds())
        )


def relative(seconds: float) -> str:
    """Return a distance in time from now as people say it; negative is the past."""
    away = abs(seconds)
    if away < 10:  # noqa: PLR2004 - nobody counts these seconds
        return "just now" if seconds <= 0 else "in a moment"
    unit_s, unit = next((unit_s, unit) for upto, unit_s, unit in _STEPS if away < upto)
    count = max(1, round(away / unit_s))
    said = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"in {said}" if seconds > 0 else f"{said} ago"


def short_digest(digest: str) -> str:
    """Return the first twelve hex digits of `sha256:…`: enough to tell two apart by eye."""
    return digest.removeprefix("sha256:")[:12]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def size(count: int) -> str:
    """Return a number of bytes as people say it; what is there at all is never 0 of anything."""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << power:
            amount = count / (1 << power)
            return f"{amount:,.1f} {unit}" if amount < 10 else f"{amount:,.0f} {unit}"  # noqa: PLR2004 - one digit tells more there
    return f"{count} B"
