"""Detection of lost peers.

The exit of a process is noticed at once, because the kernel closes its connections. TCP keepalive
notices within two seconds that a machine is down or unreachable.

ZeroMQ's heartbeats are not used: they are answered only between two frames, so a large picture on
a slow line would break the connection, and they mistake a process that is stopped for a while, in a
debugger or while its machine sleeps, for a dead one.
"""

from __future__ import annotations

import zmq

LOST_AFTER_S = 2


def notice_lost_peers(socket: zmq.Socket[bytes]) -> None:
    """Enables TCP keepalive; call before `socket` is bound or connected. No effect on ipc."""
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, LOST_AFTER_S - 1)
    # TCP_USER_TIMEOUT, for the time when data is unacknowledged and no probes are sent.
    socket.setsockopt(zmq.TCP_MAXRT, LOST_AFTER_S * 1000)
