"""The console's two cookies: whose session this is, and which look was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from litestar.datastructures import Cookie

THEMES: Final = ("auto", "light", "dark")

_SESSION: Final = "strongroom"
_THEME: Final = "strongroom-theme"
SIGN_ON: Final = "strongroom-sign-on"
_YEAR_S: Final = 365 * 86400


def session_name(*, secure: bool) -> str:
    """Return the session cookie's name. `__Host-`: only over TLS, only from this host, only for `/` (RFC 6265bis)."""
    return f"__Host-{_SESSION}" if secure else _SESSION


def session(value: str, *, secure: bool) -> Cookie:
    """Return the cookie that carries a session id, or with an empty value the one that takes it away.

    It ends with the browser; the server ends it earlier.
    """
    return Cookie(
        key=session_name(secure=secure),
        value=value,
        path="/",
        httponly=True,
        samesite="strict",
        secure=secure,
        max_age=None if value else 0,
    )


def signing_on(value: str, *, secure: bool) -> Cookie:
    """Return the cookie that ties a sign-on at a provider to this browser, or with an empty value takes it away.

    `Lax`, since the way back is another site's redirect; it says nothing but that the same browser came back.
    """
    return Cookie(
        key=SIGN_ON,
        value=value,
        path="/sign-in/sso",
        httponly=True,
        samesite="lax",
        secure=secure,
        max_age=600 if value else 0,
    )


def theme(cookies: Mapping[str, str]) -> str:
    """Return the chosen look; anything but a known one is `auto`."""
    chosen = cookies.get(_THEME, "")
    return chosen if chosen in THEMES else "auto"


def for_theme(value: str, *, secure: bool) -> Cookie:
    """Return the cookie that remembers a look."""
    return Cookie(key=_THEME, value=value, path="/", httponly=True, samesite="strict", secure=secure, max_age=_YEAR_S)
