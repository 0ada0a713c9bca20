"""What can go wrong while asking an upstream, as one small family.

ClientError
├── ConnectFailed      nothing was sent: no connection, or none free in time
├── DeadlineExceeded   the caller's own time ran out
├── ProtocolFault      the upstream answered something that is not a strictly framed HTTP/1.1 reply
└── Truncated          the upstream went away after the request was sent and before its reply was complete
"""

from __future__ import annotations


class ClientError(Exception):
    """Asking the upstream failed. The text names no header, body or credential."""


class ConnectFailed(ClientError):  # noqa: N818 - named for what happened
    """No connection could be had; the upstream has seen nothing of the request."""


class DeadlineExceeded(ClientError):  # noqa: N818 - named for what happened
    """The deadline given with the request passed; the connection is closed."""


class ProtocolFault(ClientError):  # noqa: N818 - named for what happened
    """The reply broke the protocol or a limit; the connection is closed."""


class Truncated(ClientError):  # noqa: N818 - named for what happened
    """The connection ended before the reply did; the request may have been processed."""


class ClientGone(ConnectionError):  # noqa: N818 - named for what happened
    """Raised by `Reply` when the client of a server has left; handlers are usually cancelled before they see it."""
