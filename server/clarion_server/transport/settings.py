"""Limits and times of the send engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSettings:
    """What holds for every pool. Times are in seconds.

    Attributes:
        max_connections: Most connections of one pool that take requests; draining ones are not counted.
        connect_timeout: For name resolution, TCP and TLS handshake of one connection together.
        grow_after: A pool opens a further connection when requests have waited for this long
            because all its connections were full.
        idle_ping_after: A connection with requests in flight that has received nothing for this long is pinged.
        ping_timeout: A pinged connection that still receives nothing for this long is given up.
        idle_timeout: A connection without a request for this long is closed. (FCM ends them after 4 minutes.)
        http1_idle_timeout: The same for HTTP/1.1. Shorter, because a request that meets the peer's own closing is in
            doubt.
        max_connection_age: After about this long (up to a tenth earlier, so that connections opened together
            do not go together) a connection finishes its requests and closes. (FCM ends them after an hour.)
        connect_attempts: Failed connections in a row, with no other connection alive, after which the
            waiting requests fail instead of waiting for a further attempt.
        min_cool_down: Pause after a connection that failed, or was lost before any answer. Doubles each time.
        max_cool_down: The longest such pause.
        refused_pause: After REFUSED_STREAM a connection gets no new request for this long.
        deadline_interval: Deadlines are never acted on early, and at most about this long late.
        shutdown_timeout: For the TLS closing handshake of a connection that is no longer needed.
    """

    max_connections: int = 8
    connect_timeout: float = 10.0
    grow_after: float = 0.05
    idle_ping_after: float = 15.0
    ping_timeout: float = 5.0
    idle_timeout: float = 210.0
    http1_idle_timeout: float = 10.0
    max_connection_age: float = 3300.0
    connect_attempts: int = 2
    min_cool_down: float = 0.1
    max_cool_down: float = 5.0
    refused_pause: float = 0.05
    deadline_interval: float = 0.1
    shutdown_timeout: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPolicy:
    """What differs from provider to provider.

    Attributes:
        initial_streams: Requests in flight on a new connection before the peer's SETTINGS arrived; none with
            a client certificate, which the peer accepts by its SETTINGS. From then on its
            SETTINGS_MAX_CONCURRENT_STREAMS counts, at every change. APNs with provider tokens announces 1
            until it has accepted a token.
        max_streams: Our own upper limit of requests in flight per connection, whatever the peer allows.
        max_pings_between_requests: Pings a connection may send without a request between them.
            Only connections that wait for an answer are pinged. FCM ends a connection at the
            third ping without a request (GOAWAY ``too_many_pings``), hence 2. 0 turns pings off.
        http1: Whether HTTP/1.1 will do when the peer does not offer HTTP/2. Not with a client certificate.
        max_http1_connections: Most connections of one pool then; each carries one request at a time.
    """

    initial_streams: int = 1
    max_streams: int = 1000
    max_pings_between_requests: int = 2
    http1: bool = False
    max_http1_connections: int = 64
