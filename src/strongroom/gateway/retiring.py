"""What a caller is told whose key has a successor: since when it is old, and when it stops counting.

`Deprecation` (RFC 9745 §2: a Structured Field date) and `Sunset` (RFC 8594 §3: an HTTP date), on every answer, refusals
included: clients and proxies know both.
"""

from __future__ import annotations

from email.utils import formatdate

from strongroom.kernel.principal import Principal
from strongroom.wire import Headers


def fields(who: Principal) -> Headers:
    """Return the fields; none for a key without a successor."""
    if who.replaced_at is None or who.retires_at is None:
        return []
    return [
        (b"deprecation", b"@%d" % int(who.replaced_at)),
        (b"sunset", formatdate(who.retires_at, usegmt=True).encode()),
    ]
