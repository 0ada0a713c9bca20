"""What every answer tells the browser not to do."""

from __future__ import annotations

from typing import Final

# `data:` images are Pico's own arrows and ticks, inside its style sheet.
_POLICY: Final = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "img-src 'self' data:; "
    "font-src 'self'; "
    "connect-src 'self'; "
    "form-action 'self'; "
    "frame-ancestors 'none'; "
    "base-uri 'none'"
)
_DENIED: Final = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
_ALWAYS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": ", ".join(f"{feature}=()" for feature in _DENIED),
    # Not `no-referrer`: under it a browser sends `Origin: null` with our own forms (Fetch §3.2), and the check that
    # keeps other origins out would have nothing to check. No other origin learns an address either way.
    "referrer-policy": "same-origin",
}

PAGE: Final = {**_ALWAYS, "cache-control": "no-store"}
"""For whatever depends on who asks."""

STATIC: Final = {**_ALWAYS, "cache-control": "public, max-age=31536000, immutable"}
"""For files whose address names their content."""
