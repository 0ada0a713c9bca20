"""HTTP/1.1 on the wire, both ends, for the gateway, the control API and the workers alike.

Always true here:
- a message whose end could be read in two ways is refused and its connection closed, by server and client alike;
- a connection carries on only after an exchange that both sides framed exactly and read to the end;
- every wait and every buffer has a bound;
- nothing here knows of tenants, keys or models, and no field, query or body is logged.

Server: `serve_tcp`, `serve_unix`, `Request`, `Reply`. Client: `Pool`. Streams: `SseParser`. Applications: `AsgiBridge`.
"""

from __future__ import annotations

from strongroom.wire.asgi import AsgiBridge
from strongroom.wire.client import Pool
from strongroom.wire.errors import ClientError, ClientGone, ConnectFailed, DeadlineExceeded, ProtocolFault, Truncated
from strongroom.wire.limits import Limits, ReplyLimits
from strongroom.wire.reply import Reply
from strongroom.wire.request import ErrorRenderer, Headers, Request
from strongroom.wire.server import Admission, FaultObserver, Handler, Server, serve_tcp, serve_unix
from strongroom.wire.sse import SseEvent, SseParser, SseTooLarge, encode_data, encode_event
from strongroom.wire.targets import PinnedTarget, TcpTarget, UnixTarget
from strongroom.wire.tls import TlsOptions, client_context
from strongroom.wire.upstream import Response

__all__ = [
    "Admission",
    "AsgiBridge",
    "ClientError",
    "ClientGone",
    "ConnectFailed",
    "DeadlineExceeded",
    "ErrorRenderer",
    "FaultObserver",
    "Handler",
    "Headers",
    "Limits",
    "PinnedTarget",
    "Pool",
    "ProtocolFault",
    "Reply",
    "ReplyLimits",
    "Request",
    "Response",
    "Server",
    "SseEvent",
    "SseParser",
    "SseTooLarge",
    "TcpTarget",
    "TlsOptions",
    "Truncated",
    "UnixTarget",
    "client_context",
    "encode_data",
    "encode_event",
    "serve_tcp",
    "serve_unix",
]
