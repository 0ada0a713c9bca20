"""Bounds for both ends of the wire; every one is finite, and its unit stands in its name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one server accepts from one client.

    Attributes:
        max_target_bytes: request target, query included; more is 414.
        max_header_bytes: request line and all fields; more is 431. Trailers are held to it too.
        max_headers: fields; more is 431.
        max_body_bytes: decoded body; more is 413, known from Content-Length before a byte of it is read.
        max_pipelined_bytes: what a client may send ahead of the answer it waits for; beyond it the socket is not read.
        max_connections: open connections of one server. One more costs the connection that has kept its place for
            longest without a whole request (idle, refused or in its head; else in its body); it gets 503 itself only
            when all of them are being answered. A TLS handshake under way is not counted: `header_timeout_s` ends it.
        header_timeout_s: from the first byte of a request (or from the accept) to the end of its fields.
        body_timeout_s: from the end of the fields to the end of the body.
        body_grace_s: head start a body has before `min_body_bytes_per_s` counts.
        min_body_bytes_per_s: a body slower than this over its whole time is 408.
        idle_timeout_s: between two requests on a connection.
        write_timeout_s: how long a client may leave a full send buffer untouched before it is cut off.
        linger_timeout_s: after a refusal, how long what the client still sends is read and thrown away, so that it can
            see the answer before the connection ends.
    """

    max_target_bytes: int = 4096
    max_header_bytes: int = 16 * 1024
    max_headers: int = 64
    max_body_bytes: int = 1024 * 1024
    max_pipelined_bytes: int = 64 * 1024
    max_connections: int = 1024
    header_timeout_s: float = 10.0
    body_timeout_s: float = 60.0
    body_grace_s: float = 5.0
    min_body_bytes_per_s: int = 1024
    idle_timeout_s: float = 75.0
    write_timeout_s: float = 30.0
    linger_timeout_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyLimits:
    """What a client accepts from an upstream.

    Attributes:
        max_header_bytes: status line and all fields.
        max_headers: fields.
        max_buffer_bytes: body held for a slow reader before the socket is no longer read.
        max_interim: 1xx answers before the final one.
    """

    max_header_bytes: int = 32 * 1024
    max_headers: int = 96
    max_buffer_bytes: int = 256 * 1024
    max_interim: int = 4
