"""The settings of elevation: who is paged when somebody breaks the glass."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from msgspec import Meta

from strongroom.app.vault_section import LOOPBACK, Section, SettingsError

_LEAST: Final = 32


class ElevationSection(Section, frozen=True, kw_only=True):
    """Just-in-time elevation."""

    webhook: Annotated[
        str | None,
        Meta(
            description="URL that a signed notice is posted to when somebody breaks the glass or an incident opens; https, or loopback."
        ),
    ] = None
    webhook_secret_file: Annotated[
        str | None, Meta(description="File with what notices are signed with, 32 characters or more, mode 0600.")
    ] = None


def check_elevation(section: ElevationSection) -> None:
    """Refuse what no single value shows to be wrong.

    Raises:
        SettingsError: naming the setting.
    """
    if (section.webhook is None) != (section.webhook_secret_file is None):
        raise SettingsError("`elevation.webhook` and `elevation.webhook_secret_file` go together")
    if section.webhook is None:
        return
    try:
        parts = urlsplit(section.webhook)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise SettingsError("`elevation.webhook` is no URL") from None
    if not host or parts.username or parts.fragment or not section.webhook.isascii() or " " in section.webhook:
        raise SettingsError("`elevation.webhook` is https://host[:port]/path")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise SettingsError("`elevation.webhook`: plain HTTP is for loopback only")


def webhook_secret(section: ElevationSection) -> bytes:
    """Return what notices are signed with; nothing when nobody is paged.

    Raises:
        OSError: when the file cannot be read.
        ValueError: when what is in it is too short.
    """
    if section.webhook_secret_file is None:
        return b""
    secret = Path(section.webhook_secret_file).read_bytes().strip()
    if len(secret) < _LEAST:
        raise ValueError(f"it holds fewer than {_LEAST} characters")
    return secret
